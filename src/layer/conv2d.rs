//! `conv2d`: a convolution of images.

/// A convolution of images.
pub type Conv2d = super::conv::Conv<2>;
