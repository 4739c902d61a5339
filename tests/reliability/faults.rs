//! Devices that fail on the way: each tile is computed again on a fresh one.

use crate::common::faulty::{Fault, FaultyDevices, Plan};
use crate::fixture::Fixture;
use pathkernel::error::Error;
use pathkernel::random::Random;
use pathkernel::run::keys::RunFile;
use pathkernel::run::{Outcome, Part, Progress, run_on};

struct Silent;

impl Progress for Silent {
    fn begin(&mut self, _: &str, _: u64) {}
    fn advance(&mut self) {}
}

/// Nothing is timed: how many calls that takes depends on the machine.
fn run(fixture: &Fixture, directory: &str, devices: &FaultyDevices<f32>) -> Result<Outcome, Error> {
    let contraction = "kernel.contraction=[\"half\", \"output\"]";
    let directory = format!("run.directory={}", fixture.path(directory).display());
    let overrides = [directory, contraction.into(), "run.tune=false".into()];
    let run_file = RunFile::load(&fixture.path("run.toml"), &overrides).expect("a run file");
    run_on(&run_file, Part::Whole, devices, &mut Silent)
}

/// 20 faults of every kind.
#[test]
fn faults_leave_no_trace() {
    for workers in [1, 3] {
        let fixture = Fixture::new();
        let calm = FaultyDevices::<f32>::new(Plan::new([]), workers, false);
        run(&fixture, "whole", &calm).expect("no fault");
        let calls = calm.plan.calls();
        let kinds = [Fault::Lost, Fault::OutOfMemory, Fault::Invalid];
        let mut random = Random::new(5, "faults");
        // Where planning is over, and spread over what follows.
        let faults = (0..20).map(|number| (calls / 50 + (random.unit() * calls as f64) as usize, kinds[number % 3]));
        let devices = FaultyDevices::<f32>::new(Plan::new(faults.collect::<Vec<_>>()), workers, false);
        run(&fixture, "out", &devices).expect("faults are survived");
        println!("{} faults in {} calls, {calls} without", devices.plan.met(), devices.plan.calls());
        assert!(devices.plan.met() >= 19, "{}", devices.plan.met());
        fixture.is_as("out", "whole");
    }
}

/// A device that has no room for the tiles of the plan computes smaller ones.
#[test]
fn smaller_tiles_follow_an_out_of_memory() {
    let fixture = Fixture::new();
    let calm = FaultyDevices::<f32>::new(Plan::new([]), 1, false);
    run(&fixture, "whole", &calm).expect("no fault");
    let devices = FaultyDevices::<f32>::new(Plan::new([(calm.plan.calls() / 2, Fault::Full(40_000))]), 1, false);
    run(&fixture, "out", &devices).expect("smaller tiles fit");
    assert!(devices.plan.calls() > calm.plan.calls());
    fixture.is_as("out", "whole");
}

#[test]
fn a_device_that_keeps_failing_is_given_up() {
    let fixture = Fixture::new();
    let calm = FaultyDevices::<f32>::new(Plan::new([]), 1, false);
    run(&fixture, "whole", &calm).expect("no fault");
    let from = calm.plan.calls() / 2;
    let always = || Plan::new((from..from + 200_000).map(|call| (call, Fault::Lost)));
    let given_up = run(&fixture, "out", &FaultyDevices::<f32>::new(always(), 1, false));
    assert!(matches!(given_up, Err(Error::Backend(_))), "{given_up:?}");
    // With a fallback, the CPU does the rest.
    run(&fixture, "out", &FaultyDevices::<f32>::new(always(), 1, true)).expect("the CPU takes over");
    fixture.is_as("out", "whole");
}
