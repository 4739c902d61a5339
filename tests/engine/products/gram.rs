//! Fused products.

use super::{bound, upload, whole, whole_mut, wide};
use crate::common::loops::{Entry, accumulated, compare, dot};
use pathkernel::compute::cpu::{Buffer, CpuBackend};
use pathkernel::compute::{Accumulator, Backend, Element, Entries, Gram, Outer, Part, RowMap, Slice, Start};
use pathkernel::random::numbers;

/// The size of a fused product. The columns leave gaps.
#[derive(Debug, Clone, Copy)]
struct Size {
    outputs: usize,
    /// Rows of an example where they are not the loss's one.
    copies: usize,
    queries: usize,
    examples: usize,
    depth: usize,
    /// Of a factored and of a half part.
    positions: usize,
}

impl Size {
    fn gram(&self, entries: Entries) -> Gram {
        let &Size { outputs, queries, examples, .. } = self;
        let (copies, stride) = (entries.copies(self.copies), examples + 2);
        Gram { entries, outputs, copies, queries, examples, stride, triangle: None }
    }

    /// Ascending; none at the place of the second, and none at the end.
    fn columns(&self) -> Vec<u32> {
        (0..self.examples as u32).map(|example| example + u32::from(example > 0)).collect()
    }

    fn rows(&self) -> usize {
        self.outputs * self.queries
    }

    /// The rows of an output: 1, 2, 0, 1, 2, 0, … over the queries, the same for every output; of every other two dozen queries
    /// none, so that whole panels are empty.
    fn nodes(&self, output: usize) -> usize {
        let query = output % self.queries;
        if query / 24 % 2 == 1 { 0 } else { (query + 1) % 3 }
    }

    /// Base rows.
    fn base(&self) -> usize {
        (0..self.queries).map(|query| self.nodes(query)).sum::<usize>().max(1)
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Factored,
    Output,
    Rows,
    Half,
}

const KINDS: [Kind; 4] = [Kind::Factored, Kind::Output, Kind::Rows, Kind::Half];
/// Without the last layer, whose rows of a query are the outputs.
const KINDS_OF_ANY: [Kind; 3] = [Kind::Factored, Kind::Rows, Kind::Half];
/// The width of a half part's layer, whose height is the depth.
const WIDTH: usize = 9;

/// Arrays of every kind of part, as loops take them.
struct Arrays {
    size: Size,
    offsets: Vec<u32>,
    omega: Vec<f64>,
    left: Vec<f64>,
    right: Vec<f64>,
    gram: Vec<f64>,
    inputs: Vec<f64>,
}

impl Arrays {
    fn new(size: Size) -> Self {
        let Size { outputs, copies, queries, examples, depth, positions } = size;
        let mut offsets = vec![0];
        (0..size.rows()).for_each(|output| offsets.push(offsets[output] + size.nodes(output) as u32));
        let (base, columns) = (size.base(), copies * examples);
        let longest = 2 * size.rows() * positions * depth;
        Self {
            size,
            omega: numbers(10, offsets[size.rows()] as usize),
            offsets,
            left: numbers(11, longest.max(size.rows() * (depth * WIDTH + depth))),
            right: numbers(12, columns * (positions * depth).max(outputs)),
            gram: numbers(13, base.max(queries) * positions * positions * examples),
            inputs: numbers(14, examples * positions * WIDTH),
        }
    }

