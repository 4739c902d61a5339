// normal = (x - mean) scale, a row at a time; without about_mean the mean is 0.
@group(0) @binding(0) var<storage, read_write> normal: array<f32>;
@group(0) @binding(1) var<storage, read_write> scale: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
struct Shape { normal: u32, scale: u32, x: u32, rows: u32, width: u32, about_mean: u32, eps: f32 }
@group(1) @binding(0) var<uniform> shape: Shape;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let number = row_number(group, groups, local);
    let i = min(number, shape.rows - 1u);
    let start = i * shape.width;
    let share = 1.0 / f32(shape.width);
    var sum = 0.0;
    for (var j = lane(local); j < shape.width; j += LANES) { sum += x[shape.x + start + j]; }
    sum = row_sum(local, sum) * share;
    let mean = select(0.0, sum, shape.about_mean > 0u);
    var variance = 0.0;
    for (var j = lane(local); j < shape.width; j += LANES) {
        let d = x[shape.x + start + j] - mean;
        variance += d * d;
    }
    variance = row_sum(local, variance);
    let factor = 1.0 / sqrt(variance * share + shape.eps);
    if number >= shape.rows { return; }
    if lane(local) == 0u { scale[shape.scale + i] = factor; }
    for (var j = lane(local); j < shape.width; j += LANES) { normal[shape.normal + start + j] = (x[shape.x + start + j] - mean) * factor; }
}
