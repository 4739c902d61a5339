// Pools images (kind 0: maximum, 1: mean), one invocation an output.
@group(0) @binding(0) var<storage, read_write> out: array<f32>;
@group(0) @binding(1) var<storage, read> x: array<f32>;
struct Shape { out: u32, x: u32, len: u32, kind: u32, channels: u32, height: u32, width: u32, kernel: u32, stride: u32, padding: u32, out_height: u32, out_width: u32 }
@group(1) @binding(0) var<uniform> shape: Shape;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let i = place(group, groups, local);
    if i >= shape.len { return; }
    let position = i % (shape.out_height * shape.out_width);
    let image = i / (shape.out_height * shape.out_width);
    let corner = shape.x + (image * shape.height + position / shape.out_width * shape.stride) * shape.width + position % shape.out_width * shape.stride;
    var largest = x[corner];
    var sum = 0.0;
    for (var k = 0u; k < shape.kernel * shape.kernel; k++) {
        let value = x[corner + k / shape.kernel * shape.width + k % shape.kernel];
        largest = select(largest, value, value > largest);
        sum += value;
    }
    out[shape.out + i] = select(sum / f32(shape.kernel * shape.kernel), largest, shape.kind == 0u);
}
