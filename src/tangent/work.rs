//! What a contraction is made of: the arithmetic as the fused product does it, padding included.

use super::choice::{Carried, Contraction, Sizes};
use crate::compute::{Entries, Padding, Rates};
use crate::graph::{Block, Structure};

/// What a contraction is made of, for one step.
#[derive(Debug, Clone, Copy, Default)]
struct Work {
    multiply_adds: f64,
    entries: f64,
    features: f64,
    forming: f64,
    elements: f64,
}

impl Work {
    fn plus(self, other: Self) -> Self {
        Self {
            multiply_adds: self.multiply_adds + other.multiply_adds,
            entries: self.entries + other.entries,
            features: self.features + other.features,
            forming: self.forming + other.forming,
            elements: self.elements + other.elements,
        }
    }
}

/// How often the examples' momentum is gone through in a step, and examples that meet a query's matrix together.
const MOVED: f64 = 5.0;
const APART: f64 = 512.0;

/// A count as floating point, since counts may be beyond any machine.
fn real(count: usize) -> f64 {
    count as f64
}

impl Padding {
    /// Rows or columns of factors as they lie before a product.
    fn held(self, count: f64, padded: f64) -> f64 {
        if self.stored { padded } else { count }
    }
}

/// The products of one sum: so many of `rows` by `columns`, for each of which `terms` are added up. The columns are `copies` of
/// the examples.
struct Product {
    rows: f64,
    examples: f64,
    copies: f64,
    terms: f64,
    times: f64,
    padding: Padding,
}

impl Product {
    /// Of what is summed, of examples that have so many gradient rows for it.
    fn new(entries: Entries, copies: usize, sizes: &Sizes, padding: Padding) -> Self {
        let (queries, outputs, examples) = (real(sizes.queries), real(sizes.outputs), real(sizes.examples));
        let one = Self { rows: queries, examples, copies: 1.0, terms: 1.0, times: 1.0, padding };
        match entries {
            Entries::Loss | Entries::Full => Self { rows: queries * outputs, copies: real(copies), ..one },
            Entries::Trace => Self { terms: outputs, ..one },
            Entries::Diagonal => Self { times: outputs, ..one },
        }
    }

    /// Rows as a product takes them.
    fn padded_rows(&self) -> f64 {
        self.padding.rows_of(self.rows)
    }

    /// Entries that are multiplied out.
    fn entries(&self) -> f64 {
        self.times * self.padded_rows() * self.padding.columns_of(self.examples * self.copies)
    }

    /// Pairs of rows of factors that meet.
    fn pairs(&self) -> f64 {
        self.terms * self.entries()
    }

    /// Rows of queries that are packed.
    fn left(&self) -> f64 {
        self.times * self.terms * self.padding.held(self.rows, self.padded_rows())
    }

    /// Rows of examples that are packed.
    fn right(&self) -> f64 {
        let columns = self.examples * self.copies;
        self.times * self.terms * self.padding.held(columns, self.padding.columns_of(columns))
    }

    /// Whole rows of queries, applied to the factors of one use.
    fn applied(&self, structure: &Structure) -> Work {
        let (positions, [height, width]) = (real(structure.positions()), structure.sides().map(real));
        let examples = self.padding.columns_of(self.examples);
        let len = real(structure.len());
        match structure {
            Structure::Outer(_) => {
                let met = self.times * self.terms * self.padded_rows() * examples * height * positions;
                let inputs = self.times * self.padding.held(self.examples, examples) * positions * (width + 1.0);
                let deltas = self.times * self.terms * self.padding.held(self.examples, examples) * self.copies;
                Work {
                    multiply_adds: met * (width + 1.0),
                    features: met * self.copies,
                    elements: self.left() * len + inputs + deltas * positions * height,
                    ..Work::default()
                }
            }
            // Rows are picked for each pair on its own.
            Structure::Rows(_) => {
                let pairs = self.times * self.terms * self.rows * self.examples * self.copies;
                Work { features: pairs * height * positions, ..Work::default() }
            }
            Structure::Dense(_) | Structure::Diagonal(_) => Work {
                multiply_adds: self.pairs() * len,
                elements: (self.left() + self.right()) * len,
                ..Work::default()
            },
        }
    }
}

/// Rows that the largest product of a contraction holds packed at once.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Packed {
    /// Of queries.
    pub queries: f64,
    /// Of examples.
    pub examples: f64,
    /// Examples, whatever the number of their rows.
    pub inputs: f64,
    /// Whether it has a single panel of rows and one of columns, and so packs one block after another.
    pub single: bool,
}

