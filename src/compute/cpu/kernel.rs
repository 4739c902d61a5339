/*!
The inner kernel of every matrix product: a block of packed rows times a block of packed columns.

Rows and columns are packed into panels, `[panel][k][line]`, so that the kernel reads both in the order in which it
needs them. A tile of the product stays in vector registers over the whole depth (K. Goto and R. van de Geijn, "Anatomy
of High-Performance Matrix Multiplication", 2008). Vectors are as wide as the machine's, found at run time.

An entry is the sum over k in order, whatever block it lies in.
*/

use super::pack::Panels;
use bytemuck::Pod;
use pulp::{Arch, Simd, WithSimd};
use std::sync::OnceLock;

/// A number that vectors are made of.
pub trait Lane: Pod + Send + Sync {
    /// 1.
    const UNIT: Self;
    /// A vector of them.
    type Of<S: Simd>: Pod;
    /// The same number in every lane.
    fn splat<S: Simd>(simd: S, x: Self) -> Self::Of<S>;
    /// `a b + c`, fused where the machine can.
    fn mul_add<S: Simd>(simd: S, a: Self::Of<S>, b: Self::Of<S>, c: Self::Of<S>) -> Self::Of<S>;
    /// Whole vectors of a slice.
    fn lanes<S: Simd>(x: &[Self]) -> &[Self::Of<S>];
    /// Whole vectors of a slice.
    fn lanes_mut<S: Simd>(x: &mut [Self]) -> &mut [Self::Of<S>];
}

macro_rules! lane {
    ($type:ty, $of:ident, $splat:ident, $mul_add:ident, $lanes:ident, $lanes_mut:ident) => {
        impl Lane for $type {
            const UNIT: Self = 1.0;
            type Of<S: Simd> = S::$of;
            #[inline(always)]
            fn splat<S: Simd>(simd: S, x: Self) -> S::$of {
                simd.$splat(x)
            }
            #[inline(always)]
            fn mul_add<S: Simd>(simd: S, a: S::$of, b: S::$of, c: S::$of) -> S::$of {
                simd.$mul_add(a, b, c)
            }
            #[inline(always)]
            fn lanes<S: Simd>(x: &[Self]) -> &[S::$of] {
                S::$lanes(x).0
            }
            #[inline(always)]
            fn lanes_mut<S: Simd>(x: &mut [Self]) -> &mut [S::$of] {
                S::$lanes_mut(x).0
            }
        }
    };
}

lane!(f32, f32s, splat_f32s, mul_add_e_f32s, as_simd_f32s, as_mut_simd_f32s);
lane!(f64, f64s, splat_f64s, mul_add_e_f64s, as_simd_f64s, as_mut_simd_f64s);

/// Vectors across a tile.
const ACROSS: usize = 2;
/// Lines of a row panel where there are 32 vector registers, and where there are fewer.
const TALL: usize = 8;
const SHORT: usize = 6;
/// Elements of the widest tile's row: two vectors of 64 bytes of the smallest numbers.
pub(in crate::compute) const WIDEST: usize = 32;

/// The machine's instruction set.
pub(in crate::compute) fn arch() -> Arch {
    static ARCH: OnceLock<Arch> = OnceLock::new();
    *ARCH.get_or_init(Arch::new)
}

/// Lines of a row panel and of a column panel on this machine.
pub(in crate::compute) fn panels<E: Lane>() -> (usize, usize) {
    struct Ask<E>(std::marker::PhantomData<E>);
    impl<E: Lane> WithSimd for Ask<E> {
        type Output = (usize, usize);
        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) -> (usize, usize) {
            let rows = if S::REGISTER_COUNT >= 32 { TALL } else { SHORT };
            (rows, across::<E, S>())
        }
    }
    arch().dispatch(Ask::<E>(std::marker::PhantomData))
}

/// What each entry of a product is multiplied by before it is added.
#[derive(Clone, Copy)]
pub(in crate::compute) enum Weighting<'a, E> {
    /// 1.
    One,
    /// An entry of a Gram matrix: row `r` of the block begins at `rows[r]`, column `c` of its `columns` is
    /// `(first + c) % examples`.
    Gram { values: &'a [E], rows: &'a [usize], first: usize, columns: usize, examples: usize },
    /// An entry of the panel of columns, `[panel][row][column]`.
    Each { weights: Panels<'a, E> },
    /// A number of the column, `[panel][column]`: with several copies, one for the sums of each, whose panels lie `apart`.
    Columns { weights: Panels<'a, E>, copies: usize, apart: usize },
}

/// A product of packed rows and columns. Lines beyond the product's own hold zeros.
pub(in crate::compute) struct Block<'a, E, P> {
    /// Row panels, `row_panel` elements apart.
    pub a: &'a [E],
    pub row_panel: usize,
    /// Column panels, `column_panel` elements apart.
    pub b: &'a [E],
    pub column_panel: usize,
    /// How many of either.
    pub panels: (usize, usize),
    /// Lines of the row panels that hold rows: what lies beyond is put nowhere.
    pub rows: usize,
    /// The range of k, counted in lines of a panel.
    pub from: usize,
    pub depth: usize,
    /// Where the entries go.
    pub put: P,
}

/// Takes the entries of a product while they are in registers, so that arrays far from the processor are written while it multiplies.
pub(in crate::compute) trait Put<E: Lane> {
    /// Whether a panel of rows meets all columns before the next, so that what is far away is written from end to end. Else a panel of
    /// columns meets all rows: it is the larger one, and stays in the first-level cache.
    const ROW_BY_ROW: bool;
    /// Takes the entries of a row in a panel of columns.
    fn put<S: Simd>(&mut self, simd: S, place: (usize, usize), entries: &[E::Of<S>; ACROSS]);
}

