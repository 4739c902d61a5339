// Derivatives of examples' outputs, times their losses' gradients or as they are, added to an accumulator: one invocation an entry.
@group(0) @binding(0) var<storage, read_write> out: array<f32>;
@group(0) @binding(1) var<storage, read> derivatives: array<f32>;
@group(0) @binding(2) var<storage, read> gradient: array<f32>;
@group(0) @binding(3) var<storage, read> weights: array<f32>;
@group(0) @binding(4) var<storage, read> columns: array<u32>;
struct Shape { out: u32, derivatives: u32, gradient: u32, weights: u32, columns: u32, len: u32, examples: u32, width: u32, lines: u32, stride: u32, first: u32, met: u32, weighted: u32, scale: f32 }
@group(1) @binding(0) var<uniform> shape: Shape;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let i = place(group, groups, local);
    if i >= shape.len { return; }
    let example = i % shape.examples;
    let line = i / shape.examples;
    let row = line / shape.lines;
    let output = shape.first + line % shape.lines;
    let own = shape.derivatives + (row * shape.examples + example) * shape.width;
    var value = 0.0;
    if shape.met > 0u {
        let span = shape.width / shape.lines;
        let start = line % shape.lines * span;
        for (var k = start; k < start + span; k++) { value += gradient[shape.gradient + example * shape.width + k] * derivatives[own + k]; }
    } else {
        value = derivatives[own + output];
    }
    if shape.weighted > 0u { value *= weights[shape.weights + output * shape.examples + example]; }
    out[shape.out + line * shape.stride + columns[shape.columns + example]] += shape.scale * value;
}
