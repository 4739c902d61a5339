// A 64 × 64 tile of a product, 16 deep, by 256 invocations of 4 × 4 entries each. Rows of the tiles are padded by one.
var<workgroup> tile_a: array<f32, 1040>;
var<workgroup> tile_b: array<f32, 1040>;
var<private> acc: array<vec4<f32>, 4>;

fn clear() {
    acc = array<vec4<f32>, 4>();
}

fn multiply(x: u32, y: u32) {
    for (var k = 0u; k < 16u; k++) {
        let a = k * 65u + y;
        let b = k * 65u + x;
        let right = vec4<f32>(tile_b[b], tile_b[b + 16u], tile_b[b + 32u], tile_b[b + 48u]);
        acc[0] += tile_a[a] * right;
        acc[1] += tile_a[a + 16u] * right;
        acc[2] += tile_a[a + 32u] * right;
        acc[3] += tile_a[a + 48u] * right;
    }
}
