// What gram.wgsl reads of a block, one after the other: offsets, inputs and weights of a map, columns, and the columns'
// weights for two accumulators. Together they take one binding.
@group(0) @binding(0) var<storage, read_write> table: array<u32>;
@group(0) @binding(1) var<storage, read> offsets: array<u32>;
@group(0) @binding(2) var<storage, read> inputs: array<u32>;
@group(0) @binding(3) var<storage, read> weights: array<u32>;
@group(0) @binding(4) var<storage, read> columns: array<u32>;
@group(0) @binding(5) var<storage, read> column_weights: array<u32>;
@group(0) @binding(6) var<storage, read> other_weights: array<u32>;
// Where each begins in its binding, and where it ends in the table.
struct Shape { table: u32, offsets: u32, inputs: u32, weights: u32, columns: u32, column_weights: u32, other_weights: u32, end0: u32, end1: u32, end2: u32, end3: u32, end4: u32, end5: u32 }
@group(1) @binding(0) var<uniform> shape: Shape;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let i = place(group, groups, local);
    if i >= shape.end5 { return; }
    var value = 0u;
    if i < shape.end0 { value = offsets[shape.offsets + i]; }
    else if i < shape.end1 { value = inputs[shape.inputs + i - shape.end0]; }
    else if i < shape.end2 { value = weights[shape.weights + i - shape.end1]; }
    else if i < shape.end3 { value = columns[shape.columns + i - shape.end2]; }
    else if i < shape.end4 { value = column_weights[shape.column_weights + i - shape.end3]; }
    else { value = other_weights[shape.other_weights + i - shape.end4]; }
    table[shape.table + i] = value;
}
