// Materialises gradients: out[o, i, j] = start + d[i, j] Σ_r ω_r Σ_p delta[r, p, i] input[g(r), p, j]; column `width` is the
// bias. Without a preconditioner d is 1.
@group(0) @binding(0) var<storage, read_write> out: array<f32>;
@group(0) @binding(1) var<storage, read> delta: array<f32>;
@group(0) @binding(2) var<storage, read> input_: array<f32>;
@group(0) @binding(3) var<storage, read> offsets: array<u32>;
@group(0) @binding(4) var<storage, read> inputs: array<u32>;
@group(0) @binding(5) var<storage, read> weights: array<f32>;
@group(0) @binding(6) var<storage, read> preconditioner: array<f32>;
struct Shape { out: u32, delta: u32, input_: u32, offsets: u32, inputs: u32, weights: u32, preconditioner: u32, first: u32, first_row: u32, first_base: u32, outputs: u32, height: u32, width: u32, positions: u32, bias: u32, across: u32, down: u32, keep: u32, start: f32, preconditioned: u32 }
@group(1) @binding(0) var<uniform> shape: Shape;

var<workgroup> segment_depth: u32;
// The tile's corner, its output, and that output's first row and depth.
var<private> top: u32;
var<private> left: u32;
var<private> output: u32;
var<private> first: u32;
var<private> depth: u32;

// The segment's length, as a value that is known to be the same in the whole workgroup.
fn shared_depth(local: u32, depth: u32) -> u32 {
    if local == 0u { segment_depth = depth; }
    return workgroupUniformLoad(&segment_depth);
}

fn fetch_left(i: u32, k: u32) -> vec4<f32> {
    if k >= depth { return vec4<f32>(); }
    let row = first + k / shape.positions;
    let line = shape.delta + ((row - shape.first_row) * shape.positions + k % shape.positions) * shape.height;
    let omega = weights[shape.weights + row];
    var value = vec4<f32>();
    if top + i < shape.height { value.x = omega * delta[line + top + i]; }
    if top + i + 1u < shape.height { value.y = omega * delta[line + top + i + 1u]; }
    if top + i + 2u < shape.height { value.z = omega * delta[line + top + i + 2u]; }
    if top + i + 3u < shape.height { value.w = omega * delta[line + top + i + 3u]; }
    return value;
}

fn at_right(line: u32, j: u32) -> f32 {
    if j < shape.width { return input_[line + j]; }
    return select(0.0, 1.0, j == shape.width);
}

fn fetch_right(j: u32, k: u32) -> vec4<f32> {
    if k >= depth { return vec4<f32>(); }
    let base = inputs[shape.inputs + first + k / shape.positions] - shape.first_base;
    let line = shape.input_ + (base * shape.positions + k % shape.positions) * shape.width;
    let column = left + j;
    return vec4<f32>(at_right(line, column), at_right(line, column + 1u), at_right(line, column + 2u), at_right(line, column + 3u));
}

fn put_one(i: u32, j: u32, value: f32) {
    var within = i * shape.width + j;
    if j >= shape.width {
        if j > shape.width || shape.bias == 0u { return; }
        within = shape.height * shape.width + i;
    }
    var sum = value;
    if shape.preconditioned > 0u { sum *= preconditioner[shape.preconditioner + within]; }
    let at = shape.out + output * (shape.height * shape.width + shape.bias * shape.height) + within;
    out[at] = select(shape.start, out[at], shape.keep > 0u) + sum;
}

fn put(i: u32, j: u32, value: vec4<f32>) {
    if top + i >= shape.height { return; }
    put_one(top + i, left + j, value.x);
    put_one(top + i, left + j + 1u, value.y);
    put_one(top + i, left + j + 2u, value.z);
    put_one(top + i, left + j + 3u, value.w);
}

@compute @workgroup_size(invocations)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let tile = group.y * groups.x + group.x;
    output = tile / shape.across / shape.down;
    if output >= shape.outputs { return; }
    left = tile % shape.across * side;
    top = tile / shape.across % shape.down * side;
    first = offsets[shape.offsets + shape.first + output];
    depth = shared_depth(local, (offsets[shape.offsets + shape.first + output + 1u] - first) * shape.positions);
    locate(local);
    product(depth, local);
    put_all();
}
