// out = f'(x); kinds in the order of the run file's list.
@group(0) @binding(0) var<storage, read_write> out: array<f32>;
@group(0) @binding(1) var<storage, read> x: array<f32>;
struct Shape { out: u32, x: u32, len: u32, kind: u32 }
@group(1) @binding(0) var<uniform> shape: Shape;

fn slope(x: f32) -> f32 {
    switch shape.kind {
        case 1u: { return select(0.0, 1.0, x > 0.0); }
        case 2u: { return select(0.01, 1.0, x > 0.0); }
        case 3u: {
            let y = precise_tanh(x);
            return (1.0 - y) * (1.0 + y);
        }
        case 4u: { return sigmoid(x) * sigmoid(-x); }
        case 5u: { return sigmoid(x); }
        case 6u: { return sigmoid(x) * (1.0 + x * sigmoid(-x)); }
        case 7u: { return 0.5 * (1.0 + precise_erf(x * 0.70710678)) + x * precise_exp(-0.5 * x * x) * 0.39894228; }
        case 8u: { return precise_sin(x, 1); }
        default: { return 1.0; }
    }
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let i = place(group, groups, local);
    if i < shape.len { out[shape.out + i] = slope(x[shape.x + i]); }
}
