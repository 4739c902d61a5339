// Pools images (kind 0: maximum, 1: mean), one invocation an output.
@group(0) @binding(0) var<storage, read_write> out: array<f32>;
@group(0) @binding(1) var<storage, read> x: array<f32>;
struct Shape { out: u32, x: u32, len: u32, kind: u32, channels: u32, height: u32, width: u32, kernel_height: u32, kernel_width: u32, stride_y: u32, stride_x: u32, padding_y: u32, padding_x: u32, dilation_y: u32, dilation_x: u32, out_height: u32, out_width: u32 }
@group(1) @binding(0) var<uniform> shape: Shape;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let i = place(group, groups, local);
    if i >= shape.len { return; }
    let position = i % (shape.out_height * shape.out_width);
    let image = i / (shape.out_height * shape.out_width);
    let top = position / shape.out_width * shape.stride_y;
    let left = position % shape.out_width * shape.stride_x;
    // Of the padding there is nothing but its share in a mean. A window holds a pixel of the image.
    var largest = 0.0;
    var found = false;
    var sum = 0.0;
    for (var k = 0u; k < shape.kernel_height * shape.kernel_width; k++) {
        let y = top + k / shape.kernel_width * shape.dilation_y;
        let z = left + k % shape.kernel_width * shape.dilation_x;
        if y < shape.padding_y || y >= shape.height + shape.padding_y || z < shape.padding_x || z >= shape.width + shape.padding_x { continue; }
        let value = x[shape.x + (image * shape.height + y - shape.padding_y) * shape.width + z - shape.padding_x];
        largest = select(largest, value, !found || value > largest);
        found = true;
        sum += value;
    }
    out[shape.out + i] = select(sum / f32(shape.kernel_height * shape.kernel_width), largest, shape.kind == 0u);
}
