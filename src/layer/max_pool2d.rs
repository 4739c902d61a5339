//! `max_pool2d`: the largest of each window of images.

/// The largest of each window of images.
pub type MaxPool2d = super::max_pool::MaxPool<2>;
