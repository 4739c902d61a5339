/*!
What a problem costs on a device: memory and arithmetic, the contraction of each layer, and how it is cut into tiles.
*/

mod cheaper;
mod cost;
mod footprint;
mod influence;
mod measured;
mod own;
mod passes;
mod room;
mod tiles;

pub use cheaper::Cheaper;
pub use influence::Slices;
pub use measured::MeasuredPasses;
pub(crate) use room::{check_room, size};
pub use tiles::Cut;

use crate::compute::{Backend, Element, Entries, Rates};
use crate::device::free_memory;
use crate::path::{Quadrature, Rule, Tile, columns_at_once, examples_at_once, searched_at_once, vectors_at_once};
use crate::problem::{Expected, Problem, SelfAttribution};
use crate::readout::Readout;
use crate::tangent::{Contraction, Sizes, choose};
use crate::tape::Step;
use cost::Cost;
use footprint::{Footprint, Held, WholeBatch};
use influence::Influences;
use own::{Own, pairs_of_own, sizes_of_own};
use room::PROGRAM;
use std::ops::Range;
use tiles::{divided, lengths, most_queries, sides, tiles, workers};

/// A problem's cost, and its tiles.
#[derive(Debug, Clone)]
pub struct Plan {
    /// m, n, C, trained numbers and steps.
    pub shapes: [usize; 5],
    /// The contraction of each layer with parameters.
    pub contraction: Vec<Contraction>,
    /// Queries and examples of a tile; those at the edges may have fewer.
    pub sides: [usize; 2],
    /// The tiles, in the order in which they are computed.
    pub tiles: Vec<Tile>,
    /// How many of them are computed at once, each on an equal part of the device's threads.
    pub workers: usize,
    /// Examples of a tile of self-attributions; 0 where these are not asked for.
    pub own_side: usize,
    /// The tiles of self-attributions.
    pub own_tiles: Vec<Tile>,
    /// The tiles of influences.
    pub influence: Slices,
    /// Bytes on the device at the most.
    pub device_bytes: u64,
    /// Bytes of the data and of the program on the host.
    pub host_bytes: u64,
    /// Bytes of memory, data and program among them, below which there is no plan; `None` where an array of one query and one
    /// example is larger than the device takes.
    pub least_bytes: Option<u64>,
    /// Bytes of the state of a tile under way.
    pub state_bytes: u64,
    /// Bytes of all arrays that come of it.
    pub array_bytes: f64,
    /// Bytes of the attribution among them, and of its parts by layer and by window.
    pub attribution_bytes: f64,
    /// Bytes of the influences among them, but for those of steps.
    pub influence_bytes: f64,
    /// Bytes of the recorded path.
    pub path_bytes: f64,
    /// Floating-point operations of the contractions.
    pub flops: f64,
    /// Floating-point operations of the integration's forward and backward passes.
    pub pass_flops: f64,
    /// Seconds that training and integration will take, roughly, by the device's rates.
    pub seconds: [f64; 2],
    /// What had to be assumed, if anything: counts that only the work itself finds.
    pub assumed: Option<String>,
    /// A readout that would take far less, where there is one.
    pub cheaper: Option<Cheaper>,
}

/// What a plan needs to know of a device.
#[derive(Debug, Clone, Copy)]
pub struct Device {
    /// How fast it is.
    pub rates: Rates,
    /// What passes of the problem's network take on it, where that was timed.
    pub passes: Option<MeasuredPasses>,
    /// Rates by which contractions are chosen.
    pub choosing: Rates,
    /// Bytes that a tile may take, where nothing else is said.
    pub memory: u64,
    /// Bytes that the whole work may take, the data and the program among them, where that is said.
    pub allowed: Option<u64>,
    /// Elements of its largest buffer.
    pub largest: usize,
    /// Threads that may be divided among workers, each of which has a tile of its own.
    pub threads: usize,
    /// Bytes of an element.
    pub bytes: usize,
    /// One rounding of an element, relative.
    pub rounding: f64,
}

impl Device {
    /// A device of known rates; a tile may take half of the memory that is free.
    pub fn new<B: Backend>(backend: &B, rates: Rates) -> Self {
        Self {
            rates,
            passes: None,
            choosing: backend.fixed_rates().unwrap_or(rates),
            memory: free_memory() / 2,
            allowed: None,
            largest: backend.largest_buffer(),
            threads: 1,
            bytes: size_of::<B::Element>(),
            rounding: B::Element::ROUNDING,
        }
    }
}

/// Counts that may be beyond any machine, so in floating point.
fn real(count: usize) -> f64 {
    count as f64
}

