//! The matrix product of two values.

use super::*;
use crate::compute::op::{BatchMatMul, Strides};
use crate::compute::{BackendError, Start};
use crate::graph::build::elements;

/// `a b` for matrices that are values both: one for each of the equal leading axes.
#[derive(Debug, Clone, PartialEq)]
pub struct MatrixProduct {
    shape: Vec<usize>,
    batches: usize,
    lines: usize,
    columns: usize,
    depth: usize,
}

/// Which of the three matrices of a product.
#[derive(Clone, Copy)]
enum Side {
    Value,
    Left,
    Right,
}

/// Matrices of some rows.
type Matrices<'a, T> = (Side, Slice<'a, T>);

impl MatrixProduct {
    /// Of values of these shapes: `[.., a, b]` and `[.., b, c]` with equal leading axes; a second factor `[b, c]` serves all
    /// matrices of the first, and vectors are a line or a column.
    ///
    /// # Errors
    ///
    /// Shapes that have no product.
    pub fn new(left: &[usize], right: &[usize]) -> std::result::Result<Self, String> {
        let problem = || no_product(left, right);
        let (&depth, left_lines) = left.split_last().ok_or_else(problem)?;
        let (before, own, columns) = match right {
            [own] => (&[][..], *own, None),
            [before @ .., own, columns] => (before, *own, Some(*columns)),
            [] => return Err(problem()),
        };
        let shared = before.is_empty();
        let fits = depth == own && (shared || left_lines.split_last().is_some_and(|(_, axes)| axes == before));
        if !fits {
            return Err(problem());
        }
        // Where one matrix serves all others, these are one of more lines.
        let lines = if shared { count(left_lines) } else { left_lines.last().copied().unwrap_or(1) };
        elements(&[count(before), lines, columns.unwrap_or(1)])?;
        let shape = left_lines.iter().copied().chain(columns).collect();
        Ok(Self { shape, batches: count(before), lines, columns: columns.unwrap_or(1), depth })
    }

    /// The shapes that both factors are stretched to before their product, for PyTorch's `matmul`: leading axes are matched from
    /// the last one on, and one of length 1 stretches. A vector in front of several matrices becomes a line for each.
    ///
    /// # Errors
    ///
    /// Shapes that have no product.
    pub fn stretched(left: &[usize], right: &[usize]) -> std::result::Result<[Vec<usize>; 2], String> {
        let [right_axes @ .., depth, _] = right else { return Ok([left.to_vec(), right.to_vec()]) };
        if right_axes.is_empty() {
            return Ok([left.to_vec(), right.to_vec()]);
        }
        let line = if left.len() == 1 { &[1][..] } else { &[] };
        let left_lines = [line, left].concat();
        let [left_axes @ .., _, own] = left_lines.as_slice() else { return Err(no_product(left, right)) };
        if own != depth {
            return Err(no_product(left, right));
        }
        let common = broadcast_shape(&[left_axes, right_axes]).map_err(|_| no_product(left, right))?;
        let matrix = |shape: &[usize]| shape[shape.len() - 2..].to_vec();
        if right_axes.len() <= left_axes.len() && count(right_axes) == 1 {
            return Ok([left_lines.clone(), matrix(right)]);
        }
        Ok([[common.clone(), matrix(&left_lines)].concat(), [common, matrix(right)].concat()])
    }

    /// Lines and columns of the matrices of a side.
    fn sides(&self, side: Side) -> (usize, usize) {
        match side {
            Side::Value => (self.lines, self.columns),
            Side::Left => (self.lines, self.depth),
            Side::Right => (self.depth, self.columns),
        }
    }

    fn strides(&self, side: Side, len: usize) -> Strides {
        let (lines, columns) = self.sides(side);
        let batch = lines * columns;
        let row = self.batches * batch;
        Strides { rows: len / row.max(1), row, batch, line: columns, column: 1 }
    }