    /// The value of a part at row `(c, q)` and column `(d, i)`.
    fn value(&self, kind: Kind, row: usize, column: usize) -> Entry {
        let Size { outputs, queries, examples, depth, positions, .. } = self.size;
        let example = column % examples;
        let line = |values: &[f64], line: usize, len: usize| -> Vec<Entry> {
            values[line * len..][..len].iter().map(|&value| Entry::new(value)).collect()
        };
        let mut sum = Entry::default();
        match kind {
            Kind::Factored => {
                let rows = self.offsets[row] as usize..self.offsets[row + 1] as usize;
                for (found, omega) in rows.clone().zip(&self.omega[rows]) {
                    let base = found % self.size.base();
                    for (p, other) in (0..positions * positions).map(|pair| (pair / positions, pair % positions)) {
                        let (left, right) = (found * positions + p, column * positions + other);
                        let product = dot(&line(&self.left, left, depth), &line(&self.right, right, depth));
                        let place = ((base * positions + p) * positions + other) * examples + example;
                        sum.add(*omega, product.times(Entry::new(self.gram[place])));
                    }
                }
            }
            Kind::Output => {
                let gram = Entry::new(self.gram[row % queries * examples + example]);
                sum.add(1.0, gram.times(Entry::new(self.right[column * outputs + row / queries])));
            }
            Kind::Rows => sum = dot(&line(&self.left, row, depth), &line(&self.right, column, depth)),
            Kind::Half => {
                let weights = line(&self.left, row, depth * WIDTH + depth);
                for p in 0..positions {
                    let input = line(&self.inputs, example * positions + p, WIDTH);
                    for (k, delta) in line(&self.right, column * positions + p, depth).into_iter().enumerate() {
                        let mut applied = dot(&weights[k * WIDTH..][..WIDTH], &input);
                        applied.add(1.0, weights[depth * WIDTH + k]);
                        sum.add(1.0, delta.times(applied));
                    }
                }
            }
        }
        sum
    }

    /// The most roundings that a term of an entry goes through: with the scale, the column weight, the mean over
    /// outputs and the addition to what is there.
    fn roundings(&self, kind: Kind, entries: Entries) -> usize {
        let Size { outputs, depth, positions, .. } = self.size;
        let terms = if entries == Entries::Trace { outputs } else { 1 };
        let stretches = (terms * depth).div_ceil(256);
        let own = match kind {
            Kind::Factored => terms * depth + 2 * positions * positions * stretches + 2,
            Kind::Output => terms + 1,
            Kind::Rows => terms * depth + stretches,
            Kind::Half => WIDTH + 2 + terms * depth * positions,
        };
        own + 5
    }
}

/// The same arrays on the device, and the parts that they make up.
struct Held<E: Element> {
    map: RowMap<Buffer<E>, Vec<u32>>,
    left: Buffer<E>,
    right: Buffer<E>,
    gram: Buffer<E>,
    inputs: Buffer<E>,
}

impl<E: Element> Held<E> {
    fn new(arrays: &Arrays) -> Self {
        let base = arrays.size.base();
        let inputs: Vec<u32> = (0..arrays.omega.len()).map(|row| (row % base) as u32).collect();
        Self {
            map: RowMap::new(&CpuBackend::new(), &arrays.offsets, &inputs, &arrays.omega).expect("a map"),
            left: upload(&arrays.left),
            right: upload(&arrays.right),
            gram: upload(&arrays.gram),
            inputs: upload(&arrays.inputs),
        }
    }

    fn part(&self, kind: Kind, size: &Size, entries: Entries) -> Part<'_, Buffer<E>, Vec<u32>> {
        let &Size { copies, queries, examples, depth, positions, .. } = size;
        let (rows, columns) = (size.rows(), entries.copies(copies) * examples);
        let left = |len: usize| Slice::new(&self.left, 0, len);
        let right = |len: usize| Slice::new(&self.right, 0, columns * len);
        let gram = |rows: usize| Slice::new(&self.gram, 0, rows * examples);
        match kind {
            Kind::Factored => Part::Factored {
                map: &self.map,
                positions,
                depth,
                left: left(self.map.rows * positions * depth),
                right: right(positions * depth),
                inputs: gram(size.base() * positions * positions),
                exchanges: false,
            },
            Kind::Output => Part::Output { right: right(copies), inputs: gram(queries) },
            Kind::Rows => Part::Rows { depth, left: left(rows * depth), right: right(depth) },
            Kind::Half => Part::Half {
                shape: Outer { height: depth, width: WIDTH, positions, bias: true, start: Start::Value(0.0) },
                left: left(rows * (depth * WIDTH + depth)),
                delta: right(positions * depth),
                input: Slice::new(&self.inputs, 0, examples * positions * WIDTH),
            },
        }
    }
}

