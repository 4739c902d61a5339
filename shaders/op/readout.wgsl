// Functions of a network's outputs and their gradients, one invocation a number of a row: rows of seeds are (r, row).
// `function` is made of the list of functions.
@group(0) @binding(0) var<storage, read_write> seeds: array<f32>;
@group(0) @binding(1) var<storage, read_write> values: array<f32>;
@group(0) @binding(2) var<storage, read> outputs: array<f32>;
@group(0) @binding(3) var<storage, read> classes: array<u32>;
struct Shape { seeds: u32, values: u32, outputs: u32, classes: u32, len: u32, first: u32, rows: u32, width: u32, count: u32, kind: u32 }
@group(1) @binding(0) var<uniform> shape: Shape;
const NONE = 0xffffffffu;

fn output(row: u32, c: u32) -> f32 {
    return outputs[shape.outputs + row * shape.width + c];
}

fn class_of(row: u32) -> u32 {
    return classes[shape.classes + row];
}

// The largest of a row's outputs, and Σ e^(f - largest), over all c but one.
fn sum_of_exp(row: u32, left_out: u32) -> vec2<f32> {
    var largest = -infinity();
    for (var c = 0u; c < shape.width; c++) {
        if c != left_out { largest = max(largest, output(row, c)); }
    }
    var sum = 0.0;
    for (var c = 0u; c < shape.width; c++) {
        if c != left_out { sum += precise_exp(output(row, c) - largest); }
    }
    return vec2<f32>(largest, sum);
}

// A seed of one element, zero elsewhere.
fn put_only(seed: u32, place: u32, value: f32) {
    for (var c = 0u; c < shape.width; c++) { seeds[seed + c] = select(0.0, value, c == place); }
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let i = place(group, groups, local);
    if i >= shape.len { return; }
    let row = i % shape.rows;
    let r = (shape.first + i) / shape.rows;
    values[shape.values + row * shape.count + r] = function(shape.kind, r, row, shape.seeds + i * shape.width);
}