    /// Writes the matrices of one side: the products of those of the two others.
    fn write<B: Backend>(
        &self,
        backend: &B,
        start: Start,
        (side, out): (Side, SliceMut<'_, B::Buffer>),
        (a, b): (Matrices<'_, B::Buffer>, Matrices<'_, B::Buffer>),
    ) -> Result<()> {
        let (lines, columns) = self.sides(side);
        let lies = |(side, slice): Matrices<'_, B::Buffer>| self.strides(side, slice.len);
        let (left, right, depth) = match side {
            Side::Value => (lies(a), lies(b), self.depth),
            Side::Left => (lies(a), lies(b).transposed(), self.columns),
            Side::Right => (lies(a).transposed(), lies(b), self.lines),
        };
        let own = self.strides(side, out.len);
        let (rows, batches) = (own.rows, self.batches);
        let product =
            BatchMatMul { rows, batches, lines, columns, depth, scale: 1.0, start, out: own, a: left, b: right };
        backend.run(&product, (out, a.1, b.1))
    }

    /// `δ bᵀ` or `aᵀ δ`: the δ of the first or of the second factor from the other one.
    fn through<B: Backend>(
        &self,
        backend: &B,
        start: Start,
        side: Side,
        (delta, other): (Slice<'_, B::Buffer>, Slice<'_, B::Buffer>),
        out: SliceMut<'_, B::Buffer>,
    ) -> Result<()> {
        let factors = match side {
            Side::Right => ((Side::Left, other), (Side::Value, delta)),
            Side::Left | Side::Value => ((Side::Value, delta), (Side::Right, other)),
        };
        self.write(backend, start, (side, out), factors)
    }
}

fn no_product(left: &[usize], right: &[usize]) -> String {
    format!(
        "the shapes {left:?} and {right:?} have no product: it takes [.., a, b] and [.., b, c], of whose axes before, from the last \
         one on, two lengths are equal or one of them 1; reshape or permute one of them"
    )
}

/// Both factors of a product.
fn both<T: Copy>(values: &[T]) -> Result<(T, T)> {
    let &[left, right] = values else { return Err(BackendError::Invalid("a product without its factors".into())) };
    Ok((left, right))
}

impl Primitive for MatrixProduct {
    fn name(&self) -> &'static str {
        "matmul"
    }

    fn built(&self) -> Built {
        let len = |side| self.batches * self.sides(side).0 * self.sides(side).1;
        Built::plain(vec![len(Side::Left), len(Side::Right)], &self.shape)
    }

    fn forward<B: Backend>(
        &self,
        site: &Site<'_, B>,
        inputs: &[Slice<'_, B::Buffer>],
        out: SliceMut<'_, B::Buffer>,
    ) -> Result<Vec<B::Buffer>> {
        let (a, b) = both(inputs)?;
        self.write(site.backend, Start::Value(0.0), (Side::Value, out), ((Side::Left, a), (Side::Right, b)))?;
        Ok(Vec::new())
    }

    fn backward<B: Backend>(
        &self,
        site: &Site<'_, B>,
        seen: &Seen<'_, B>,
        back: &Back<'_>,
        delta: B::Buffer,
        _visit: &mut Visit<'_, B>,
    ) -> Result<Deltas<B>> {
        let (a, b) = both(&seen.inputs)?;
        let delta = Slice::new(&delta, 0, back.copies * seen.value.len);
        let mut found = Vec::new();
        for (wanted, (side, own, other)) in back.wanted.iter().zip([(Side::Left, a, b), (Side::Right, b, a)]) {
            let fill = |out: SliceMut<'_, B::Buffer>| {
                self.through(site.backend, Start::Value(0.0), side, (delta, other), out)
            };
            found.push(wanted.then(|| fresh(site.backend, back.copies * own.len, fill)).transpose()?);
        }
        Ok(found)
    }

    fn tangent<B: Backend>(
        &self,
        site: &Site<'_, B>,
        seen: &Seen<'_, B>,
        moved: &Moved<'_, B>,
        out: SliceMut<'_, B::Buffer>,
    ) -> Result<()> {
        let ((a, b), slopes) = (both(&seen.inputs)?, both(moved.slopes)?);
        let SliceMut { buffer, offset, len } = out;
        let terms = [slopes.0.map(|slope| (slope, b)), slopes.1.map(|slope| (a, slope))];
        let mut start = Start::Value(0.0);
        for (a, b) in terms.into_iter().flatten() {
            let out = SliceMut::new(&mut *buffer, offset, len);
            self.write(site.backend, start, (Side::Value, out), ((Side::Left, a), (Side::Right, b)))?;
            start = Start::Output;
        }
        Ok(())
    }

