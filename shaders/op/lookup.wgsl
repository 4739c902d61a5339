// out[t, i] = table_t[tokens[i]], where `table` holds the rows of all tables from `first` on: one invocation an element.
@group(0) @binding(0) var<storage, read_write> out: array<f32>;
@group(0) @binding(1) var<storage, read> tokens: array<f32>;
@group(0) @binding(2) var<storage, read> table: array<f32>;
@group(0) @binding(3) var<storage, read> step_: array<f32>;
@group(0) @binding(4) var<storage, read> tau: array<f32>;
struct Shape { out: u32, tokens: u32, table: u32, step_: u32, tau: u32, len: u32, width: u32, first_row: u32, count: u32, rows: u32, first: u32, lines: u32, positions: u32, taus: u32 }
@group(1) @binding(0) var<uniform> shape: Shape;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let i = place(group, groups, local);
    if i >= shape.len { return; }
    let row = i / shape.width;
    let token = min(u32(max(tokens[shape.tokens + row % shape.count], 0.0)), shape.rows - 1u);
    let line = (shape.first_row + row) / shape.count * shape.rows + token;
    if line < shape.first || line - shape.first >= shape.lines { return; }
    let at = (line - shape.first) * shape.width + i % shape.width;
    var value = table[shape.table + at];
    if shape.taus > 0u { value += tau[shape.tau + (row / shape.positions) % shape.taus] * step_[shape.step_ + at]; }
    out[shape.out + i] = value;
}
