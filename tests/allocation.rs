//! A step loop on the CPU takes no fresh memory: what it needs was taken by its first steps.

use pathkernel::activation::{Activation, Approximate, Gelu};
use pathkernel::compute::cpu::CpuBackend;
use pathkernel::compute::{Backend, Entries, Rates};
use pathkernel::graph::Graph;
use pathkernel::layer::{AvgPool2d, Conv2d, Flatten, Layer, LayerKind, Linear};
use pathkernel::loss::{Aims, Loss, Targets};
use pathkernel::path::{Evaluation, Rule, Setting, Spec, Tile};
use pathkernel::readout::Readout;
use pathkernel::tangent::{Carried, Contraction, Sizes, choose};
use pathkernel::training::{Examples, TargetBuffer};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of an allocation that costs page faults: smaller ones are lists of parts and of indices.
const LARGE: usize = 64 * 1024;

/// Counts large allocations.
struct Counting;

static LARGE_ONES: AtomicUsize = AtomicUsize::new(0);

// SAFETY: it hands everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() >= LARGE {
            LARGE_ONES.fetch_add(1, Ordering::Relaxed);
        }
        // SAFETY: the caller's layout.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if layout.size() >= LARGE {
            LARGE_ONES.fetch_add(1, Ordering::Relaxed);
        }
        // SAFETY: the caller's layout.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's pointer and layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn steps_take_no_fresh_memory() {
    let backend = CpuBackend::<f32>::new();
    let layer = Layer::new;
    let conv = LayerKind::Conv2d(Conv2d::square(8, 3, 1, 1, true));
    let layers = [
        conv.clone(),
        LayerKind::Activation(Activation::Tanh),
        conv,
        LayerKind::Activation(Gelu { approximate: Approximate::None }.into()),
        LayerKind::AvgPool2d(AvgPool2d::square(4)),
        LayerKind::Flatten(Flatten),
        LayerKind::Linear(Linear { features: 64, bias: true }),
        LayerKind::Activation(Activation::Silu),
        LayerKind::Linear(Linear { features: 10, bias: true }),
    ];
    let network = Graph::new(&[2, 12, 12], &layers.map(layer)).expect("a network");
    let (queries, count) = (24, 40);
    let numbers = |len: usize| (0..len).map(|i| (i * 37 % 101) as f32 / 101.0 - 0.5).collect::<Vec<f32>>();
    let weights: Vec<f32> = network.draw(1).into_iter().map(|value| value as f32).collect();
    let weights = backend.upload(&weights).expect("room");
    let examples = Examples::new(&backend, &numbers(count * 288), 288).expect("room");
    let targets = Targets::Reals(numbers(count * 10).into_iter().map(f64::from).collect());
    let targets = TargetBuffer::new(&backend, &Aims::new(&targets, count, 10)).expect("room");
    let inputs = numbers(queries * 288);
    let entries = vec![Entries::Loss, Entries::Full];
    let carried = Carried::Nothing;
    let sizes = Sizes {
        queries,
        outputs: 10,
        copies: 10,
        nodes: 2,
        examples: count,
        columns: count,
        entries,
        positions: None,
        carried,
    };
    let pick = |own| choose(&network, own, Readout::Outputs, &sizes, &Rates::CPU);
    let contraction: Vec<Contraction> = network.blocks.iter().map(pick).collect();
    let spec = Spec {
        rule: Rule::Gauss { nodes: 2 },
        kernel: Some(Entries::Full),
        coefficients: true,
        layers: true,
        ..Spec::at_once(Loss::SquaredError)
    };
    let setting = Setting {
        backend: &backend,
        network: &network,
        in_training: &network,
        spec: &spec,
        contraction: &contraction,
        examples: &examples,
        queries: &inputs,
        targets: &targets,
        groups: None,
        query_targets: None,
    };
    let tile = Tile { queries: 0..queries, examples: 0..count };
    let mut evaluation = Evaluation::new(&setting, &tile).expect("room");
    // Threads take their tiles' sums when they first work, and which thread works is up to chance.
    (0..20).for_each(|_| evaluation.add(&weights).expect("a step"));
    let before = LARGE_ONES.load(Ordering::Relaxed);
    assert!(before > 0, "nothing was counted");
    (0..20).for_each(|_| evaluation.add(&weights).expect("a step"));
    let taken = LARGE_ONES.load(Ordering::Relaxed) - before;
    // A thread that never worked before may still come.
    assert!(taken <= 2, "{taken} large allocations in 20 steps");
}
