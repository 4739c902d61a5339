// next = w - rate (gradient + decay w).
@group(0) @binding(0) var<storage, read_write> next: array<f32>;
@group(0) @binding(1) var<storage, read> weights: array<f32>;
@group(0) @binding(2) var<storage, read> gradient: array<f32>;
struct Shape { next: u32, weights: u32, gradient: u32, len: u32, rate: f32, decay: f32 }
@group(1) @binding(0) var<uniform> shape: Shape;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let i = place(group, groups, local);
    if i >= shape.len { return; }
    let w = weights[shape.weights + i];
    next[shape.next + i] = w - shape.rate * (gradient[shape.gradient + i] + shape.decay * w);
}
