// Factors that meet through a preconditioner: one invocation an example, a query and eight outputs, which share the sum over the inputs.
@group(0) @binding(0) var<storage, read_write> out: array<f32>;
@group(0) @binding(1) var<storage, read> delta: array<f32>;
@group(0) @binding(2) var<storage, read> momentum: array<f32>;
@group(0) @binding(3) var<storage, read> queries: array<f32>;
@group(0) @binding(4) var<storage, read> examples: array<f32>;
@group(0) @binding(5) var<storage, read> preconditioner: array<f32>;
struct Shape { out: u32, delta: u32, momentum: u32, queries: u32, examples: u32, preconditioner: u32, count: u32, rows: u32, columns: u32, height: u32, width: u32, bias: u32, step: u32, stride: u32, scale: f32 }
@group(1) @binding(0) var<uniform> shape: Shape;
const at_once = 8u;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let own = place(group, groups, local);
    let pairs = shape.rows * shape.columns;
    let first = own / pairs * at_once;
    if first >= shape.count { return; }
    let example = own % shape.columns;
    let query = own % pairs / shape.columns;
    let count = min(at_once, shape.count - first);
    let left = shape.queries + query * shape.width;
    let right = shape.examples + example * shape.width;
    var sums = array<f32, at_once>();
    for (var h = 0u; h < shape.height; h++) {
        var shared_sum = 0.0;
        let factors = shape.preconditioner + h * shape.width;
        for (var j = 0u; j < shape.width; j++) { shared_sum = fma(preconditioner[factors + j] * queries[left + j], examples[right + j], shared_sum); }
        if shape.bias > 0u { shared_sum += preconditioner[shape.preconditioner + shape.height * shape.width + h]; }
        let met = momentum[shape.momentum + example * shape.height + h] * shared_sum;
        for (var c = 0u; c < count; c++) {
            sums[c] = fma(delta[shape.delta + ((first + c) * shape.step + query) * shape.height + h], met, sums[c]);
        }
    }
    for (var c = 0u; c < count; c++) {
        let at = shape.out + ((first + c) * shape.step + query) * shape.stride + example;
        out[at] = fma(shape.scale, sums[c], out[at]);
    }
}
