//! Both backends with the same numbers.

pub use pathkernel::random::numbers;

use pathkernel::compute::gpu::{Choice, GpuBackend, Options, TileSize, Tune};
use pathkernel::compute::{Backend, BackendError, Element, Slice, SliceMut};
use std::time::Duration;

/// One rounding of f32, relative.
pub const EPS: f64 = 1.0 / 16_777_216.0;
/// Elements before and after every array.
const AROUND: usize = 5;
/// What they hold.
const GUARD: f64 = 77.0;

/// The adapter as it is, with every index checked, and the same as a device with bindings of 8 KiB, 16 workgroups
/// a dimension and a million operations a submission. None where there is no adapter; then the test says that it skips.
pub fn devices() -> Vec<GpuBackend> {
    open(&[whole(Tune::Table), small(Tune::Table)])
}

/// Each size of tiles, one of them on the small device.
pub fn devices_of_every_tile() -> Vec<GpuBackend> {
    let [small_tile, middle, tall, large] = TileSize::ALL.map(Tune::Fixed);
    open(&[whole(small_tile), small(middle), whole(tall), whole(large)])
}

/// The adapter as it is with each size of tiles, and once more with submissions of a thousand operations, with shaders as
/// a release has them.
pub fn whole_devices_of_every_tile() -> Vec<GpuBackend> {
    let release = |tune| Options { checked: false, ..whole(tune) };
    let short = Options { work: Some(1e3), ..release(Tune::Table) };
    open(&[&TileSize::ALL.map(Tune::Fixed).map(release)[..], &[short]].concat())
}

/// Every size of tiles with factors in 16 bits, the middle one on the small device.
pub fn devices_of_f16_storage() -> Vec<GpuBackend> {
    let tiles = [whole(Tune::Fixed(TileSize::S)), small(Tune::Fixed(TileSize::M)), whole(Tune::Fixed(TileSize::L))];
    open(&tiles.map(|options| Options { f16_storage: true, ..options }))
}

/// The adapter with tiles that it measures.
pub fn measuring_device() -> Option<GpuBackend> {
    open(&[whole(Tune::Measure)]).pop()
}

/// The adapter as a device that has no time to answer.
pub fn impatient_device() -> Option<GpuBackend> {
    open(&[Options { patience: Some(Duration::from_nanos(1)), ..whole(Tune::Table) }]).pop()
}

fn whole(tune: Tune) -> Options {
    Options { choice: Choice::Any, checked: true, tune, ..Options::default() }
}

fn small(tune: Tune) -> Options {
    Options { binding: Some(8192), workgroups: Some(16), work: Some(1e6), ..whole(tune) }
}

fn open(options: &[Options]) -> Vec<GpuBackend> {
    let opened: Result<Vec<GpuBackend>, BackendError> = options.iter().map(GpuBackend::open_with).collect();
    match opened {
        Ok(devices) => devices,
        Err(error) => {
            let required = std::env::var("PATHKERNEL_REQUIRE_GPU").is_ok_and(|value| value == "1");
            assert!(!required, "PATHKERNEL_REQUIRE_GPU=1, but: {error}");
            println!("skipped: {error}");
            Vec::new()
        }
    }
}

/// An array in the middle of a buffer.
pub struct Held<B: Backend> {
    buffer: B::Buffer,
    len: usize,
}

impl<B: Backend> Held<B> {
    pub fn new(backend: &B, values: &[f64]) -> Self {
        let around = [GUARD; AROUND];
        let all: Vec<B::Element> = [&around, values, &around].concat().into_iter().map(B::Element::from_f64).collect();
        Self { buffer: backend.upload(&all).expect("upload"), len: values.len() }
    }

    /// An output, full of what must be overwritten.
    pub fn output(backend: &B, len: usize) -> Self {
        Self::new(backend, &vec![f64::from(-3.5f32); len])
    }

    pub fn get(&self) -> Slice<'_, B::Buffer> {
        Slice::new(&self.buffer, AROUND, self.len)
    }

    pub fn out(&mut self) -> SliceMut<'_, B::Buffer> {
        SliceMut::new(&mut self.buffer, AROUND, self.len)
    }

    /// The values; what lies around them must be untouched.
    pub fn values(&self, backend: &B) -> Vec<f64> {
        let all = backend.download(Slice::new(&self.buffer, 0, self.len + 2 * AROUND)).expect("download");
        let all: Vec<f64> = all.into_iter().map(B::Element::to_f64).collect();
        let (before, rest) = all.split_at(AROUND);
        let (values, after) = rest.split_at(self.len);
        assert!(
            before.iter().chain(after).all(|&guard| guard == GUARD),
            "wrote outside the output: {before:?} {after:?}"
        );
        values.to_vec()
    }
}

/// Fails where the two differ by more than `tolerance`.
pub fn compare(what: &str, want: &[f64], got: &[f64], tolerance: f64) {
    assert_eq!(want.len(), got.len(), "{what}");
    for (place, (want, got)) in want.iter().zip(got).enumerate() {
        // Written so that NaN fails.
        let agree = (want - got).abs() <= tolerance;
        assert!(agree, "{what}: entry {place} is {got} instead of {want}, off by more than {tolerance:e}");
    }
}

/// Runs `operation(&backend, shape)` on both and compares.
macro_rules! agree {
    ($devices:expr, $operation:ident, $shape:expr, $tolerance:expr) => {{
        let shape = $shape;
        let want = $operation(&pathkernel::compute::cpu::CpuBackend::<f64>::new(), &shape);
        for device in $devices {
            let what = format!("{} {:?}", stringify!($operation), shape);
            crate::harness::compare(&what, &want, &$operation(device, &shape), $tolerance);
        }
    }};
}
pub(crate) use agree;
