// The factors of a product as they are.
@group(0) @binding(3) var<storage, read> left: array<f32>;
@group(0) @binding(4) var<storage, read> right: array<f32>;

fn load_left(i: u32) -> f32 {
    return left[i];
}

fn load_right(i: u32) -> f32 {
    return right[i];
}