/// Some parts in one call, into two accumulators where the entries allow column weights.
fn check_gram<E: Element>(arrays: &Arrays, kinds: &[Kind], entries: Entries) {
    let (size, held) = (&arrays.size, Held::<E>::new(arrays));
    let (gram, columns) = (size.gram(entries), size.columns());
    let parts: Vec<_> = kinds.iter().map(|&kind| held.part(kind, size, entries)).collect();
    let weighted = matches!(entries, Entries::Diagonal | Entries::Full);
    let (before, weights) = (numbers(21, gram.len()), numbers(22, gram.columns()));
    let (mut plain, mut other, on_device) = (upload::<E>(&before), upload(&before), upload(&weights));
    let mut into = vec![Accumulator { out: whole_mut(&mut plain), scale: -0.75, weights: None }];
    if weighted {
        into.push(Accumulator { out: whole_mut(&mut other), scale: 1.25, weights: Some(whole(&on_device)) });
    }
    CpuBackend::new().gram(&gram, &columns, &parts, &mut into).expect("gram");

    let value = |row: usize, column: usize| {
        let mut sum = Entry::default();
        kinds.iter().for_each(|&kind| sum.add(1.0, arrays.value(kind, row, column)));
        sum
    };
    let bound = bound::<E>(kinds.iter().map(|&kind| arrays.roundings(kind, entries)).sum());
    let what = format!("{kinds:?}, {entries:?}, {size:?}, {}", E::NAME);
    compare(&what, &wide(&plain), &accumulated(&gram, &columns, &before, -0.75, None, &value), bound);
    if weighted {
        let want = accumulated(&gram, &columns, &before, 1.25, Some(&weights), &value);
        compare(&format!("{what}, weighted"), &wide(&other), &want, bound);
    }
}

fn check_grams(size: Size) {
    let arrays = Arrays::new(size);
    for entries in [Entries::Loss, Entries::Trace, Entries::Diagonal, Entries::Full] {
        for kinds in [&KINDS[..1], &KINDS[1..2], &KINDS[2..3], &KINDS[3..], &KINDS] {
            check_gram::<f32>(&arrays, kinds, entries);
            check_gram::<f64>(&arrays, kinds, entries);
        }
    }
}

#[test]
fn gram_agrees_with_loops() {
    let size = Size { outputs: 1, copies: 1, queries: 1, examples: 1, depth: 1, positions: 1 };
    check_grams(size);
    // Around panels, with one output and with several: a panel then meets the end of one output's examples.
    for (queries, examples) in [(5, 7), (6, 8), (7, 9), (11, 15), (12, 16), (13, 17), (2, 31), (3, 32), (4, 33)] {
        check_grams(Size { queries, examples, depth: 2, ..size });
        check_grams(Size { outputs: 3, copies: 3, queries, examples, depth: 3, positions: 2 });
    }
    // Around tiles.
    for (queries, examples) in [(95, 2), (96, 3), (97, 5), (3, 255), (2, 256), (5, 257), (97, 257)] {
        check_grams(Size { queries, examples, depth: 2, ..size });
    }
    // Rows and columns of several outputs in one tile: 3 × 33 and 3 × 86.
    check_grams(Size { outputs: 3, copies: 3, queries: 33, examples: 86, depth: 5, positions: 1 });
    // Around the depth that is summed at a time: a trace's is that of all outputs together.
    for depth in [127, 128, 129, 255, 256, 257] {
        check_grams(Size { outputs: 2, copies: 2, queries: 4, examples: 3, depth, positions: 1 });
        check_grams(Size { outputs: 2, copies: 2, queries: 130, examples: 3, depth, positions: 1 });
    }
}

