// A row is one workgroup's: each invocation goes through every 256th element.
const LANES: u32 = 256u;
fn row_number(group: vec3<u32>, groups: vec3<u32>, local: u32) -> u32 { return group.y * groups.x + group.x; }
fn lane(local: u32) -> u32 { return local; }
// The sum of one value of each invocation, in a fixed order. All of them have to call it.
var<workgroup> partial: array<f32, 256>;
fn row_sum(local: u32, value: f32) -> f32 {
    workgroupBarrier();
    partial[local] = value;
    workgroupBarrier();
    for (var half = 128u; half > 0u; half = half / 2u) {
        if local < half { partial[local] += partial[local + half]; }
        workgroupBarrier();
    }
    return partial[0];
}
