//! The backend that fails on purpose: it computes what the one below computes, and fails when it should.

use crate::common::faulty::{Fault, Faulty, FaultyDevices, Plan};
use pathkernel::activation::Activation;
use pathkernel::compute::cpu::CpuBackend;
use pathkernel::compute::{Backend, BackendError, Element, Slice, is_sound};
use pathkernel::device::{Devices, Work};
use pathkernel::error::Error;
use pathkernel::graph::Graph;
use pathkernel::layer::{Layer, LayerKind, LayerNorm, Linear};
use pathkernel::loss::{Aims, Loss, Targets};
use pathkernel::optimizer::{Optimizer, Sgd};
use pathkernel::path::{Integration, Setting, Spec, Tile};
use pathkernel::tangent::Contraction;
use pathkernel::tape::{MemoryTape, Recording, Step};
use pathkernel::training::{Examples, TargetBuffer, Training};

/// Trains a small network and takes one prediction apart; gives the bits of what comes out.
#[derive(Clone, Copy)]
struct Small;

impl Work for Small {
    type Output = Vec<u64>;

    fn on<B: Backend>(self, backend: &B) -> Result<Vec<u64>, Error> {
        let layer = Layer::new;
        let layers = vec![
            layer(LayerKind::Linear(Linear { features: 8, bias: true })),
            layer(LayerKind::Activation(Activation::Tanh)),
            layer(LayerKind::LayerNorm(LayerNorm::default())),
            layer(LayerKind::Linear(Linear { features: 1, bias: true })),
        ];
        let network = Graph::new(&[2], &layers)?;
        let elements = |values: &[f64]| values.iter().map(|&value| B::Element::from_f64(value)).collect::<Vec<_>>();
        let examples = Examples::new(backend, &elements(&[0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0]), 2)?;
        let targets = Targets::Reals(vec![0.0, 1.0, 1.0, 0.0]);
        let targets = TargetBuffer::new(backend, &Aims::new(&targets, 4, 1))?;
        let optimizer = Optimizer::Sgd(Sgd { momentum: 0.5, ..Sgd::plain(0.05) });
        let training = Training {
            backend,
            network: &network,
            loss: Loss::SquaredError,
            optimizer: optimizer.into(),
            clip_norm: 0.0,
            examples: &examples,
            targets: &targets,
        };
        let step = Step { learning_rate: 0.05, batch: None, examples: 4, share: 0.25, total: 4.0, clip: 1.0 };
        let mut tape = MemoryTape::new(Recording::new(&optimizer, 9, 1));
        let initial = elements(&network.draw(0));
        training.run(&initial, &vec![step; 9], &mut tape, &mut || Ok(()))?;
        let choice = [Contraction::Factored, Contraction::Materialised, Contraction::Half];
        let contraction: Vec<Contraction> = choice.into_iter().cycle().take(network.blocks.len()).collect();
        let spec = Spec::new(Loss::SquaredError, optimizer);
        let query = elements(&[0.4, 0.9]);
        let setting = Setting {
            backend,
            network: &network,
            in_training: &network,
            spec: &spec,
            contraction: &contraction,
            examples: &examples,
            queries: &query,
            targets: &targets,
            groups: None,
            query_targets: None,
        };
        let integration = Integration { setting, tape: &tape };
        let found = integration.tile(&Tile { queries: 0..1, examples: 0..4 }, &mut || Ok(()))?;
        let values = found.attribution.iter().flatten().chain(&found.account.prediction);
        Ok(values.map(|value| value.to_f64().to_bits()).collect())
    }
}

/// Works until it succeeds; gives the errors before.
fn insist<E: Element>(devices: &FaultyDevices<E>) -> (Vec<u64>, Vec<BackendError>) {
    let mut errors = Vec::new();
    loop {
        match devices.on(0, Small) {
            Ok(found) => return (found, errors),
            Err(Error::Backend(error)) => errors.push(error),
            Err(other) => panic!("{other}"),
        }
        assert!(errors.len() < 100, "{errors:?}");
    }
}

