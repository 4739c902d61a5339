//! Which adapters there are, and which one a run gets.

use super::hush::hushed;
use super::{GpuBackend, Options, Tune};
use crate::cache::Cache;
use crate::compute::{BackendError, Result, is_sound};
use wgpu::{Adapter, AdapterInfo, Backends, DeviceType, Features, Instance, InstanceDescriptor};

/// Which adapter is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// A hardware adapter.
    Hardware,
    /// A hardware adapter, or a software one where there is no other.
    Any,
    /// The first whose name contains this, in any case.
    Named(String),
    /// This one, found before.
    Card(Card),
}

/// One card of this machine, to be opened again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card(Box<AdapterInfo>);

impl Card {
    /// The card of an adapter.
    pub fn of(adapter: &Adapter) -> Self {
        Self(Box::new(adapter.get_info()))
    }

    /// The first card of a choice that is sound. Others that fit are passed over with a warning.
    ///
    /// # Errors
    ///
    /// No adapter fits, or none of those that do computes.
    pub fn find(choice: &Choice, cache: Cache) -> Result<Self> {
        let mut cards = fitting(choice)?.into_iter();
        let mut passed_over = Vec::new();
        cards.find_map(|card| sound(card, cache, &mut passed_over)).ok_or_else(|| unsound(&passed_over))
    }

    /// Every hardware card that is sound, or the first software adapter where there is no hardware. A card that shows through
    /// several interfaces is taken through the first, and those that cannot be told apart count as one.
    ///
    /// # Errors
    ///
    /// There is no adapter, or none that computes.
    pub fn all(cache: Cache) -> Result<Vec<Self>> {
        let hardware = adapters().into_iter().filter(|adapter| !is_software(adapter));
        let cards = each_once(hardware.map(|adapter| adapter.get_info()));
        if cards.is_empty() {
            return Self::find(&Choice::Any, cache).map(|card| vec![card]);
        }
        let mut passed_over = Vec::new();
        let cards: Vec<Self> = cards.into_iter().filter_map(|card| sound(card, cache, &mut passed_over)).collect();
        if cards.is_empty() { Err(unsound(&passed_over)) } else { Ok(cards) }
    }

