// Sums over several products of a large tile. The operation gives find_row(i), whether a row has a part in the product, and
// factor(j), what the product counts in that row.
var<private> sum0l: vec4<f32>;
var<private> sum0r: vec4<f32>;
var<private> sum1l: vec4<f32>;
var<private> sum1r: vec4<f32>;
var<private> sum2l: vec4<f32>;
var<private> sum2r: vec4<f32>;
var<private> sum3l: vec4<f32>;
var<private> sum3r: vec4<f32>;
var<private> sum4l: vec4<f32>;
var<private> sum4r: vec4<f32>;
var<private> sum5l: vec4<f32>;
var<private> sum5r: vec4<f32>;
var<private> sum6l: vec4<f32>;
var<private> sum6r: vec4<f32>;
var<private> sum7l: vec4<f32>;
var<private> sum7r: vec4<f32>;

// sum += factor acc.
fn add_product(local: u32) {
    let i = local / wide * 4u;
    let j = local % wide * 4u;
    if find_row(i) {
        sum0l = fma(factor(j), acc0l, sum0l);
        sum0r = fma(factor(j + 64u), acc0r, sum0r);
    }
    if find_row(i + 1u) {
        sum1l = fma(factor(j), acc1l, sum1l);
        sum1r = fma(factor(j + 64u), acc1r, sum1r);
    }
    if find_row(i + 2u) {
        sum2l = fma(factor(j), acc2l, sum2l);
        sum2r = fma(factor(j + 64u), acc2r, sum2r);
    }
    if find_row(i + 3u) {
        sum3l = fma(factor(j), acc3l, sum3l);
        sum3r = fma(factor(j + 64u), acc3r, sum3r);
    }
    if find_row(i + 64u) {
        sum4l = fma(factor(j), acc4l, sum4l);
        sum4r = fma(factor(j + 64u), acc4r, sum4r);
    }
    if find_row(i + 65u) {
        sum5l = fma(factor(j), acc5l, sum5l);
        sum5r = fma(factor(j + 64u), acc5r, sum5r);
    }
    if find_row(i + 66u) {
        sum6l = fma(factor(j), acc6l, sum6l);
        sum6r = fma(factor(j + 64u), acc6r, sum6r);
    }
    if find_row(i + 67u) {
        sum7l = fma(factor(j), acc7l, sum7l);
        sum7r = fma(factor(j + 64u), acc7r, sum7r);
    }
}

fn own_line(line: u32) -> vec4<f32> {
    switch line {
        case 0u: { return sum0l; }
        case 1u: { return sum0r; }
        case 2u: { return sum1l; }
        case 3u: { return sum1r; }
        case 4u: { return sum2l; }
        case 5u: { return sum2r; }
        case 6u: { return sum3l; }
        case 7u: { return sum3r; }
        case 8u: { return sum4l; }
        case 9u: { return sum4r; }
        case 10u: { return sum5l; }
        case 11u: { return sum5r; }
        case 12u: { return sum6l; }
        case 13u: { return sum6r; }
        case 14u: { return sum7l; }
        default: { return sum7r; }
    }
}