/// A query has one row or several, an example fewer or more: as with readouts.
#[test]
fn rows_of_queries_and_of_examples_differ_in_number() {
    for (outputs, copies) in [(1, 3), (2, 3), (3, 1), (3, 2)] {
        for (queries, examples) in [(1, 1), (5, 7), (13, 17), (97, 3), (2, 130)] {
            let size = Size { outputs, copies, queries, examples, depth: 3, positions: 2 };
            let arrays = Arrays::new(size);
            for entries in [Entries::Loss, Entries::Full] {
                for kinds in [vec![Kind::Factored], vec![Kind::Rows], vec![Kind::Half], KINDS_OF_ANY.to_vec()] {
                    check_gram::<f32>(&arrays, &kinds, entries);
                    check_gram::<f64>(&arrays, &kinds, entries);
                }
            }
        }
    }
}

/// Half of a symmetric product: an entry that is not wanted may lack some parts, every other one has the bits that it has
/// without the triangle. Some are left, or nothing is saved.
#[test]
fn a_triangle_leaves_out_only_what_is_not_wanted() {
    // Rows of several tiles, in which the columns end before the rows do; little work, so that the tiles are the same on any
    // number of cores.
    for (first, queries, examples) in [(0, 300, 300), (150, 200, 350), (200, 300, 260)] {
        let size = Size { outputs: 2, copies: 2, queries, examples, depth: 1, positions: 1 };
        let (held, columns) = (Held::<f64>::new(&Arrays::new(size)), size.columns());
        for entries in [Entries::Trace, Entries::Diagonal, Entries::Full] {
            for kinds in [&KINDS[..1], &KINDS[1..2], &KINDS[2..3], &KINDS[3..], &KINDS] {
                let whole_gram = size.gram(entries);
                let before = numbers(23, whole_gram.len());
                let run = |gram: &Gram| {
                    let mut out = upload(&before);
                    let parts: Vec<_> = kinds.iter().map(|&kind| held.part(kind, &size, entries)).collect();
                    let into = &mut [Accumulator { out: whole_mut(&mut out), scale: 0.5, weights: None }];
                    CpuBackend::new().gram(gram, &columns, &parts, into).expect("gram");
                    out.to_vec()
                };
                let all = run(&whole_gram);
                let half = run(&Gram { triangle: Some(first), ..whole_gram });
                let what = format!("{kinds:?}, {entries:?}, {size:?} from {first}");
                let mut left = 0;
                for (place, (&got, &want)) in half.iter().zip(&all).enumerate() {
                    let (line, column) = (place / whole_gram.stride, place % whole_gram.stride);
                    let query = if entries == Entries::Full { line / size.outputs } else { line } % queries;
                    let may_stay = column < first + query;
                    assert!(got == want || may_stay, "{what}: query {query}, column {column}");
                    left += usize::from(got != want);
                }
                assert!(left > 0, "{what}: nothing is left out");
            }
        }
    }
}

/// Where among the queries and examples of a call an entry lies does not show in its bits.
#[test]
fn an_entry_of_a_half_part_has_the_same_bits_in_every_product() {
    same_bits::<f32>();
    same_bits::<f64>();
}