    /// Tries the card on a small product, unless that went well with the same driver before.
    ///
    /// # Errors
    ///
    /// The product is wrong, or the card fails at it.
    pub fn try_out(&self, cache: Cache) -> Result<()> {
        let identity = identity(&self.0);
        if cache.read(SOUND, &identity) == Some(true) {
            return Ok(());
        }
        let choice = Choice::Card(self.clone());
        let device = GpuBackend::open_with(&Options { choice, tune: Tune::Table, cache, ..Options::default() })?;
        if !is_sound(&device)? {
            return Err(BackendError::NoAdapter(format!("{} gets a small matrix product wrong", self.name())));
        }
        cache.write(SOUND, &identity, &true);
        Ok(())
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether it computes on the CPU.
    pub fn is_software(&self) -> bool {
        self.0.device_type == DeviceType::Cpu
    }

    /// Whether both are the same card, by its place on the bus where both interfaces tell.
    fn is_same(&self, other: &Self) -> bool {
        let (Self(a), Self(b)) = (self, other);
        let tell = !a.device_pci_bus_id.is_empty() && !b.device_pci_bus_id.is_empty();
        if tell { a.device_pci_bus_id == b.device_pci_bus_id } else { (a.vendor, a.device) == (b.vendor, b.device) }
    }
}

/// Each card where it shows first.
fn each_once(infos: impl Iterator<Item = AdapterInfo>) -> Vec<Card> {
    infos.map(|info| Card(Box::new(info))).fold(Vec::new(), |mut cards, card| {
        if !cards.iter().any(|known| known.is_same(&card)) {
            cards.push(card);
        }
        cards
    })
}

/// Whether an adapter is one that computes. Mesa's RADV compiles for cards that are not there, on what it calls null hardware.
fn is_there(info: &AdapterInfo) -> bool {
    !info.name.contains("Null hardware")
}

/// Every adapter of this machine, discrete ones first, software ones last.
pub fn adapters() -> Vec<Adapter> {
    let mut descriptor = InstanceDescriptor::new_without_display_handle();
    descriptor.backends = Backends::VULKAN | Backends::METAL | Backends::DX12;
    let found = || pollster::block_on(Instance::new(descriptor).enumerate_adapters(Backends::all()));
    let mut adapters = hushed(found);
    adapters.retain(|adapter| is_there(&adapter.get_info()));
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

/// What matters of an adapter.
#[derive(Debug, Clone)]
pub struct About {
    /// Its name.
    pub name: String,
    /// Discrete, integrated, virtual or software.
    pub kind: &'static str,
    /// Whether it computes on the CPU.
    pub software: bool,
    /// Vulkan, Metal or DX12.
    pub interface: String,
    /// The driver and its version.
    pub driver: String,
    /// Bytes of the largest buffer.
    pub buffer: u64,
    /// Bytes of the largest binding.
    pub binding: u64,
    /// Workgroups along one dimension of a dispatch.
    pub workgroups: u32,
    /// Bytes of memory that a workgroup shares.
    pub shared: u32,
    /// Features that later versions of the shaders can use.
    pub features: Vec<&'static str>,
}

/// Describes an adapter.
pub fn describe(adapter: &Adapter) -> About {
    let (info, limits, features) = (adapter.get_info(), adapter.limits(), adapter.features());
    let known = [
        ("timestamps", Features::TIMESTAMP_QUERY),
        ("16-bit floats", Features::SHADER_F16),
        ("subgroups", Features::SUBGROUP),
    ];
    About {
        kind: match info.device_type {
            DeviceType::DiscreteGpu => "discrete GPU",
            DeviceType::IntegratedGpu => "integrated GPU",
            DeviceType::VirtualGpu => "virtual GPU",
            DeviceType::Other => "unknown",
            DeviceType::Cpu => "software",
        },
        software: is_software(adapter),
        interface: info.backend.to_string(),
        driver: format!("{} {}", info.driver, info.driver_info),
        name: info.name,
        buffer: limits.max_buffer_size,
        binding: limits.max_storage_buffer_binding_size,
        workgroups: limits.max_compute_workgroups_per_dimension,
        shared: limits.max_compute_workgroup_storage_size,
        features: known.into_iter().filter(|(_, feature)| features.contains(*feature)).map(|(name, _)| name).collect(),
    }
}

/// An adapter and its driver, as a name for what was measured on them.
pub(super) fn identity(info: &AdapterInfo) -> String {
    format!("{} {} {} {}", info.name, info.backend, info.driver, info.driver_info)
}

/// What is kept of a card that was tried out.
const SOUND: &str = "sound";

/// The card, where it is sound; else a warning, and its name goes to `passed_over`.
fn sound(card: Card, cache: Cache, passed_over: &mut Vec<String>) -> Option<Card> {
    let Err(problem) = card.try_out(cache) else { return Some(card) };
    tracing::warn!("{}: not taken: {problem}", card.name());
    passed_over.push(card.name().to_owned());
    None
}

fn unsound(names: &[String]) -> BackendError {
    BackendError::NoAdapter(format!(
        "{}: no small matrix product comes out right; update the driver, or set run.device = \"cpu\"",
        names.join(", ")
    ))
}

/// The cards of a choice, in the order of [`adapters`].
fn fitting(choice: &Choice) -> Result<Vec<Card>> {
    Ok(choose_all(choice)?.iter().map(Card::of).collect())
}

/// The adapter of a choice.
pub(super) fn choose(choice: &Choice) -> Result<Adapter> {
    let mut all = choose_all(choice)?;
    Ok(all.swap_remove(0))
}

/// The adapters of a choice, at least one, in the order of [`adapters`].
fn choose_all(choice: &Choice) -> Result<Vec<Adapter>> {
    let adapters = adapters();
    let names: Vec<String> = adapters.iter().map(|adapter| adapter.get_info().name).collect();
    let fits = |adapter: &Adapter| match choice {
        Choice::Hardware => !is_software(adapter),
        Choice::Any => true,
        Choice::Named(part) => adapter.get_info().name.to_lowercase().contains(&part.to_lowercase()),
        Choice::Card(card) => adapter.get_info() == *card.0,
    };
    let found: Vec<Adapter> = adapters.into_iter().filter(fits).collect();
    (!found.is_empty()).then_some(found).ok_or_else(|| {
        let have =
            if names.is_empty() { "there is none".to_owned() } else { format!("there are: {}", names.join(", ")) };
        BackendError::NoAdapter(match choice {
            Choice::Named(part) => format!("none is called {part:?}; {have}"),
            Choice::Card(card) => format!("{} is gone; {have}", card.name()),
            Choice::Hardware | Choice::Any => have,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use wgpu::Backend;

    fn info(backend: Backend, device: u32, bus: &str) -> AdapterInfo {
        AdapterInfo { device, device_pci_bus_id: bus.into(), ..AdapterInfo::new(DeviceType::DiscreteGpu, backend) }
    }

    #[test]
    fn null_hardware_is_no_card() {
        let named = |name: &str| AdapterInfo { name: name.into(), ..info(Backend::Vulkan, 1, "") };
        assert!(!is_there(&named("Null hardware (RADV NAVI21)")));
        assert!(is_there(&named("AMD Radeon RX 6800 (RADV NAVI21)")));
    }

    #[test]
    fn a_card_counts_once() {
        let two = [info(Backend::Vulkan, 1, "0000:01:00.0"), info(Backend::Vulkan, 1, "0000:02:00.0")];
        let again = [info(Backend::Dx12, 1, "0000:01:00.0"), info(Backend::Dx12, 1, "")];
        let other = info(Backend::Dx12, 2, "");
        let all = two.clone().into_iter().chain(again).chain([other.clone()]);
        let [first, second] = two;
        assert_eq!(each_once(all), [first, second, other].map(|info| Card(Box::new(info))));
    }
}
