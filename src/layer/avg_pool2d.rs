//! `avg_pool2d`: the mean of each window of images.

/// The mean of each window of images.
pub type AvgPool2d = super::avg_pool::AvgPool<2>;
