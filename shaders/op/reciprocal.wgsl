// out = 1 / (size of x / correction + eps), the size being a root or the absolute value; 0 where that would divide by less than
// the least number whose reciprocal is finite.
@group(0) @binding(0) var<storage, read_write> out: array<f32>;
@group(0) @binding(1) var<storage, read> x: array<f32>;
struct Shape { out: u32, x: u32, len: u32, absolute: u32, correction: f32, eps: f32, least: f32 }
@group(1) @binding(0) var<uniform> shape: Shape;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let i = place(group, groups, local);
    if i >= shape.len { return; }
    let value = x[shape.x + i];
    let size = select(sqrt(max(value, 0.0)), abs(value), shape.absolute == 1u);
    let divisor = size / shape.correction + shape.eps;
    out[shape.out + i] = select(0.0, 1.0 / divisor, divisor >= shape.least);
}
