// The factors of a product in 16 bits, as pack_f16.wgsl leaves them.
@group(0) @binding(3) var<storage, read> left: array<u32>;
@group(0) @binding(4) var<storage, read> right: array<u32>;

fn load_left(i: u32) -> f32 {
    return unpack2x16float(left[1u + (i >> 1u)])[i & 1u] * bitcast<f32>(left[0]);
}

fn load_right(i: u32) -> f32 {
    return unpack2x16float(right[1u + (i >> 1u)])[i & 1u] * bitcast<f32>(right[0]);
}
