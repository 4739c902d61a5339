//! Orders in which the rows or columns of one array are those of another.

/// Columns, or rows, that are compared with one another at the most.
const MOST: usize = 20_000;

/// Two arrays `[rows, width]`, whose entries are the same where they differ by `bound` at the most.
pub(super) struct Pair<'a> {
    pub ours: &'a [f64],
    pub theirs: &'a [f64],
    pub width: usize,
    pub bound: f64,
}

impl Pair<'_> {
    fn rows(&self) -> usize {
        self.ours.len() / self.width.max(1)
    }

    fn is_same(&self, ours: usize, theirs: usize) -> bool {
        (self.ours[ours] - self.theirs[theirs]).abs() <= self.bound
    }

    /// For each of our columns which of theirs it is, where their order alone differs.
    pub fn columns(&self) -> Option<Vec<usize>> {
        let same = |ours: usize, theirs: usize| {
            (0..self.rows()).all(|row| self.is_same(row * self.width + ours, row * self.width + theirs))
        };
        order(self.width, &same)
    }

    /// For each of our rows which of theirs it is, where their order alone differs.
    pub fn lines(&self) -> Option<Vec<usize>> {
        let same = |ours: usize, theirs: usize| {
            (0..self.width).all(|column| self.is_same(ours * self.width + column, theirs * self.width + column))
        };
        order(self.rows(), &same)
    }
}

/// An order that makes each of `count` the same as its own one, where that is another than theirs.
fn order(count: usize, same: &dyn Fn(usize, usize) -> bool) -> Option<Vec<usize>> {
    if count > MOST {
        return None;
    }
    let mut used = vec![false; count];
    let mut found = Vec::with_capacity(count);
    for ours in 0..count {
        // What is in its place stays there, where others are the same as well.
        let candidates = std::iter::once(ours).chain((0..count).filter(|&theirs| theirs != ours));
        let theirs = candidates.into_iter().find(|&theirs| !used[theirs] && same(ours, theirs))?;
        used[theirs] = true;
        found.push(theirs);
    }
    found.iter().enumerate().any(|(ours, &theirs)| ours != theirs).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_found() {
        let ours = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let pair = |theirs: &'static [f64]| Pair { ours: &ours, theirs, width: 3, bound: 0.01 };
        let columns = pair(&[3.001, 1.0, 2.0, 6.0, 4.0, 5.0]);
        assert_eq!((columns.columns(), columns.lines()), (Some(vec![1, 2, 0]), None));
        let lines = pair(&[4.0, 5.0, 6.0, 1.0, 2.0, 3.0]);
        assert_eq!((lines.columns(), lines.lines()), (None, Some(vec![1, 0])));
        let neither = pair(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.1]);
        assert_eq!((neither.columns(), neither.lines()), (None, None));
        // The same one is no other order.
        assert_eq!(pair(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).columns(), None);
    }
}
