// Functions of a network's outputs and their gradients, one invocation a readout of a row: rows of seeds are (r, row).
// kind 0: softmax, 1: sigmoid, 2: target, 3: margin.
@group(0) @binding(0) var<storage, read_write> seeds: array<f32>;
@group(0) @binding(1) var<storage, read_write> values: array<f32>;
@group(0) @binding(2) var<storage, read> outputs: array<f32>;
@group(0) @binding(3) var<storage, read> classes: array<u32>;
struct Shape { seeds: u32, values: u32, outputs: u32, classes: u32, len: u32, first: u32, rows: u32, width: u32, count: u32, kind: u32 }
@group(1) @binding(0) var<uniform> shape: Shape;
const NONE = 0xffffffffu;

// The largest of a row's outputs, and Σ e^(f - largest), over all c but one.
fn sum_of_exp(start: u32, left_out: u32) -> vec2<f32> {
    var largest = -infinity();
    for (var c = 0u; c < shape.width; c++) {
        if c != left_out { largest = max(largest, outputs[start + c]); }
    }
    var sum = 0.0;
    for (var c = 0u; c < shape.width; c++) {
        if c != left_out { sum += precise_exp(outputs[start + c] - largest); }
    }
    return vec2<f32>(largest, sum);
}

fn softmax(r: u32, start: u32, seed: u32) -> f32 {
    let all = sum_of_exp(start, NONE);
    let p = precise_exp(outputs[start + r] - all.x) / all.y;
    // p (1 - p) as the sum of what the others take, so that it keeps its digits where p is near 1.
    var rest = 0.0;
    for (var c = 0u; c < shape.width; c++) {
        let both = p * (precise_exp(outputs[start + c] - all.x) / all.y);
        if c != r {
            seeds[seed + c] = -both;
            rest += both;
        }
    }
    seeds[seed + r] = rest;
    return p;
}

// A seed of one element, zero elsewhere.
fn put_only(seed: u32, place: u32, value: f32) {
    for (var c = 0u; c < shape.width; c++) { seeds[seed + c] = select(0.0, value, c == place); }
}

fn margin(class_: u32, start: u32, seed: u32) -> f32 {
    let others = sum_of_exp(start, class_);
    for (var c = 0u; c < shape.width; c++) {
        seeds[seed + c] = select(-precise_exp(outputs[start + c] - others.x) / others.y, 1.0, c == class_);
    }
    return (outputs[start + class_] - others.x) - precise_log(others.y);
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let i = place(group, groups, local);
    if i >= shape.len { return; }
    let row = i % shape.rows;
    let r = (shape.first + i) / shape.rows;
    let start = shape.outputs + row * shape.width;
    let seed = shape.seeds + i * shape.width;
    var value = 0.0;
    if shape.kind == 0u {
        value = softmax(r, start, seed);
    } else if shape.kind == 1u {
        let f = outputs[start + r];
        value = sigmoid(f);
        put_only(seed, r, value * sigmoid(-f));
    } else {
        let class_ = classes[shape.classes + row];
        if shape.kind == 2u {
            value = outputs[start + class_];
            put_only(seed, class_, 1.0);
        } else {
            value = margin(class_, start, seed);
        }
    }
    values[shape.values + row * shape.count + r] = value;
}
