//! A backend that fails at chosen calls, and devices that are such backends.

use pathkernel::compute::cpu::CpuBackend;
use pathkernel::compute::*;
use pathkernel::device::{Devices, Work};
use pathkernel::error::Error;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// What goes wrong at a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The device is lost: so are all later calls of the same instance.
    Lost,
    /// The call is refused, and all later ones of the same instance.
    Invalid,
    /// This call alone finds no memory.
    OutOfMemory,
    /// From this call on, operations of the same instance are taken and none of them is done.
    Idle,
    /// From this call on, whatever the instance, no array of more elements than this is to be had.
    Full(usize),
}

/// Which calls fail. The calls of all instances are counted together, from 0.
#[derive(Debug)]
pub struct Plan {
    faults: BTreeMap<usize, Fault>,
    calls: AtomicUsize,
    met: AtomicUsize,
    /// Elements of the largest array that is still to be had.
    room: AtomicUsize,
}

impl Plan {
    /// These calls fail, and no others.
    pub fn new(faults: impl IntoIterator<Item = (usize, Fault)>) -> Arc<Self> {
        Arc::new(Self {
            faults: faults.into_iter().collect(),
            calls: AtomicUsize::new(0),
            met: AtomicUsize::new(0),
            room: AtomicUsize::new(usize::MAX),
        })
    }

    /// Calls so far.
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// Faults of the plan that were met so far.
    pub fn met(&self) -> usize {
        self.met.load(Ordering::SeqCst)
    }

    /// Counts a call, and says what goes wrong at it.
    fn next(&self) -> Option<(usize, Fault)> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        let fault = *self.faults.get(&call)?;
        self.met.fetch_add(1, Ordering::SeqCst);
        Some((call, fault))
    }
}

/// A backend that fails at the calls of a plan, and else does what another does.
pub struct Faulty<B> {
    inner: B,
    plan: Arc<Plan>,
    /// Whether operations are taken and not done.
    idle: AtomicBool,
    /// What every call fails with from now on.
    broken: Mutex<Option<BackendError>>,
}

impl<B: Backend> Faulty<B> {
    pub fn new(inner: B, plan: Arc<Plan>) -> Self {
        Self { inner, plan, idle: AtomicBool::new(false), broken: Mutex::new(None) }
    }

    /// Before each call.
    fn call(&self) -> Result<()> {
        let next = self.plan.next();
        let mut broken = self.broken.lock().expect("no panic");
        if let Some(error) = broken.clone() {
            return Err(error);
        }
        let Some((call, fault)) = next else { return Ok(()) };
        let text = format!("injected at call {call}");
        let error = match fault {
            Fault::OutOfMemory => return Err(BackendError::OutOfMemory(text)),
            Fault::Full(elements) => {
                self.plan.room.store(elements, Ordering::SeqCst);
                return Ok(());
            }
            Fault::Idle => {
                self.idle.store(true, Ordering::SeqCst);
                return Ok(());
            }
            Fault::Lost => BackendError::Lost(text),
            Fault::Invalid => BackendError::Invalid(text),
        };
        *broken = Some(error.clone());
        Err(error)
    }

    /// Before each call that takes memory.
    fn allocate(&self, elements: usize) -> Result<()> {
        self.call()?;
        let room = self.plan.room.load(Ordering::SeqCst);
        if elements > room {
            let problem = format!("injected: {elements} elements, and there is room for {room}");
            return Err(BackendError::OutOfMemory(problem));
        }
        Ok(())
    }
}

type In<'a, B> = Slice<'a, <B as Backend>::Buffer>;
type Out<'a, B> = SliceMut<'a, <B as Backend>::Buffer>;

/// Operations whose arguments both backends share.
macro_rules! handed_on {
    ($(fn $name:ident($($argument:ident: $type:ty),*) -> $output:ty;)*) => {$(
        fn $name(&self, $($argument: $type),*) -> Result<$output> {
            self.call()?;
            self.inner.$name($($argument),*)
        }
    )*};
}

/// Operations that take memory for an array of a length.
macro_rules! handed_on_with_memory {
    ($(fn $name:ident($argument:ident: $type:ty) -> $output:ty, $elements:expr;)*) => {$(
        fn $name(&self, $argument: $type) -> Result<$output> {
            self.allocate($elements)?;
            self.inner.$name($argument)
        }
    )*};
}

impl<B: Backend> Backend for Faulty<B> {
    type Element = B::Element;
    type Buffer = B::Buffer;
    type Index = B::Index;
    type Total = B::Total;
    type Ticket = B::Ticket;

    fn name(&self) -> String {
        self.inner.name()
    }

    fn largest_buffer(&self) -> usize {
        self.inner.largest_buffer()
    }

    fn stretch(&self) -> usize {
        self.inner.stretch()
    }

    fn fixed_rates(&self) -> Option<Rates> {
        self.inner.fixed_rates()
    }

    fn enter(&self, phase: Phase) -> Phase {
        self.inner.enter(phase)
    }

    fn phase_seconds(&self) -> Option<[f64; Phase::COUNT]> {
        self.inner.phase_seconds()
    }

    handed_on_with_memory! {
        fn zeros(len: usize) -> B::Buffer, len;
        fn scratch(len: usize) -> B::Buffer, len;
        fn upload(values: &[B::Element]) -> B::Buffer, values.len();
        fn index(values: &[u32]) -> B::Index, values.len();
        fn totals(len: usize) -> B::Total, len;
        fn upload_totals(values: Vec<f64>) -> B::Total, values.len();
    }

    handed_on! {
        fn write(out: Out<'_, B>, values: &[B::Element]) -> ();
        fn download(source: In<'_, B>) -> Vec<B::Element>;
        fn download_later(source: In<'_, B>) -> B::Ticket;
        fn collect(ticket: B::Ticket) -> Vec<B::Element>;
        fn fold(total: &mut B::Total, block: &mut B::Buffer) -> ();
        fn download_totals(total: &B::Total) -> Vec<f64>;
    }

    fn run<O: Operation>(&self, operation: &O, arrays: O::Arrays<'_, B::Buffer, B::Index>) -> Result<()> {
        self.call()?;
        if self.idle.load(Ordering::SeqCst) {
            return Ok(());
        }
        self.inner.run(operation, arrays)
    }
}

/// CPUs that fail as a plan says; the one that they may fall back to does not.
pub struct FaultyDevices<E> {
    pub plan: Arc<Plan>,
    pub count: usize,
    pub fallback: bool,
    element: PhantomData<fn() -> E>,
}

impl<E> FaultyDevices<E> {
    pub fn new(plan: Arc<Plan>, count: usize, fallback: bool) -> Self {
        Self { plan, count, fallback, element: PhantomData }
    }
}

impl<E: Element> Devices for FaultyDevices<E> {
    fn count(&self) -> usize {
        self.count
    }

    fn fallback(&self) -> Option<usize> {
        self.fallback.then_some(self.count)
    }

    fn on<W: Work>(&self, number: usize, work: W) -> std::result::Result<W::Output, Error> {
        let cpu = CpuBackend::<E>::new();
        if number < self.count { work.on(&Faulty::new(cpu, Arc::clone(&self.plan))) } else { work.on(&cpu) }
    }
}