/// `sums += weighting ∘ entries`.
pub(in crate::compute) struct Sums<'a, E> {
    /// `[copies, height, width]`.
    pub sums: &'a mut [E],
    pub height: usize,
    pub width: usize,
    pub weighting: Weighting<'a, E>,
}

/// Hands the entries on, each with the sum of those before it.
pub(in crate::compute) struct Finish<'a, E, F> {
    /// `[rows, width]`; empty: there are none before.
    pub sums: &'a [E],
    pub width: usize,
    /// Columns that are the product's own.
    pub columns: usize,
    /// Takes a row's entries from a column on.
    pub take: F,
}

impl<E: Lane, P: Put<E>> WithSimd for Block<'_, E, P> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if S::REGISTER_COUNT >= 32 { self.tiles::<S, TALL>(simd) } else { self.tiles::<S, SHORT>(simd) }
    }
}

/// Elements of a panel's line: of a row of the register tile.
const fn across<E: Lane, S: Simd>() -> usize {
    ACROSS * size_of::<E::Of<S>>() / size_of::<E>()
}

impl<E: Lane, P: Put<E>> Block<'_, E, P> {
    #[inline(always)]
    fn tiles<S: Simd, const ROWS: usize>(mut self, simd: S) {
        let columns = across::<E, S>();
        let zero = E::splat(simd, E::zeroed());
        let (high, wide) = self.panels;
        for number in 0..high * wide {
            let (down, across) =
                if P::ROW_BY_ROW { (number / wide, number % wide) } else { (number % high, number / high) };
            let b = &self.b[across * self.column_panel + self.from * columns..][..self.depth * columns];
            let a = &self.a[down * self.row_panel + self.from * ROWS..][..self.depth * ROWS];
            let mut tile = [[zero; ACROSS]; ROWS];
            for (a, b) in a.as_chunks::<ROWS>().0.iter().zip(E::lanes::<S>(b).as_chunks::<ACROSS>().0) {
                for (tile, &a) in tile.iter_mut().zip(a) {
                    let a = E::splat(simd, a);
                    for (tile, &b) in tile.iter_mut().zip(b) {
                        *tile = E::mul_add(simd, a, b, *tile);
                    }
                }
            }
            let rows = down * ROWS..self.rows;
            rows.zip(&tile).for_each(|(row, entries)| self.put.put(simd, (row, across), entries));
        }
    }
}

impl<E: Lane> Put<E> for Sums<'_, E> {
    const ROW_BY_ROW: bool = false;

    #[inline(always)]
    fn put<S: Simd>(&mut self, simd: S, (row, panel): (usize, usize), entries: &[E::Of<S>; ACROSS]) {
        let columns = across::<E, S>();
        for copy in 0..self.weighting.copies() {
            let from = (copy * self.height + row) * self.width + panel * columns;
            let sums = E::lanes_mut::<S>(&mut self.sums[from..][..columns]);
            let mut gathered = [E::zeroed(); WIDEST];
            let weights = self.weighting.of((copy, row), panel, columns, &mut gathered);
            for (place, (sum, &entry)) in sums.iter_mut().zip(entries).enumerate() {
                let weight = match weights {
                    None => E::splat(simd, E::UNIT),
                    Some(weights) => E::lanes::<S>(weights)[place],
                };
                *sum = E::mul_add(simd, weight, entry, *sum);
            }
        }
    }
}

impl<E: Lane, F: FnMut(usize, usize, &[E])> Put<E> for Finish<'_, E, F> {
    const ROW_BY_ROW: bool = true;

    #[inline(always)]
    fn put<S: Simd>(&mut self, simd: S, (row, panel): (usize, usize), entries: &[E::Of<S>; ACROSS]) {
        let columns = across::<E, S>();
        let first = panel * columns;
        let mut own = *entries;
        if !self.sums.is_empty() {
            let sums = E::lanes::<S>(&self.sums[row * self.width + first..][..columns]);
            own.iter_mut()
                .zip(sums)
                .for_each(|(own, &sum)| *own = E::mul_add(simd, E::splat(simd, E::UNIT), *own, sum));
        }
        (self.take)(row, first, &bytemuck::cast_slice(&own)[..columns.min(self.columns - first)]);
    }
}

impl<E: Lane> Weighting<'_, E> {
    /// How many products, each with weights and sums of its own, come of one.
    #[inline(always)]
    fn copies(&self) -> usize {
        if let Weighting::Columns { copies, .. } = *self { copies } else { 1 }
    }

    /// The weights of a panel of `count` columns in a row of a copy; `None`: all 1.
    #[inline(always)]
    fn of<'b>(
        &'b self,
        (copy, row): (usize, usize),
        panel: usize,
        count: usize,
        gathered: &'b mut [E; WIDEST],
    ) -> Option<&'b [E]> {
        match *self {
            Weighting::One => None,
            Weighting::Each { weights } => Some(&weights.values[panel * weights.panel + row * count..][..count]),
            Weighting::Columns { weights, apart, .. } => {
                Some(&weights.values[copy * apart + panel * weights.panel..][..count])
            }
            Weighting::Gram { values, rows, first, columns, examples } => {
                let mut from = (first + panel * count) % examples;
                let values = &values[rows[row]..][..examples];
                if from + count <= examples {
                    return Some(&values[from..][..count]);
                }
                // Columns of several outputs, or fewer than a panel has.
                let filled = count.min(columns - panel * count);
                let mut place = 0;
                while place < filled {
                    let run = (examples - from).min(filled - place);
                    gathered[place..][..run].copy_from_slice(&values[from..][..run]);
                    (place, from) = (place + run, 0);
                }
                Some(&gathered[..count])
            }
        }
    }
}