/// Entries of arrays for each pair of a query and an example.
struct PerPair {
    /// Of the accumulators on the device.
    sums: f64,
    /// Of the tangent kernels, which wait on the host for the rest of their tile.
    tangent: f64,
    /// Of what windows of training hand over to the host: each window's own, and the sums of them all.
    windows: f64,
    /// Of the arrays that come of it: the whole, its parts by layer and by window, and for the coefficients their numerators and themselves.
    arrays: f64,
    /// Of the attribution among them.
    attribution: f64,
}

impl PerPair {
    fn new(problem: &Problem) -> Self {
        let Problem { network, spec, .. } = problem;
        let rows = spec.values(network.outputs);
        let pair = real(spec.kernel.map_or(0, |entries| entries.per_pair(rows, network.outputs)));
        let attribution = if spec.attribution { real(rows) } else { 0.0 };
        let tangent = if spec.tangent { 2.0 * pair } else { 0.0 };
        let positions = spec.positions.map_or(0.0, |positions| real(rows) * real(positions));
        let groups = if spec.layers { real(network.layers().len()) } else { 1.0 };
        let parts = if spec.layers { 1.0 + groups } else { 1.0 };
        let coefficients = if spec.coefficients { pair } else { 0.0 };
        let of_windows = real(spec.windows) * attribution;
        Self {
            sums: groups * (attribution + positions + pair) + coefficients,
            tangent,
            windows: if spec.windows > 0 { of_windows + groups * attribution } else { 0.0 },
            arrays: parts * (attribution + positions + pair) + of_windows + 2.0 * coefficients + tangent,
            attribution: parts * attribution + of_windows,
        }
    }
}

/// The sizes of a step that contractions are chosen by.
fn sizes(problem: &Problem, rounding: f64) -> Sizes {
    let Problem { network, spec, steps, .. } = problem;
    let m = problem.examples();
    let nodes = match spec.rule {
        // Gradient flow takes its nodes one by one.
        Rule::Gauss { nodes } if !spec.optimizer.whole().is_solved() => nodes,
        Rule::Adaptive { .. } => expected(problem).nodes,
        Rule::Gauss { .. } | Rule::Left => 1,
    };
    let rates: Vec<f64> = steps.iter().map(|step| step.learning_rate).collect();
    // What a batch repeats passes once, unless rows depend on each other.
    let rows = |step: &Step| {
        if network.in_training().couples_rows() { step.batch_len() } else { step.batch_len().min(m) }
    };
    Sizes {
        queries: problem.query_count().min(most_queries(spec.values(network.outputs))),
        outputs: spec.values(network.outputs),
        copies: network.outputs,
        nodes,
        examples: steps.iter().map(rows).max().unwrap_or(m),
        columns: problem.columns(),
        entries: spec.attribution.then_some(Entries::Loss).into_iter().chain(spec.kernel).collect(),
        positions: spec.positions,
        carried: problem.carried(&rates, rounding),
    }
}

/// Bytes of the data in both precisions, and of what belongs to queries alone.
fn data_bytes(problem: &Problem, bytes: usize) -> u64 {
    let (m, n) = (problem.examples(), problem.query_count());
    // The examples as queries of their own.
    let own = if problem.own { real(m) * real(problem.network.input_len()) * real(bytes) } else { 0.0 };
    let rows = problem.spec.values(problem.network.outputs);
    (real(m + n) * real(problem.network.input_len()) * real(8 + 2 * bytes) + 7.0 * 8.0 * real(n) * real(rows) + own)
        as u64
}

/// Bytes of the data that a worker has for itself: inputs of examples and queries, as the device takes them.
fn worker_bytes(problem: &Problem, bytes: usize) -> u64 {
    (real(problem.examples() + problem.query_count()) * real(problem.network.input_len()) * real(bytes)) as u64
}

/// Flat vectors that are recorded of a path.
fn path_vectors(problem: &Problem) -> f64 {
    let flow = FLOW_STEPS * (1 + 2 * flow_nodes(&problem.spec.rule));
    real(if problem.spec.optimizer.whole().is_solved() { flow } else { problem.recording().vectors() })
}

/// Bytes of the arrays of a problem.
fn array_bytes(problem: &Problem, per_pair: &PerPair, bytes: usize) -> f64 {
    let Problem { network, spec, .. } = problem;
    let (m, n, rows) = (problem.columns(), problem.query_count(), spec.values(network.outputs));
    // Of each example and layer a norm and a share, and the vectors asked for.
    let shares = if problem.superposition { 2.0 * real(m) * real(network.layers().len()) } else { 0.0 };
    let superposed = real(problem.superposition_vectors.len()) * real(network.len) + shares;
    let own = if problem.own { real(problem.examples()) * real(rows) } else { 0.0 };
    (real(n) * real(m) * per_pair.arrays + 5.0 * real(n) * real(rows) + superposed + own) * real(bytes)
}

