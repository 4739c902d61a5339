// A tile of a product, 128 × 128, by 256 invocations of 8 × 8 entries each: rows 4y to 4y + 3 and 64 + 4y to
// 64 + 4y + 3, columns likewise, so that neighbours read neighbouring vectors. Otherwise as in tile_small.wgsl.
const DEPTH = 8u;
override side: u32 = 128u;
override invocations: u32 = 256u;
override pitch: u32 = 33u;
override stored: u32 = 264u;
var<workgroup> tile_a: array<vec4<f32>, stored>;
var<workgroup> tile_b: array<vec4<f32>, stored>;
// One row of this invocation's entries each: left half l, right half r.
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
// This invocation's first row and column.
var<private> own_row: u32;
var<private> own_column: u32;

fn locate(local: u32) {
    own_row = local / 16u * 4u;
    own_column = local % 16u * 4u;
}

// acc = Σ_k left right. What comes next is fetched while the last is multiplied.
fn product(depth: u32, local: u32) {
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
    let k = local % DEPTH;
    let group = local / DEPTH;
    for (var deep = 0u; deep < depth + DEPTH; deep += DEPTH) {
        let a = fetch_left(4u * group, deep + k);
        let b = fetch_right(4u * group, deep + k);
        if deep > 0u { multiply(); }
        workgroupBarrier();
        tile_a[k * pitch + group] = a;
        tile_b[k * pitch + group] = b;
        workgroupBarrier();
    }
}

fn multiply() {
    let y = own_row / 4u;
    let x = own_column / 4u;
    for (var k = 0u; k < DEPTH; k++) {
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
