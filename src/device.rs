//! The devices of this machine: which to take, how they are opened, and work that is done on whatever they are.

use crate::cache::Cache;
use crate::compute::cpu::CpuBackend;
#[cfg(feature = "gpu")]
use crate::compute::gpu::{Card, Choice, GpuBackend, Options, Tune};
use crate::compute::{Backend, BackendError, Element, Rates};
use crate::error::Error;

/// Bytes of idle memory that the CPU keeps at the most.
const MOST_IDLE: u64 = 1 << 30;
/// The part of the memory allowed that may lie idle: what the plan leaves between sizes.
const IDLE_SHARE: u64 = 4;

/// Something to be done on whatever backend there is.
pub trait Work: Send {
    /// What comes of it.
    type Output: Send;
    /// Does it.
    ///
    /// # Errors
    ///
    /// Whatever it fails with, a fault of the device among it.
    fn on<B: Backend>(self, backend: &B) -> Result<Self::Output, Error>;
}

/// Gives devices to work on: those of this machine, or a test's.
pub trait Devices: Sync {
    /// How many devices work at once; at least one. Their numbers begin at 0.
    fn count(&self) -> usize;

    /// Opens a device afresh and works on it.
    ///
    /// # Errors
    ///
    /// The device cannot be opened, or the work fails.
    fn on<W: Work>(&self, number: usize, work: W) -> Result<W::Output, Error>;

    /// The same on one of `parts` equal parts of a device, where it can be divided.
    ///
    /// # Errors
    ///
    /// As [`on`](Self::on).
    fn on_part<W: Work>(&self, number: usize, _parts: usize, work: W) -> Result<W::Output, Error> {
        self.on(number, work)
    }

    /// The number, for [`on`](Self::on), of the CPU that may take over what a device keeps failing at; `None` where that
    /// is not allowed.
    fn fallback(&self) -> Option<usize> {
        None
    }
}

/// The arithmetic of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// Single.
    F32,
    /// Double, on the CPU.
    F64,
    /// Single, on a GPU, with the factors of fused products stored in 16 bits.
    Mixed,
}

impl Precision {
    /// Its name in a run file.
    pub fn name(self) -> &'static str {
        match self {
            Precision::F32 => "f32",
            Precision::F64 => "f64",
            Precision::Mixed => "mixed",
        }
    }
}

/// Which devices to take, and how to open them.
#[derive(Debug, Clone)]
pub struct DeviceOptions {
    /// `auto`, `cpu`, `gpu`, `gpu:all`, or part of an adapter's name.
    pub name: String,
    /// The arithmetic.
    pub precision: Precision,
    /// Whether a device is measured, to pick what is fastest on it, where it was not measured before.
    pub tune: bool,
    /// What becomes of what is measured.
    pub cache: Cache,
    /// Whether the CPU may take over what a GPU keeps failing at.
    pub fallback: bool,
    /// Bytes of memory that the work may take; what is free decides without it.
    pub memory: Option<u64>,
}

impl Default for DeviceOptions {
    fn default() -> Self {
        let (name, precision) = ("auto".into(), Precision::F32);
        Self { name, precision, tune: true, cache: Cache::Written, fallback: false, memory: None }
    }
}

impl DeviceOptions {
    /// The rates of a device that was opened so: measured, or those of most such devices where nothing is to be measured.
    ///
    /// # Errors
    ///
    /// A device error.
    pub fn rates<B: Backend>(&self, backend: &B) -> Result<Rates, Error> {
        Ok(if self.tune { Rates::of(backend, self.cache)? } else { backend.fixed_rates().unwrap_or(Rates::TYPICAL) })
    }
}

/// The devices of this machine that some options ask for. Which they are is found out once: a card that is lost is opened again,
/// and no other in its place.
#[derive(Debug)]
pub struct LocalDevices {
    options: DeviceOptions,
    /// None is the CPU.
    cards: Vec<Card>,
}

impl LocalDevices {
    /// Finds the devices.
    ///
    /// # Errors
    ///
    /// There is none such.
    pub fn find(options: DeviceOptions) -> Result<Self, Error> {
        Ok(Self { cards: cards(&options)?, options })
    }
}

impl Devices for LocalDevices {
    fn count(&self) -> usize {
        self.cards.len().max(1)
    }

