// Unfolds images into patches, one invocation an entry.
@group(0) @binding(0) var<storage, read_write> out: array<f32>;
@group(0) @binding(1) var<storage, read> x: array<f32>;
struct Shape { out: u32, x: u32, len: u32, channels: u32, height: u32, width: u32, kernel: u32, stride: u32, padding: u32, out_height: u32, out_width: u32 }
@group(1) @binding(0) var<uniform> shape: Shape;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let i = place(group, groups, local);
    if i >= shape.len { return; }
    let side = shape.kernel * shape.kernel;
    let entries = shape.channels * side;
    let entry = i % entries;
    let position = i / entries % (shape.out_height * shape.out_width);
    let row = i / entries / (shape.out_height * shape.out_width);
    let y = position / shape.out_width * shape.stride + entry % side / shape.kernel;
    let z = position % shape.out_width * shape.stride + entry % shape.kernel;
    var value = 0.0;
    if y >= shape.padding && y < shape.height + shape.padding && z >= shape.padding && z < shape.width + shape.padding {
        let pixel = ((row * shape.channels + entry / side) * shape.height + y - shape.padding) * shape.width + z - shape.padding;
        value = x[shape.x + pixel];
    }
    out[shape.out + i] = value;
}
