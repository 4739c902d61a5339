//! The names of layers and tensors: those that the file's tensors have, as far as they can be had.

use super::network::{Network, Step};
use super::value::{Place, Weight};
use crate::graph::View;
use crate::layer::{Layer, LayerKind, Source};
use std::collections::{BTreeMap, BTreeSet};

/// Tensors that a norm keeps beside its parameters: nothing trains them.
const STATISTICS: [&str; 2] = ["running_mean", "running_var"];

/// Layers with names.
#[derive(Debug, Default)]
pub(super) struct Named {
    pub layers: Vec<Layer>,
    /// The arrays of constants, by the index of their layer.
    pub constants: BTreeMap<usize, usize>,
    /// The layer that is the output, where it is not the last.
    pub output: Option<Source>,
    pub parameters: Vec<(String, View)>,
    pub frozen: Vec<String>,
}

/// Tensors of which steps take parts that overlap without being the same: each has to be one layer, of which the
/// steps read parts.
pub(super) fn overlapping(network: &Network, live: &BTreeSet<usize>) -> BTreeSet<String> {
    let mut taken: BTreeMap<&str, Vec<(&LayerKind, &Weight)>> = BTreeMap::new();
    let mut overlapping = BTreeSet::new();
    for step in live.iter().map(|&index| &network.steps[index]) {
        for (_, weight) in &step.tensors {
            let others = taken.entry(&weight.view.tensor).or_default();
            let clashes = |(kind, other): &(&LayerKind, &Weight)| {
                other.meets(weight) && (other.view != weight.view || !can_share(kind) || !can_share(&step.kind))
            };
            if others.iter().any(clashes) {
                overlapping.insert(weight.view.tensor.clone());
            }
            others.push((&step.kind, weight));
        }
    }
    overlapping
}

/// Whether a layer may have a tensor of another.
fn can_share(kind: &LayerKind) -> bool {
    matches!(
        kind,
        LayerKind::Linear(_)
            | LayerKind::Embedding(_)
            | LayerKind::Parameter(_)
            | LayerKind::Conv1d(_)
            | LayerKind::Conv2d(_)
            | LayerKind::LayerNorm(_)
            | LayerKind::RmsNorm(_)
            | LayerKind::GroupNorm(_)
    )
}

/// Gives the steps that the output depends on their names.
pub(super) fn name(network: &Network, live: &BTreeSet<usize>, output: Place) -> Named {
    let mut names =
        Names { used: network.inputs.iter().filter_map(|input| input.name.clone()).collect(), tensors: Vec::new() };
    let mut named = Named::default();
    let places: BTreeMap<usize, usize> = live.iter().enumerate().map(|(new, &old)| (old, new)).collect();
    for (new, &old) in live.iter().enumerate() {
        let step = &network.steps[old];
        let (name, ties) = names.of(step, &mut named);
        let source = |place: &Place| match *place {
            Place::Step(index) => Source::Index(places[&index] as i64),
            Place::Input(_) if network.inputs.len() == 1 => Source::Index(-1),
            Place::Input(index) => Source::Name(network.inputs[index].name.clone().unwrap_or_default()),
        };
        let from: Vec<Source> = step.from.iter().map(source).collect();
        // The layer before, or the only input where there is none, needs no name.
        let before =
            if new > 0 || network.inputs.len() == 1 { vec![Source::Index(new as i64 - 1)] } else { Vec::new() };
        let from = if from == before { Vec::new() } else { from };
        named.layers.push(Layer { name, from, ties, kind: step.kind.clone() });
        if let Some(constant) = network.constants.iter().position(|(step, _)| *step == old) {
            named.constants.insert(new, constant);
        }
    }
    if let Place::Step(index) = output
        && places[&index] + 1 != named.layers.len()
    {
        named.output = Some(Source::Index(places[&index] as i64));
    }
    // Layers that are named are read by their names.
    let read = |source: &Source| match *source {
        Source::Index(index @ 0..) => {
            named.layers[index as usize].name.clone().map_or_else(|| source.clone(), Source::Name)
        }
        _ => source.clone(),
    };
    let from: Vec<Vec<Source>> = named.layers.iter().map(|layer| layer.from.iter().map(read).collect()).collect();
    named.output = named.output.as_ref().map(read);
    named.layers.iter_mut().zip(from).for_each(|(layer, from)| layer.from = from);
    named
}

/// The names that are given so far.
struct Names {
    used: BTreeSet<String>,
    /// Parts of the file's tensors, and what they are called here.
    tensors: Vec<(View, String)>,
}

impl Names {
    /// The name of a step, and which of its tensors are those of earlier ones.
    fn of(&mut self, step: &Step, named: &mut Named) -> (Option<String>, Vec<(String, String)>) {
        let mut ties = Vec::new();
        let Some((slot, first)) = step.tensors.first() else { return (None, ties) };
        let name = self.unused(&beginning(&first.view.tensor, slot));
        for (slot, weight) in &step.tensors {
            let own = format!("{name}.{slot}");
            if let Some((_, earlier)) = self.tensors.iter().find(|(view, _)| *view == weight.view) {
                ties.push(((*slot).to_owned(), earlier.clone()));
                continue;
            }
            self.tensors.push((weight.view.clone(), own.clone()));
            if weight.view != (View { tensor: own.clone(), ..View::default() }) {
                named.parameters.push((own.clone(), weight.view.clone()));
            }
            if !weight.trained && !STATISTICS.contains(slot) {
                named.frozen.push(own);
            }
        }
        (Some(name), ties)
    }

    /// A name, or where it is taken, the same with a number.
    fn unused(&mut self, name: &str) -> String {
        let numbered = (1..).map(|number| format!("{name}.{number}"));
        let free =
            std::iter::once(name.to_owned()).chain(numbered).find(|name| !self.used.contains(name)).unwrap_or_default();
        self.used.insert(free.clone());
        free
    }
}

/// What the names of a layer's tensors begin with, from the file's name of one of them.
fn beginning(tensor: &str, slot: &str) -> String {
    let begins = tensor.strip_suffix(slot).and_then(|begin| begin.strip_suffix('.')).filter(|begin| !begin.is_empty());
    let begin = match (begins, tensor.rsplit_once(".weight_ih_l")) {
        (Some(begin), _) => begin.to_owned(),
        (None, Some((begin, layer))) if slot == "weight_ih_l0" => format!("{begin}.{layer}"),
        _ => tensor.to_owned(),
    };
    // A whole number is the index of a layer.
    if begin.parse::<i64>().is_ok() { format!("layer.{begin}") } else { begin }
}
