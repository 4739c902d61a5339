// out = start + s_r Σ_k a[r, k] b[k, c].
@group(0) @binding(0) var<storage, read_write> out: array<f32>;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read> tau: array<f32>;
struct Shape { out: u32, a: u32, b: u32, tau: u32, rows: u32, columns: u32, depth: u32, out_row: u32, a_row: u32, b_row: u32, b_column: u32, positions: u32, taus: u32, keep: u32, across: u32, start: f32 }
@group(1) @binding(0) var<uniform> shape: Shape;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let tile = group.y * groups.x + group.x;
    let first = tile / shape.across * 64u;
    let left = tile % shape.across * 64u;
    clear();
    for (var deep = 0u; deep < shape.depth; deep += 16u) {
        for (var n = local; n < 1024u; n += 256u) {
            let k = deep + n % 16u;
            let row = first + n / 16u;
            var value = 0.0;
            if row < shape.rows && k < shape.depth { value = a[shape.a + row * shape.a_row + k]; }
            tile_a[n % 16u * 65u + n / 16u] = value;
            let column = left + n % 64u;
            let other = deep + n / 64u;
            value = 0.0;
            if column < shape.columns && other < shape.depth { value = b[shape.b + other * shape.b_row + column * shape.b_column]; }
            tile_b[n / 64u * 65u + n % 64u] = value;
        }
        workgroupBarrier();
        multiply(local % 16u, local / 16u);
        workgroupBarrier();
    }
    for (var i = 0u; i < 4u; i++) {
        let row = first + local / 16u + 16u * i;
        if row >= shape.rows { continue; }
        var scale = 1.0;
        if shape.taus > 0u { scale = tau[shape.tau + (row / shape.positions) % shape.taus]; }
        for (var j = 0u; j < 4u; j++) {
            let column = left + local % 16u + 16u * j;
            if column >= shape.columns { continue; }
            let at = shape.out + row * shape.out_row + column;
            out[at] = select(shape.start, out[at], shape.keep > 0u) + scale * acc[i][j];
        }
    }
}
