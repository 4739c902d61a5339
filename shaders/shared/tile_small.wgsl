// A square tile of a product by invocations of 4 × 4 entries each: 32 × 32 by 64 of them or 64 × 64 by 256.
//
// Both factors lie in workgroup memory depth by depth, four rows (or columns) to a vector. A depth is padded by one
// vector, so that what neighbouring invocations write falls into different banks. The operation gives fetch_left(row,
// k) and fetch_right(column, k): four rows (columns) of the tile at one depth, zeros beyond the end.
const DEPTH = 16u;
override side: u32 = 64u;
override invocations: u32 = 256u;
// side / 4 + 1, and DEPTH of them.
override pitch: u32 = 17u;
override stored: u32 = 272u;
var<workgroup> tile_a: array<vec4<f32>, stored>;
var<workgroup> tile_b: array<vec4<f32>, stored>;
// One row of this invocation's entries each.
var<private> acc0: vec4<f32>;
var<private> acc1: vec4<f32>;
var<private> acc2: vec4<f32>;
var<private> acc3: vec4<f32>;
// This invocation's first row and column.
var<private> own_row: u32;
var<private> own_column: u32;

fn locate(local: u32) {
    own_row = local / (side / 4u) * 4u;
    own_column = local % (side / 4u) * 4u;
}

// acc = Σ_k left right. What comes next is fetched while the last is multiplied.
fn product(depth: u32, local: u32) {
    acc0 = vec4<f32>();
    acc1 = vec4<f32>();
    acc2 = vec4<f32>();
    acc3 = vec4<f32>();
    let k = local % DEPTH;
    let group = local / DEPTH;
    // The smaller tile has half as many invocations as vectors.
    let twice = side < 64u;
    let other = group + 4u;
    // One round more than there are tiles: each fetches a tile, multiplies the one before and stores its own.
    for (var deep = 0u; deep < depth + DEPTH; deep += DEPTH) {
        let a = fetch_left(4u * group, deep + k);
        let b = fetch_right(4u * group, deep + k);
        var c = vec4<f32>();
        var d = vec4<f32>();
        if twice {
            c = fetch_left(4u * other, deep + k);
            d = fetch_right(4u * other, deep + k);
        }
        if deep > 0u { multiply(); }
        workgroupBarrier();
        tile_a[k * pitch + group] = a;
        tile_b[k * pitch + group] = b;
        if twice {
            tile_a[k * pitch + other] = c;
            tile_b[k * pitch + other] = d;
        }
        workgroupBarrier();
    }
}

fn multiply() {
    let y = own_row / 4u;
    let x = own_column / 4u;
    for (var k = 0u; k < DEPTH; k++) {
        let a = tile_a[k * pitch + y];
        let b = tile_b[k * pitch + x];
        acc0 = fma(a.xxxx, b, acc0);
        acc1 = fma(a.yyyy, b, acc1);
        acc2 = fma(a.zzzz, b, acc2);
        acc3 = fma(a.wwww, b, acc3);
    }
}
