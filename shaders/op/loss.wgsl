// Loss, gradient and hits, one invocation an example; `class_loss` and `real_loss` are made of the list of losses.
// The targets hold examples from `first` on.
@group(0) @binding(0) var<storage, read_write> gradient: array<f32>;
@group(0) @binding(1) var<storage, read_write> statistics: array<f32>;
@group(0) @binding(2) var<storage, read> outputs: array<f32>;
@group(0) @binding(3) var<storage, read> classes: array<u32>;
@group(0) @binding(4) var<storage, read> values: array<f32>;
@group(0) @binding(5) var<storage, read> examples: array<u32>;
@group(0) @binding(6) var<storage, read> share: array<f32>;
struct Shape { gradient: u32, statistics: u32, outputs: u32, classes: u32, values: u32, examples: u32, share: u32, rows: u32, width: u32, kind: u32, of_classes: u32, first: u32, count: u32 }
@group(1) @binding(0) var<uniform> shape: Shape;

fn output(row: u32, c: u32) -> f32 {
    return outputs[shape.outputs + row * shape.width + c];
}

fn put(row: u32, c: u32, slope: f32) {
    gradient[shape.gradient + row * shape.width + c] = share[shape.share + row] * slope;
}

fn loss_of_reals(row: u32, example: u32) -> vec2<f32> {
    var total = 0.0;
    for (var c = 0u; c < shape.width; c++) {
        let one = real_loss(shape.kind, output(row, c), values[shape.values + example * shape.width + c]);
        total += one.x;
        put(row, c, one.y);
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
    if shape.of_classes != 0u {
        result = class_loss(shape.kind, i, classes[shape.classes + example]);
    } else {
        result = loss_of_reals(i, example);
    }
    statistics[shape.statistics + 2u * i] = result.x;
    statistics[shape.statistics + 2u * i + 1u] = result.y;
}