    fn tangent_of_backward<B: Backend>(
        &self,
        site: &Site<'_, B>,
        seen: &Seen<'_, B>,
        back: &Back<'_>,
        turning: Turning<'_, B>,
        _visit: &mut Visit<'_, B>,
    ) -> Result<Deltas<B>> {
        let ((a, b), slopes) = (both(&seen.inputs)?, both(turning.slopes)?);
        let (backend, change, delta) = (site.backend, turning.change(), turning.delta);
        let sides = [(Side::Left, a.len, b, slopes.1), (Side::Right, b.len, a, slopes.0)];
        let mut found = Vec::new();
        for (wanted, (side, len, other, slope)) in back.wanted.iter().zip(sides) {
            let fill = |out: SliceMut<'_, B::Buffer>| {
                let SliceMut { buffer, offset, len } = out;
                let out = SliceMut::new(&mut *buffer, offset, len);
                self.through(backend, Start::Value(0.0), side, (change, other), out)?;
                let Some(slope) = slope else { return Ok(()) };
                self.through(backend, Start::Output, side, (delta, slope), SliceMut::new(buffer, offset, len))
            };
            found.push(wanted.then(|| fresh(backend, back.copies * len, fill)).transpose()?);
        }
        Ok(found)
    }

    fn kinks(&self) -> Kinks {
        Kinks::Nowhere
    }

    fn degree(&self, before: &[usize]) -> Option<usize> {
        Some(before.iter().sum())
    }

    fn minus_infinity(&self, _input: usize) -> MinusInfinity {
        MinusInfinity::Spoils
    }

    fn magnitude(&self) -> Magnitude {
        Magnitude::Mixed
    }

    fn work(&self) -> Work {
        let &Self { batches, lines, columns, depth, .. } = self;
        Work { multiply_adds: batches * lines * columns * depth, ..Work::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn matrices_of_one_value() {
        check::against_differences(&[3, 3], MatrixProduct::new(&[3, 3], &[3, 3]).expect("a product"));
        check::against_differences(&[2, 3, 2], MatrixProduct::new(&[2, 3, 2], &[2, 2, 3]).expect("a product"));
        check::against_differences(&[2, 3], MatrixProduct::new(&[2, 3], &[3, 2]).expect("a product"));
        check::against_differences(&[4], MatrixProduct::new(&[4], &[4]).expect("a product"));
    }

    #[test]
    fn shapes() {
        let shape = |left: &[usize], right: &[usize]| MatrixProduct::new(left, right).map(|product| product.built().shape);
        assert_eq!(shape(&[2, 3, 4], &[2, 4, 5]), Ok(vec![2, 3, 5]));
        assert_eq!(shape(&[2, 3, 4], &[4, 5]), Ok(vec![2, 3, 5]));
        assert_eq!((shape(&[3, 4], &[4]), shape(&[4], &[4, 5])), (Ok(vec![3]), Ok(vec![5])));
        let stretched = |left: &[usize], right: &[usize]| {
            MatrixProduct::stretched(left, right).and_then(|[left, right]| shape(&left, &right))
        };
        assert_eq!(stretched(&[3, 4], &[2, 4, 5]), Ok(vec![2, 3, 5]));
        assert_eq!(stretched(&[2, 1, 3, 4], &[6, 4, 5]), Ok(vec![2, 6, 3, 5]));
        assert_eq!(stretched(&[2, 3, 4], &[1, 4, 5]), Ok(vec![2, 3, 5]));
        assert_eq!(stretched(&[3, 4], &[1, 4, 5]), Ok(vec![1, 3, 5]));
        assert_eq!(stretched(&[4], &[2, 4, 5]), Ok(vec![2, 1, 5]));
        assert_eq!((stretched(&[3, 4], &[4]), stretched(&[2, 3, 4], &[4, 5])), (Ok(vec![3]), Ok(vec![2, 3, 5])));
        for (left, right) in [(&[2, 3, 4][..], &[3, 4, 5][..]), (&[3, 3], &[2, 4, 5]), (&[], &[2, 4, 5])] {
            let problem = stretched(left, right).err();
            assert!(problem.is_some_and(|problem| problem.contains(&format!("{left:?} and {right:?}"))));
        }
        let many = 1 << 30;
        assert!(shape(&[many, 1], &[1, many]).is_err_and(|problem| problem.contains("make it smaller")));
        for (left, right) in [(&[2, 3, 4][..], &[3, 4, 5][..]), (&[3, 4], &[3, 4]), (&[4], &[1, 4, 5]), (&[], &[3])] {
            let problem = shape(left, right).err();
            assert!(problem.is_some_and(|problem| problem.contains(&format!("{left:?} and {right:?}"))));
        }
    }
}
