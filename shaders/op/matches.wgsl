// out[l, p, i] = [left[l] and right[i, p] name the same row, which is not that of padding].
@group(0) @binding(0) var<storage, read_write> out: array<f32>;
@group(0) @binding(1) var<storage, read> left: array<f32>;
@group(0) @binding(2) var<storage, read> right: array<f32>;
struct Shape { out: u32, left: u32, right: u32, len: u32, count: u32, positions: u32, examples: u32, padding: u32 }
@group(1) @binding(0) var<uniform> shape: Shape;
fn row_of(token: f32) -> u32 { return min(u32(max(token, 0.0)), shape.count - 1u); }
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let i = place(group, groups, local);
    if i >= shape.len { return; }
    let p = i / shape.examples % shape.positions;
    let other = right[shape.right + i % shape.examples * shape.positions + p];
    let own = row_of(left[shape.left + i / shape.examples / shape.positions]);
    out[shape.out + i] = select(0.0, 1.0, own == row_of(other) && own != shape.padding);
}
