// How the gradient of normalize with respect to its input changes with the input, a row at a time.
@group(0) @binding(0) var<storage, read_write> out: array<f32>;
@group(0) @binding(1) var<storage, read> delta: array<f32>;
@group(0) @binding(2) var<storage, read> normal: array<f32>;
@group(0) @binding(3) var<storage, read> scale: array<f32>;
@group(0) @binding(4) var<storage, read> slope: array<f32>;
struct Shape { out: u32, delta: u32, normal: u32, scale: u32, slope: u32, rows: u32, base: u32, width: u32, about_mean: u32 }
@group(1) @binding(0) var<uniform> shape: Shape;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let number = row_number(group, groups, local);
    let i = min(number, shape.rows - 1u);
    let row = i % shape.base;
    let first = row * shape.width;
    let start = i * shape.width;
    let factor = scale[shape.scale + row];
    let share = 1.0 / f32(shape.width);
    let mean_share = select(0.0, share, shape.about_mean > 0u);
    var mean_x = 0.0;
    var along_x = 0.0;
    var mean_h = 0.0;
    var along_h = 0.0;
    for (var j = lane(local); j < shape.width; j += LANES) {
        let x = slope[shape.slope + first + j];
        let h = delta[shape.delta + start + j];
        let y = normal[shape.normal + first + j];
        mean_x += x;
        along_x += x * y;
        mean_h += h;
        along_h += h * y;
    }
    mean_x = row_sum(local, mean_x) * mean_share;
    along_x = row_sum(local, along_x) * share;
    mean_h = row_sum(local, mean_h) * mean_share;
    along_h = row_sum(local, along_h) * share;
    var turned = 0.0;
    for (var j = lane(local); j < shape.width; j += LANES) {
        let y = normal[shape.normal + first + j];
        turned += delta[shape.delta + start + j] * factor * (slope[shape.slope + first + j] - mean_x - y * along_x);
    }
    turned = row_sum(local, turned) * share;
    if number >= shape.rows { return; }
    for (var j = lane(local); j < shape.width; j += LANES) {
        let y = normal[shape.normal + first + j];
        let moved = factor * (slope[shape.slope + first + j] - mean_x - y * along_x);
        let back = factor * (delta[shape.delta + start + j] - mean_h - y * along_h);
        out[shape.out + start + j] = -factor * (along_x * back + moved * along_h + y * turned);
    }
}
