//! Every shader is valid and translates to what Vulkan, Metal and DX12 take, with every size of tiles; in release no index
//! is clamped where products are computed.
#![cfg(feature = "gpu")]

use naga::back::pipeline_constants::process_overrides;
use naga::back::{hlsl, msl, spv};
use naga::proc::{BoundsCheckPolicies, BoundsCheckPolicy};
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{Module, ShaderStage};
use pathkernel::compute::gpu::{Shader, shader_sources};

/// The module of a shader in each of its cases.
fn translated(shader: &Shader, mut use_it: impl FnMut(&str, &Module, &ModuleInfo)) {
    let name = format!("{} {:?}", shader.name, shader.tile);
    let module = naga::front::wgsl::parse_str(&shader.source)
        .unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string(&shader.source)));
    // 16-bit numbers alone ask for more than nothing: to be packed into 32 bits, which needs no 16-bit arithmetic.
    let capabilities = if matches!(shader.name, "gram_f16" | "pack_f16") {
        Capabilities::SHADER_FLOAT16_IN_FLOAT32
    } else {
        Capabilities::empty()
    };
    let info = Validator::new(ValidationFlags::all(), capabilities)
        .validate(&module)
        .unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string(&shader.source)));
    for constants in shader.constants() {
        let constants = constants.into_iter().map(|(name, value)| (name.to_owned(), f64::from(value))).collect();
        let (module, info) = process_overrides(&module, &info, Some((ShaderStage::Compute, "main")), &constants)
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        use_it(&name, &module, &info);
    }
}

#[test]
fn every_shader_translates() {
    let shaders = shader_sources();
    assert!(shaders.len() >= 30);
    for shader in &shaders {
        translated(shader, |name, module, info| {
            let words = spv::write_vec(module, info, &spv::Options::default(), None);
            assert!(!words.unwrap_or_else(|e| panic!("{name}, SPIR-V: {e}")).is_empty());
            let options = msl::Options { fake_missing_bindings: true, ..Default::default() };
            let (text, _) = msl::write_string(module, info, &options, &msl::PipelineOptions::default())
                .unwrap_or_else(|e| panic!("{name}, MSL: {e}"));
            assert!(text.contains("kernel"));
            let mut text = String::new();
            let options = hlsl::Options { fake_missing_bindings: true, ..Default::default() };
            let pipeline = hlsl::PipelineOptions::default();
            hlsl::Writer::new(&mut text, &options, &pipeline)
                .write(module, info, None)
                .unwrap_or_else(|e| panic!("{name}, HLSL: {e}"));
            assert!(text.contains("numthreads"));
        });
    }
}

/// No file is left over.
#[test]
fn every_file_is_a_shader() {
    let shaders = shader_sources();
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/op")).expect("the folder") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("text");
        assert!(shaders.iter().any(|shader| shader.source.ends_with(&text)), "{path:?}");
    }
}

/// At most eight storage arrays a stage, and at most 256 invocations a workgroup: what every device has.
#[test]
fn every_shader_keeps_to_the_smallest_limits() {
    for shader in &shader_sources() {
        translated(shader, |name, module, _| {
            let storage = |(_, variable): &(_, &naga::GlobalVariable)| {
                matches!(variable.space, naga::AddressSpace::Storage { .. })
            };
            assert!(module.global_variables.iter().filter(storage).count() <= 8, "{name}");
            let invocations: u32 = module.entry_points[0].workgroup_size.iter().product();
            assert!(invocations <= 256, "{name}: {invocations} invocations");
            let mut shared = 0;
            for (_, variable) in module.global_variables.iter() {
                if variable.space == naga::AddressSpace::WorkGroup {
                    shared += module.types[variable.ty].inner.size(module.to_ctx());
                }
            }
            assert!(shared <= 16_384, "{name}: {shared} bytes of workgroup memory");
        });
    }
}

/// What a shader's `Shape` holds is what the host writes: an offset for each of its arrays, in the order of their bindings, then
/// the members of the host's struct, 4 bytes each.
#[test]
fn every_shader_reads_what_the_host_writes() {
    for shader in &shader_sources() {
        translated(shader, |name, module, _| {
            let mut arrays: Vec<(u32, String)> = Vec::new();
            for (_, variable) in module.global_variables.iter() {
                if matches!(variable.space, naga::AddressSpace::Storage { .. }) {
                    let binding = variable.binding.map(|binding| binding.binding).expect("a binding");
                    arrays.push((binding, variable.name.clone().expect("a name")));
                }
            }
            arrays.sort();
            let bindings: Vec<u32> = arrays.iter().map(|(binding, _)| *binding).collect();
            assert_eq!(bindings, (0..arrays.len() as u32).collect::<Vec<_>>(), "{name}");
            let offsets = arrays.into_iter().map(|(_, array)| (array, "u32"));
            let members = shader.members.iter().map(|&(member, kind)| (member.to_owned(), kind));
            let want: Vec<(String, &str)> = offsets.chain(members).collect();
            let uniform = module.global_variables.iter().find(|(_, v)| v.space == naga::AddressSpace::Uniform);
            let (_, uniform) = uniform.expect("a uniform");
            let naga::TypeInner::Struct { members, .. } = &module.types[uniform.ty].inner else {
                panic!("{name}: the uniform is no struct")
            };
            let kind = |member: &naga::StructMember| match module.types[member.ty].inner {
                naga::TypeInner::Scalar(naga::Scalar::U32) => "u32",
                naga::TypeInner::Scalar(naga::Scalar::F32) => "f32",
                ref other => panic!("{name}: a member of type {other:?}"),
            };
            let have: Vec<(String, &str)> =
                members.iter().map(|member| (member.name.clone().expect("a name"), kind(member))).collect();
            assert_eq!(have, want, "{name}");
            for (place, member) in members.iter().enumerate() {
                assert_eq!(member.offset as usize, 4 * place, "{name}");
            }
        });
    }
}

/// How many minima and clamps of integers a module computes.
fn clamps(words: &[u32]) -> usize {
    const EXTENDED: u32 = 12;
    // UMin, SMin, UClamp and SClamp of GLSL.std.450.
    const CLAMPS: [u32; 4] = [38, 39, 44, 45];
    let (mut at, mut count) = (5, 0);
    while at < words.len() {
        let (length, code) = ((words[at] >> 16) as usize, words[at] & 0xffff);
        if code == EXTENDED && CLAMPS.contains(&words[at + 4]) {
            count += 1;
        }
        at += length;
    }
    count
}

#[test]
fn no_index_is_clamped_in_release() {
    // As wgpu translates a trusted module without checks, and one with them.
    let options = |policy, force_loop_bounding| spv::Options {
        bounds_check_policies: BoundsCheckPolicies {
            index: policy,
            buffer: policy,
            image_load: policy,
            binding_array: policy,
        },
        force_loop_bounding,
        zero_initialize_workgroup_memory: spv::ZeroInitializeWorkgroupMemoryMode::None,
        ..Default::default()
    };
    let products = |shader: &&Shader| shader.tile.is_some();
    for shader in shader_sources().iter().filter(products) {
        translated(shader, |name, module, info| {
            let count = |options: &spv::Options<'_>| {
                clamps(&spv::write_vec(module, info, options, None).unwrap_or_else(|e| panic!("{name}: {e}")))
            };
            assert!(count(&options(BoundsCheckPolicy::Restrict, true)) > 0, "{name}: the test finds no clamps at all");
            assert_eq!(count(&options(BoundsCheckPolicy::Unchecked, false)), 0, "{name}");
        });
    }
}
