// out = start + u (own h - Σ v h), one invocation a sum; u and v are those of the base lines, and 1 where there are none.
@group(0) @binding(0) var<storage, read_write> out: array<f32>;
@group(0) @binding(1) var<storage, read> h: array<f32>;
@group(0) @binding(2) var<storage, read> u: array<f32>;
@group(0) @binding(3) var<storage, read> v: array<f32>;
struct Shape { out: u32, h: u32, u: u32, v: u32, lines: u32, length: u32, inner: u32, u_lines: u32, v_lines: u32, keep: u32, start: f32, own: f32 }
@group(1) @binding(0) var<uniform> shape: Shape;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let i = place(group, groups, local);
    if i >= shape.lines * shape.inner { return; }
    let line = i / shape.inner;
    let first = i % shape.inner;
    let whole = shape.length * shape.inner;
    let u_from = shape.u + line % max(shape.u_lines, 1u) * whole + first;
    let v_from = shape.v + line % max(shape.v_lines, 1u) * whole + first;
    let begin = line * whole + first;
    var sum = 0.0;
    for (var j = 0u; j < shape.length; j++) {
        var weight = 1.0;
        if shape.v_lines > 0u { weight = v[v_from + j * shape.inner]; }
        sum += weight * h[shape.h + begin + j * shape.inner];
    }
    for (var j = 0u; j < shape.length; j++) {
        var factor = 1.0;
        if shape.u_lines > 0u { factor = u[u_from + j * shape.inner]; }
        let at = begin + j * shape.inner;
        let value = factor * (shape.own * h[shape.h + at] - sum);
        out[shape.out + at] = value + select(shape.start, out[shape.out + at], shape.keep > 0u);
    }
}
