// Gradients of a table whose rows are looked up, times the preconditioner and added to what is there: one invocation a column of an output.
@group(0) @binding(0) var<storage, read_write> out: array<f32>;
@group(0) @binding(1) var<storage, read> delta: array<f32>;
@group(0) @binding(2) var<storage, read> tokens: array<f32>;
@group(0) @binding(3) var<storage, read> offsets: array<u32>;
@group(0) @binding(4) var<storage, read> inputs: array<u32>;
@group(0) @binding(5) var<storage, read> weights: array<f32>;
@group(0) @binding(6) var<storage, read> preconditioner: array<f32>;
struct Shape { out: u32, delta: u32, tokens: u32, offsets: u32, inputs: u32, weights: u32, preconditioner: u32, first: u32, first_row: u32, first_base: u32, len: u32, count: u32, width: u32, positions: u32, preconditioned: u32, padding: u32 }
@group(1) @binding(0) var<uniform> shape: Shape;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let i = place(group, groups, local);
    if i >= shape.len { return; }
    let j = i % shape.width;
    let output = i / shape.width;
    for (var row = offsets[shape.first + output]; row < offsets[shape.first + output + 1u]; row++) {
        for (var p = 0u; p < shape.positions; p++) {
            let token = tokens[shape.tokens + (inputs[row] - shape.first_base) * shape.positions + p];
            let named = min(u32(max(token, 0.0)), shape.count - 1u);
            if named == shape.padding { continue; }
            let place_ = named * shape.width + j;
            var term = weights[row] * delta[shape.delta + ((row - shape.first_row) * shape.positions + p) * shape.width + j];
            if shape.preconditioned > 0u { term *= preconditioner[shape.preconditioner + place_]; }
            out[shape.out + output * shape.count * shape.width + place_] += term;
        }
    }
}
