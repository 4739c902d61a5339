// The fused product: a workgroup owns 64 outputs × 64 columns and goes through their rows, positions and depth.
@group(0) @binding(0) var<storage, read_write> out: array<f32>;
@group(0) @binding(1) var<storage, read> left: array<f32>;
@group(0) @binding(2) var<storage, read> right: array<f32>;
@group(0) @binding(3) var<storage, read> products: array<f32>;
@group(0) @binding(4) var<storage, read> offsets: array<u32>;
@group(0) @binding(5) var<storage, read> inputs: array<u32>;
@group(0) @binding(6) var<storage, read> weights: array<f32>;
@group(0) @binding(7) var<storage, read> columns: array<u32>;
struct Shape { out: u32, left: u32, right: u32, products: u32, offsets: u32, inputs: u32, weights: u32, columns: u32, first: u32, first_row: u32, first_base: u32, outputs: u32, first_column: u32, count: u32, examples: u32, positions: u32, depth: u32, stride: u32, longest: u32, weighted: u32, across: u32, scale: f32 }
@group(1) @binding(0) var<uniform> shape: Shape;
// The row of each output of the tile in this round, or NONE.
const NONE = 0xffffffffu;
var<workgroup> rows: array<u32, 64>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let tile = group.y * groups.x + group.x;
    let top = tile / shape.across * 64u;
    let side = tile % shape.across * 64u;
    var total = array<vec4<f32>, 4>();
    for (var round_ = 0u; round_ < shape.longest; round_++) {
        if local < 64u {
            var row = NONE;
            if top + local < shape.outputs {
                let output = shape.first + top + local;
                row = offsets[output] + round_;
                if row >= offsets[output + 1u] { row = NONE; }
            }
            rows[local] = row;
        }
        workgroupBarrier();
        for (var pair = 0u; pair < shape.positions * shape.positions; pair++) {
            let p = pair / shape.positions;
            let q = pair % shape.positions;
            clear();
            for (var deep = 0u; deep < shape.depth; deep += 16u) {
                for (var n = local; n < 1024u; n += 256u) {
                    let k = deep + n % 16u;
                    let row = rows[n / 16u];
                    let column = side + n / 16u;
                    var a = 0.0;
                    var b = 0.0;
                    if k < shape.depth {
                        if row != NONE { a = left[shape.left + ((row - shape.first_row) * shape.positions + p) * shape.depth + k]; }
                        if column < shape.count { b = right[shape.right + (column * shape.positions + q) * shape.depth + k]; }
                    }
                    tile_a[n % 16u * 65u + n / 16u] = a;
                    tile_b[n % 16u * 65u + n / 16u] = b;
                }
                workgroupBarrier();
                multiply(local % 16u, local / 16u);
                workgroupBarrier();
            }
            for (var i = 0u; i < 4u; i++) {
                let row = rows[local / 16u + 16u * i];
                if row == NONE { continue; }
                let omega = weights[row];
                for (var j = 0u; j < 4u; j++) {
                    let column = side + local % 16u + 16u * j;
                    if column >= shape.count { continue; }
                    var g = 1.0;
                    if shape.weighted > 0u {
                        g = products[shape.products + ((inputs[row] - shape.first_base) * shape.positions + p) * shape.examples * shape.positions + (shape.first_column + column) % shape.examples * shape.positions + q];
                    }
                    total[i][j] += omega * g * acc[i][j];
                }
            }
        }
        workgroupBarrier();
    }
    for (var n = 0u; n < 16u; n++) {
        let output = top + local / 16u + n / 4u * 16u;
        let column = side + local % 16u + n % 4u * 16u;
        if output < shape.outputs && column < shape.count {
            out[shape.out + output * shape.stride + columns[shape.columns + column]] += shape.scale * total[n / 4u][n % 4u];
        }
    }
}
