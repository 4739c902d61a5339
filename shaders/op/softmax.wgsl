// out = eˣ / Σ eˣ or its logarithm, one invocation a sum. A line's entries beyond those it sees are 0, or -∞.
@group(0) @binding(0) var<storage, read_write> out: array<f32>;
@group(0) @binding(1) var<storage, read> x: array<f32>;
struct Shape { out: u32, x: u32, lines: u32, length: u32, inner: u32, start: u32, first: u32, period: u32, log: u32 }
@group(1) @binding(0) var<uniform> shape: Shape;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let i = place(group, groups, local);
    if i >= shape.lines * shape.inner { return; }
    let line = i / shape.inner;
    let begin = line * shape.length * shape.inner + i % shape.inner;
    let end = min(shape.length, shape.first + (shape.start + line) % shape.period);
    var top = x[shape.x + begin];
    for (var j = 1u; j < end; j++) { top = max(top, x[shape.x + begin + j * shape.inner]); }
    var sum = 0.0;
    for (var j = 0u; j < end; j++) { sum += precise_exp(x[shape.x + begin + j * shape.inner] - top); }
    let share = 1.0 / sum;
    let normalizer = top + precise_log(sum);
    for (var j = 0u; j < shape.length; j++) {
        let at = begin + j * shape.inner;
        var value = select(0.0, -infinity(), shape.log > 0u);
        if j < end {
            if shape.log > 0u {
                value = x[shape.x + at] - normalizer;
            } else {
                value = share * precise_exp(x[shape.x + at] - top);
            }
        }
        out[shape.out + at] = value;
    }
}
