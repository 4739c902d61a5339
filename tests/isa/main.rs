//! What a real card's compiler makes of every shader: Mesa's RADV compiles for AMD cards that are not there, and tells registers,
//! spills, waves, code and assembly. Budgets hold them for three families, and
//!
//!     cargo test --release --test isa -- --nocapture
//!
//! prints the table of docs/performance.md.
#![cfg(all(feature = "gpu", target_os = "linux"))]

mod driver;
mod turn;

use driver::{Driver, Statistics};
use naga::back::pipeline_constants::process_overrides;
use naga::back::spv;
use naga::proc::{BoundsCheckPolicies, BoundsCheckPolicy};
use naga::valid::{Capabilities, ValidationFlags, Validator};
use naga::{AddressSpace, Module, ShaderStage};
use pathkernel::compute::gpu::{Constants, Shader, TileSize, shader_sources};
use std::process::Command;
use turn::Turn;

/// RDNA 2, RDNA 3 and GCN.
const FAMILIES: [&str; 3] = ["navi21", "gfx1100", "vega20"];
/// The variable by which RADV is told for which card to compile.
const FAMILY: &str = "RADV_FORCE_FAMILY";
/// What the instruction cache of these cards holds.
const CODE: u64 = 32 << 10;

/// A shader in one of its cases, as the driver compiled it.
struct Built {
    name: String,
    tile: Option<TileSize>,
    statistics: Statistics,
    turn: Option<Turn>,
}

#[test]
fn every_shader_fits_a_card() {
    let Some(file) = driver::file() else {
        let required = std::env::var_os("PATHKERNEL_REQUIRE_GPU").is_some();
        assert!(!required, "no RADV: install mesa-vulkan-drivers");
        println!("skipped: no RADV (mesa-vulkan-drivers)");
        return;
    };
    // A driver is one family's for as long as a process lasts.
    let of = |family: &&str| {
        let program = std::env::current_exe().expect("this program");
        let mut command = Command::new(program);
        command.args(["--exact", "a_family_fits", "--ignored", "--nocapture"]);
        command.env("VK_DRIVER_FILES", &file).env(FAMILY, family).env("NODEVICE_SELECT", "1");
        command.stdout(std::process::Stdio::piped()).spawn().expect("a process")
    };
    for (family, child) in FAMILIES.iter().zip(FAMILIES.each_ref().map(of)) {
        let output = child.wait_with_output().expect("its output");
        let text = String::from_utf8_lossy(&output.stdout);
        text.lines().filter(|line| line.starts_with('|')).for_each(|line| println!("{line}"));
        assert!(output.status.success(), "{family}:\n{text}");
    }
}

/// The part of [`every_shader_fits_a_card`] of the family that the environment names.
#[test]
#[ignore = "a child of every_shader_fits_a_card"]
fn a_family_fits() {
    let family = std::env::var(FAMILY).expect("a family");
    let driver = Driver::open();
    println!("| {} | registers | waves | spills | FMAs of a turn's vector instructions | code |", driver.name);
    println!("|---|---|---|---|---|---|");
    let mut beyond = Vec::new();
    for shader in shader_sources() {
        for constants in shader.constants() {
            let built = build(&driver, &shader, &constants);
            if let Some(turn) = &built.turn {
                let Statistics { registers, waves, spills, code, .. } = built.statistics;
                let share = format!("{} of {}, {:.0}%", turn.fmas, turn.vector, 100.0 * turn.share());
                println!(
                    "| {} | {registers} | {waves} | {spills} | {share} | {:.1} KB |",
                    built.name,
                    code as f64 / 1e3
                );
            }
            beyond.extend(problems(&built, &family));
        }
    }
    assert!(beyond.is_empty(), "{}", beyond.join("\n"));
}

