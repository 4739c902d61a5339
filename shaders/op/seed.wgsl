// The rows that pick out each output: out[d rows + b, e] = [d = e] scale[b, d].
@group(0) @binding(0) var<storage, read_write> out: array<f32>;
@group(0) @binding(1) var<storage, read> scale: array<f32>;
struct Shape { out: u32, scale: u32, len: u32, first: u32, rows: u32, outputs: u32, scaled: u32 }
@group(1) @binding(0) var<uniform> shape: Shape;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let i = place(group, groups, local);
    if i >= shape.len { return; }
    let e = i % shape.outputs;
    let row = i / shape.outputs % shape.rows;
    let d = (shape.first + i / shape.outputs) / shape.rows;
    var value = select(0.0, 1.0, d == e);
    if shape.scaled > 0u && d == e { value = scale[shape.scale + row * shape.outputs + d]; }
    out[shape.out + i] = value;
}
