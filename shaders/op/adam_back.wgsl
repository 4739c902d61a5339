// Back through a step of Adam: next = shrink w - (rate first + own h) d, h = gradient + decay w, d = 1 / (√second / correction + eps).
@group(0) @binding(0) var<storage, read_write> psi: array<f32>;
// Derivatives by what the step left behind, and then by what was before it.
@group(0) @binding(1) var<storage, read_write> by_weights: array<f32>;
@group(0) @binding(2) var<storage, read_write> by_first: array<f32>;
@group(0) @binding(3) var<storage, read_write> by_second: array<f32>;
@group(0) @binding(4) var<storage, read> weights: array<f32>;
@group(0) @binding(5) var<storage, read> gradient: array<f32>;
@group(0) @binding(6) var<storage, read> first: array<f32>;
@group(0) @binding(7) var<storage, read> second: array<f32>;
struct Shape { psi: u32, by_weights: u32, by_first: u32, by_second: u32, weights: u32, gradient: u32, first: u32, second: u32, len: u32, keep: f32, take: f32, keep_square: f32, take_square: f32, rate: f32, own: f32, correction: f32, eps: f32, decay: f32, shrink: f32 }
@group(1) @binding(0) var<uniform> shape: Shape;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let i = place(group, groups, local);
    if i >= shape.len { return; }
    let h = gradient[shape.gradient + i] + shape.decay * weights[shape.weights + i];
    let root = sqrt(second[shape.second + i]);
    let divisor = root / shape.correction + shape.eps;
    let d = select(0.0, 1.0 / divisor, divisor > 0.0);
    let by_weight = by_weights[shape.by_weights + i];
    let scaled = by_weight * d;
    let of_first = by_first[shape.by_first + i] - shape.rate * scaled;
    // A preconditioner that never had a gradient does not turn. Divided by the root first: what is multiplied then leaves no
    // precision before the whole does.
    let moved = shape.rate * first[shape.first + i] + shape.own * h;
    let turned = select(0.0, moved / root / (2.0 * shape.correction) * d * scaled, root > 0.0);
    let of_second = by_second[shape.by_second + i] + turned;
    let own = shape.own * scaled - shape.take * of_first - 2.0 * shape.take_square * h * of_second;
    psi[shape.psi + i] = own;
    by_weights[shape.by_weights + i] = shape.shrink * by_weight - shape.decay * own;
    by_first[shape.by_first + i] = shape.keep * of_first;
    by_second[shape.by_second + i] = shape.keep_square * of_second;
}
