// Whole gradient rows applied to the examples' inputs: out[r, (i, p), k] = Σ_j left[r, k, j] input[(i, p), j] + bias[r, k].
@group(0) @binding(0) var<storage, read_write> out: array<f32>;
@group(0) @binding(1) var<storage, read> left: array<f32>;
@group(0) @binding(2) var<storage, read> input_: array<f32>;
struct Shape { out: u32, left: u32, input_: u32, rows: u32, columns: u32, height: u32, width: u32, length: u32, bias: u32, across: u32 }
@group(1) @binding(0) var<uniform> shape: Shape;
// The tile's corner: its rows are pairs (i, p), its columns pairs (r, k).
var<private> top: u32;
var<private> edge: u32;

fn at_left(row: u32, k: u32) -> f32 {
    var value = 0.0;
    if row < shape.rows && k < shape.width { value = input_[shape.input_ + row * shape.width + k]; }
    return value;
}

fn at_right(column: u32, k: u32) -> f32 {
    var value = 0.0;
    if column < shape.columns && k < shape.width {
        value = left[shape.left + column / shape.height * shape.length + column % shape.height * shape.width + k];
    }
    return value;
}

fn fetch_left(i: u32, k: u32) -> vec4<f32> {
    let row = top + i;
    return vec4<f32>(at_left(row, k), at_left(row + 1u, k), at_left(row + 2u, k), at_left(row + 3u, k));
}

fn fetch_right(j: u32, k: u32) -> vec4<f32> {
    let column = edge + j;
    return vec4<f32>(at_right(column, k), at_right(column + 1u, k), at_right(column + 2u, k), at_right(column + 3u, k));
}

fn put_one(row: u32, column: u32, value: f32) {
    if column >= shape.columns { return; }
    let r = column / shape.height;
    let k = column % shape.height;
    var sum = value;
    if shape.bias > 0u { sum += left[shape.left + r * shape.length + shape.height * shape.width + k]; }
    out[shape.out + (r * shape.rows + row) * shape.height + k] = sum;
}

fn put(i: u32, j: u32, value: vec4<f32>) {
    let row = top + i;
    if row >= shape.rows { return; }
    let column = edge + j;
    put_one(row, column, value.x);
    put_one(row, column + 1u, value.y);
    put_one(row, column + 2u, value.z);
    put_one(row, column + 3u, value.w);
}

@compute @workgroup_size(invocations)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let tile = group.y * groups.x + group.x;
    top = tile / shape.across * side;
    edge = tile % shape.across * side;
    locate(local);
    product(shape.width, local);
    put_all();
}
