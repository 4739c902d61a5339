// The fused product: a workgroup keeps a tile of outputs in registers over the rows, positions and depth of a part, and
// over what is looked up besides, and adds it to the accumulators at its end.
//
// Rows (c, q) and columns (d, i) count from the block's first. Diagonal has a batch for each output, Trace goes through
// the outputs within the tile; both step from one output's rows and columns to the next one's.
@group(0) @binding(0) var<storage, read_write> out: array<f32>;
@group(0) @binding(1) var<storage, read_write> other_out: array<f32>;
// The block's part of: offsets of the map, inputs and weights (bits) of its rows, columns, and the columns' weights for
// either accumulator (bits). See gram_table.wgsl.
@group(0) @binding(2) var<storage, read> table: array<u32>;
// 3 and 4, left and right, and how they are stored: see shared/store_f32.wgsl and shared/store_f16.wgsl.
@group(0) @binding(5) var<storage, read> products: array<f32>;
@group(0) @binding(6) var<storage, read> seen_left: array<f32>;
@group(0) @binding(7) var<storage, read> seen_right: array<f32>;
struct Shape {
    out: u32, other_out: u32, table: u32, left: u32, right: u32, products: u32, seen_left: u32, seen_right: u32,
    // The grid of tiles and the block that it covers.
    across: u32, down: u32, batches: u32, copies: u32, rows: u32, columns: u32, row_step: u32, column_step: u32,
    // The block's first row and column, and of what those are pairs.
    first_row: u32, first_column: u32, outputs: u32, queries: u32, examples: u32, first_example: u32,
    // The part: its size, and the first row and base row that are bound.
    positions: u32, depth: u32, first_map_row: u32, first_base: u32,
    // What is looked up: the summed dimension, the first line of G that is bound, and G's lines or Z's examples.
    seen_depth: u32, seen_first: u32, seen_width: u32,
    // Places in the table.
    inputs: u32, weights: u32, targets: u32, column_weights: u32, other_weights: u32,
    // The accumulators.
    full: u32, stride: u32, row_length: u32, within: u32, count: u32, weighted: u32, other_weighted: u32,
    triangle: u32, diagonal: u32, scale: f32, other_scale: f32,
}
@group(1) @binding(0) var<uniform> shape: Shape;
// What the product is of: NOTHING, ROWS or FACTORED.
override part: u32 = 0u;
// Whether a tile sums several products: of rounds, positions or copies.
override summed: bool = false;
// What is looked up: NOTHING, OUTPUT or HALF.
override seen: u32 = 0u;
const NOTHING = 0u;
const ROWS = 1u;
const FACTORED = 2u;
const OUTPUT = 1u;
const HALF = 2u;
const NONE = 0xffffffffu;

// Of the tile's rows in this round: where the left factor begins or NONE, the weight, where the base row's products begin.
var<workgroup> starts: array<u32, side>;
var<workgroup> omegas: array<f32, side>;
var<workgroup> bases: array<u32, side>;
// Of the tile's columns: the example.
var<workgroup> examples: array<u32, breadth>;
var<workgroup> longest: atomic<u32>;
var<workgroup> rounds: u32;
// The tile's corner, within its batch and in the whole block; the pair of positions.
var<private> top: u32;
var<private> edge: u32;
var<private> row_corner: u32;
var<private> column_corner: u32;
var<private> own_position: u32;
var<private> other_position: u32;
// Where the rows and columns that are fetched begin.
var<private> rows: vec4<u32>;
var<private> columns: vec4<u32>;
// Of a row in a product: the weight, and where its products begin.
var<private> omega: f32;
var<private> line: u32;

fn find_lines(i: u32, j: u32) {
    let found = vec4<u32>(starts[i], starts[i + 1u], starts[i + 2u], starts[i + 3u]);
    let first = shape.right + (column_corner - edge) * shape.positions * shape.depth + other_position * shape.depth;
    rows = select(found, vec4<u32>(shape.left), found == vec4<u32>(NONE)) + own_position * shape.depth;
    columns = first + clamped(edge + j, shape.columns) * (shape.positions * shape.depth);
}

fn fetch_left(k: u32) -> vec4<f32> {
    return vec4<f32>(load_left(rows.x + k), load_left(rows.y + k), load_left(rows.z + k), load_left(rows.w + k));
}

fn fetch_right(k: u32) -> vec4<f32> {
    return vec4<f32>(load_right(columns.x + k), load_right(columns.y + k), load_right(columns.z + k), load_right(columns.w + k));
}

fn find_row(i: u32) -> bool {
    if part != FACTORED { return true; }
    omega = omegas[i];
    line = bases[i] + (own_position * shape.positions + other_position) * shape.examples;
    return starts[i] != NONE;
}

// ω_r G of four entries.
fn factor(j: u32) -> vec4<f32> {
    if part != FACTORED { return vec4<f32>(1.0); }
    return omega * vec4<f32>(products[line + examples[j]], products[line + examples[j + 1u]], products[line + examples[j + 2u]], products[line + examples[j + 3u]]);
}

// Looked up for one entry: G[q, i] right[(d, i), c], where G may have a line for each row (c, q), or Σ_e Z[(c, q), i, e] δ[(d, i), e].
fn looked_up(row: u32, column: u32, example: u32) -> f32 {
    if seen == OUTPUT {
        let c = (shape.first_row + row) / shape.queries;
        let line = (shape.first_row + row) % shape.seen_width - shape.seen_first;
        return seen_left[shape.seen_left + line * shape.examples + example] * seen_right[shape.seen_right + column * shape.outputs + c];
    }
    let z = shape.seen_left + (row * shape.seen_width + example) * shape.seen_depth;
    let delta = shape.seen_right + column * shape.seen_depth;
    var sum = 0.0;
    for (var e = 0u; e < shape.seen_depth; e++) { sum = fma(seen_left[z + e], seen_right[delta + e], sum); }
    return sum;
}

