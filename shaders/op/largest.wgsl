// The bits of the largest |x|: as whole numbers they are ordered as the numbers are.
@group(0) @binding(0) var<storage, read_write> out: array<atomic<u32>>;
@group(0) @binding(1) var<storage, read> x: array<f32>;
struct Shape { out: u32, x: u32, len: u32 }
@group(1) @binding(0) var<uniform> shape: Shape;
// Elements of an invocation, a workgroup apart.
const EACH = 16u;
var<workgroup> most: atomic<u32>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    if local == 0u { atomicStore(&most, 0u); }
    workgroupBarrier();
    let first = (group.y * groups.x + group.x) * 256u * EACH + local;
    var own = 0.0;
    for (var n = 0u; n < EACH; n++) {
        let i = first + n * 256u;
        if i < shape.len { own = max(own, abs(x[shape.x + i])); }
    }
    atomicMax(&most, bitcast<u32>(own));
    workgroupBarrier();
    if local == 0u { atomicMax(&out[shape.out], atomicLoad(&most)); }
}
