// out[r, j] = factors_j x[r, j], at each row's own factors.
@group(0) @binding(0) var<storage, read_write> out: array<f32>;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> factors: array<f32>;
@group(0) @binding(3) var<storage, read> step_: array<f32>;
@group(0) @binding(4) var<storage, read> tau: array<f32>;
struct Shape { out: u32, x: u32, factors: u32, step_: u32, tau: u32, len: u32, width: u32, positions: u32, taus: u32 }
@group(1) @binding(0) var<uniform> shape: Shape;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let i = place(group, groups, local);
    if i >= shape.len { return; }
    let j = i % shape.width;
    var factor = factors[shape.factors + j];
    if shape.taus > 0u {
        factor += tau[shape.tau + (i / shape.width / shape.positions) % shape.taus] * step_[shape.step_ + j];
    }
    out[shape.out + i] = factor * x[shape.x + i];
}
