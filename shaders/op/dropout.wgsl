// out = x scale, or 0 where the element's random word is below the threshold; an invocation for each four elements that share
// a counter.
@group(0) @binding(0) var<storage, read_write> out: array<f32>;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> examples: array<u32>;
struct Shape { out: u32, x: u32, examples: u32, len: u32, quads: u32, width: u32, first: u32, rows: u32, key_low: u32, key_high: u32, step: u32, layer: u32, threshold: u32, scale: f32 }
@group(1) @binding(0) var<uniform> shape: Shape;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let i = place(group, groups, local);
    if i >= shape.len { return; }
    let row = i / shape.quads;
    let quad = shape.first / 4u + i % shape.quads;
    let example = examples[shape.examples + row % shape.rows];
    let words = philox(vec4<u32>(quad, example, shape.step, shape.layer), vec2<u32>(shape.key_low, shape.key_high));
    for (var lane = 0u; lane < 4u; lane++) {
        let element = 4u * quad + lane;
        if element >= shape.first && element - shape.first < shape.width {
            let e = row * shape.width + element - shape.first;
            out[shape.out + e] = select(x[shape.x + e] * shape.scale, 0.0, words[lane] < shape.threshold);
        }
    }
}