impl Plan {
    /// Plans a problem for a device. A plan that does not fit has no tiles.
    pub fn new(problem: &Problem, device: &Device, cut: Cut) -> Self {
        let Problem { network, spec, steps, .. } = problem;
        let (m, n, outputs) = (problem.columns(), problem.query_count(), network.outputs);
        let sizes = sizes(problem, device.rounding);
        let per_pair = PerPair::new(problem);
        let contraction = problem.contractions();
        let choose = || match (problem.own, sizes.sums().next()) {
            (true, None) => {
                let sizes = sizes_of_own(problem, &sizes);
                fastest(problem, spec.readout, &sizes, &pairs_of_own(&sizes), &device.choosing)
            }
            _ => fastest(problem, spec.readout, &sizes, &per_pair, &device.choosing),
        };
        let contraction = contraction.unwrap_or_else(choose);
        let footprint = footprint(problem, device, &contraction, &sizes, &per_pair);
        let host_bytes = data_bytes(problem, device.bytes).saturating_add(PROGRAM);
        let room = device.allowed.map_or(device.memory, |allowed| allowed.saturating_sub(host_bytes));
        let own = problem.own.then(|| Own::new(problem, &contraction, &sizes, device));
        let own_side = own.as_ref().map(|own| own.side(cut, (room, device.largest), &device.choosing));
        let influences = problem.influence.map(|_| Influences::new(problem, &contraction, device));
        let slices = influences.as_ref().map(|influences| influences.slices(cut, room));
        let sizes = Sizes { queries: n, ..sizes };
        let taken =
            real(if spec.optimizer.whole().is_solved() { FLOW_STEPS * flow_nodes(&spec.rule) } else { steps.len() });
        // The first one's data are counted with the host's.
        let further = |workers: usize| worker_bytes(problem, device.bytes).saturating_mul(workers as u64 - 1);
        let fits_beside = |sides, workers: usize| {
            footprint.fits(sides, room.saturating_sub(further(workers)) / workers as u64, device.largest)
        };
        let tile = match cut {
            Cut::Into { at_least } => {
                let step =
                    |rates: &Rates, tiles| cost(problem, &contraction, rates, sizes.clone(), tiles).step(per_pair.sums);
                let sides_of = |workers| {
                    let bounds = (most_queries(sizes.outputs), at_least.saturating_mul(workers));
                    sides([n, m], bounds, &|sides| fits_beside(sides, workers), &|tiles| step(&device.choosing, tiles))
                };
                // What threads lose to each other in small operations, workers do not.
                let rates = Rates { few: device.choosing.multiply_add, call: 0.0, ..device.choosing };
                divided(device.threads, &sides_of, &|sides| taken * step(&rates, lengths([n, m], sides)))
            }
            Cut::Recorded { sides, .. } => Some(sides),
        };
        // One that self-attributions or influences do not fit is no plan.
        let fits = own_side != Some(None) && slices.as_ref().is_none_or(|slices| !slices.tiles.is_empty());
        let tile = tile.filter(|_| fits);
        let own_side = own_side.map(|side| side.unwrap_or(1));
        let [down, across] = tile.unwrap_or([1, 1]).map(|side| side.max(1));
        // Tiles of one query and one example could be very many.
        let tiles = if tile.is_some() { tiles([n, m], [down, across]) } else { Vec::new() };
        let [down, across] = [down.min(n), across.min(m)];
        let workers = workers(device.threads, tiles.len(), &|workers| fits_beside([down, across], workers));
        let superposing = vectors_at_once(network, m) as u64 * (device.bytes as u64 + 16);
        let superposing = if problem.superposition { superposing } else { 0 };
        let cost = cost(problem, &contraction, &device.rates, sizes, [n.div_ceil(down), m.div_ceil(across)]);
        let cost = Cost { measured: device.passes.as_ref(), ..cost };
        let superposing_step = if problem.superposition { cost.superposing() } else { 0.0 };
        let tangents = spec.kernel.filter(|_| spec.tangent).map_or(0.0, |entries| cost.tangents(entries));
        let training = cost.training_step() * taken;
        let stepping = (cost.step(per_pair.sums) + superposing_step) * taken;
        let demand = own.as_ref().zip(own_side).map(|(own, side)| own.demand(side, device, taken)).unwrap_or_default();
        let of_influences =
            influences.as_ref().zip(slices.as_ref()).map(|(influences, slices)| influences.demand(slices, taken));
        let demand = demand.beside(&of_influences.unwrap_or_default());
        let (flops, pass_flops) = (cost.flops() * taken + demand.flops, cost.pass_flops() * taken + demand.pass_flops);
        let summing = cost.folding(per_pair.sums, taken) + cost.handing_over(per_pair.windows);
        let integrating = stepping + tangents + summing + demand.seconds;
        let cheaper = Cheaper::than(problem, &device.choosing, &cost.sizes, &per_pair);
        let single = footprint.fits([1, 1], u64::MAX, device.largest) && !demand.is_too_large;
        let least = host_bytes.saturating_add(footprint.bytes(1, 1).max(superposing).max(demand.least_bytes));
        let has_tiles = !tiles.is_empty();
        let [influence_bytes, of_steps] = influences.as_ref().map_or([0.0; 2], Influences::array_bytes);
        let own_tiles = own_side.filter(|_| has_tiles).map(|side| SelfAttribution::new(problem).tiles(side));
        Self {
            shapes: [m, n, outputs, network.parameter_count(), steps.len()],
            contraction,
            sides: [down, across],
            tiles,
            workers,
            own_side: own_side.unwrap_or(0),
            own_tiles: own_tiles.unwrap_or_default(),
            influence: slices.filter(|_| has_tiles).unwrap_or_default(),
            device_bytes: footprint
                .bytes(down, across)
                .saturating_mul(workers as u64)
                .saturating_add(further(workers))
                .max(superposing)
                .max(demand.bytes),
            host_bytes,
            least_bytes: single.then_some(least),
            state_bytes: footprint.state_bytes(down, across).max(demand.state_bytes),
            array_bytes: array_bytes(problem, &per_pair, device.bytes) + influence_bytes + of_steps,
            attribution_bytes: real(n) * real(m) * per_pair.attribution * real(device.bytes),
            influence_bytes,
            path_bytes: (path_vectors(problem) + 2.0) * real(network.len) * real(device.bytes),
            flops,
            pass_flops,
            seconds: [training, integrating],
            assumed: assumed(problem),
            cheaper,
        }
    }

