/*!
pathkernel computes path kernels: what each training example contributed to each prediction of a trained network,
exactly.

P. Domingos ("Every Model Learned by Gradient Descent Is Approximately a Kernel Machine", 2020) showed that gradient
descent's prediction is its first value plus a sum over the training examples,
`f(x; w_T) = f(x; w_0) - Σ_i ∫ K_t(x, x_i) ∂L_i/∂f dt` with the tangent kernel `K_t(x, x') = ∇f(x) · ∇f(x')`. For steps
of finite size the identity holds exactly when the query's gradient is averaged over each step's segment,
`φ_s = ∫₀¹ ∇f(x; w_s + τ Δw_s) dτ`: then `f(w_{s+1}) - f(w_s) = φ_s · Δw_s`, and `Δw_s` is a sum over examples.
A quadrature rule of few nodes takes the integral to rounding.

The command line is the usual way in: a run file ([`run::keys`]) becomes a directory ([`run`]) of arrays that NumPy opens and a
[`report`]; [`cli`] has the commands. The library itself works on arrays in memory, and a run directory is one of its callers:

| module | what |
|---|---|
| [`problem`] | a network, how it is trained, on what, and what is asked: plan, train, explain |
| [`plan`] | what that costs on a device, and how it is cut into tiles |
| [`compute`] | the operations, as a trait; native `cpu` (f32, f64) and wgpu `gpu` |
| [`device`] | the devices of this machine, and how they are opened |
| [`graph`] | a graph of primitives: forward, backward, gradient factors, derivatives along directions of both |
| [`training`] | the path that an optimizer or gradient flow takes, made on the device |
| [`tape`] | the recorded path, in memory or on disk |
| [`tangent`] | gradient rows and their contraction |
| [`path`] | quadrature and the integration along the path |
| [`influence`] | derivatives through all of training, the last step first |

# Example

A network of two inputs and one output learns four points; then its prediction elsewhere is taken apart.

```
use pathkernel::activation::Activation;
use pathkernel::compute::{Rates, cpu::CpuBackend};
use pathkernel::graph::Graph;
use pathkernel::layer::{Layer, LayerKind, Linear};
use pathkernel::loss::{Loss, Targets};
use pathkernel::optimizer::{Optimizer, Sgd};
use pathkernel::plan::Device;
use pathkernel::problem::{Explanation, Problem};
use pathkernel::tape::MemoryTape;

# fn main() -> Result<(), Box<dyn std::error::Error>> {
let layers = [
    LayerKind::Linear(Linear { features: 8, bias: true }),
    LayerKind::Activation(Activation::Tanh),
    LayerKind::Linear(Linear { features: 1, bias: true }),
];
let network = Graph::new(&[2], &layers.map(Layer::new))?;
let (points, targets) = (vec![0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0], Targets::Reals(vec![0.0, 1.0, 1.0, 0.0]));
let momentum = Optimizer::Sgd(Sgd { momentum: 0.5, ..Sgd::plain(0.05) });
let problem = Problem::new(network, Loss::SquaredError, momentum, points, targets)
    .asking(vec![0.4, 0.9], None)
    .full_batches(200);

let backend = CpuBackend::<f64>::new();
let plan = problem.plan(&Device::new(&backend, Rates::CPU))?;
let mut tape = MemoryTape::new(problem.recording());
problem.train(&backend, &problem.network.draw(0), &mut tape, &mut || Ok(()))?;
let found = Explanation::of(&problem, &backend, &tape, &plan, &mut || Ok(()))?;

// What the four points contributed adds up to what training changed.
let change = found.account.prediction[0] - found.account.initial[0];
assert!(change.abs() > 0.1);
assert!(found.residual()[0].abs() < 1e-7 * change.abs());
# Ok(())
# }
```
*/
#![deny(missing_docs)]

pub mod activation;
pub mod bench;
pub mod cache;
pub mod cli;
pub mod compute;

pub mod device;
pub mod error;
pub mod formats;
pub mod graph;
pub mod influence;
pub mod keeper;
pub mod key;
pub mod layer;
pub mod loss;
mod machine;
pub mod onnx;
pub mod optimizer;
pub mod path;
pub mod plan;
mod plural;
pub mod problem;
pub mod random;
pub mod readout;
pub mod report;
pub mod run;
pub mod tangent;
pub mod tape;
pub mod training;
