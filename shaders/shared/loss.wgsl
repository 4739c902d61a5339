// What losses are made of, a row at a time. The targets and the weights hold places from `first` on.
@group(0) @binding(2) var<storage, read> outputs: array<f32>;
// Classes, or the bits of reals.
@group(0) @binding(3) var<storage, read> targets: array<u32>;
@group(0) @binding(4) var<storage, read> weights: array<f32>;
@group(0) @binding(5) var<storage, read> numbers: array<f32>;
@group(0) @binding(6) var<storage, read> places: array<u32>;
@group(0) @binding(7) var<storage, read> share: array<f32>;
const NONE = 0xffffffffu;

// The target of a row; NONE where its place is not among these.
fn target_of(row: u32) -> u32 {
    let wanted = places[shape.places + row];
    if wanted < shape.first || wanted - shape.first >= shape.count { return NONE; }
    return wanted - shape.first;
}

fn weight_of(target_: u32) -> f32 {
    return weights[shape.weights + target_];
}

fn output(row: u32, c: u32) -> f32 {
    return outputs[shape.outputs + row * shape.width + c];
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
