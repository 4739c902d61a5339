// total += block; block = 0.
@group(0) @binding(0) var<storage, read_write> total: array<f32>;
@group(0) @binding(1) var<storage, read_write> block: array<f32>;
struct Shape { total: u32, block: u32, len: u32 }
@group(1) @binding(0) var<uniform> shape: Shape;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let i = place(group, groups, local);
    if i < shape.len {
        total[shape.total + i] += block[shape.block + i];
        block[shape.block + i] = 0.0;
    }
}
