// The registers of a large tile: an invocation has four parts of 4 × 4 entries, 64 rows and columns apart. One row each: left
// half l, right half r.
const LINES = 16u;
var<private> acc0l: vec4<f32>;
var<private> acc0r: vec4<f32>;
var<private> acc1l: vec4<f32>;
var<private> acc1r: vec4<f32>;
var<private> acc2l: vec4<f32>;
var<private> acc2r: vec4<f32>;
var<private> acc3l: vec4<f32>;
var<private> acc3r: vec4<f32>;
var<private> acc4l: vec4<f32>;
var<private> acc4r: vec4<f32>;
var<private> acc5l: vec4<f32>;
var<private> acc5r: vec4<f32>;
var<private> acc6l: vec4<f32>;
var<private> acc6r: vec4<f32>;
var<private> acc7l: vec4<f32>;
var<private> acc7r: vec4<f32>;

// Where a line of the first invocation lies.
fn line_row(line: u32) -> u32 { return line / 8u * 64u + line / 2u % 4u; }

fn line_column(line: u32) -> u32 { return line % 2u * 64u; }

fn clear() {
    acc0l = vec4<f32>();
    acc0r = vec4<f32>();
    acc1l = vec4<f32>();
    acc1r = vec4<f32>();
    acc2l = vec4<f32>();
    acc2r = vec4<f32>();
    acc3l = vec4<f32>();
    acc3r = vec4<f32>();
    acc4l = vec4<f32>();
    acc4r = vec4<f32>();
    acc5l = vec4<f32>();
    acc5r = vec4<f32>();
    acc6l = vec4<f32>();
    acc6r = vec4<f32>();
    acc7l = vec4<f32>();
    acc7r = vec4<f32>();
}

fn multiply(y: u32, x: u32) {
    for (var k = 0u; k < deep; k++) {
        let a = tile_a[k * pitch + y];
        let c = tile_a[k * pitch + y + 16u];
        let b = tile_b[k * pitch + x];
        let d = tile_b[k * pitch + x + 16u];
        acc0l = fma(a.xxxx, b, acc0l);
        acc0r = fma(a.xxxx, d, acc0r);
        acc1l = fma(a.yyyy, b, acc1l);
        acc1r = fma(a.yyyy, d, acc1r);
        acc2l = fma(a.zzzz, b, acc2l);
        acc2r = fma(a.zzzz, d, acc2r);
        acc3l = fma(a.wwww, b, acc3l);
        acc3r = fma(a.wwww, d, acc3r);
        acc4l = fma(c.xxxx, b, acc4l);
        acc4r = fma(c.xxxx, d, acc4r);
        acc5l = fma(c.yyyy, b, acc5l);
        acc5r = fma(c.yyyy, d, acc5r);
        acc6l = fma(c.zzzz, b, acc6l);
        acc6r = fma(c.zzzz, d, acc6r);
        acc7l = fma(c.wwww, b, acc7l);
        acc7r = fma(c.wwww, d, acc7r);
    }
}
