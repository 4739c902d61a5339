// out[r] = x[rows[r]], rows of width elements, where x holds rows from `first` on.
@group(0) @binding(0) var<storage, read_write> out: array<f32>;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> rows: array<u32>;
struct Shape { out: u32, x: u32, rows: u32, len: u32, width: u32, first: u32, count: u32 }
@group(1) @binding(0) var<uniform> shape: Shape;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let i = place(group, groups, local);
    if i >= shape.len { return; }
    let row = rows[shape.rows + i / shape.width];
    if row >= shape.first && row - shape.first < shape.count {
        out[shape.out + i] = x[shape.x + (row - shape.first) * shape.width + i % shape.width];
    }
}
