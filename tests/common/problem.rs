//! Problems in memory, on the CPU.

use pathkernel::compute::cpu::CpuBackend;
use pathkernel::compute::{Element, Rates};
use pathkernel::plan::{Cut, Device, Plan};
use pathkernel::problem::{Explanation, Problem};
use pathkernel::tape::MemoryTape;

/// A path of a problem.
pub fn path<E: Element>(problem: &Problem) -> MemoryTape<E> {
    let backend = CpuBackend::<E>::new();
    let mut tape = MemoryTape::new(problem.recording());
    problem.train(&backend, &problem.network.draw(3), &mut tape, &mut || Ok(())).expect("a path");
    tape
}

/// The answer, in tiles of some sides.
pub fn explained<E: Element>(problem: &Problem, tape: &MemoryTape<E>, sides: [usize; 2]) -> Explanation {
    let backend = CpuBackend::<E>::new();
    problem.check().expect("a problem");
    let plan = Plan::new(problem, &Device::new(&backend, Rates::CPU), Cut::Recorded { sides, own: 0, influence: 0 });
    Explanation::of(problem, &backend, tape, &plan, &mut || Ok(())).expect("an explanation")
}