    fn fallback(&self) -> Option<usize> {
        (self.options.fallback && !self.cards.is_empty()).then_some(self.cards.len())
    }

    fn on<W: Work>(&self, number: usize, work: W) -> Result<W::Output, Error> {
        self.on_part(number, 1, work)
    }

    fn on_part<W: Work>(&self, number: usize, parts: usize, work: W) -> Result<W::Output, Error> {
        if let Some(card) = self.cards.get(number) {
            return work.on(&open(card, &self.options)?);
        }
        let bytes = self.options.memory.map_or(MOST_IDLE, |bytes| bytes / IDLE_SHARE).min(MOST_IDLE);
        let idle = bytes / parts as u64;
        match self.options.precision {
            Precision::Mixed if self.cards.is_empty() => Err(Error::Input(
                "run.precision = \"mixed\" stores factors of a GPU, and there is none; set it to \"f32\"".into(),
            )),
            Precision::Mixed | Precision::F32 => on_cpu::<f32, W>(idle, parts, work),
            Precision::F64 => on_cpu::<f64, W>(idle, parts, work),
        }
    }
}

/// On a thread of the pool that the operations use: from another one, each would have to wake it and wait. One of several parts has
/// a pool of its own, with its share of the threads.
fn on_cpu<E: Element, W: Work>(idle: u64, parts: usize, work: W) -> Result<W::Output, Error> {
    let work = || work.on(&CpuBackend::<E>::with_idle(idle as usize));
    if parts == 1 {
        return rayon::scope(|_| work());
    }
    let threads = (rayon::current_num_threads() / parts).max(1);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let refused = |problem| Error::Backend(BackendError::Lost(format!("no threads to work on: {problem}")));
    pool.map_err(refused)?.install(work)
}

/// There is no card without the feature.
#[cfg(not(feature = "gpu"))]
type Card = std::convert::Infallible;

/// The CPU, where it may be taken.
#[cfg(not(feature = "gpu"))]
fn cards(options: &DeviceOptions) -> Result<Vec<Card>, Error> {
    if matches!(options.name.as_str(), "auto" | "cpu") {
        return Ok(Vec::new());
    }
    let problem = "this program was built without the feature \"gpu\"; set run.device to \"cpu\"";
    Err(Error::Backend(BackendError::NoAdapter(problem.into())))
}

/// Opens none.
#[cfg(not(feature = "gpu"))]
fn open(card: &Card, _: &DeviceOptions) -> Result<CpuBackend<f32>, Error> {
    match *card {}
}

/// The GPUs that are asked for; none is the CPU. `auto` takes hardware alone.
#[cfg(feature = "gpu")]
fn cards(options: &DeviceOptions) -> Result<Vec<Card>, Error> {
    let cards = match options.name.as_str() {
        "cpu" => return Ok(Vec::new()),
        "auto" if options.precision == Precision::F64 => return Ok(Vec::new()),
        // Without a GPU, `auto` is the CPU.
        "auto" => return Ok(Card::find(&Choice::Hardware, options.cache).into_iter().collect()),
        "gpu" => vec![Card::find(&Choice::Any, options.cache)?],
        "gpu:all" => Card::all(options.cache)?,
        name => return Ok(vec![Card::find(&Choice::Named(name.to_owned()), options.cache)?]),
    };
    for card in cards.iter().filter(|card| card.is_software()) {
        tracing::warn!("{} computes on the CPU; run.device = \"cpu\" is much faster", card.name());
    }
    Ok(cards)
}

/// Opens a card.
#[cfg(feature = "gpu")]
fn open(card: &Card, options: &DeviceOptions) -> Result<GpuBackend, Error> {
    let tune = if options.tune { Tune::Measure } else { Tune::Table };
    let f16_storage = options.precision == Precision::Mixed;
    let choice = Choice::Card(card.clone());
    Ok(GpuBackend::open_with(&Options { choice, tune, cache: options.cache, f16_storage, ..Options::default() })?)
}

/// Memory that is free on this machine, in bytes.
pub fn free_memory() -> u64 {
    // Where the system does not say, nothing is refused.
    sysinfo::System::new().map_or(u64::MAX / 4, |mut system| {
        system.refresh_memory();
        system.available_memory()
    })
}
