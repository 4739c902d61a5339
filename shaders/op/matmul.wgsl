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

fn at_left(row: u32, k: u32) -> f32 {
    var value = 0.0;
    if row < shape.rows && k < shape.depth { value = a[shape.a + row * shape.a_row + k]; }
    return value;
}

fn at_right(column: u32, k: u32) -> f32 {
    var value = 0.0;
    if column < shape.columns && k < shape.depth { value = b[shape.b + k * shape.b_row + column * shape.b_column]; }
    return value;
}

fn fetch_left(i: u32, k: u32) -> vec4<f32> {
    let row = top + i;
    return vec4<f32>(at_left(row, k), at_left(row + 1u, k), at_left(row + 2u, k), at_left(row + 3u, k));
}

fn fetch_right(j: u32, k: u32) -> vec4<f32> {
    let column = left + j;
    return vec4<f32>(at_right(column, k), at_right(column + 1u, k), at_right(column + 2u, k), at_right(column + 3u, k));
}

fn put_one(row: u32, column: u32, scale: f32, value: f32) {
    if column < shape.columns {
        let at = shape.out + row * shape.out_row + column;
        out[at] = fma(scale, value, select(shape.start, out[at], shape.keep > 0u));
    }
}

fn put(i: u32, j: u32, value: vec4<f32>) {
    let row = top + i;
    if row >= shape.rows { return; }
    var scale = 1.0;
    if shape.taus > 0u { scale = tau[shape.tau + (row / shape.positions) % shape.taus]; }
    let column = left + j;
    put_one(row, column, scale, value.x);
    put_one(row, column + 1u, scale, value.y);
    put_one(row, column + 2u, scale, value.z);
    put_one(row, column + 3u, scale, value.w);
}

@compute @workgroup_size(invocations)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let tile = group.y * groups.x + group.x;
    top = tile / shape.across * side;
    left = tile % shape.across * side;
    locate(local);
    product(shape.depth, local);
    put_all();
}
