//! Where a tensor is found in files that name it otherwise, or have it as a part of another.

use crate::formats::Array;

/// A tensor as a part of one of a file: first `rows` of its first axis, then transposed, then in another shape.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct View {
    /// The file's tensor.
    pub tensor: String,
    /// The rows that are taken, from the first one to before the second; all without it.
    pub rows: Option<[usize; 2]>,
    /// Whether the two axes are exchanged.
    pub transposed: bool,
    /// The shape that the elements are given in the end; it stays as it is without it.
    pub reshape: Option<Vec<usize>>,
}

impl View {
    /// The shape of what it takes from a tensor of a shape.
    ///
    /// # Errors
    ///
    /// Rows that are not there, an exchange of other than two axes, and a shape of another number of elements.
    pub fn shape(&self, of: &[usize]) -> Result<Vec<usize>, String> {
        let (name, mut shape) = (&self.tensor, of.to_vec());
        if let Some([start, stop]) = self.rows {
            match shape.first_mut() {
                Some(rows) if start < stop && stop <= *rows => *rows = stop - start,
                _ => return Err(format!("rows = [{start}, {stop}] are not in {name}, of shape {of:?}")),
            }
        }
        if self.transposed {
            let [rows, columns] = shape.as_slice() else {
                return Err(format!("transposed: exchanges two axes, and {name} has the shape {shape:?}"));
            };
            shape = vec![*columns, *rows];
        }
        let Some(wanted) = &self.reshape else { return Ok(shape) };
        let count = |shape: &[usize]| shape.iter().try_fold(1usize, |product, &side| product.checked_mul(side));
        if count(wanted) != count(&shape) {
            return Err(format!(
                "reshape = {wanted:?} has other than the elements of {name}, of shape {shape:?} there"
            ));
        }
        Ok(wanted.clone())
    }

    /// What it takes from an array whose shape [fits](Self::shape).
    pub(super) fn values(&self, of: &Array) -> Vec<f64> {
        let mut values = of.to_f64();
        let rows = of.shape.first().copied().unwrap_or(1);
        let width = values.len() / rows.max(1);
        let [start, stop] = self.rows.unwrap_or([0, rows]);
        values = values[start * width..stop * width].to_vec();
        if self.transposed {
            values = (0..width).flat_map(|column| values.iter().skip(column).step_by(width).copied()).collect();
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::Values;

    fn view(rows: Option<[usize; 2]>, transposed: bool, reshape: Option<&[usize]>) -> View {
        View { tensor: "t".into(), rows, transposed, reshape: reshape.map(<[usize]>::to_vec) }
    }

    #[test]
    fn rows_are_taken_before_axes_are_exchanged() {
        let array = Array { shape: vec![3, 2], values: Values::Real64(vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0]) };
        let of = |view: View| (view.shape(&array.shape).unwrap(), view.values(&array));
        assert_eq!(of(view(None, false, None)), (vec![3, 2], vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0]));
        assert_eq!(of(view(None, true, None)), (vec![2, 3], vec![0.0, 2.0, 4.0, 1.0, 3.0, 5.0]));
        assert_eq!(of(view(Some([1, 3]), true, Some(&[4, 1]))), (vec![4, 1], vec![2.0, 4.0, 3.0, 5.0]));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let cases = [
            (view(Some([1, 4]), false, None), &[3, 2][..], "rows = [1, 4] are not in t, of shape [3, 2]"),
            (view(Some([2, 2]), false, None), &[3], "rows = [2, 2] are not in t"),
            (view(Some([0, 1]), false, None), &[], "rows = [0, 1] are not in t"),
            (view(None, true, None), &[3], "transposed: exchanges two axes, and t has the shape [3]"),
            (view(None, false, Some(&[5])), &[3, 2], "reshape = [5] has other than the elements of t"),
            (view(None, false, Some(&[usize::MAX, 2])), &[3, 2], "reshape"),
        ];
        for (view, shape, part) in cases {
            let problem = view.shape(shape).unwrap_err();
            assert!(problem.contains(part), "{problem:?} lacks {part:?}");
        }
    }
}
