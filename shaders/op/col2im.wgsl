// The transpose of im2col: one invocation a pixel sums the patch entries that hold it.
@group(0) @binding(0) var<storage, read_write> out: array<f32>;
@group(0) @binding(1) var<storage, read> patches: array<f32>;
struct Shape { out: u32, patches: u32, len: u32, channels: u32, height: u32, width: u32, kernel_height: u32, kernel_width: u32, stride_y: u32, stride_x: u32, padding_y: u32, padding_x: u32, dilation_y: u32, dilation_x: u32, out_height: u32, out_width: u32 }
@group(1) @binding(0) var<uniform> shape: Shape;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let i = place(group, groups, local);
    if i >= shape.len { return; }
    let column = i % shape.width + shape.padding_x;
    let line = i / shape.width % shape.height + shape.padding_y;
    let channel = i / (shape.width * shape.height) % shape.channels;
    let row = i / (shape.width * shape.height * shape.channels);
    let side = shape.kernel_height * shape.kernel_width;
    var sum = 0.0;
    for (var k = 0u; k < side; k++) {
        let dy = k / shape.kernel_width * shape.dilation_y;
        let dx = k % shape.kernel_width * shape.dilation_x;
        if line < dy || column < dx { continue; }
        let y = line - dy;
        let z = column - dx;
        if y % shape.stride_y != 0u || z % shape.stride_x != 0u { continue; }
        let oy = y / shape.stride_y;
        let ox = z / shape.stride_x;
        if oy >= shape.out_height || ox >= shape.out_width { continue; }
        let position = (row * shape.out_height + oy) * shape.out_width + ox;
        sum += patches[shape.patches + position * shape.channels * side + channel * side + k];
    }
    out[shape.out + i] = sum;
}
