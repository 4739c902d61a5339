//! The two ways along a path.

use crate::compute::Backend;
use crate::error::Error;
use crate::tangent::Contraction;
use crate::training::{Leg, Recall};
use std::ops::Range;

/// A way along a path, on which some of the blocks are contracted. Forwards in time the examples carry momentum, backwards the
/// queries carry ψ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sweep {
    Forwards,
    Backwards,
}

/// Takes a step: its number, itself, and the weights at which it ends.
type Visit<'v, B> = dyn FnMut(usize, &Leg<B>, &<B as Backend>::Buffer) -> std::result::Result<(), Error> + 'v;

impl Sweep {
    /// Those that some blocks ask for, in order: at least one.
    pub fn all(contraction: &[Contraction]) -> Vec<Self> {
        let is_wanted = |sweep: &Self| sweep.wanted(contraction).contains(&true);
        let found: Vec<Self> = [Sweep::Forwards, Sweep::Backwards].into_iter().filter(is_wanted).collect();
        if found.is_empty() { vec![Sweep::Backwards] } else { found }
    }

    /// Which blocks are contracted on it.
    pub fn wanted(self, contraction: &[Contraction]) -> Vec<bool> {
        contraction.iter().map(|&own| (own == Contraction::Forwards) == (self == Sweep::Forwards)).collect()
    }

    /// Which of `steps` are left when so many are done.
    pub fn left(self, steps: usize, done: usize) -> Range<usize> {
        match self {
            Sweep::Forwards => done.min(steps)..steps,
            Sweep::Backwards => 0..steps.saturating_sub(done),
        }
    }

    /// Whether it leaves a block of steps at a step.
    pub fn leaves(self, block: &Range<usize>, number: usize) -> bool {
        match self {
            Sweep::Forwards => number + 1 == block.end,
            Sweep::Backwards => number == block.start,
        }
    }

    /// Gives some steps of a path in its order.
    ///
    /// # Errors
    ///
    /// A device error, a recording that is damaged, or an error of `visit`.
    pub fn each<B: Backend>(
        self,
        recall: &mut Recall<'_, B>,
        steps: Range<usize>,
        visit: &mut Visit<'_, B>,
    ) -> std::result::Result<(), Error> {
        if steps.is_empty() {
            return Ok(());
        }
        match self {
            Sweep::Forwards => {
                let mut own = recall.leg(steps.start)?;
                for number in steps.start..steps.end - 1 {
                    let next = recall.leg(number + 1)?;
                    visit(number, &own, &next.weights)?;
                    own = next;
                }
                let next = recall.before(steps.end)?;
                visit(steps.end - 1, &own, &next)
            }
            Sweep::Backwards => {
                let mut next = recall.before(steps.end)?;
                for number in steps.rev() {
                    let own = recall.leg(number)?;
                    visit(number, &own, &next)?;
                    next = own.weights;
                }
                Ok(())
            }
        }
    }
}
