// normal = (x - mean) scale, one invocation a row; without about_mean the mean is 0.
@group(0) @binding(0) var<storage, read_write> normal: array<f32>;
@group(0) @binding(1) var<storage, read_write> scale: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
struct Shape { normal: u32, scale: u32, x: u32, rows: u32, width: u32, about_mean: u32, eps: f32 }
@group(1) @binding(0) var<uniform> shape: Shape;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let i = place(group, groups, local);
    if i >= shape.rows { return; }
    let start = i * shape.width;
    let share = 1.0 / f32(shape.width);
    var mean = 0.0;
    if shape.about_mean > 0u {
        for (var j = 0u; j < shape.width; j++) { mean += x[shape.x + start + j]; }
        mean = mean * share;
    }
    var variance = 0.0;
    for (var j = 0u; j < shape.width; j++) {
        let d = x[shape.x + start + j] - mean;
        variance += d * d;
    }
    let factor = 1.0 / sqrt(variance * share + shape.eps);
    scale[shape.scale + i] = factor;
    for (var j = 0u; j < shape.width; j++) { normal[shape.normal + start + j] = (x[shape.x + start + j] - mean) * factor; }
}
