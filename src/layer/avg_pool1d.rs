//! `avg_pool1d`: the mean of each window of lines.

/// The mean of each window of lines.
pub type AvgPool1d = super::avg_pool::AvgPool<1>;
