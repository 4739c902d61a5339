// Loss, gradient and hits, one invocation a row; `class_loss` and `real_loss` are made of the list of losses.
@group(0) @binding(0) var<storage, read_write> gradient: array<f32>;
@group(0) @binding(1) var<storage, read_write> statistics: array<f32>;
struct Shape { gradient: u32, statistics: u32, outputs: u32, targets: u32, weights: u32, numbers: u32, places: u32, share: u32, rows: u32, width: u32, kind: u32, has_classes: u32, of_classes: u32, first: u32, count: u32, keep: f32, spread: f32, part: f32 }
@group(1) @binding(0) var<uniform> shape: Shape;

// What the row's gradient is multiplied by.
var<private> factor: f32;

fn put(row: u32, c: u32, slope: f32) {
    gradient[shape.gradient + row * shape.width + c] = factor * slope;
}

fn loss_of_reals(row: u32, target_: u32) -> f32 {
    var total = 0.0;
    for (var c = 0u; c < shape.width; c++) {
        let one = real_loss(shape.kind, output(row, c), value_of(target_, c), number_of(c));
        total += shape.part * one.x;
        put(row, c, shape.part * one.y);
    }
    return total;
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let i = place(group, groups, local);
    if i >= shape.rows { return; }
    let target_ = target_of(i);
    if target_ == NONE { return; }
    let weight = weight_of(target_);
    factor = weight * share[shape.share + i];
    var loss = 0.0;
    var hit = 0.0;
    if shape.of_classes != 0u {
        let result = class_loss(shape.kind, i, target_);
        loss = result.x;
        if u32(result.y) == class_of(target_) { hit = number_of(u32(result.y)); }
    } else {
        loss = loss_of_reals(i, target_);
    }
    statistics[shape.statistics + 2u * i] = weight * loss;
    statistics[shape.statistics + 2u * i + 1u] = weight * hit;
}