fn faults_leave_no_trace<E: Element>() {
    let want = Small.on(&CpuBackend::<E>::new()).expect("a CPU");
    let calm = FaultyDevices::<E>::new(Plan::new([]), 1, true);
    let (found, errors) = insist(&calm);
    assert!(found == want && errors.is_empty());
    let calls = calm.plan.calls();
    assert!(calls > 100, "{calls}");
    // Each fault lies in the attempt after the one before it.
    let kinds = [Fault::Lost, Fault::OutOfMemory, Fault::Invalid];
    let mut call = 0;
    let faults: Vec<(usize, Fault)> = (0..20)
        .map(|number| {
            call += 1 + number * calls / 25;
            (call, kinds[number % 3])
        })
        .collect();
    let devices = FaultyDevices::<E>::new(Plan::new(faults), 1, true);
    let (found, errors) = insist(&devices);
    assert_eq!((found, errors.len(), devices.plan.met()), (want.clone(), 20, 20));
    for (error, kind) in errors.iter().zip(kinds.into_iter().cycle()) {
        let agrees = match error {
            BackendError::Lost(_) => kind == Fault::Lost,
            BackendError::Invalid(_) => kind == Fault::Invalid,
            BackendError::OutOfMemory(_) => kind == Fault::OutOfMemory,
            BackendError::NoAdapter(_) => false,
        };
        assert!(agrees, "{error} instead of {kind:?}");
    }
    // The CPU that is fallen back to never fails.
    let hopeless = FaultyDevices::<E>::new(Plan::new((0..10_000).map(|call| (call, Fault::Lost))), 2, true);
    assert!(hopeless.on(0, Small).is_err() && hopeless.on(1, Small).is_err());
    let fallback = hopeless.fallback().expect("a CPU");
    assert_eq!(hopeless.on(fallback, Small).expect("no fault"), want);
}

#[test]
fn faults_leave_no_trace_in_f32() {
    faults_leave_no_trace::<f32>();
}

#[test]
fn faults_leave_no_trace_in_f64() {
    faults_leave_no_trace::<f64>();
}

/// What an instance fails with, and whether it goes on afterwards.
#[test]
fn a_lost_instance_stays_lost_and_the_next_is_not() {
    for (fault, stays) in [(Fault::Lost, true), (Fault::Invalid, true), (Fault::OutOfMemory, false)] {
        let plan = Plan::new([(1, fault)]);
        let device = Faulty::new(CpuBackend::<f64>::new(), plan.clone());
        let buffer = device.upload(&[1.0, 2.0]).expect("call 0");
        assert!(device.download(Slice::new(&buffer, 0, 2)).is_err());
        assert_eq!(device.download(Slice::new(&buffer, 0, 2)).is_err(), stays);
        assert_eq!((plan.calls(), plan.met()), (3, 1));
        let next = Faulty::new(CpuBackend::<f64>::new(), plan);
        assert!(next.zeros(1).is_ok());
    }
}

/// A device that has become full has no large arrays, whoever asks; small ones it has.
#[test]
fn a_full_device_stays_full() {
    let plan = Plan::new([(1, Fault::Full(100))]);
    let device = Faulty::new(CpuBackend::<f64>::new(), plan.clone());
    assert!(device.zeros(1000).is_ok());
    let next = Faulty::new(CpuBackend::<f64>::new(), plan);
    for device in [&device, &next] {
        assert!(matches!(device.zeros(101), Err(BackendError::OutOfMemory(_))));
        assert!(matches!(device.upload(&[0.0; 101]), Err(BackendError::OutOfMemory(_))));
        assert!(matches!(device.totals(101), Err(BackendError::OutOfMemory(_))));
        assert!(device.scratch(100).is_ok());
    }
}

/// What is tried before a GPU is taken: one that does nothing is found out, and so is one that fails.
#[test]
fn a_device_that_computes_nothing_is_found_out() {
    let device = |fault| Faulty::new(CpuBackend::<f32>::new(), Plan::new([(0, fault)]));
    assert!(matches!(is_sound(&CpuBackend::<f32>::new()), Ok(true)));
    assert!(matches!(is_sound(&device(Fault::Idle)), Ok(false)));
    assert!(is_sound(&device(Fault::Lost)).is_err());
}
