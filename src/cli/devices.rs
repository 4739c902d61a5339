//! `pathkernel devices`.

use sysinfo::System;

/// Lists what a run could use.
pub fn devices() {
    #[cfg(feature = "gpu")]
    adapters();
    #[cfg(not(feature = "gpu"))]
    println!("built without the feature \"gpu\": no adapters\n");
    let memory = System::new().map(|mut system| {
        system.refresh_memory();
        system.total_memory()
    });
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    println!("CPU (run.device = \"cpu\")");
    println!("  type       native, f32 and f64");
    println!("  threads    {threads}");
    if let Ok(memory) = memory {
        println!("  memory     {}", size(memory));
    }
}

/// Bytes for people.
fn size(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30))
}

#[cfg(feature = "gpu")]
fn adapters() {
    use crate::cache::Cache;
    use crate::compute::gpu::{Card, adapters, describe};
    let found = adapters();
    if found.is_empty() {
        println!("no GPU adapter: neither Vulkan, Metal nor DX12 offers one\n");
    }
    for adapter in &found {
        let about = describe(adapter);
        println!("{} (run.device = {:?})", about.name, about.name);
        println!("  type       {}{}", about.kind, if about.software { ", only taken when named" } else { "" });
        println!("  driver     {}, {}", about.interface, about.driver);
        match Card::of(adapter).try_out(Cache::Written) {
            Ok(()) => println!("  self-test  passed"),
            Err(problem) => println!("  self-test  failed, never taken: {problem}"),
        }
        println!("  buffers    up to {}, {} in one binding", size(about.buffer), size(about.binding));
        println!("  workgroups up to {} a dimension, {} of shared memory", about.workgroups, about.shared);
        println!(
            "  features   {}\n",
            if about.features.is_empty() { "none".to_owned() } else { about.features.join(", ") }
        );
    }
}