fn same_bits<E: Element>() {
    let (rows, columns, height, width, positions) = (197, 523, 3, 300, 2);
    let shape = Outer { height, width, positions, bias: true, start: Start::Value(0.0) };
    let left = upload::<E>(&numbers(31, rows * shape.row()));
    let delta = upload::<E>(&numbers(32, columns * positions * height));
    let input = upload::<E>(&numbers(33, columns * positions * width));
    let product = |top: usize, first: usize, queries: usize, examples: usize| {
        let gram =
            Gram { entries: Entries::Loss, outputs: 1, copies: 1, queries, examples, stride: examples, triangle: None };
        let line = |of: usize| (first * positions * of, examples * positions * of);
        let ((delta_from, delta_len), (input_from, input_len)) = (line(height), line(width));
        let part = Part::Half {
            shape,
            left: Slice::new(&left, top * shape.row(), queries * shape.row()),
            delta: Slice::new(&delta, delta_from, delta_len),
            input: Slice::new(&input, input_from, input_len),
        };
        let order: Vec<u32> = (0..examples as u32).collect();
        let mut out = upload::<E>(&vec![0.0; gram.len()]);
        let into = &mut [Accumulator { out: whole_mut(&mut out), scale: 1.0, weights: None }];
        CpuBackend::new().gram(&gram, &order, &[part], into).expect("gram");
        out.to_vec()
    };
    let all = product(0, 0, rows, columns);
    for (queries, examples) in [(1, 1), (1, 523), (197, 1), (7, 17), (96, 256), (101, 263)] {
        for (top, first) in [(0, 0), (1, 3), (89, 250), (rows - queries, columns - examples)] {
            let (top, first) = (top.min(rows - queries), first.min(columns - examples));
            for (row, got) in product(top, first, queries, examples).chunks(examples).enumerate() {
                let want = &all[(top + row) * columns + first..][..examples];
                assert!(got == want, "{}, {queries} by {examples} from {top}, {first}", E::NAME);
            }
        }
    }
}

/// Columns out of order or beyond a row, weights for a trace, arrays that are too short: an error, not a wrong number.
#[test]
fn what_does_not_fit_is_refused() {
    let size = Size { outputs: 2, copies: 2, queries: 3, examples: 4, depth: 5, positions: 1 };
    let held = Held::<f32>::new(&Arrays::new(size));
    let refused = |gram: &Gram, columns: &[u32], part: Part<'_, Buffer<f32>, Vec<u32>>, weighted: bool| {
        let (mut out, weights) = (upload(&vec![0.0; gram.len()]), upload(&vec![1.0; gram.columns()]));
        let weights = weighted.then(|| whole(&weights));
        let into = &mut [Accumulator { out: whole_mut(&mut out), scale: 1.0, weights }];
        CpuBackend::new().gram(gram, &columns.to_vec(), &[part], into).is_err()
    };
    let (trace, full) = (size.gram(Entries::Trace), size.gram(Entries::Full));
    let rows = |entries| held.part(Kind::Rows, &size, entries);
    assert!(!refused(&full, &[0, 2, 3, 5], rows(Entries::Full), true));
    assert!(refused(&full, &[0, 2, 2, 5], rows(Entries::Full), true));
    assert!(refused(&full, &[2, 0, 3, 5], rows(Entries::Full), true));
    assert!(refused(&full, &[0, 2, 3, 6], rows(Entries::Full), true));
    assert!(refused(&full, &[0, 2, 3], rows(Entries::Full), true));
    assert!(!refused(&trace, &[0, 2, 3, 5], rows(Entries::Trace), false));
    assert!(refused(&trace, &[0, 2, 3, 5], rows(Entries::Trace), true));
    // Entries of equal outputs where the query has fewer than the example, and the loss's row more than once.
    for (entries, fits) in [(Entries::Trace, false), (Entries::Diagonal, false), (Entries::Full, true)] {
        let size = Size { outputs: 1, ..size };
        assert_ne!(refused(&size.gram(entries), &[0, 2, 3, 5], held.part(Kind::Rows, &size, entries), false), fits);
    }
    let loss = size.gram(Entries::Loss);
    assert!(!refused(&loss, &[0, 2, 3, 5], rows(Entries::Loss), false));
    assert!(refused(&Gram { copies: 2, ..loss }, &[0, 2, 3, 5], rows(Entries::Full), false));
    // A last layer of two outputs, and a query of one row.
    for entries in [Entries::Loss, Entries::Full] {
        let size = Size { outputs: 1, ..size };
        let part = held.part(Kind::Output, &size, entries);
        assert!(refused(&size.gram(entries), &[0, 2, 3, 5], part, false), "{entries:?}");
    }
    // Rows of the examples' one loss where every output's are asked for.
    for kind in KINDS {
        assert!(refused(&full, &[0, 2, 3, 5], held.part(kind, &size, Entries::Loss), true), "{kind:?}");
    }
}
