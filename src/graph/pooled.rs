//! Convolutions whose values an elementwise function and a mean over windows alone read.
//!
//! Their δ is `δ[r, j, p] = D[r, j, P(p)] s[b, j, p] / area`: D is the δ of the pooled values, of every row r, P(p) the window that
//! holds position p, and s the slopes of the function at the base row b of r. All copies of a base row share s, so that gradient rows
//! are formed, and the images' δ found, without an array of every copy's δ at every position.

use super::primitive::{Convolve, Kind, fresh};
use super::{Forward, Graph, NodeId};
use crate::compute::{Backend, BackendError, Pooling, Result, Slice, SliceMut, Window};
use std::collections::BTreeMap;

/// What a δ that is held at pooled positions becomes before pooling.
#[derive(Debug)]
pub struct Pooled<'a, T> {
    /// The window, whose places cut the positions into parts.
    pub window: Window,
    /// The slopes at every position, `[base rows, height, positions]`.
    pub slopes: Slice<'a, T>,
}

impl<T> Clone for Pooled<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Pooled<'_, T> {}

impl<T> Pooled<'_, T> {
    /// Elements of a row's δ.
    pub fn delta_len(&self) -> usize {
        self.window.channels * self.window.positions()
    }

    /// Of values `[base rows, height, positions]`, what meets δ: `Σ_p δ_p v_p = Σ_P D_P v̄_P` with v̄ the means of the slopes' products
    /// with v.
    ///
    /// # Errors
    ///
    /// A device error.
    pub(crate) fn met<B: Backend<Buffer = T>>(&self, backend: &B, values: Slice<'_, T>) -> Result<T> {
        let rows = values.len / self.window.image().max(1);
        let products = fresh(backend, values.len, |out| backend.multiply(out, self.slopes, values))?;
        fresh(backend, rows * self.delta_len(), |out| {
            backend.pool(&self.window, Pooling::Average, rows, out, Slice::new(&products, 0, values.len))
        })
    }
}

/// A convolution and what alone reads its values.
pub(super) struct Chain {
    /// The node whose function it is.
    function: usize,
    /// The window of the mean.
    pub window: Window,
}

impl Graph {
    /// The convolutions whose gradient rows `forms` says are formed and whose δ is better held pooled, by the node of the pool and of
    /// their own.
    pub(super) fn pooled(&self, copies: usize, forms: &dyn Fn(usize) -> bool) -> BTreeMap<usize, (usize, Chain)> {
        let chain = |(index, node): (usize, &super::Node)| {
            let Kind::Convolve(convolve) = &node.kind else { return None };
            if node.used.held || !forms(node.used.block) {
                return None;
            }
            let function = self.only_reader(index + 1)?;
            let Kind::Pointwise(_) = &self.nodes[function].kind else { return None };
            let pool = self.only_reader(function + 1)?;
            let Kind::Pool(own) = &self.nodes[pool].kind else { return None };
            let window = own.window();
            let gains = own.pooling() == Pooling::Average && is_shorter(convolve, &window, copies);
            gains.then_some((pool, (index, Chain { function, window })))
        };
        self.nodes.iter().enumerate().filter_map(chain).collect()
    }

