// Whole gradient rows applied to the examples' inputs: out[r, (i, p), k] = Σ_j left[r, k, j] input[(i, p), j] + bias[r, k].
@group(0) @binding(0) var<storage, read_write> out: array<f32>;
@group(0) @binding(1) var<storage, read> left: array<f32>;
@group(0) @binding(2) var<storage, read> input_: array<f32>;
struct Shape { out: u32, left: u32, input_: u32, rows: u32, columns: u32, height: u32, width: u32, length: u32, bias: u32, across: u32 }
@group(1) @binding(0) var<uniform> shape: Shape;
// The tile's corner: its rows are pairs (i, p), its columns pairs (r, k).
var<private> top: u32;
var<private> edge: u32;

// Where the rows and columns that are fetched begin.
var<private> rows: vec4<u32>;
var<private> columns: vec4<u32>;

fn find_lines(i: u32, j: u32) {
    rows = shape.input_ + clamped(top + i, shape.rows) * shape.width;
    let pairs = clamped(edge + j, shape.columns);
    columns = shape.left + pairs / shape.height * shape.length + pairs % shape.height * shape.width;
}

fn fetch_left(k: u32) -> vec4<f32> {
    return vec4<f32>(input_[rows.x + k], input_[rows.y + k], input_[rows.z + k], input_[rows.w + k]);
}

fn fetch_right(k: u32) -> vec4<f32> {
    return vec4<f32>(left[columns.x + k], left[columns.y + k], left[columns.z + k], left[columns.w + k]);
}

fn put(i: u32, j: u32, value: f32) {
    let row = top + i;
    let column = edge + j;
    if row >= shape.rows || column >= shape.columns { return; }
    let r = column / shape.height;
    let k = column % shape.height;
    var sum = value;
    if shape.bias > 0u { sum += left[shape.left + r * shape.length + shape.height * shape.width + k]; }
    out[shape.out + (r * shape.rows + row) * shape.height + k] = sum;
}

@compute @workgroup_size(invocations)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let tile = group.y * groups.x + group.x;
    top = tile / shape.across * side;
    edge = tile % shape.across * breadth;
    product(shape.width, local);
    put_all(local);
}
