// out[to] = start + factor Σ x[from] along strided axes, one invocation a place that is written in each row; with keep, out += factor Σ.
@group(0) @binding(0) var<storage, read_write> out: array<f32>;
@group(0) @binding(1) var<storage, read> x: array<f32>;
struct Shape {
    out: u32, x: u32, len: u32, kept: u32, summed: u32, kept_axes: u32, axes: u32,
    to_start: u32, to_width: u32, from_start: u32, from_width: u32, keep: u32, start: f32, factor: f32,
    extent0: u32, to0: u32, from0: u32, extent1: u32, to1: u32, from1: u32,
    extent2: u32, to2: u32, from2: u32, extent3: u32, to3: u32, from3: u32,
    extent4: u32, to4: u32, from4: u32, extent5: u32, to5: u32, from5: u32,
    extent6: u32, to6: u32, from6: u32, extent7: u32, to7: u32, from7: u32,
}
@group(1) @binding(0) var<uniform> shape: Shape;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let i = place(group, groups, local);
    if i >= shape.len { return; }
    var extents = array<u32, 8>(
        shape.extent0, shape.extent1, shape.extent2, shape.extent3, shape.extent4, shape.extent5, shape.extent6, shape.extent7);
    var tos = array<u32, 8>(shape.to0, shape.to1, shape.to2, shape.to3, shape.to4, shape.to5, shape.to6, shape.to7);
    var froms = array<u32, 8>(shape.from0, shape.from1, shape.from2, shape.from3, shape.from4, shape.from5, shape.from6, shape.from7);
    let row = i / shape.kept;
    var to = shape.out + row * shape.to_width + shape.to_start;
    var first = shape.x + row * shape.from_width + shape.from_start;
    var rest = i % shape.kept;
    for (var axis = shape.kept_axes; axis > 0u; axis--) {
        let step = rest % extents[axis - 1u];
        rest = rest / extents[axis - 1u];
        to += step * tos[axis - 1u];
        first += step * froms[axis - 1u];
    }
    var sum = 0.0;
    for (var summand = 0u; summand < shape.summed; summand++) {
        var at = first;
        rest = summand;
        for (var axis = shape.axes; axis > shape.kept_axes; axis--) {
            at += rest % extents[axis - 1u] * froms[axis - 1u];
            rest = rest / extents[axis - 1u];
        }
        sum += x[at];
    }
    out[to] = select(shape.start, out[to], shape.keep > 0u) + shape.factor * sum;
}