    /// The slopes of a chain's function in a pass.
    pub(super) fn slopes<B: Backend>(&self, backend: &B, pass: &Forward<'_, B>, chain: &Chain) -> Result<B::Buffer> {
        let seen = self.seen(pass, chain.function);
        let (Kind::Pointwise(own), [x, ..]) = (&self.nodes[chain.function].kind, seen.inputs.as_slice()) else {
            return Err(BackendError::Invalid("pooled δ of a value that no function reads".into()));
        };
        fresh(backend, x.len, |out: SliceMut<'_, B::Buffer>| backend.activation_slope(own.function(), out, *x))
    }

    /// The node that alone reads a value, in whatever shape.
    pub(super) fn only_reader(&self, node: NodeId) -> Option<usize> {
        let own = self.storage(node);
        let nodes = self.nodes.iter().enumerate().filter(|(index, node)| node.storage == index + 1);
        let mut readers = nodes.flat_map(|(index, node)| node.inputs.iter().map(move |&input| (index, input)));
        let mut reader = readers.by_ref().filter(|&(_, input)| self.storage(input) == own).map(|(index, _)| index);
        let only = reader.next().filter(|_| self.storage(self.output()) != own)?;
        reader.next().is_none().then_some(only)
    }
}

/// Whether what the copies of a base row share is shorter than their δ at all positions.
fn is_shorter(convolve: &Convolve, window: &Window, copies: usize) -> bool {
    let matrix = convolve.matrix();
    let fits = window.channels == matrix.height && window.height * window.width == matrix.positions && window.cuts();
    fits && window.positions() * (matrix.width + 1) <= copies * matrix.positions
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activation::Activation;
    use crate::compute::RowMap;
    use crate::compute::Start;
    use crate::compute::cpu::CpuBackend;
    use crate::graph::{Factor, Segment};
    use crate::layer::{AvgPool2d, Conv2d, Flatten, Layer, LayerKind, Linear};
    use crate::random::numbers;
    use crate::tangent::{along, write_gradient};

    type Cpu = CpuBackend<f64>;
    type Buffer = <Cpu as Backend>::Buffer;
    const ROWS: usize = 3;
    const OUTPUTS: usize = 9;

    /// Convolutions of 4 × 6 images, of which the last is pooled by a window.
    fn network(window: [usize; 2], reader: Option<LayerKind>) -> Graph {
        let conv = |channels| LayerKind::Conv2d(Conv2d::square(channels, 3, 1, 1, true));
        let tanh = LayerKind::Activation(Activation::Tanh);
        let pool = LayerKind::AvgPool2d(AvgPool2d { kernel: window, ..AvgPool2d::square(1) });
        let last = LayerKind::Linear(Linear { features: OUTPUTS, bias: true });
        let layers = [Some(conv(2)), Some(tanh.clone()), Some(conv(3)), reader, Some(tanh), Some(pool)];
        let layers = layers.into_iter().flatten().chain([LayerKind::Flatten(Flatten), last]);
        Graph::new(&[1, 4, 6], &layers.map(Layer::new).collect::<Vec<_>>()).expect("a network")
    }

    /// For each block its gradient rows, their products with a direction, and how many δ were pooled.
    fn gradients(network: &Graph, forms: bool) -> (Vec<Vec<f64>>, usize) {
        let backend = Cpu::new();
        let upload = |values: Vec<f64>| backend.upload(&values).expect("room");
        let (weights, direction) = (upload(numbers(1, network.len)), upload(numbers(2, network.len)));
        let input = upload(numbers(3, ROWS * 24));
        let segment = Segment::at(&weights);
        let pass = network.forward(&backend, segment, Slice::new(&input, 0, ROWS * 24), ROWS).expect("forward");
        let seed = upload(numbers(4, OUTPUTS * ROWS * OUTPUTS));
        let map = RowMap::each(&backend, OUTPUTS, ROWS, 0.75).expect("a map");
        let (mut found, mut pooled) = (vec![Vec::new(); 2 * network.blocks.len()], 0);
        let mut visit = |factor: Factor<'_, Buffer>| -> Result<()> {
            pooled += usize::from(factor.pooled.is_some());
            let block = &network.blocks[factor.block];
            let len = map.outputs * block.len();
            let rows =
                fresh(&backend, len, |out| write_gradient(&backend, &map, None, &factor, Start::Value(0.0), out))?;
            found[2 * factor.block] = backend.download(Slice::new(&rows, 0, len))?;
            let values = along(&backend, block.offset, &direction, ROWS, &factor)?;
            let (mut out, width) = (backend.zeros(map.outputs)?, factor.delta_len());
            let values = Slice::new(&values, 0, ROWS * width);
            backend.row_dot(width, 1.0, &map, SliceMut::new(&mut out, 0, map.outputs), factor.delta(), values)?;
            found[2 * factor.block + 1] = backend.download(Slice::new(&out, 0, map.outputs))?;
            Ok(())
        };
        network.backward_of_all(&backend, segment, &pass, (OUTPUTS, seed), &|_| forms, &mut visit).expect("backward");
        (found, pooled)
    }

    #[test]
    fn pooled_deltas_make_the_same_gradients() {
        for (window, pools) in [([4, 6], 1), ([2, 3], 1), ([3, 6], 0)] {
            let network = network(window, None);
            let ((want, none), (got, pooled)) = (gradients(&network, false), gradients(&network, true));
            assert_eq!((none, pooled), (0, pools), "{window:?}");
            for (got, want) in got.iter().flatten().zip(want.iter().flatten()) {
                assert!((got - want).abs() < 1e-12 * (1.0 + want.abs()), "{window:?}: {got} instead of {want}");
            }
        }
    }

    #[test]
    fn what_else_reads_a_value_keeps_it_whole() {
        let between = LayerKind::AvgPool2d(AvgPool2d { stride: Some([1, 1]), padding: [1, 1], ..AvgPool2d::square(3) });
        let network = network([4, 6], Some(between));
        assert_eq!(network.pooled(OUTPUTS, &|_| true).len(), 0);
    }
}
