//! Layers that say in several steps what one layer does, as that one.

use super::network::{Network, Step};
use super::value::{Place, Weight};
use crate::activation::Activation;
use crate::layer::{GroupNorm, LayerKind, Linear, Mean, Offset, RmsNorm};
use std::collections::BTreeSet;

/// Puts steps together where nothing else reads what is between them.
pub(super) fn fuse(network: &mut Network, output: Place) {
    for index in 0..network.steps.len() {
        let fuser = Fuser { network, readers: &readers(network, output) };
        let fused = [Fuser::linear, Fuser::group_norm, Fuser::rms_norm, Fuser::rms_norm_weight];
        if let Some(step) = fused.iter().find_map(|fused| fused(&fuser, index)) {
            network.steps[index] = step;
        }
    }
}

/// The steps that an output depends on.
pub(super) fn live(steps: &[Step], output: Place) -> BTreeSet<usize> {
    let (mut live, mut places) = (BTreeSet::new(), vec![output]);
    while let Some(place) = places.pop() {
        if let Place::Step(index) = place
            && live.insert(index)
        {
            places.extend(&steps[index].from);
        }
    }
    live
}

/// How often each step is read.
fn readers(network: &Network, output: Place) -> Vec<usize> {
    let mut readers = vec![0; network.steps.len()];
    let live = live(&network.steps, output);
    let read = live.iter().flat_map(|&index| network.steps[index].from.iter().copied()).chain([output]);
    for place in read {
        if let Place::Step(index) = place {
            readers[index] += 1;
        }
    }
    readers
}

struct Fuser<'n> {
    network: &'n Network,
    readers: &'n [usize],
}

impl<'n> Fuser<'n> {
    /// A step that one other reads.
    fn inner(&self, place: Place) -> Option<&'n Step> {
        match place {
            Place::Step(index) if self.readers[index] == 1 => self.network.steps.get(index),
            _ => None,
        }
    }

    /// The tensor that a step is.
    fn parameter(&self, place: Place) -> Option<&'n Weight> {
        let Place::Step(index) = place else { return None };
        let step = &self.network.steps[index];
        match (&step.kind, step.tensors.as_slice()) {
            (LayerKind::Parameter(_), [(_, weight)]) => Some(weight),
            _ => None,
        }
    }

    /// What two values a step reads, in both orders.
    fn pairs(&self, index: usize, is_kind: impl Fn(&LayerKind) -> bool) -> Vec<(Place, Place)> {
        let step = &self.network.steps[index];
        match step.from.as_slice() {
            &[a, b] if is_kind(&step.kind) => vec![(a, b), (b, a)],
            _ => Vec::new(),
        }
    }

    fn pair(&self, step: &Step) -> Option<(Place, Place)> {
        if let &[a, b] = step.from.as_slice() { Some((a, b)) } else { None }
    }

    /// A linear layer without a bias, and a bias.
    fn linear(&self, index: usize) -> Option<Step> {
        self.pairs(index, |kind| matches!(kind, LayerKind::Add(_))).into_iter().find_map(|(value, bias)| {
            let step = self.inner(value)?;
            let LayerKind::Linear(Linear { features, bias: false }) = step.kind else { return None };
            let bias = self.parameter(bias).filter(|bias| bias.shape == [features])?;
            let mut tensors = step.tensors.clone();
            tensors.push(("bias", bias.clone()));
            Some(Step { kind: Linear { features, bias: true }.into(), from: step.from.clone(), tensors })
        })
    }

    /// Groups of channels normalised in another shape, then a weight and a bias of each channel.
    fn group_norm(&self, index: usize) -> Option<Step> {
        let of_channel = |weight: &Weight, channels: usize| {
            (weight.shape.first() == Some(&channels) && weight.shape[1..].iter().all(|&side| side == 1))
                .then(|| weight.reshaped(&[channels]))
        };
        self.pairs(index, |kind| matches!(kind, LayerKind::Add(_))).into_iter().find_map(|(scaled, bias)| {
            let scaled = self.inner(scaled).filter(|step| matches!(step.kind, LayerKind::Multiply(_)))?;
            let (a, b) = self.pair(scaled)?;
            let (back, weight) = if self.parameter(a).is_some() { (b, a) } else { (a, b) };
            let (bias, weight) = (self.parameter(bias)?, self.parameter(weight)?);
            let normal = self.inner(back).filter(|step| matches!(step.kind, LayerKind::Reshape(_)))?;
            let norm = self.inner(*normal.from.first()?)?;
            let LayerKind::GroupNorm(GroupNorm { groups, eps, affine: false }) = norm.kind else { return None };
            let flat = self.inner(*norm.from.first()?).filter(|step| matches!(step.kind, LayerKind::Reshape(_)))?;
            let shape = self.network.shape(*flat.from.first()?);
            if shape != self.network.shape(back) || !shape[0].is_multiple_of(groups) {
                return None;
            }
            let tensors = vec![("weight", of_channel(weight, shape[0])?), ("bias", of_channel(bias, shape[0])?)];
            Some(Step { kind: GroupNorm { groups, eps, affine: true }.into(), from: flat.from.clone(), tensors })
        })
    }

    /// A value over the root of the mean of its squares.
    fn rms_norm(&self, index: usize) -> Option<Step> {
        self.pairs(index, |kind| matches!(kind, LayerKind::Multiply(_))).into_iter().find_map(|(value, inverse)| {
            let inverse =
                self.inner(inverse).filter(|step| matches!(step.kind, LayerKind::Activation(Activation::Rsqrt)))?;
            let raised = self.inner(*inverse.from.first()?)?;
            let LayerKind::Offset(Offset { by: eps }) = raised.kind else { return None };
            let mean = self.inner(*raised.from.first()?)?;
            let LayerKind::Mean(Mean { axes: Some(axes), keepdim: true }) = &mean.kind else { return None };
            let square = self.inner(*mean.from.first()?).filter(|step| matches!(step.kind, LayerKind::Multiply(_)))?;
            let count = self.network.shape(value).len();
            let mut last = axes.clone();
            last.sort_unstable();
            let are_last = last.iter().copied().eq((count.checked_sub(axes.len())?..count).map(|axis| axis as i64));
            let is_square = square.from == [value, value];
            (are_last && is_square && eps >= 0.0).then(|| Step {
                kind: RmsNorm { axes: axes.len(), eps: Some(eps), affine: false }.into(),
                from: vec![value],
                tensors: Vec::new(),
            })
        })
    }

    /// Such a value times a weight.
    fn rms_norm_weight(&self, index: usize) -> Option<Step> {
        self.pairs(index, |kind| matches!(kind, LayerKind::Multiply(_))).into_iter().find_map(|(value, weight)| {
            let step = self.inner(value)?;
            let LayerKind::RmsNorm(RmsNorm { axes, eps, affine: false }) = step.kind else { return None };
            let shape = self.network.shape(value);
            let weight =
                self.parameter(weight).filter(|weight| shape.ends_with(&weight.shape) && weight.shape.len() == axes)?;
            let tensors = vec![("weight", weight.clone())];
            Some(Step { kind: RmsNorm { axes, eps, affine: true }.into(), from: step.from.clone(), tensors })
        })
    }
}
