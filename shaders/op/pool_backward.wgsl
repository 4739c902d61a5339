// The gradient of pool, one invocation a pixel: a maximum's goes to the first largest in row order.
@group(0) @binding(0) var<storage, read_write> out: array<f32>;
@group(0) @binding(1) var<storage, read> delta: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
struct Shape { out: u32, delta: u32, x: u32, len: u32, period: u32, kind: u32, channels: u32, height: u32, width: u32, kernel_height: u32, kernel_width: u32, stride_y: u32, stride_x: u32, padding_y: u32, padding_x: u32, dilation_y: u32, dilation_x: u32, out_height: u32, out_width: u32 }
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
    let column = i % shape.width;
    let line = i / shape.width % shape.height;
    let image = i / (shape.width * shape.height);
    let place = line * shape.width + column;
    // Of the pixel's channel in x, which is repeated.
    let channel = shape.x + i % shape.period - place;
    let padded_y = line + shape.padding_y;
    let padded_x = column + shape.padding_x;
    let reach_y = (shape.kernel_height - 1u) * shape.dilation_y;
    let reach_x = (shape.kernel_width - 1u) * shape.dilation_x;
    var sum = 0.0;
    for (var oy = (max(padded_y, reach_y) - reach_y + shape.stride_y - 1u) / shape.stride_y; oy < shape.out_height && oy * shape.stride_y <= padded_y; oy++) {
        if (padded_y - oy * shape.stride_y) % shape.dilation_y != 0u { continue; }
        for (var ox = (max(padded_x, reach_x) - reach_x + shape.stride_x - 1u) / shape.stride_x; ox < shape.out_width && ox * shape.stride_x <= padded_x; ox++) {
            if (padded_x - ox * shape.stride_x) % shape.dilation_x != 0u { continue; }
            let value = delta[shape.delta + (image * shape.out_height + oy) * shape.out_width + ox];
            if shape.kind != 0u {
                sum += value / f32(shape.kernel_height * shape.kernel_width);
            } else if winner(oy * shape.stride_y, ox * shape.stride_x, channel) == place {
                sum += value;
            }
        }
    }
    out[shape.out + i] = sum;
}
