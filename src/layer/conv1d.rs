//! `conv1d`: a convolution of lines.

/// A convolution of lines.
pub type Conv1d = super::conv::Conv<1>;
