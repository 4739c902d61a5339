// Gradients of a scale and, where there is one, a shift, times the preconditioner and added to start: one invocation a column of an output.
@group(0) @binding(0) var<storage, read_write> out: array<f32>;
@group(0) @binding(1) var<storage, read> delta: array<f32>;
@group(0) @binding(2) var<storage, read> input_: array<f32>;
@group(0) @binding(3) var<storage, read> offsets: array<u32>;
@group(0) @binding(4) var<storage, read> inputs: array<u32>;
@group(0) @binding(5) var<storage, read> weights: array<f32>;
@group(0) @binding(6) var<storage, read> preconditioner: array<f32>;
struct Shape { out: u32, delta: u32, input_: u32, offsets: u32, inputs: u32, weights: u32, preconditioner: u32, first: u32, first_row: u32, first_base: u32, len: u32, width: u32, positions: u32, shifted: u32, keep: u32, start: f32, preconditioned: u32 }
@group(1) @binding(0) var<uniform> shape: Shape;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let i = place(group, groups, local);
    if i >= shape.len { return; }
    let j = i % shape.width;
    let output = i / shape.width;
    var scale = 0.0;
    var shift = 0.0;
    for (var row = offsets[shape.first + output]; row < offsets[shape.first + output + 1u]; row++) {
        for (var p = 0u; p < shape.positions; p++) {
            let d = weights[row] * delta[shape.delta + ((row - shape.first_row) * shape.positions + p) * shape.width + j];
            scale += d * input_[shape.input_ + ((inputs[row] - shape.first_base) * shape.positions + p) * shape.width + j];
            shift += d;
        }
    }
    if shape.preconditioned > 0u { scale *= preconditioner[shape.preconditioner + j]; }
    let at = shape.out + output * (1u + shape.shifted) * shape.width + j;
    out[at] = select(shape.start, out[at], shape.keep > 0u) + scale;
    if shape.shifted == 0u { return; }
    if shape.preconditioned > 0u { shift *= preconditioner[shape.preconditioner + shape.width + j]; }
    out[at + shape.width] = select(shape.start, out[at + shape.width], shape.keep > 0u) + shift;
}
