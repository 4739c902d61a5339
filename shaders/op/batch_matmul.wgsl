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

fn at_left(line: u32, k: u32) -> f32 {
    var value = 0.0;
    if line < shape.lines && k < shape.depth { value = a[a_start + line * shape.a_line + k * shape.a_column]; }
    return value;
}

fn at_right(column: u32, k: u32) -> f32 {
    var value = 0.0;
    if column < shape.columns && k < shape.depth { value = b[b_start + k * shape.b_line + column * shape.b_column]; }
    return value;
}

fn fetch_left(i: u32, k: u32) -> vec4<f32> {
    let line = top + i;
    return vec4<f32>(at_left(line, k), at_left(line + 1u, k), at_left(line + 2u, k), at_left(line + 3u, k));
}

fn fetch_right(j: u32, k: u32) -> vec4<f32> {
    let column = left + j;
    return vec4<f32>(at_right(column, k), at_right(column + 1u, k), at_right(column + 2u, k), at_right(column + 3u, k));
}

fn put_one(line: u32, column: u32, value: f32) {
    if column < shape.columns {
        let at = out_start + line * shape.out_line + column;
        out[at] = fma(shape.scale, value, select(shape.start, out[at], shape.keep > 0u));
    }
}

fn put(i: u32, j: u32, value: vec4<f32>) {
    let line = top + i;
    if line >= shape.lines { return; }
    let column = left + j;
    put_one(line, column, value.x);
    put_one(line, column + 1u, value.y);
    put_one(line, column + 2u, value.z);
    put_one(line, column + 3u, value.w);
}

@compute @workgroup_size(invocations)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let tile = group.y * groups.x + group.x;
    let product_number = tile / (shape.across * shape.down);
    let row = product_number / shape.batches;
    if row >= shape.rows { return; }
    let batch = product_number % shape.batches;
    top = tile % (shape.across * shape.down) / shape.across * side;
    left = tile % shape.across * side;
    out_start = shape.out + row * shape.out_row + batch * shape.out_batch;
    a_start = shape.a + row % shape.a_rows * shape.a_row + batch * shape.a_batch;
    b_start = shape.b + row % shape.b_rows * shape.b_row + batch * shape.b_batch;
    locate(local);
    product(shape.depth, local);
    put_all();
}