/// The rows that a fused product packs, of the sum that packs most.
pub(crate) fn packed(sizes: &Sizes, padding: Padding) -> Packed {
    let none = Packed { single: true, ..Packed::default() };
    sizes.sums().fold(none, |most, (entries, copies)| {
        // The products of a sum come one after another.
        let product = Product { times: 1.0, ..Product::new(entries, copies, sizes, padding) };
        Packed {
            queries: most.queries.max(product.left()),
            examples: most.examples.max(product.right()),
            inputs: padding.held(product.examples, padding.columns_of(product.examples)),
            single: most.single
                && padding.stored
                && product.rows <= real(padding.rows)
                && product.examples * product.copies <= real(padding.columns),
        }
    })
}

/// Multiply-adds by which gradient rows of some copies are formed: those of one base row share a product.
fn formed(structure: &Structure, copies: f64, padding: Padding) -> f64 {
    match structure {
        Structure::Outer(_) => {
            let ([height, width], positions) = (structure.sides().map(real), real(structure.positions()));
            let bias = real(structure.len()) - height * width;
            let product = padding.rows_of(copies * height) * padding.columns_of(width);
            (product + copies * bias) * positions
        }
        Structure::Diagonal(_) | Structure::Rows(_) | Structure::Dense(_) => copies * real(structure.formed()),
    }
}

/// Of one way to contract a block. The uses of tied weights have the same sides: they count as positions of one.
fn work(block: &Block, contraction: Contraction, sizes: &Sizes, padding: Padding) -> Work {
    let structures = || block.uses.iter().map(|one| &one.structure);
    let p: f64 = structures().map(|one| real(one.positions())).sum();
    let [h, w] = block.uses.first().map_or([0, 0], |one| one.structure.sides()).map(real);
    let (n, m, k) = (real(sizes.queries), real(sizes.examples), real(sizes.nodes));
    let len = real(block.len());
    let rows = n * real(sizes.outputs);
    let products: Vec<Product> =
        sizes.sums().map(|(entries, copies)| Product::new(entries, copies, sizes, padding)).collect();
    let over = |count: &dyn Fn(&Product) -> f64| products.iter().map(count).sum::<f64>();
    let (pairs, entries) = (over(&Product::pairs), over(&Product::entries));
    let (left, right) = (over(&Product::left), over(&Product::right));
    // Rows of examples, by the number that one has.
    let copies = || sizes.sums().map(|(_, copies)| real(copies));
    // A state that is carried is scaled once more.
    let carrying = if sizes.carried == Carried::Nothing { 0.0 } else { 1.0 };
    let window = real(sizes.carried.window());
    let of_queries: f64 = structures().map(|one| k * n * formed(one, real(sizes.outputs), padding)).sum();
    // Rows of queries are written once, and gone through again where what a node adds fills them.
    let filled = structures().map(|one| real(one.filled())).fold(0.0, f64::max);
    let held = rows * ((1.0 + carrying) * len + (k - 1.0) * filled);
    // The products of inputs.
    let inputs = |left: f64, right: f64| padding.rows_of(left) * padding.columns_of(right) * w;
    match contraction {
        Contraction::Factored => Work {
            multiply_adds: k * window * (inputs(n * p, m * p) + pairs * p * p * h),
            entries: k * window * (entries * p * p + n * m * p * p),
            // The examples' are the same at every node.
            elements: (k * window * left + right) * p * h,
            ..Work::default()
        },
        Contraction::Averaged => Work {
            multiply_adds: pairs * p * p * h,
            entries: entries * p * p,
            elements: (k * rows + left + right) * p * h,
            ..Work::default()
        },
        // Each output has inputs of its own where they are preconditioned: laid out, multiplied and added.
        Contraction::Output if sizes.carried.is_preconditioned() => Work {
            multiply_adds: inputs(rows, m),
            entries: entries + rows * m,
            elements: (3.0 * k + carrying) * rows * w + 2.0 * rows * m,
            ..Work::default()
        },
        Contraction::Output => {
            Work { multiply_adds: inputs(n, m), entries: entries + n * m, elements: k * n * w, ..Work::default() }
        }
        Contraction::Materialised => {
            let of_examples = |one: &Structure| copies().map(|copies| m * formed(one, copies, padding)).sum::<f64>();
            Work {
                multiply_adds: pairs * len,
                entries,
                elements: (left + right + m * copies().sum::<f64>()) * len + held,
                forming: of_queries + structures().map(of_examples).sum::<f64>(),
                ..Work::default()
            }
        }
        Contraction::Half => {
            let own = Work { entries, elements: held, forming: of_queries, ..Work::default() };
            let applied = products.iter().flat_map(|product| structures().map(|one| product.applied(one)));
            applied.fold(own, Work::plus)
        }
        // The momentum of all examples, whatever the batch: scaled, added to, and laid out; and the layer's matrix times each query's input.
        Contraction::Forwards => {
            let (all, outputs) = (real(sizes.columns), real(sizes.outputs));
            let [left, of_query] = [padding.rows_of(h), padding.rows_of(outputs)];
            let columns = padding.columns_of(all);
            Work {
                multiply_adds: n * columns * (left * (w + 1.0) + of_query * h),
                entries: n * columns * (h + of_query),
                elements: (MOVED * all + m) * h + all * w + k * rows * h + n * left * w * (all / APART).ceil(),
                ..Work::default()
            }
        }
        // The passes along the rows, which are put into flat vectors, are the network's.
        Contraction::Directional => Work { elements: held + rows * len, forming: of_queries, ..Work::default() },
    }
}

