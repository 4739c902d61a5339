// Unfolds images into patches, one invocation an entry.
@group(0) @binding(0) var<storage, read_write> out: array<f32>;
@group(0) @binding(1) var<storage, read> x: array<f32>;
struct Shape { out: u32, x: u32, len: u32, channels: u32, height: u32, width: u32, kernel_height: u32, kernel_width: u32, stride_y: u32, stride_x: u32, padding_y: u32, padding_x: u32, dilation_y: u32, dilation_x: u32, out_height: u32, out_width: u32 }
@group(1) @binding(0) var<uniform> shape: Shape;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let i = place(group, groups, local);
    if i >= shape.len { return; }
    let side = shape.kernel_height * shape.kernel_width;
    let entries = shape.channels * side;
    let entry = i % entries;
    let position = i / entries % (shape.out_height * shape.out_width);
    let row = i / entries / (shape.out_height * shape.out_width);
    let y = position / shape.out_width * shape.stride_y + entry % side / shape.kernel_width * shape.dilation_y;
    let z = position % shape.out_width * shape.stride_x + entry % shape.kernel_width * shape.dilation_x;
    var value = 0.0;
    if y >= shape.padding_y && y < shape.height + shape.padding_y && z >= shape.padding_x && z < shape.width + shape.padding_x {
        let pixel = ((row * shape.channels + entry / side) * shape.height + y - shape.padding_y) * shape.width + z - shape.padding_x;
        value = x[shape.x + pixel];
    }
    out[shape.out + i] = value;
}
