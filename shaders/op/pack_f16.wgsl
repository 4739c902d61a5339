// Pairs of 16-bit numbers, times a power of two that brings the largest near the top of their range; that power's inverse
// comes first.
@group(0) @binding(0) var<storage, read_write> out: array<u32>;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> largest: array<u32>;
struct Shape { out: u32, x: u32, largest: u32, len: u32 }
@group(1) @binding(0) var<uniform> shape: Shape;

// 2ⁿ for -127 < n < 128.
fn power(n: i32) -> f32 {
    return bitcast<f32>(u32(n + 127) << 23u);
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let i = place(group, groups, local);
    if 2u * i >= shape.len { return; }
    let exponent = clamp(i32(largest[shape.largest] >> 23u) - 127, -100, 127);
    if i == 0u { out[shape.out] = bitcast<u32>(power(exponent - 14)); }
    let scale = power(14 - exponent);
    let first = shape.x + 2u * i;
    var pair = vec2<f32>(x[first], 0.0);
    if 2u * i + 1u < shape.len { pair.y = x[first + 1u]; }
    out[shape.out + 1u + i] = pack2x16float(pair * scale);
}
