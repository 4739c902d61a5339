// out[o] = start + Σ_r ω_r x[r], rows of width elements: one invocation a column of an output.
@group(0) @binding(0) var<storage, read_write> out: array<f32>;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> offsets: array<u32>;
@group(0) @binding(3) var<storage, read> weights: array<f32>;
struct Shape { out: u32, x: u32, offsets: u32, weights: u32, first: u32, first_row: u32, len: u32, width: u32, keep: u32, start: f32 }
@group(1) @binding(0) var<uniform> shape: Shape;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let i = place(group, groups, local);
    if i >= shape.len { return; }
    let j = i % shape.width;
    let output = shape.first + i / shape.width;
    var sum = 0.0;
    for (var row = offsets[shape.offsets + output]; row < offsets[shape.offsets + output + 1u]; row++) {
        sum += weights[shape.weights + row] * x[shape.x + (row - shape.first_row) * shape.width + j];
    }
    out[shape.out + i] = select(shape.start, out[shape.out + i], shape.keep > 0u) + sum;
}
