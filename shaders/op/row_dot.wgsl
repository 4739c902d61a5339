// out[o] += scale Σ ω_r δ_r · values_g(r): one workgroup an output, a tree sum in fixed order.
@group(0) @binding(0) var<storage, read_write> out: array<f32>;
@group(0) @binding(1) var<storage, read> delta: array<f32>;
@group(0) @binding(2) var<storage, read> values: array<f32>;
@group(0) @binding(3) var<storage, read> offsets: array<u32>;
@group(0) @binding(4) var<storage, read> inputs: array<u32>;
@group(0) @binding(5) var<storage, read> weights: array<f32>;
struct Shape { out: u32, delta: u32, values: u32, offsets: u32, inputs: u32, weights: u32, first: u32, first_row: u32, first_base: u32, outputs: u32, width: u32, scale: f32 }
@group(1) @binding(0) var<uniform> shape: Shape;
var<workgroup> partial: array<f32, 256>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let output = min(group.y * groups.x + group.x, shape.outputs - 1u);
    var sum = 0.0;
    for (var row = offsets[shape.first + output]; row < offsets[shape.first + output + 1u]; row++) {
        var part = 0.0;
        for (var j = local; j < shape.width; j += 256u) {
            part += delta[shape.delta + (row - shape.first_row) * shape.width + j] * values[shape.values + (inputs[row] - shape.first_base) * shape.width + j];
        }
        sum += weights[row] * part;
    }
    partial[local] = sum;
    workgroupBarrier();
    for (var half = 128u; half > 0u; half = half / 2u) {
        if local < half { partial[local] += partial[local + half]; }
        workgroupBarrier();
    }
    if local == 0u && group.y * groups.x + group.x < shape.outputs { out[shape.out + output] += shape.scale * partial[0]; }
}
