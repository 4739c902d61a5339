// Materialises gradients: out[o, i, j] = Σ_r ω_r Σ_p delta[r, p, i] input[g(r), p, j]; column `width` is the bias.
@group(0) @binding(0) var<storage, read_write> out: array<f32>;
@group(0) @binding(1) var<storage, read> delta: array<f32>;
@group(0) @binding(2) var<storage, read> input_: array<f32>;
@group(0) @binding(3) var<storage, read> offsets: array<u32>;
@group(0) @binding(4) var<storage, read> inputs: array<u32>;
@group(0) @binding(5) var<storage, read> weights: array<f32>;
struct Shape { out: u32, delta: u32, input_: u32, offsets: u32, inputs: u32, weights: u32, first: u32, first_row: u32, first_base: u32, outputs: u32, height: u32, width: u32, positions: u32, bias: u32, across: u32, down: u32 }
@group(1) @binding(0) var<uniform> shape: Shape;

var<workgroup> segment_depth: u32;

// The segment's length, as a value that is known to be the same in the whole workgroup.
fn shared_depth(local: u32, depth: u32) -> u32 {
    if local == 0u { segment_depth = depth; }
    return workgroupUniformLoad(&segment_depth);
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let tile = group.y * groups.x + group.x;
    let left = tile % shape.across * 64u;
    let top = tile / shape.across % shape.down * 64u;
    let wanted = tile / shape.across / shape.down;
    let output = min(wanted, shape.outputs - 1u);
    let start = offsets[shape.first + output];
    let depth = shared_depth(local, (offsets[shape.first + output + 1u] - start) * shape.positions);
    clear();
    for (var deep = 0u; deep < depth; deep += 16u) {
        for (var n = local; n < 1024u; n += 256u) {
            let k = deep + n / 64u;
            let i = top + n % 64u;
            let j = left + n % 64u;
            var a = 0.0;
            var b = 0.0;
            if k < depth {
                let row = start + k / shape.positions;
                let p = k % shape.positions;
                if i < shape.height { a = weights[row] * delta[shape.delta + ((row - shape.first_row) * shape.positions + p) * shape.height + i]; }
                if j < shape.width { b = input_[shape.input_ + ((inputs[row] - shape.first_base) * shape.positions + p) * shape.width + j]; }
                if j == shape.width { b = 1.0; }
            }
            tile_a[n / 64u * 65u + n % 64u] = a;
            tile_b[n / 64u * 65u + n % 64u] = b;
        }
        workgroupBarrier();
        multiply(local % 16u, local / 16u);
        workgroupBarrier();
    }
    if wanted >= shape.outputs { return; }
    let base = shape.out + output * (shape.height * shape.width + shape.bias * shape.height);
    for (var n = 0u; n < 16u; n++) {
        let i = top + local / 16u + n / 4u * 16u;
        let j = left + local % 16u + n % 4u * 16u;
        if i >= shape.height { continue; }
        if j < shape.width { out[base + i * shape.width + j] = acc[n / 4u][n % 4u]; }
        if j == shape.width && shape.bias > 0u { out[base + shape.height * shape.width + i] = acc[n / 4u][n % 4u]; }
    }
}
