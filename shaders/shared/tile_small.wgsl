// The registers of a small tile: an invocation has one part of 4 × 4 entries.
const LINES = 4u;
var<private> acc0: vec4<f32>;
var<private> acc1: vec4<f32>;
var<private> acc2: vec4<f32>;
var<private> acc3: vec4<f32>;

// Where a line of the first invocation lies.
fn line_row(line: u32) -> u32 { return line; }

fn line_column(line: u32) -> u32 { return 0u; }

fn clear() {
    acc0 = vec4<f32>();
    acc1 = vec4<f32>();
    acc2 = vec4<f32>();
    acc3 = vec4<f32>();
}

fn multiply(y: u32, x: u32) {
    for (var k = 0u; k < deep; k++) {
        let a = tile_a[k * pitch + y];
        let b = tile_b[k * pitch + x];
        acc0 = fma(a.xxxx, b, acc0);
        acc1 = fma(a.yyyy, b, acc1);
        acc2 = fma(a.zzzz, b, acc2);
        acc3 = fma(a.wwww, b, acc3);
    }
}
