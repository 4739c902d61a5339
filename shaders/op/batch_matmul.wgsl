// out[r, n, i, j] = start + scale Σ_k a[r, n, i, k] b[r, n, k, j], every matrix with strides of its own.
@group(0) @binding(0) var<storage, read_write> out: array<f32>;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
struct Shape {
    out: u32, a: u32, b: u32,
    rows: u32, batches: u32, lines: u32, columns: u32, depth: u32, out_row: u32, out_batch: u32, out_line: u32,
    a_rows: u32, a_row: u32, a_batch: u32, a_line: u32, a_column: u32,
    b_rows: u32, b_row: u32, b_batch: u32, b_line: u32, b_column: u32,
    down: u32, across: u32, keep: u32, start: f32, scale: f32
}
@group(1) @binding(0) var<uniform> shape: Shape;
// The tile's corner, and where its matrices begin.
var<private> top: u32;
var<private> left: u32;
var<private> out_start: u32;
var<private> a_start: u32;
var<private> b_start: u32;

// Where the lines and columns that are fetched begin, and what lies between two depths of them.
var<private> lines: vec4<u32>;
var<private> columns: vec4<u32>;
var<private> a_step: u32;
var<private> b_step: u32;

fn find_lines(i: u32, j: u32) {
    lines = a_start + clamped(top + i, shape.lines) * shape.a_line;
    columns = b_start + clamped(left + j, shape.columns) * shape.b_column;
    a_step = shape.a_column;
    b_step = shape.b_line;
}

fn fetch_left(k: u32) -> vec4<f32> {
    let at = lines + k * a_step;
    return vec4<f32>(a[at.x], a[at.y], a[at.z], a[at.w]);
}

fn fetch_right(k: u32) -> vec4<f32> {
    let at = columns + k * b_step;
    return vec4<f32>(b[at.x], b[at.y], b[at.z], b[at.w]);
}

fn put(i: u32, j: u32, value: f32) {
    let line = top + i;
    let column = left + j;
    if line >= shape.lines || column >= shape.columns { return; }
    let at = out_start + line * shape.out_line + column;
    var start = shape.start;
    if shape.keep > 0u { start = out[at]; }
    out[at] = fma(shape.scale, value, start);
}

@compute @workgroup_size(invocations)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let tile = group.y * groups.x + group.x;
    let product_number = tile / (shape.across * shape.down);
    let row = product_number / shape.batches;
    if row >= shape.rows { return; }
    let batch = product_number % shape.batches;
    top = tile % (shape.across * shape.down) / shape.across * side;
    left = tile % shape.across * breadth;
    out_start = shape.out + row * shape.out_row + batch * shape.out_batch;
    a_start = shape.a + row % shape.a_rows * shape.a_row + batch * shape.a_batch;
    b_start = shape.b + row % shape.b_rows * shape.b_row + batch * shape.b_batch;
    product(shape.depth, local);
    put_all(local);
}
