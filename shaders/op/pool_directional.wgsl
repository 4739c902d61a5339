// The derivative of a maximum along a direction, one invocation an output: that of the first largest in row order.
@group(0) @binding(0) var<storage, read_write> out: array<f32>;
@group(0) @binding(1) var<storage, read> slope: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
struct Shape { out: u32, slope: u32, x: u32, len: u32, period: u32, channels: u32, height: u32, width: u32, kernel: u32, stride: u32, padding: u32, out_height: u32, out_width: u32 }
@group(1) @binding(0) var<uniform> shape: Shape;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let i = place(group, groups, local);
    if i >= shape.len { return; }
    let position = i % (shape.out_height * shape.out_width);
    let image = i / (shape.out_height * shape.out_width);
    let corner = (image * shape.height + position / shape.out_width * shape.stride) * shape.width + position % shape.out_width * shape.stride;
    let base = shape.x + corner % shape.period;
    var best = 0u;
    var largest = x[base];
    for (var k = 1u; k < shape.kernel * shape.kernel; k++) {
        let offset = k / shape.kernel * shape.width + k % shape.kernel;
        let other = x[base + offset];
        if other > largest {
            largest = other;
            best = offset;
        }
    }
    out[shape.out + i] = slope[shape.slope + corner + best];
}
