// The gradient of pool, one invocation a pixel: a maximum's goes to the first largest in row order.
@group(0) @binding(0) var<storage, read_write> out: array<f32>;
@group(0) @binding(1) var<storage, read> delta: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
struct Shape { out: u32, delta: u32, x: u32, len: u32, period: u32, kind: u32, channels: u32, height: u32, width: u32, kernel: u32, stride: u32, padding: u32, out_height: u32, out_width: u32 }
@group(1) @binding(0) var<uniform> shape: Shape;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let i = place(group, groups, local);
    if i >= shape.len { return; }
    let column = i % shape.width;
    let line = i / shape.width % shape.height;
    let image = i / (shape.width * shape.height);
    let oy = line / shape.kernel;
    let ox = column / shape.kernel;
    var value = 0.0;
    if oy < shape.out_height && ox < shape.out_width {
        value = delta[shape.delta + (image * shape.out_height + oy) * shape.out_width + ox];
        if shape.kind == 0u {
            let base = i % shape.period - line * shape.width - column;
            let corner = shape.x + base + oy * shape.kernel * shape.width + ox * shape.kernel;
            var best = 0u;
            var largest = x[corner];
            for (var k = 1u; k < shape.kernel * shape.kernel; k++) {
                let other = x[corner + k / shape.kernel * shape.width + k % shape.kernel];
                if other > largest {
                    largest = other;
                    best = k;
                }
            }
            let own = (line - oy * shape.kernel) * shape.kernel + column - ox * shape.kernel;
            value = select(0.0, value, own == best);
        } else {
            value = value / f32(shape.kernel * shape.kernel);
        }
    }
    out[shape.out + i] = value;
}
