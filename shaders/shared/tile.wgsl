// A square tile of a product: what a workgroup of wide × wide invocations computes, in parts of 4 rows by 4 columns.
//
// Both factors lie in workgroup memory depth by depth, four rows (or columns) to a vector. A depth is padded by one
// vector, so that what neighbouring invocations write falls into different banks. The operation gives find_lines(i, j): where
// the four rows from i and the four columns from j of the tile begin, those beyond the end anywhere in their arrays; and
// fetch_left(k) and fetch_right(k), these at one depth.
override side: u32 = 64u;
override breadth: u32 = 64u;
override wide: u32 = 16u;
override deep: u32 = 16u;
override invocations: u32 = 256u;
// side / 4 + 1, and `deep` of them.
override pitch: u32 = 17u;
override stored: u32 = 272u;
var<workgroup> tile_a: array<vec4<f32>, stored>;
var<workgroup> tile_b: array<vec4<f32>, stored>;

// acc = Σ_k left right. What comes next is fetched while the last is multiplied.
fn product(depth: u32, local: u32) {
    clear();
    let y = local / wide;
    let x = local % wide;
    let group = local / deep;
    var k = local % deep;
    let stored_at = k * pitch + group;
    let is_right = breadth == side || 4u * group < breadth;
    find_lines(4u * group, 4u * group);
    // One turn more than there are tiles: each fetches a tile, multiplies the one before and stores its own.
    for (var turn = 0u; turn < depth + deep; turn += deep) {
        var a = vec4<f32>();
        var b = vec4<f32>();
        if k < depth {
            a = fetch_left(k);
            if is_right { b = fetch_right(k); }
        }
        k += deep;
        if turn > 0u { multiply(y, x); }
        workgroupBarrier();
        tile_a[stored_at] = a;
        if is_right { tile_b[stored_at] = b; }
        workgroupBarrier();
    }
}

// Hands every entry to the operation, a part of 4 × 4 at a time and of that a row: through workgroup memory, so that
// neighbours get neighbouring columns.
fn put_all(local: u32) {
    for (var line = 0u; line < LINES; line++) {
        workgroupBarrier();
        tile_a[local] = own_line(line);
        workgroupBarrier();
        for (var entry = local; entry < 4u * invocations; entry += invocations) {
            let vector = entry / 4u;
            let i = line_row(line) + vector / wide * 4u;
            let j = line_column(line) + vector % wide * 4u + entry % 4u;
            put(i, j, tile_a[vector][entry % 4u]);
        }
    }
}

// Four neighbours, of which those that are not below the count stay at its last.
fn clamped(first: u32, count: u32) -> vec4<u32> {
    let all = first + vec4<u32>(0u, 1u, 2u, 3u);
    return select(vec4<u32>(count - 1u), all, all < vec4<u32>(count));
}
