// Loss, gradient and hits, one invocation a row; `class_loss` and `real_loss` are made of the list of losses.
// The targets and the weights hold places from `first` on.
@group(0) @binding(0) var<storage, read_write> gradient: array<f32>;
@group(0) @binding(1) var<storage, read_write> statistics: array<f32>;
@group(0) @binding(2) var<storage, read> outputs: array<f32>;
// Classes, or the bits of reals.
@group(0) @binding(3) var<storage, read> targets: array<u32>;
@group(0) @binding(4) var<storage, read> weights: array<f32>;
@group(0) @binding(5) var<storage, read> numbers: array<f32>;
@group(0) @binding(6) var<storage, read> places: array<u32>;
@group(0) @binding(7) var<storage, read> share: array<f32>;
struct Shape { gradient: u32, statistics: u32, outputs: u32, targets: u32, weights: u32, numbers: u32, places: u32, share: u32, rows: u32, width: u32, kind: u32, has_classes: u32, of_classes: u32, first: u32, count: u32, keep: f32, spread: f32, part: f32 }
@group(1) @binding(0) var<uniform> shape: Shape;
const NONE = 0xffffffffu;

// The weight of the row's place.
var<private> weight: f32;

fn output(row: u32, c: u32) -> f32 {
    return outputs[shape.outputs + row * shape.width + c];
}

fn put(row: u32, c: u32, slope: f32) {
    gradient[shape.gradient + row * shape.width + c] = weight * share[shape.share + row] * slope;
}

fn number_of(c: u32) -> f32 {
    return numbers[shape.numbers + c];
}

fn class_of(target_: u32) -> u32 {
    if shape.has_classes == 0u { return NONE; }
    return targets[shape.targets + target_];
}

fn value_of(target_: u32, c: u32) -> f32 {
    return bitcast<f32>(targets[shape.targets + target_ * shape.width + c]);
}

// The factor of a class's term.
fn aim(target_: u32, c: u32) -> f32 {
    var part = 0.0;
    if shape.has_classes == 0u { part = value_of(target_, c); } else if c == class_of(target_) { part = 1.0; }
    return number_of(c) * (shape.keep * part + shape.spread);
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
    let wanted = places[shape.places + i];
    if wanted < shape.first || wanted - shape.first >= shape.count { return; }
    let target_ = wanted - shape.first;
    weight = weights[shape.weights + target_];
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
