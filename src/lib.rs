/*!
pathkernel computes path kernels: what each training example contributed to each prediction of a trained network,
exactly.

P. Domingos ("Every Model Learned by Gradient Descent Is Approximately a Kernel Machine", 2020) showed that gradient
descent's prediction is its first value plus a sum over the training examples,
`f(x; w_T) = f(x; w_0) - Σ_i ∫ K_t(x, x_i) ∂L_i/∂f dt` with the tangent kernel `K_t(x, x') = ∇f(x) · ∇f(x')`. For steps
of finite size the identity holds exactly when the query's gradient is averaged over each step's segment,
`φ_s = ∫₀¹ ∇f(x; w_s + τ Δw_s) dτ`: then `f(w_{s+1}) - f(w_s) = φ_s · Δw_s`, and `Δw_s` is a sum over examples.
A quadrature rule of few nodes takes the integral to rounding.

The command line is the usual way in: a run file goes through [`run::keys`], [`schedule`] and [`store`] to a directory of
arrays that NumPy opens and a [`report`]. As a library, the parts are:

| module | what |
|---|---|
| [`backend`] | the operations, as a trait; native `cpu` (f32, f64) and wgpu `gpu` |
| [`network`] | a graph of layers: forward, backward, gradient factors |
| [`training`] | optimizers and gradient flow on the device, imported checkpoints, and the recorded path |
| [`tangent`] | gradient rows and their contraction |
| [`path`] | quadrature and the integration along the path |

# Example

A network of two inputs and one output learns four points; then its prediction elsewhere is taken apart.

```
use pathkernel::backend::cpu::CpuBackend;
use pathkernel::backend::Backend;
use pathkernel::network::Network;
use pathkernel::path::{Integration, Rule, Setting, Spec, Tile};
use pathkernel::activation::Activation;
use pathkernel::layer::{Layer, LayerKind};
use pathkernel::loss::Loss;
use pathkernel::optimizer::{Optimizer, Sgd};
use pathkernel::run::keys::Model;
use pathkernel::tangent::Contraction;
use pathkernel::training::{Examples, Recorder, Recording, Step, TargetBuffer, Training};

# fn main() -> Result<(), Box<dyn std::error::Error>> {
let backend = CpuBackend::<f64>::new();
let layer = |kind| Layer { from: None, kind };
let layers = [
    layer(LayerKind::Linear { features: 8, bias: true }),
    layer(LayerKind::Activation(Activation::Tanh)),
    layer(LayerKind::Linear { features: 1, bias: true }),
];
let network = Network::new(&[2], &layers)?;

let points = [0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0];
let targets = [0.0, 1.0, 1.0, 0.0];
let examples = Examples::new(&backend, &points, 2)?;
let targets = TargetBuffer::Reals(backend.upload(&targets)?, 4);
let momentum = Sgd { learning_rate: 0.05, momentum: 0.5, dampening: 0.0, nesterov: false, weight_decay: 0.0 };
let optimizer = Optimizer::Sgd(momentum);
let step = Step { learning_rate: 0.05, batch: None, examples: 4, share: 1.0 / 4.0, clip: 1.0 };
let training = Training {
    backend: &backend,
    network: &network,
    loss: Loss::SquaredError,
    optimizer,
    clip_norm: 0.0,
    examples: &examples,
    targets: &targets,
};
let folder = tempfile::tempdir()?;
let recorder = Recorder::create(folder.path(), Recording::new(&optimizer, 200, 1), network.len)?;
let trajectory = training.run(&network.draw(0), vec![step; 200], recorder, &mut || Ok(()))?;

let contraction = vec![Contraction::Factored; network.parameters.len()];
let spec = Spec { rule: Rule::Gauss { nodes: 5 }, ..Spec::new(Loss::SquaredError, optimizer, contraction) };
let query = [0.4, 0.9];
let setting = Setting {
    backend: &backend,
    network: &network,
    spec: &spec,
    examples: &examples,
    queries: &query,
    targets: &targets,
    query_targets: None,
};
let integration = Integration { setting, trajectory: &trajectory };
let found = integration.tile(&Tile { queries: 0..1, examples: 0..4 }, &mut || Ok(()))?;

// What the four points contributed adds up to what training changed.
let change = found.account.prediction[0] - found.account.initial[0];
let explained: f64 = found.attribution[0].iter().sum();
assert!(change.abs() > 0.1);
assert!((change - explained).abs() < 1e-9 * change.abs());
# Ok(())
# }
```
*/
#![deny(missing_docs)]

pub mod activation;
pub mod backend;
pub mod bench;
pub mod cache;
pub mod data;
pub mod error;
pub mod keeper;
pub mod key;
pub mod layer;
pub mod loss;
pub mod network;
pub mod optimizer;
pub mod path;
pub mod random;
pub mod readout;
pub mod report;
pub mod run;
pub mod schedule;
pub mod store;
pub mod tangent;
pub mod training;
