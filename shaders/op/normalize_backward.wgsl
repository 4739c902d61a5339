// The gradient of normalize with respect to its input, a row at a time.
@group(0) @binding(0) var<storage, read_write> out: array<f32>;
@group(0) @binding(1) var<storage, read> delta: array<f32>;
@group(0) @binding(2) var<storage, read> normal: array<f32>;
@group(0) @binding(3) var<storage, read> scale: array<f32>;
struct Shape { out: u32, delta: u32, normal: u32, scale: u32, rows: u32, base: u32, width: u32, about_mean: u32 }
@group(1) @binding(0) var<uniform> shape: Shape;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let number = row_number(group, groups, local);
    let i = min(number, shape.rows - 1u);
    let row = i % shape.base;
    let start = i * shape.width;
    let share = 1.0 / f32(shape.width);
    var mean = 0.0;
    var along = 0.0;
    for (var j = lane(local); j < shape.width; j += LANES) {
        let h = delta[shape.delta + start + j];
        mean += h;
        along += h * normal[shape.normal + row * shape.width + j];
    }
    mean = row_sum(local, mean) * select(0.0, share, shape.about_mean > 0u);
    along = row_sum(local, along) * share;
    if number >= shape.rows { return; }
    for (var j = lane(local); j < shape.width; j += LANES) {
        let h = delta[shape.delta + start + j];
        out[shape.out + start + j] = scale[shape.scale + row] * (h - mean - normal[shape.normal + row * shape.width + j] * along);
    }
}
