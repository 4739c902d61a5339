// How gradients of losses change as the outputs move, one invocation a row; `class_curvature` and `real_curvature` are made of the
// list of losses.
@group(0) @binding(0) var<storage, read_write> change: array<f32>;
@group(0) @binding(1) var<storage, read> direction: array<f32>;
struct Shape { change: u32, direction: u32, outputs: u32, targets: u32, weights: u32, numbers: u32, places: u32, share: u32, rows: u32, width: u32, kind: u32, has_classes: u32, of_classes: u32, first: u32, count: u32, keep: f32, spread: f32, part: f32 }
@group(1) @binding(0) var<uniform> shape: Shape;

// What the row's change is multiplied by.
var<private> factor: f32;

fn along(row: u32, c: u32) -> f32 {
    return direction[shape.direction + row * shape.width + c];
}

fn put(row: u32, c: u32, slope: f32) {
    change[shape.change + row * shape.width + c] = factor * slope;
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let i = place(group, groups, local);
    if i >= shape.rows { return; }
    let target_ = target_of(i);
    if target_ == NONE { return; }
    factor = weight_of(target_) * share[shape.share + i];
    if shape.of_classes != 0u {
        class_curvature(shape.kind, i, target_);
        return;
    }
    for (var c = 0u; c < shape.width; c++) {
        let second = real_curvature(shape.kind, output(i, c), value_of(target_, c), number_of(c));
        put(i, c, shape.part * second * along(i, c));
    }
}