// Trace writes once for all outputs: to the first one's row.
fn put(i: u32, j: u32, value: f32) {
    if top + i >= shape.rows || edge + j >= shape.columns { return; }
    let row = row_corner + i;
    let column = column_corner + j;
    let example = examples[j];
    var sum = value;
    if seen != NOTHING {
        for (var copy = 0u; copy < shape.copies; copy++) {
            sum += looked_up(row + copy * shape.row_step, column + copy * shape.column_step, example);
        }
    }
    let d = (shape.first_column + column) / shape.examples;
    let at = row * shape.row_length + shape.full * d * shape.stride + table[shape.table + shape.targets + example] - shape.within;
    var scale = shape.scale;
    if shape.weighted > 0u { scale *= bitcast<f32>(table[shape.table + shape.column_weights + column]); }
    out[shape.out + at] = fma(scale, sum, out[shape.out + at]);
    if shape.count > 1u {
        scale = shape.other_scale;
        if shape.other_weighted > 0u { scale *= bitcast<f32>(table[shape.table + shape.other_weights + column]); }
        other_out[shape.other_out + at] = fma(scale, sum, other_out[shape.other_out + at]);
    }
}

// Whether every entry of the tile lies below the diagonal.
fn below(batch: u32) -> bool {
    if shape.triangle == 0u { return false; }
    let last_row = select(shape.rows, top + side, top + side < shape.rows) - 1u;
    let last_column = select(shape.columns, edge + breadth, edge + breadth < shape.columns) - 1u;
    let row = shape.first_row + batch * shape.row_step;
    let column = shape.first_column + batch * shape.column_step;
    if (row + top) / shape.queries != (row + last_row) / shape.queries { return false; }
    if (column + edge) / shape.examples != (column + last_column) / shape.examples { return false; }
    let example = (column + last_column) % shape.examples - shape.first_example;
    return table[shape.table + shape.targets + example] < shape.diagonal + (row + top) % shape.queries;
}

// The rows of the tile's outputs in a round of a part.
fn find_rows(local: u32, round_: u32) {
    for (var i = local; i < side; i += invocations) {
        var start = NONE;
        if top + i < shape.rows {
            var row = row_corner + i;
            if part == FACTORED {
                row = table[shape.table + row_corner + i] + round_;
                if row < table[shape.table + row_corner + i + 1u] {
                    row -= shape.first_map_row;
                    start = shape.left + row * shape.positions * shape.depth;
                    omegas[i] = bitcast<f32>(table[shape.table + shape.weights + row]);
                    let base = table[shape.table + shape.inputs + row] - shape.first_base;
                    bases[i] = shape.products + base * shape.positions * shape.positions * shape.examples;
                }
            } else {
                start = shape.left + row * shape.depth;
            }
        }
        starts[i] = start;
    }
    workgroupBarrier();
}

// How many rows the tile's longest output has; the same for all invocations.
fn count_rounds(local: u32) -> u32 {
    if part == ROWS { return 1u; }
    if local == 0u { atomicStore(&longest, 0u); }
    workgroupBarrier();
    for (var i = local; i < side; i += invocations) {
        if top + i < shape.rows {
            let at = shape.table + row_corner + i;
            atomicMax(&longest, table[at + 1u] - table[at]);
        }
    }
    workgroupBarrier();
    if local == 0u { rounds = atomicLoad(&longest); }
    return workgroupUniformLoad(&rounds);
}

fn find_corner(copy: u32) {
    row_corner = copy * shape.row_step + top;
    column_corner = copy * shape.column_step + edge;
}

// The same for every copy: from one to the next lie all examples.
fn find_examples(batch: u32, local: u32) {
    let corner = shape.first_column + batch * shape.column_step + edge;
    for (var j = local; j < breadth; j += invocations) {
        var example = 0u;
        if edge + j < shape.columns { example = (corner + j) % shape.examples - shape.first_example; }
        examples[j] = example;
    }
    workgroupBarrier();
}

// The products of all copies, rounds and pairs of positions.
fn add_products(batch: u32, local: u32) {
    for (var copy = 0u; copy < shape.copies; copy++) {
        find_corner(batch + copy);
        let most = count_rounds(local);
        for (var round_ = 0u; round_ < most; round_++) {
            workgroupBarrier();
            find_rows(local, round_);
            for (var pair = 0u; pair < shape.positions * shape.positions; pair++) {
                other_position = pair / shape.positions;
                own_position = pair % shape.positions;
                product(shape.depth, local);
                add_product(local);
            }
        }
    }
}

@compute @workgroup_size(invocations)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let tile = group.y * groups.x + group.x;
    let batch = tile / (shape.across * shape.down);
    if batch >= shape.batches { return; }
    top = tile / shape.across % shape.down * side;
    edge = tile % shape.across * breadth;
    if below(batch) { return; }
    find_examples(batch, local);
    if summed {
        add_products(batch, local);
    } else if part != NOTHING {
        find_corner(batch);
        find_rows(local, 0u);
        product(shape.depth, local);
        add_product(local);
    }
    find_corner(batch);
    put_all(local);
}
