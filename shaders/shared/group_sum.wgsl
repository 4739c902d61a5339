// The sum of one value of each of the 256 invocations of a workgroup, in a fixed order. All of them have to call it.
var<workgroup> partial: array<f32, 256>;
fn group_sum(local: u32, value: f32) -> f32 {
    workgroupBarrier();
    partial[local] = value;
    workgroupBarrier();
    for (var half = 128u; half > 0u; half = half / 2u) {
        if local < half { partial[local] += partial[local + half]; }
        workgroupBarrier();
    }
    return partial[0];
}
