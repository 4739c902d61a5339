// Sums over several products of a large tile. The operation gives factor(row, column), what each product counts, and
// looked_up(row, column), what is added besides.
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

fn clear_sum() {
    sum0l = vec4<f32>();
    sum0r = vec4<f32>();
    sum1l = vec4<f32>();
    sum1r = vec4<f32>();
    sum2l = vec4<f32>();
    sum2r = vec4<f32>();
    sum3l = vec4<f32>();
    sum3r = vec4<f32>();
    sum4l = vec4<f32>();
    sum4r = vec4<f32>();
    sum5l = vec4<f32>();
    sum5r = vec4<f32>();
    sum6l = vec4<f32>();
    sum6r = vec4<f32>();
    sum7l = vec4<f32>();
    sum7r = vec4<f32>();
}

// sum += factor acc.
fn add_product() {
    sum0l = fma(factor(own_row, own_column), acc0l, sum0l);
    sum0r = fma(factor(own_row, own_column + 64u), acc0r, sum0r);
    sum1l = fma(factor(own_row + 1u, own_column), acc1l, sum1l);
    sum1r = fma(factor(own_row + 1u, own_column + 64u), acc1r, sum1r);
    sum2l = fma(factor(own_row + 2u, own_column), acc2l, sum2l);
    sum2r = fma(factor(own_row + 2u, own_column + 64u), acc2r, sum2r);
    sum3l = fma(factor(own_row + 3u, own_column), acc3l, sum3l);
    sum3r = fma(factor(own_row + 3u, own_column + 64u), acc3r, sum3r);
    sum4l = fma(factor(own_row + 64u, own_column), acc4l, sum4l);
    sum4r = fma(factor(own_row + 64u, own_column + 64u), acc4r, sum4r);
    sum5l = fma(factor(own_row + 65u, own_column), acc5l, sum5l);
    sum5r = fma(factor(own_row + 65u, own_column + 64u), acc5r, sum5r);
    sum6l = fma(factor(own_row + 66u, own_column), acc6l, sum6l);
    sum6r = fma(factor(own_row + 66u, own_column + 64u), acc6r, sum6r);
    sum7l = fma(factor(own_row + 67u, own_column), acc7l, sum7l);
    sum7r = fma(factor(own_row + 67u, own_column + 64u), acc7r, sum7r);
}

fn add_looked_up() {
    sum0l += looked_up(own_row, own_column);
    sum0r += looked_up(own_row, own_column + 64u);
    sum1l += looked_up(own_row + 1u, own_column);
    sum1r += looked_up(own_row + 1u, own_column + 64u);
    sum2l += looked_up(own_row + 2u, own_column);
    sum2r += looked_up(own_row + 2u, own_column + 64u);
    sum3l += looked_up(own_row + 3u, own_column);
    sum3r += looked_up(own_row + 3u, own_column + 64u);
    sum4l += looked_up(own_row + 64u, own_column);
    sum4r += looked_up(own_row + 64u, own_column + 64u);
    sum5l += looked_up(own_row + 65u, own_column);
    sum5r += looked_up(own_row + 65u, own_column + 64u);
    sum6l += looked_up(own_row + 66u, own_column);
    sum6r += looked_up(own_row + 66u, own_column + 64u);
    sum7l += looked_up(own_row + 67u, own_column);
    sum7r += looked_up(own_row + 67u, own_column + 64u);
}

// Hands every sum to the operation, four columns at a time.
fn put_all() {
    put(own_row, own_column, sum0l);
    put(own_row, own_column + 64u, sum0r);
    put(own_row + 1u, own_column, sum1l);
    put(own_row + 1u, own_column + 64u, sum1r);
    put(own_row + 2u, own_column, sum2l);
    put(own_row + 2u, own_column + 64u, sum2r);
    put(own_row + 3u, own_column, sum3l);
    put(own_row + 3u, own_column + 64u, sum3r);
    put(own_row + 64u, own_column, sum4l);
    put(own_row + 64u, own_column + 64u, sum4r);
    put(own_row + 65u, own_column, sum5l);
    put(own_row + 65u, own_column + 64u, sum5r);
    put(own_row + 66u, own_column, sum6l);
    put(own_row + 66u, own_column + 64u, sum6r);
    put(own_row + 67u, own_column, sum7l);
    put(own_row + 67u, own_column + 64u, sum7r);
}
