//! A run whose inputs were read, and that was planned.

use super::Inputs;
use super::plan::{Planning, RunPlan};
use crate::cache::Cache;
use crate::device::{Devices, Precision};
use crate::error::Error;
use crate::path::{ChosenRule, Tile};
use crate::plan::{Cut, Plan};
use crate::problem::Problem;
use crate::run::keys::{AskedRule, RunFile};

/// What a tile is computed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Purpose {
    /// The arrays of pairs, and what belongs to the queries.
    Pairs,
    /// The self-attributions of its examples.
    Own,
    /// The influences on its queries.
    Influence,
}

impl Purpose {
    pub const ALL: [Self; 3] = [Purpose::Pairs, Purpose::Own, Purpose::Influence];

    /// What the names of its tiles' files begin with.
    pub fn prefix(self) -> &'static str {
        match self {
            Purpose::Pairs => "",
            Purpose::Own => "own-",
            Purpose::Influence => "influence-",
        }
    }

    /// What the work is called.
    pub fn phase(self) -> &'static str {
        match self {
            Purpose::Pairs => "integrating",
            Purpose::Own => "self-attribution",
            Purpose::Influence => "influence",
        }
    }
}

/// A run whose inputs were read, and that was planned.
pub(super) struct Prepared {
    pub run_file: RunFile,
    pub inputs: Inputs,
    pub planned: RunPlan,
    /// Tiles at the least, where it is cut anew.
    pub at_least: usize,
}

impl Prepared {
    /// Reads and checks all inputs, and plans.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with the run file, its inputs or the machine.
    pub fn new(run_file: RunFile, devices: &impl Devices, cut: Cut, at_least: usize) -> Result<Self, Error> {
        let inputs = Inputs::read(&run_file)?;
        let (cache, passes) = (Cache::Written, None);
        let planned = devices.on(0, Planning { run_file: &run_file, inputs: &inputs, cut, cache, passes })?;
        Ok(Self { run_file, inputs, planned, at_least })
    }

    /// Plans with what the run file says by now.
    pub fn plan_again(&mut self, cut: Cut, devices: &impl Devices) -> Result<(), Error> {
        let (kernel, problem) = (&self.run_file.kernel, &mut self.inputs.problem);
        problem.contraction.clone_from(&kernel.contraction);
        problem.expected = kernel.expected();
        if let AskedRule::Given(rule) = kernel.rule {
            problem.spec.rule = rule;
        }
        // Not every contraction that is asked for goes with every rule.
        problem.check()?;
        let Self { run_file, inputs, planned, .. } = self;
        let passes = planned.device.passes;
        self.planned = devices.on(0, Planning { run_file, inputs, cut, cache: Cache::Written, passes })?;
        Ok(())
    }

    /// Takes a rule that was chosen, and plans with it.
    pub fn take_rule(&mut self, chosen: ChosenRule, devices: &impl Devices) -> Result<(), Error> {
        self.run_file.kernel.choose(chosen);
        self.plan_again(Cut::Into { at_least: self.at_least }, devices)?;
        self.keep_contraction();
        Ok(())
    }

    /// Makes the contraction of the plan that of the run, where none is asked for.
    pub fn keep_contraction(&mut self) {
        let planned = self.plan().contraction.clone();
        self.run_file.kernel.contraction.get_or_insert(planned);
    }

    /// The rule that was chosen, what it was chosen by and what the tiles will take, for people.
    pub fn rule_words(&self) -> String {
        let chosen = self.run_file.kernel.chosen_words().unwrap_or_default();
        format!("{chosen}; the whole run takes about {}", self.planned.time_words())
    }

    /// Whether its numbers are in double precision.
    pub fn is_double(&self) -> bool {
        self.run_file.run.precision == Precision::F64
    }

    /// The problem.
    pub fn problem(&self) -> &Problem {
        &self.inputs.problem
    }

    /// Its plan.
    pub fn plan(&self) -> &Plan {
        &self.planned.plan
    }

    /// The tiles of a purpose.
    pub fn tiles(&self, purpose: Purpose) -> &[Tile] {
        match purpose {
            Purpose::Pairs => &self.plan().tiles,
            Purpose::Own => &self.plan().own_tiles,
            Purpose::Influence => &self.plan().influence.tiles,
        }
    }

    /// How many tiles of a purpose are computed at once on a device.
    pub fn workers(&self, purpose: Purpose) -> usize {
        match purpose {
            Purpose::Pairs => self.plan().workers,
            Purpose::Own => 1,
            Purpose::Influence => self.plan().influence.workers,
        }
    }

    /// The weight of all examples on the path along which the influence is taken, where that is another path.
    pub fn other_weight(&self) -> Option<f64> {
        self.run_file.kernel.influence.map(|influence| influence.weight).filter(|weight| *weight != 1.0)
    }
}
