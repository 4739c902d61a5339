//! From a run file to the backends that it asks for.

use crate::cache::Cache;
#[cfg(not(feature = "gpu"))]
use crate::compute::BackendError;
use crate::compute::cpu::CpuBackend;
#[cfg(feature = "gpu")]
use crate::compute::gpu::{Card, Choice, GpuBackend, Options, Tune};
use crate::compute::{Backend, Element, Rates};
use crate::error::Error;
use crate::run_file::{Precision, Run};

/// Bytes of idle memory that the CPU keeps at the most.
const MOST_IDLE: u64 = 1 << 30;
/// The part of a run's memory that may lie idle: what the plan leaves between sizes.
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

/// Gives devices to work on: those of a run file, or a test's.
pub trait Devices: Sync {
    /// How many devices work at once; at least one. Their numbers begin at 0.
    fn count(&self) -> usize;

    /// Opens a device afresh and works on it.
    ///
    /// # Errors
    ///
    /// The device cannot be opened, or the work fails.
    fn on<W: Work>(&self, number: usize, work: W) -> Result<W::Output, Error>;

    /// The number, for [`on`](Self::on), of the CPU that may take over what a device keeps failing at; `None` where that
    /// is not allowed.
    fn fallback(&self) -> Option<usize> {
        None
    }
}

/// The devices of a run file. Which they are is found out once: a card that is lost is opened again, and no other in its
/// place.
#[derive(Debug)]
pub struct RunDevices<'a> {
    run: &'a Run,
    /// What becomes of what is measured.
    cache: Cache,
    /// None is the CPU.
    cards: Vec<Card>,
}

impl<'a> RunDevices<'a> {
    /// Finds the devices of a run; what is measured of them is kept for the next one.
    ///
    /// # Errors
    ///
    /// There is none such.
    pub fn new(run: &'a Run) -> Result<Self, Error> {
        Self::with_cache(run, Cache::Written)
    }

    /// Finds the devices of a run.
    ///
    /// # Errors
    ///
    /// There is none such.
    pub(super) fn with_cache(run: &'a Run, cache: Cache) -> Result<Self, Error> {
        Ok(Self { run, cache, cards: cards(run)? })
    }
}

impl Devices for RunDevices<'_> {
    fn count(&self) -> usize {
        self.cards.len().max(1)
    }

    fn fallback(&self) -> Option<usize> {
        (self.run.fallback && !self.cards.is_empty()).then_some(self.cards.len())
    }

    fn on<W: Work>(&self, number: usize, work: W) -> Result<W::Output, Error> {
        if let Some(card) = self.cards.get(number) {
            return work.on(&open(card, self.run, self.cache)?);
        }
        match self.run.precision {
            Precision::Mixed if self.cards.is_empty() => Err(Error::Input(
                "run.precision = \"mixed\" stores factors of a GPU, and there is none; set it to \"f32\"".into(),
            )),
            Precision::Mixed | Precision::F32 => on_cpu::<f32, W>(self.run, work),
            Precision::F64 => on_cpu::<f64, W>(self.run, work),
        }
    }
}

/// On a thread of the pool that the operations use: from another one, each would have to wake it and wait.
fn on_cpu<E: Element, W: Work>(run: &Run, work: W) -> Result<W::Output, Error> {
    let idle = run.memory.map_or(MOST_IDLE, |bytes| bytes / IDLE_SHARE).min(MOST_IDLE);
    rayon::scope(|_| work.on(&CpuBackend::<E>::with_idle(idle as usize)))
}

/// There is no card without the feature.
#[cfg(not(feature = "gpu"))]
type Card = std::convert::Infallible;

/// The CPU, where a run may take it.
#[cfg(not(feature = "gpu"))]
fn cards(run: &Run) -> Result<Vec<Card>, Error> {
    if matches!(run.device.as_str(), "auto" | "cpu") {
        return Ok(Vec::new());
    }
    let problem = "this program was built without the feature \"gpu\"; set run.device to \"cpu\"";
    Err(Error::Backend(BackendError::NoAdapter(problem.into())))
}

/// Opens none.
#[cfg(not(feature = "gpu"))]
fn open(card: &Card, _: &Run, _: Cache) -> Result<CpuBackend<f32>, Error> {
    match *card {}
}

/// The GPUs that a run asks for; none is the CPU. `auto` takes hardware alone.
#[cfg(feature = "gpu")]
fn cards(run: &Run) -> Result<Vec<Card>, Error> {
    let cards = match run.device.as_str() {
        "cpu" => return Ok(Vec::new()),
        "auto" if run.precision == Precision::F64 => return Ok(Vec::new()),
        // Without a GPU, `auto` is the CPU.
        "auto" => return Ok(Card::find(&Choice::Hardware).into_iter().collect()),
        "gpu" => vec![Card::find(&Choice::Any)?],
        "gpu:all" => Card::all()?,
        name => return Ok(vec![Card::find(&Choice::Named(name.to_owned()))?]),
    };
    for card in cards.iter().filter(|card| card.is_software()) {
        tracing::warn!("{} computes on the CPU; run.device = \"cpu\" is much faster", card.name());
    }
    Ok(cards)
}

/// Opens a card as a run wants it.
#[cfg(feature = "gpu")]
fn open(card: &Card, run: &Run, cache: Cache) -> Result<GpuBackend, Error> {
    let tune = if run.tune { Tune::Measure } else { Tune::Table };
    let f16_storage = run.precision == Precision::Mixed;
    let choice = Choice::Card(card.clone());
    Ok(GpuBackend::open_with(&Options { choice, tune, cache, f16_storage, ..Options::default() })?)
}

/// Memory that is free on this machine, in bytes.
pub fn free_memory() -> u64 {
    // Where the system does not say, nothing is refused.
    sysinfo::System::new().map_or(u64::MAX / 4, |mut system| {
        system.refresh_memory();
        system.available_memory()
    })
}

/// The rates of a device: measured, or those of most such devices where a run wants nothing measured.
pub(crate) fn rates<B: Backend>(backend: &B, run: &Run, cache: Cache) -> Result<Rates, Error> {
    Ok(if run.tune { Rates::of(backend, cache)? } else { backend.fixed_rates().unwrap_or(Rates::TYPICAL) })
}