    /// The shapes, with the number of steps that were taken.
    pub fn shapes_of(&self, steps: usize) -> [usize; 5] {
        let [m, n, outputs, parameters, _] = self.shapes;
        [m, n, outputs, parameters, steps]
    }
}

/// A tile that a device had no room for, in smaller ones that take half of the memory, as far as it depends on the tile: those that
/// are the least work together. `None` where it is one query and one example.
pub(crate) fn pieces(
    problem: &Problem,
    contraction: &[Contraction],
    device: &Device,
    tile: &Tile,
) -> Option<Vec<Tile>> {
    let pairs = [tile.queries.len(), tile.examples.len()];
    if pairs == [1, 1] {
        return None;
    }
    let (sizes, per_pair) = (sizes(problem, device.rounding), PerPair::new(problem));
    let footprint = footprint(problem, device, contraction, &sizes, &per_pair);
    let room = footprint.bytes(1, 1).midpoint(footprint.bytes(pairs[0], pairs[1]));
    let of_batch = (sizes.examples * pairs[1]).div_ceil(problem.columns());
    let sizes = Sizes { queries: pairs[0], examples: of_batch, columns: pairs[1], ..sizes };
    let fits = |sides| footprint.fits(sides, room, usize::MAX);
    let work = |tiles| cost(problem, contraction, &device.choosing, sizes.clone(), tiles).step(per_pair.sums);
    let within = tiles(pairs, sides(pairs, (pairs[0], 2), &fits, &work)?);
    let of = |range: Range<usize>, all: &Range<usize>| range.start + all.start..range.end + all.start;
    let place = |Tile { queries, examples }: Tile| Tile {
        queries: of(queries, &tile.queries),
        examples: of(examples, &tile.examples),
    };
    Some(within.into_iter().map(place).collect())
}

/// What a problem costs that is cut into so many tiles.
fn cost<'a>(
    problem: &'a Problem,
    contraction: &'a [Contraction],
    rates: &'a Rates,
    sizes: Sizes,
    tiles: [usize; 2],
) -> Cost<'a> {
    let Problem { network, spec, .. } = problem;
    let groups = spec.optimizer.count();
    Cost {
        network,
        contraction,
        rates,
        batch: sizes.examples,
        measured: None,
        searched: searched(problem),
        sizes,
        examples: problem.columns(),
        tiles,
        copies: (spec.kernel.map_or(0, |_| network.outputs) + spec.positions.unwrap_or(0)).max(1),
        sets: if spec.layers { network.blocks.len() } else { groups },
        remembered: spec.optimizer.whole().keeps().len(),
        made_again: if problem.every > 1 { tiles[0].saturating_mul(tiles[1]) } else { 0 },
    }
}

