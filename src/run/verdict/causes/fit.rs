//! Least squares in a few numbers.

/// The factors of a fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Fit<const K: usize> {
    pub by: [f64; K],
    /// The square of what it leaves.
    pub left: f64,
    /// The square of what roundings may make of that.
    pub noise: f64,
}

/// A value, what it is made of, and the square of its rounding.
pub(super) type Row<const K: usize> = ([f64; K], f64, f64);

/// Gives every row to who takes them.
pub(super) type Rows<'a, const K: usize> = dyn Fn(&mut dyn FnMut(Row<K>)) + 'a;

/// What may be left of a part, relative, where something else explains it.
const LEFT: f64 = 0.02;

impl<const K: usize> Fit<K> {
    /// Whether it explains a part of that square.
    pub fn explains(&self, part: f64) -> bool {
        self.left <= LEFT * LEFT * part + self.noise && part > self.noise
    }
}

/// Fits `Σ_k by_k x_k` to y; `None` where the x do not tell.
pub(super) fn fit<const K: usize>(rows: &Rows<'_, K>) -> Option<Fit<K>> {
    let (mut products, mut right) = ([[0.0; K]; K], [0.0; K]);
    rows(&mut |(x, y, _)| {
        for i in 0..K {
            right[i] += x[i] * y;
            for j in 0..K {
                products[i][j] += x[i] * x[j];
            }
        }
    });
    let by = solve(products, right)?;
    Some(leaving(by, rows))
}

/// What given factors leave.
pub(super) fn leaving<const K: usize>(by: [f64; K], rows: &Rows<'_, K>) -> Fit<K> {
    let (mut left, mut noise) = (0.0, 0.0);
    rows(&mut |(x, y, rounding)| {
        let rest = (0..K).fold(y, |rest, k| rest - by[k] * x[k]);
        left += rest * rest;
        noise += rounding;
    });
    Fit { by, left, noise }
}

/// Solves the normal equations, in columns of one length.
fn solve<const K: usize>(mut products: [[f64; K]; K], mut right: [f64; K]) -> Option<[f64; K]> {
    let lengths: [f64; K] = std::array::from_fn(|k| products[k][k].sqrt());
    if !lengths.iter().all(|length| *length > 0.0) {
        return None;
    }
    for i in 0..K {
        right[i] /= lengths[i];
        for j in 0..K {
            products[i][j] /= lengths[i] * lengths[j];
        }
    }
    for column in 0..K {
        if products[column][column] < 1e-9 {
            return None;
        }
        let (pivot, known) = (products[column], right[column]);
        for row in column + 1..K {
            let factor = products[row][column] / pivot[column];
            products[row].iter_mut().zip(pivot).for_each(|(entry, above)| *entry -= factor * above);
            right[row] -= factor * known;
        }
    }
    let mut by = [0.0; K];
    for row in (0..K).rev() {
        let known = (row + 1..K).fold(right[row], |rest, j| rest - products[row][j] * by[j]);
        by[row] = known / products[row][row];
    }
    Some(std::array::from_fn(|k| by[k] / lengths[k]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_are_found() {
        let rows = |take: &mut dyn FnMut(Row<2>)| {
            for at in 0..9 {
                let x = [f64::from(at).sin(), 1e6 * f64::from(at).cos()];
                take((x, 0.75 * x[0] - 2.0 * x[1], 0.0));
            }
        };
        let Some(found) = fit(&rows) else { panic!("no fit") };
        assert!((found.by[0] - 0.75).abs() < 1e-6 && (found.by[1] + 2.0).abs() < 1e-12, "{found:?}");
        assert!(found.explains(1.0) && !leaving([0.75, -1.0], &rows).explains(1.0));
        let same = |take: &mut dyn FnMut(Row<2>)| (1..9).for_each(|at| take(([f64::from(at); 2], 1.0, 0.0)));
        assert_eq!(fit(&same), None);
    }
}
