//! Every operation's trial: an operation that is on the list is compared without further ado.

use crate::harness::{EPS, compare, devices};
use pathkernel::compute::cpu::CpuBackend;
use pathkernel::compute::op::*;
use pathkernel::compute::{Backend, Operation, Trial};

/// 1, primes, and more than a binding of the small device.
const SIZES: [usize; 4] = [1, 7, 257, 4099];

fn tried<O: Operation, B: Backend>(backend: &B, size: usize) -> Vec<f64> {
    let mut call = |run: &mut dyn FnMut() -> pathkernel::compute::Result<()>| run();
    let mut trial = Trial::new(backend, size, &mut call);
    O::trial(&mut trial).expect("a trial");
    trial.into_values()
}

macro_rules! tests {
    ($($operation:ident),*) => {
        #[test]
        fn every_operation_agrees() {
            let devices = devices();
            for size in SIZES {
                $(
                    let want = tried::<$operation, _>(&CpuBackend::<f64>::new(), size);
                    for device in &devices {
                        let what = format!("{}, {size}", $operation::NAME);
                        compare(&what, &want, &tried::<$operation, _>(device, size), $operation::ROUNDINGS * EPS);
                    }
                )*
            }
        }
    };
}
pathkernel::for_each_operation!(tests);
