// The registers of a tall tile, 128 × 64: an invocation has two parts of 4 × 4 entries, 64 rows apart.
const LINES = 8u;
var<private> acc0: vec4<f32>;
var<private> acc1: vec4<f32>;
var<private> acc2: vec4<f32>;
var<private> acc3: vec4<f32>;
var<private> acc4: vec4<f32>;
var<private> acc5: vec4<f32>;
var<private> acc6: vec4<f32>;
var<private> acc7: vec4<f32>;

// Where a line of the first invocation lies.
fn line_row(line: u32) -> u32 { return line / 4u * 64u + line % 4u; }

fn line_column(line: u32) -> u32 { return 0u; }

fn clear() {
    acc0 = vec4<f32>();
    acc1 = vec4<f32>();
    acc2 = vec4<f32>();
    acc3 = vec4<f32>();
    acc4 = vec4<f32>();
    acc5 = vec4<f32>();
    acc6 = vec4<f32>();
    acc7 = vec4<f32>();
}

fn multiply(y: u32, x: u32) {
    for (var k = 0u; k < deep; k++) {
        let a = tile_a[k * pitch + y];
        let c = tile_a[k * pitch + y + 16u];
        let b = tile_b[k * pitch + x];
        acc0 = fma(a.xxxx, b, acc0);
        acc1 = fma(a.yyyy, b, acc1);
        acc2 = fma(a.zzzz, b, acc2);
        acc3 = fma(a.wwww, b, acc3);
        acc4 = fma(c.xxxx, b, acc4);
        acc5 = fma(c.yyyy, b, acc5);
        acc6 = fma(c.zzzz, b, acc6);
        acc7 = fma(c.wwww, b, acc7);
    }
}
