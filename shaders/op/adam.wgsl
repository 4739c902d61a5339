// A step of Adam: moments, d = 1 / (√second / correction + eps), next = shrink w - rate first d.
@group(0) @binding(0) var<storage, read_write> next: array<f32>;
@group(0) @binding(1) var<storage, read_write> first: array<f32>;
@group(0) @binding(2) var<storage, read_write> second: array<f32>;
@group(0) @binding(3) var<storage, read_write> preconditioner: array<f32>;
@group(0) @binding(4) var<storage, read> weights: array<f32>;
@group(0) @binding(5) var<storage, read> gradient: array<f32>;
// What the moments keep, and what they take of the gradient and of its square.
struct Shape { next: u32, first: u32, second: u32, preconditioner: u32, weights: u32, gradient: u32, len: u32, keep: f32, take: f32, keep_square: f32, take_square: f32, rate: f32, correction: f32, eps: f32, decay: f32, shrink: f32 }
@group(1) @binding(0) var<uniform> shape: Shape;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let i = place(group, groups, local);
    if i >= shape.len { return; }
    let w = weights[shape.weights + i];
    let g = gradient[shape.gradient + i] + shape.decay * w;
    let m = shape.keep * first[shape.first + i] + shape.take * g;
    let v = shape.keep_square * second[shape.second + i] + shape.take_square * (g * g);
    let root = sqrt(v) / shape.correction + shape.eps;
    // Without eps, what never had a gradient stays where it is.
    let d = select(0.0, 1.0 / root, root > 0.0);
    first[shape.first + i] = m;
    second[shape.second + i] = v;
    preconditioner[shape.preconditioner + i] = d;
    next[shape.next + i] = shape.shrink * w - shape.rate * m * d;
}
