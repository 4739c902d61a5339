//! `max_pool1d`: the largest of each window of lines.

/// The largest of each window of lines.
pub type MaxPool1d = super::max_pool::MaxPool<1>;
