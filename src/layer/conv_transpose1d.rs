//! `conv_transpose1d`: a transposed convolution of lines.

/// A transposed convolution of lines.
pub type ConvTranspose1d = super::conv_transpose::ConvTranspose<1>;
