//! Which adapters there are, and which one a run gets.

use crate::backend::{BackendError, Result};
use wgpu::{Adapter, Backends, DeviceType, Instance, InstanceDescriptor};

/// Which adapter is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// A hardware adapter.
    Hardware,
    /// A hardware adapter, or a software one where there is no other.
    Any,
    /// The first whose name contains this, in any case.
    Named(String),
}

/// Every adapter of this machine, discrete ones first, software ones last.
pub fn adapters() -> Vec<Adapter> {
    let mut descriptor = InstanceDescriptor::new_without_display_handle();
    descriptor.backends = Backends::VULKAN | Backends::METAL | Backends::DX12;
    let mut adapters = pollster::block_on(Instance::new(descriptor).enumerate_adapters(Backends::all()));
    adapters.sort_by_key(|adapter| match adapter.get_info().device_type {
        DeviceType::DiscreteGpu => 0,
        DeviceType::IntegratedGpu => 1,
        DeviceType::VirtualGpu => 2,
        DeviceType::Other => 3,
        DeviceType::Cpu => 4,
    });
    adapters
}

/// Whether an adapter computes on the CPU.
pub fn is_software(adapter: &Adapter) -> bool {
    adapter.get_info().device_type == DeviceType::Cpu
}

/// The adapter of a choice.
pub(super) fn choose(choice: &Choice) -> Result<Adapter> {
    let adapters = adapters();
    let names: Vec<String> = adapters.iter().map(|adapter| adapter.get_info().name).collect();
    let found = adapters.into_iter().find(|adapter| match choice {
        Choice::Hardware => !is_software(adapter),
        Choice::Any => true,
        Choice::Named(part) => adapter.get_info().name.to_lowercase().contains(&part.to_lowercase()),
    });
    found.ok_or_else(|| {
        let have =
            if names.is_empty() { "there is none".to_owned() } else { format!("there are: {}", names.join(", ")) };
        BackendError::NoAdapter(match choice {
            Choice::Named(part) => format!("none is called {part:?}; {have}"),
            Choice::Hardware | Choice::Any => have,
        })
    })
}
