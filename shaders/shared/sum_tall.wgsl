// Sums over several products of a tall tile. The operation gives find_row(i), whether a row has a part in the product, and
// factor(j), what the product counts in that row.
var<private> sum0: vec4<f32>;
var<private> sum1: vec4<f32>;
var<private> sum2: vec4<f32>;
var<private> sum3: vec4<f32>;
var<private> sum4: vec4<f32>;
var<private> sum5: vec4<f32>;
var<private> sum6: vec4<f32>;
var<private> sum7: vec4<f32>;

// sum += factor acc.
fn add_product(local: u32) {
    let i = local / wide * 4u;
    let j = local % wide * 4u;
    if find_row(i) {
        sum0 = fma(factor(j), acc0, sum0);
    }
    if find_row(i + 1u) {
        sum1 = fma(factor(j), acc1, sum1);
    }
    if find_row(i + 2u) {
        sum2 = fma(factor(j), acc2, sum2);
    }
    if find_row(i + 3u) {
        sum3 = fma(factor(j), acc3, sum3);
    }
    if find_row(i + 64u) {
        sum4 = fma(factor(j), acc4, sum4);
    }
    if find_row(i + 65u) {
        sum5 = fma(factor(j), acc5, sum5);
    }
    if find_row(i + 66u) {
        sum6 = fma(factor(j), acc6, sum6);
    }
    if find_row(i + 67u) {
        sum7 = fma(factor(j), acc7, sum7);
    }
}

fn own_line(line: u32) -> vec4<f32> {
    switch line {
        case 0u: { return sum0; }
        case 1u: { return sum1; }
        case 2u: { return sum2; }
        case 3u: { return sum3; }
        case 4u: { return sum4; }
        case 5u: { return sum5; }
        case 6u: { return sum6; }
        default: { return sum7; }
    }
}
