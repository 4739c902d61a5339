//! What a plan says: tiles that take the least work, the least memory, and a readout that would take far less.

use pathkernel::activation::Activation;
use pathkernel::compute::Rates;
use pathkernel::compute::cpu::CpuBackend;
use pathkernel::graph::Graph;
use pathkernel::layer::{Layer, LayerKind, Linear};
use pathkernel::loss::{Loss, Targets};
use pathkernel::optimizer::{Adam, Optimizer};
use pathkernel::path::Spec;
use pathkernel::plan::{Device, Plan};
use pathkernel::problem::Problem;
use pathkernel::random::numbers;
use pathkernel::readout::Readout;
use pathkernel::training::draw_batches;

const EXAMPLES: usize = 300;
const QUERIES: usize = 20;
const INPUTS: usize = 32;

/// A network of 32-32-`outputs`, Adam in batches of 32: every row of ψ is whole, and a query has one for each output.
fn problem(outputs: usize) -> Problem {
    let layers = [
        LayerKind::Linear(Linear { features: 32, bias: true }),
        LayerKind::Activation(Activation::Relu),
        LayerKind::Linear(Linear { features: outputs, bias: true }),
    ];
    let network = Graph::new(&[INPUTS], &layers.map(Layer::new)).expect("a network");
    let adam = Adam {
        learning_rate: 0.01,
        betas: [0.9, 0.999],
        eps: 1e-8,
        weight_decay: 0.0,
        amsgrad: false,
        decoupled: false,
    };
    let classes = Targets::Classes((0..EXAMPLES as u32).map(|example| example % outputs as u32).collect());
    Problem::new(network, Loss::CrossEntropy, Optimizer::Adam(adam), numbers(1, EXAMPLES * INPUTS), classes)
        .asking(numbers(2, QUERIES * INPUTS), None)
        .batches(draw_batches(0, EXAMPLES, 32, 30))
}

fn device(allowed: u64) -> Device {
    Device { allowed: Some(allowed), ..Device::new(&CpuBackend::<f32>::new(), Rates::CPU) }
}

fn planned(outputs: usize, allowed: u64) -> Plan {
    problem(outputs).plan(&device(allowed)).expect("a plan")
}

/// Queries fill the memory: tiles of some of them with all examples. Cut along the examples, each would pass all of its queries
/// again, which are most of the work.
#[test]
fn memory_that_queries_fill_cuts_along_the_queries() {
    let plan = planned(200, 200 << 20);
    let [queries, examples] = plan.sides;
    assert_eq!(examples, EXAMPLES, "{:?}", plan.sides);
    assert!(queries >= 4 && plan.tiles.len() == QUERIES.div_ceil(queries), "{:?}", plan.sides);
}

/// What an error names is enough, and less is not.
#[test]
fn the_least_memory_is_named_and_is_enough() {
    let refused = |allowed: u64| problem(200).plan(&device(allowed)).err().map(|error| error.to_string());
    let problem = refused(50 << 20).expect("too little");
    let named = problem.split("run.memory = \"").nth(1).and_then(|rest| rest.split(" MiB").next());
    let least: u64 = named.and_then(|mebibytes| mebibytes.parse().ok()).expect("an amount");
    assert_eq!(refused(least << 20), None);
    assert!(refused((least - 1) << 20).is_some(), "{least}");
}

/// A row of ψ for each of 2,000 outputs, against one: by far the most of the work.
#[test]
fn a_readout_that_takes_a_hundredth_is_named() {
    let cheaper = planned(2000, 8 << 30).cheaper.expect("a word");
    assert_eq!((cheaper.readout, cheaper.lacks_targets), (Readout::Margin, true));
    assert!(cheaper.times > 100.0, "{cheaper}");
    assert!(cheaper.to_string().contains("kernel.readout = \"margin\"") && cheaper.to_string().contains("targets"));
    // Few outputs, or one value a query, and there is nothing to say.
    assert_eq!(planned(10, 8 << 30).cheaper, None);
    let targets = Some(Targets::Classes(vec![0; QUERIES]));
    let asked = problem(2000).asking(numbers(2, QUERIES * INPUTS), targets);
    let spec = Spec { readout: Readout::Margin, ..asked.spec.clone() };
    assert_eq!(Problem { spec, ..asked }.plan(&device(8 << 30)).expect("a plan").cheaper, None);
}
