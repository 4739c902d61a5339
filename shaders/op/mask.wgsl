// out = value where the mask is not 0, else x; a row of x holds the mask's row over and over.
@group(0) @binding(0) var<storage, read_write> out: array<f32>;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> mask: array<f32>;
struct Shape { out: u32, x: u32, mask: u32, len: u32, row: u32, width: u32, rows: u32, value: f32 }
@group(1) @binding(0) var<uniform> shape: Shape;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let i = place(group, groups, local);
    if i >= shape.len { return; }
    let row = i / shape.row % shape.rows;
    let masked = mask[shape.mask + row * shape.width + i % shape.row % shape.width] != 0.0;
    out[shape.out + i] = select(x[shape.x + i], shape.value, masked);
}
