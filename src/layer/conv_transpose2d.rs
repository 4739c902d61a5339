//! `conv_transpose2d`: a transposed convolution of images.

/// A transposed convolution of images.
pub type ConvTranspose2d = super::conv_transpose::ConvTranspose<2>;