/// Seconds of a layer's contraction in one step, with what the device's products pad.
pub fn seconds(block: &Block, contraction: Contraction, sizes: &Sizes, rates: &Rates) -> f64 {
    let work = work(block, contraction, sizes, rates.padding);
    work.multiply_adds * rates.multiply_add
        + work.entries * rates.entry
        + work.features * rates.feature
        + work.forming * rates.forming
        + work.elements * rates.element
}

/// Floating-point operations that a layer's contraction asks for in one step, two per multiply-add: without padding.
pub fn flops(block: &Block, contraction: Contraction, sizes: &Sizes) -> f64 {
    let work = work(block, contraction, sizes, Padding::NONE);
    2.0 * (work.multiply_adds + work.forming)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Graph;
    use crate::layer::{Layer, LayerNorm, Linear};

    /// A layer of 7 × 11 and one position, which 2 queries × 3 examples meet: 5 outputs, 4 nodes.
    fn small(entries: Entries) -> (Graph, Sizes) {
        let linear = |features| Layer::new(Linear { features, bias: true });
        let layers = [Layer::new(LayerNorm::default()), linear(7), linear(5)];
        let network = Graph::new(&[11], &layers).expect("a network");
        let (entries, carried) = (vec![entries], Carried::Nothing);
        (
            network,
            Sizes {
                queries: 2,
                outputs: 5,
                copies: 5,
                nodes: 4,
                examples: 3,
                columns: 3,
                entries,
                positions: None,
                carried,
            },
        )
    }

    #[test]
    fn work_of_a_small_layer_is_what_a_hand_counts() {
        let (network, sizes) = small(Entries::Full);
        let own = &network.blocks[1];
        let pairs = 2.0 * 3.0 * 25.0;
        assert_eq!(flops(own, Contraction::Factored, &sizes), 2.0 * 4.0 * (2.0 * 3.0 * 11.0 + pairs * 7.0));
        let formed = (4.0 * 10.0 + 15.0) * 84.0;
        assert_eq!(flops(own, Contraction::Materialised, &sizes), 2.0 * (pairs * 84.0 + formed));
    }

    /// By hand: panels of 8 rows and 32 columns, of all outputs together, of each output, or of the sum over outputs.
    #[test]
    fn what_panels_pad_is_counted() {
        let padding = Padding::of_cpu(4);
        let of = |entries, choice| {
            let (network, sizes) = small(entries);
            work(&network.blocks[1], choice, &sizes, padding)
        };
        let inputs = 8.0 * 32.0 * 11.0;
        let full = of(Entries::Full, Contraction::Factored);
        assert_eq!(full.multiply_adds, 4.0 * (inputs + 16.0 * 32.0 * 7.0));
        assert_eq!(full.elements, (4.0 * 16.0 + 32.0) * 7.0);
        let diagonal = of(Entries::Diagonal, Contraction::Factored);
        assert_eq!(diagonal.multiply_adds, 4.0 * (inputs + 5.0 * 8.0 * 32.0 * 7.0));
        let trace = of(Entries::Trace, Contraction::Factored);
        assert_eq!(trace.multiply_adds, diagonal.multiply_adds);
        assert_eq!((diagonal.entries, trace.entries), (4.0 * (5.0 * 256.0 + 6.0), 4.0 * (256.0 + 6.0)));
        let rows = of(Entries::Loss, Contraction::Materialised);
        assert_eq!(rows.multiply_adds, 16.0 * 32.0 * 84.0);
        // 35 δ of a query's outputs meet 11 inputs, and 7 of an example's loss; biases are added up beside.
        let formed = 4.0 * 2.0 * (40.0 * 32.0 + 35.0) + 3.0 * (8.0 * 32.0 + 7.0);
        assert_eq!(rows.forming, formed);
        let half = of(Entries::Loss, Contraction::Half);
        assert_eq!(half.multiply_adds, 16.0 * 32.0 * 7.0 * 12.0);
    }
}
