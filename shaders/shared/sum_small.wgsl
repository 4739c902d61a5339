// Sums over several products of a small tile. The operation gives factor(row, column), what each product counts, and
// looked_up(row, column), what is added besides.
var<private> sum0: vec4<f32>;
var<private> sum1: vec4<f32>;
var<private> sum2: vec4<f32>;
var<private> sum3: vec4<f32>;

fn clear_sum() {
    sum0 = vec4<f32>();
    sum1 = vec4<f32>();
    sum2 = vec4<f32>();
    sum3 = vec4<f32>();
}

// sum += factor acc.
fn add_product() {
    sum0 = fma(factor(own_row, own_column), acc0, sum0);
    sum1 = fma(factor(own_row + 1u, own_column), acc1, sum1);
    sum2 = fma(factor(own_row + 2u, own_column), acc2, sum2);
    sum3 = fma(factor(own_row + 3u, own_column), acc3, sum3);
}

fn add_looked_up() {
    sum0 += looked_up(own_row, own_column);
    sum1 += looked_up(own_row + 1u, own_column);
    sum2 += looked_up(own_row + 2u, own_column);
    sum3 += looked_up(own_row + 3u, own_column);
}

// Hands every sum to the operation, four columns at a time.
fn put_all() {
    put(own_row, own_column, sum0);
    put(own_row + 1u, own_column, sum1);
    put(own_row + 2u, own_column, sum2);
    put(own_row + 3u, own_column, sum3);
}
