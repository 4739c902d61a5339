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

// Whether rows have several positions.
override several: bool = true;
var<workgroup> segment_depth: u32;
// The tile's corner, its output, and that output's first row and depth.
var<private> top: u32;
var<private> left: u32;
var<private> output: u32;
var<private> first: u32;
var<private> depth: u32;
// The rows and columns that are fetched.
var<private> rows: vec4<u32>;
var<private> columns: vec4<u32>;
var<private> is_bias: vec4<bool>;

// The segment's length, as a value that is known to be the same in the whole workgroup.
fn shared_depth(local: u32, depth: u32) -> u32 {
    if local == 0u { segment_depth = depth; }
    return workgroupUniformLoad(&segment_depth);
}

fn find_lines(i: u32, j: u32) {
    rows = clamped(top + i, shape.height);
    columns = clamped(left + j, shape.width);
    is_bias = left + j + vec4<u32>(0u, 1u, 2u, 3u) >= vec4<u32>(shape.width);
}

fn row_of(k: u32) -> u32 {
    return select(k, k / shape.positions, several);
}

fn position_of(k: u32) -> u32 {
    return select(0u, k % shape.positions, several);
}

fn fetch_left(k: u32) -> vec4<f32> {
    let row = first + row_of(k);
    let line = shape.delta + ((row - shape.first_row) * shape.positions + position_of(k)) * shape.height;
    let at = line + rows;
    return weights[shape.weights + row] * vec4<f32>(delta[at.x], delta[at.y], delta[at.z], delta[at.w]);
}

fn fetch_right(k: u32) -> vec4<f32> {
    let base = inputs[shape.inputs + first + row_of(k)] - shape.first_base;
    let line = shape.input_ + (base * shape.positions + position_of(k)) * shape.width;
    let at = line + columns;
    return select(vec4<f32>(input_[at.x], input_[at.y], input_[at.z], input_[at.w]), vec4<f32>(1.0), is_bias);
}

fn put(i: u32, j: u32, value: f32) {
    let row = top + i;
    let column = left + j;
    if row >= shape.height || column >= shape.width + shape.bias { return; }
    // The biases come after all weights.
    let within = select(row * shape.width + column, shape.height * shape.width + row, column == shape.width);
    var sum = value;
    if shape.preconditioned > 0u { sum *= preconditioner[shape.preconditioner + within]; }
    let at = shape.out + output * (shape.height * shape.width + shape.bias * shape.height) + within;
    var start = shape.start;
    if shape.keep > 0u { start = out[at]; }
    out[at] = start + sum;
}

@compute @workgroup_size(invocations)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let tile = group.y * groups.x + group.x;
    output = tile / shape.across / shape.down;
    if output >= shape.outputs { return; }
    left = tile % shape.across * breadth;
    top = tile / shape.across % shape.down * side;
    first = offsets[shape.offsets + shape.first + output];
    depth = shared_depth(local, (offsets[shape.offsets + shape.first + output + 1u] - first) * shape.positions);
    product(depth, local);
    put_all(local);
}
