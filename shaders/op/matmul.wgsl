// out = start + s_r Σ_k a[r, k] b[k, c].
@group(0) @binding(0) var<storage, read_write> out: array<f32>;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read> tau: array<f32>;
struct Shape { out: u32, a: u32, b: u32, tau: u32, rows: u32, columns: u32, depth: u32, out_row: u32, a_row: u32, b_row: u32, b_column: u32, positions: u32, taus: u32, keep: u32, across: u32, start: f32 }
@group(1) @binding(0) var<uniform> shape: Shape;
// The tile's corner.
var<private> top: u32;
var<private> left: u32;
// Where the rows and columns that are fetched begin, and what lies between two depths of a column.
var<private> rows: vec4<u32>;
var<private> columns: vec4<u32>;
var<private> b_step: u32;

fn find_lines(i: u32, j: u32) {
    rows = shape.a + clamped(top + i, shape.rows) * shape.a_row;
    columns = shape.b + clamped(left + j, shape.columns) * shape.b_column;
    b_step = shape.b_row;
}

fn fetch_left(k: u32) -> vec4<f32> {
    return vec4<f32>(a[rows.x + k], a[rows.y + k], a[rows.z + k], a[rows.w + k]);
}

fn fetch_right(k: u32) -> vec4<f32> {
    let at = columns + k * b_step;
    return vec4<f32>(b[at.x], b[at.y], b[at.z], b[at.w]);
}

fn put(i: u32, j: u32, value: f32) {
    let row = top + i;
    let column = left + j;
    if row >= shape.rows || column >= shape.columns { return; }
    var scale = 1.0;
    if shape.taus > 0u { scale = tau[shape.tau + (row / shape.positions) % shape.taus]; }
    let at = shape.out + row * shape.out_row + column;
    var start = shape.start;
    if shape.keep > 0u { start = out[at]; }
    out[at] = fma(scale, value, start);
}

@compute @workgroup_size(invocations)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let tile = group.y * groups.x + group.x;
    top = tile / shape.across * side;
    left = tile % shape.across * breadth;
    product(shape.depth, local);
    put_all(local);
}