/// The fastest contraction: each layer's own, with the passes of a second way along the path where some go forwards in time, or
/// passes along ψ for the whole network.
fn fastest(problem: &Problem, readout: Readout, sizes: &Sizes, per_pair: &PerPair, rates: &Rates) -> Vec<Contraction> {
    let network = &problem.network;
    let by_layer = |sizes: &Sizes| -> Vec<Contraction> {
        network.blocks.iter().map(|own| choose(network, own, readout, sizes, rates)).collect()
    };
    let backwards = Sizes { carried: sizes.carried.backwards(), ..sizes.clone() };
    let along = vec![Contraction::Directional; network.blocks.len()];
    let step = |choice: &[Contraction]| cost(problem, choice, rates, sizes.clone(), [1, 1]).step(per_pair.sums);
    let faster =
        |best: Vec<Contraction>, other: Vec<Contraction>| if step(&other) < step(&best) { other } else { best };
    [by_layer(sizes), along].into_iter().fold(by_layer(&backwards), faster)
}

/// What tiles of a problem hold on a device.
fn footprint(
    problem: &Problem,
    device: &Device,
    contraction: &[Contraction],
    sizes: &Sizes,
    per_pair: &PerPair,
) -> Footprint {
    let Problem { network, spec, steps, .. } = problem;
    let copies = sizes.sums().map(|(_, copies)| copies).max().unwrap_or(1);
    let met_in = network.in_training();
    let couples = met_in.couples_rows();
    let at_once =
        if couples { columns_at_once(met_in, sizes.examples) } else { examples_at_once(met_in, contraction, copies) };
    let at_once = Sizes { examples: sizes.examples.min(at_once), ..sizes.clone() };
    // The inputs, those of a full batch once more, and the steps that are made again: their weights, and what their
    // decomposition needs.
    let again = if problem.every > 1 { problem.every.min(steps.len()) } else { 0 };
    let held = 2.0 * real(problem.examples()) * real(network.input_len()) + 3.0 * real(again) * real(network.len);
    let whole =
        if couples { WholeBatch::new(network, contraction, sizes, at_once.examples) } else { WholeBatch::default() };
    // The momentum that an optimizer goes on from, and its part of a step.
    let before = if spec.optimizer.state().is_some() { 2.0 * real(network.len) } else { 0.0 };
    // Nodes are searched for in passes of their own.
    let queries = problem.query_count().min(most_queries(sizes.outputs));
    let adaptive = matches!(spec.rule, Rule::Adaptive { .. });
    let searched = if adaptive { real(searched_at_once(network, queries)) } else { 0.0 };
    let fixed = held + before + whole.elements + searched;
    let held = Held { sums: per_pair.sums.max(1.0), fixed, bytes: device.bytes, padding: device.choosing.padding };
    let footprint = Footprint::new(network, contraction, at_once, held);
    footprint.keeping(8.0 * per_pair.tangent).handing_over(8.0 * per_pair.windows).passing_whole(whole)
}

/// Rows that the search for a query's nodes passes in a step, where there is one.
fn searched(problem: &Problem) -> Option<f64> {
    matches!(problem.spec.rule, Rule::Adaptive { .. }).then(|| expected(problem).searched)
}

/// What has to be assumed.
fn assumed(Problem { spec, expected, .. }: &Problem) -> Option<String> {
    match spec.rule {
        _ if spec.optimizer.whole().is_solved() => {
            Some(format!("{FLOW_STEPS} steps: how many the solver takes shows only when it runs"))
        }
        Rule::Adaptive { .. } if expected.is_some() => None,
        Rule::Adaptive { .. } => {
            Some(format!("{} nodes for each query and step: how many it takes shows only when it runs", ASSUMED.nodes))
        }
        Rule::Gauss { .. } | Rule::Left => None,
    }
}

/// What the rule `adaptive` is expected to take of a query and step where none was looked at.
const ASSUMED: Expected = Expected { nodes: 6, searched: 12.0 };

/// What the rule `adaptive` is expected to take.
fn expected(problem: &Problem) -> Expected {
    problem.expected.unwrap_or(ASSUMED)
}
/// Steps that gradient flow is expected to take; how many it does take shows only then.
const FLOW_STEPS: usize = 64;

/// Nodes within a step of gradient flow.
fn flow_nodes(rule: &Rule) -> usize {
    Quadrature::of_flow(rule).nodes.len()
}
