// out = delta slope, slope repeated.
@group(0) @binding(0) var<storage, read_write> out: array<f32>;
@group(0) @binding(1) var<storage, read> delta: array<f32>;
@group(0) @binding(2) var<storage, read> slope: array<f32>;
struct Shape { out: u32, delta: u32, slope: u32, len: u32, period: u32 }
@group(1) @binding(0) var<uniform> shape: Shape;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let i = place(group, groups, local);
    if i < shape.len { out[shape.out + i] = delta[shape.delta + i] * slope[shape.slope + i % shape.period]; }
}
