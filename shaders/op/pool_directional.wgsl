// The derivative of a maximum along a direction, one invocation an output: that of the first largest in row order.
@group(0) @binding(0) var<storage, read_write> out: array<f32>;
@group(0) @binding(1) var<storage, read> slope: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
struct Shape { out: u32, slope: u32, x: u32, len: u32, period: u32, channels: u32, height: u32, width: u32, kernel_height: u32, kernel_width: u32, stride_y: u32, stride_x: u32, padding_y: u32, padding_x: u32, dilation_y: u32, dilation_x: u32, out_height: u32, out_width: u32 }
@group(1) @binding(0) var<uniform> shape: Shape;
// The first largest pixel of a window, as a place in its channel.
fn winner(top: u32, left: u32, channel: u32) -> u32 {
    var best = 0u;
    var largest = 0.0;
    var found = false;
    for (var k = 0u; k < shape.kernel_height * shape.kernel_width; k++) {
        let y = top + k / shape.kernel_width * shape.dilation_y;
        let z = left + k % shape.kernel_width * shape.dilation_x;
        if y < shape.padding_y || y >= shape.height + shape.padding_y || z < shape.padding_x || z >= shape.width + shape.padding_x { continue; }
        let pixel = (y - shape.padding_y) * shape.width + z - shape.padding_x;
        let value = x[channel + pixel];
        if !found || value > largest {
            found = true;
            largest = value;
            best = pixel;
        }
    }
    return best;
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let i = place(group, groups, local);
    if i >= shape.len { return; }
    let position = i % (shape.out_height * shape.out_width);
    let image = i / (shape.out_height * shape.out_width);
    let first = image * shape.height * shape.width;
    let top = position / shape.out_width * shape.stride_y;
    let left = position % shape.out_width * shape.stride_x;
    out[shape.out + i] = slope[shape.slope + first + winner(top, left, shape.x + first % shape.period)];
}
