// Loss, gradient and hits, one invocation an example. kind 0: cross-entropy, 1: squared error, 2: logistic, 3: Poisson.
// The targets hold examples from `first` on.
@group(0) @binding(0) var<storage, read_write> gradient: array<f32>;
@group(0) @binding(1) var<storage, read_write> statistics: array<f32>;
@group(0) @binding(2) var<storage, read> outputs: array<f32>;
@group(0) @binding(3) var<storage, read> classes: array<u32>;
@group(0) @binding(4) var<storage, read> values: array<f32>;
@group(0) @binding(5) var<storage, read> examples: array<u32>;
@group(0) @binding(6) var<storage, read> share: array<f32>;
struct Shape { gradient: u32, statistics: u32, outputs: u32, classes: u32, values: u32, examples: u32, share: u32, rows: u32, width: u32, kind: u32, first: u32, count: u32 }
@group(1) @binding(0) var<uniform> shape: Shape;

fn cross_entropy(row: u32, example: u32, start: u32) -> vec2<f32> {
    var best = 0u;
    for (var c = 1u; c < shape.width; c++) {
        if outputs[shape.outputs + start + c] > outputs[shape.outputs + start + best] { best = c; }
    }
    let largest = outputs[shape.outputs + start + best];
    var sum = 0.0;
    for (var c = 0u; c < shape.width; c++) { sum += precise_exp(outputs[shape.outputs + start + c] - largest); }
    let class_ = classes[shape.classes + example];
    for (var c = 0u; c < shape.width; c++) {
        let p = precise_exp(outputs[shape.outputs + start + c] - largest) / sum;
        gradient[shape.gradient + start + c] = share[shape.share + row] * (p - select(0.0, 1.0, c == class_));
    }
    let loss = largest - outputs[shape.outputs + start + class_] + precise_log(sum);
    return vec2<f32>(loss, select(0.0, 1.0, best == class_));
}

fn real_loss(row: u32, example: u32, start: u32) -> vec2<f32> {
    var total = 0.0;
    for (var c = 0u; c < shape.width; c++) {
        let f = outputs[shape.outputs + start + c];
        let y = values[shape.values + example * shape.width + c];
        var slope = f - y;
        var loss = 0.5 * slope * slope;
        if shape.kind == 2u {
            loss = softplus(f) - y * f;
            slope = sigmoid(f) - y;
        } else if shape.kind == 3u {
            let e = precise_exp(f);
            loss = e - y * f;
            slope = e - y;
        }
        total += loss;
        gradient[shape.gradient + start + c] = share[shape.share + row] * slope;
    }
    return vec2<f32>(total, 0.0);
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let i = place(group, groups, local);
    if i >= shape.rows { return; }
    let wanted = examples[shape.examples + i];
    if wanted < shape.first || wanted - shape.first >= shape.count { return; }
    let example = wanted - shape.first;
    var result = vec2<f32>(0.0, 0.0);
    if shape.kind == 0u {
        result = cross_entropy(i, example, i * shape.width);
    } else {
        result = real_loss(i, example, i * shape.width);
    }
    statistics[shape.statistics + 2u * i] = result.x;
    statistics[shape.statistics + 2u * i + 1u] = result.y;
}