/// Which budgets a shader exceeds.
fn problems(built: &Built, family: &str) -> Vec<String> {
    let Statistics { waves, spills, code, .. } = built.statistics;
    let mut found = Vec::new();
    let mut hold = |fits: bool, what: String| {
        if !fits {
            found.push(format!("{family}: {}: {what}", built.name));
        }
    };
    hold(spills == 0, format!("{spills} registers are spilled"));
    hold(code <= CODE, format!("{code} bytes of code"));
    let least = least_waves(built.tile, family);
    hold(waves >= least, format!("{waves} waves a SIMD, not {least}"));
    if let Some(tile) = built.tile {
        // Without a product there is no turn.
        let is_product = !built.name.contains("part=0");
        hold(built.turn.is_some() == is_product, "turns of a product that are not as they were".into());
        let share = built.turn.as_ref().map_or(1.0, Turn::share);
        let least = least_share(&built.name, tile);
        hold(share >= least, format!("{:.1}% FMAs, not {:.0}%", 100.0 * share, 100.0 * least));
    }
    found
}

/// A GCN card has 256 registers a lane and SIMD: 64 sums with what they are made of leave room for two waves, 32 and as many
/// beside them as well.
fn least_waves(tile: Option<TileSize>, family: &str) -> u64 {
    match tile {
        Some(TileSize::T | TileSize::L) if family == "vega20" => 2,
        _ => 4,
    }
}

/// Of the vector instructions of a turn, how many are FMAs. A turn of a small tile has few; one of 16-bit factors unpacks
/// them, one of gradients looks rows up.
fn least_share(name: &str, tile: TileSize) -> f64 {
    match tile {
        TileSize::L if name.starts_with("gram_f16") => 0.83,
        TileSize::L => 0.85,
        TileSize::S if name.starts_with("gram_f16") => 0.55,
        TileSize::S => 0.65,
        _ if name.starts_with("gram_f16") => 0.72,
        _ if name.starts_with("outer") => 0.79,
        TileSize::M | TileSize::T => 0.85,
    }
}

fn build(driver: &Driver, shader: &Shader, constants: &Constants) -> Built {
    let (words, module) = translated(shader, constants);
    let bindings = module.global_variables.iter().filter_map(|(_, variable)| {
        let binding = variable.binding?;
        Some((binding.group, binding.binding, variable.space == AddressSpace::Uniform))
    });
    let (statistics, assembly) = driver.compile(&words, &bindings.collect::<Vec<_>>());
    let tile = shader.tile.map_or(String::new(), |tile| format!("_{}", tile.name()));
    let own = constants.iter().skip(shader.tile.map_or(0, |tile| tile.constants().len()));
    let case: String = own.map(|(name, value)| format!(" {name}={value}")).collect();
    let deep = constants.iter().find(|(name, _)| *name == "deep").map_or(1, |&(_, deep)| deep as usize);
    let turn = shader.tile.and_then(|_| Turn::find(&assembly, deep));
    Built { name: format!("{}{tile}{case}", shader.name), tile: shader.tile, statistics, turn }
}

/// As wgpu translates a trusted module without checks.
fn translated(shader: &Shader, constants: &Constants) -> (Vec<u32>, Module) {
    let name = shader.name;
    let module = naga::front::wgsl::parse_str(&shader.source)
        .unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string(&shader.source)));
    let info = Validator::new(ValidationFlags::all(), Capabilities::SHADER_FLOAT16_IN_FLOAT32)
        .validate(&module)
        .unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string(&shader.source)));
    let constants = constants.iter().map(|&(name, value)| (name.to_owned(), f64::from(value))).collect();
    let (module, info) = process_overrides(&module, &info, Some((ShaderStage::Compute, "main")), &constants)
        .unwrap_or_else(|e| panic!("{name}: {e}"));
    let policy = BoundsCheckPolicy::Unchecked;
    let options = spv::Options {
        bounds_check_policies: BoundsCheckPolicies {
            index: policy,
            buffer: policy,
            image_load: policy,
            binding_array: policy,
        },
        force_loop_bounding: false,
        zero_initialize_workgroup_memory: spv::ZeroInitializeWorkgroupMemoryMode::None,
        ..Default::default()
    };
    let words = spv::write_vec(&module, &info, &options, None).unwrap_or_else(|e| panic!("{name}: {e}"));
    (words, module.into_owned())
}
