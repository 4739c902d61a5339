//! Windows over one axis or two, as primitives take them.

use crate::graph::primitive::Sweep;

/// A window over `N` axes: over lines where it is one.
pub(super) fn sweep<const N: usize>(
    kernel: [usize; N],
    stride: [usize; N],
    padding: [usize; N],
    dilation: [usize; N],
) -> Sweep {
    // A line is an image of one row.
    let both = |numbers: [usize; N], down: usize| {
        let mut both = [down; 2];
        both.iter_mut().rev().zip(numbers.iter().rev()).for_each(|(both, number)| *both = *number);
        both
    };
    Sweep {
        lines: N == 1,
        kernel: both(kernel, 1),
        stride: both(stride, 1),
        padding: both(padding, 0),
        dilation: both(dilation, 1),
    }
}
