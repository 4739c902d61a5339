// Sums over several products of a small tile. The operation gives find_row(i), whether a row has a part in the product, and
// factor(j), what the product counts in that row.
var<private> sum0: vec4<f32>;
var<private> sum1: vec4<f32>;
var<private> sum2: vec4<f32>;
var<private> sum3: vec4<f32>;

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
}

fn own_line(line: u32) -> vec4<f32> {
    switch line {
        case 0u: { return sum0; }
        case 1u: { return sum1; }
        case 2u: { return sum2; }
        default: { return sum3; }
    }
}
