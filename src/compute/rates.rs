//! What a device's work costs.

use serde::{Deserialize, Serialize};

/// Seconds that a device takes for the kinds of work that contractions are made of.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rates {
    /// A multiply-add of a large product.
    pub multiply_add: f64,
    /// A multiply-add of a product of fewer than [`Rates::FEW`], which does not keep a whole device busy.
    pub few: f64,
    /// An entry of a part of the fused product, beyond its multiply-adds.
    pub entry: f64,
    /// A feature of a whole row that was applied to an example, beyond its multiply-adds.
    pub feature: f64,
    /// A multiply-add of gradient rows that are formed.
    pub forming: f64,
    /// An element that is read and written once: laid out for a product.
    pub element: f64,
    /// An element of the rows of two arrays that are multiplied and summed, one number a row.
    pub dot: f64,
    /// The same of a single long row.
    pub line: f64,
    /// An operation, whatever it does.
    pub call: f64,
    /// What its fused product makes of few rows or columns: known, and not measured.
    #[serde(skip)]
    pub padding: Padding,
}

/// The rows and columns that a device's fused product takes together: what is missing of them is computed as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Padding {
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub columns: usize,
    /// Whether what is missing is written beside the rest before it is multiplied.
    pub stored: bool,
}

/// The next multiple of a count that may be beyond any machine.
fn up(count: f64, of: usize) -> f64 {
    (count / of as f64).ceil() * of as f64
}

impl Default for Padding {
    fn default() -> Self {
        Self::NONE
    }
}

impl Padding {
    /// The counts themselves.
    pub const NONE: Padding = Padding { rows: 1, columns: 1, stored: false };
    /// A GPU's smallest tile.
    pub const GPU: Padding = Padding { rows: 32, columns: 32, stored: false };

    /// So many rows, and what is missing of their last panel.
    pub fn rows_of(self, count: f64) -> f64 {
        up(count, self.rows)
    }

    /// So many columns, and what is missing of their last panel.
    pub fn columns_of(self, count: f64) -> f64 {
        up(count, self.columns)
    }

    /// Panels of 8 rows and of two vectors of 512 bits, of elements of so many bytes.
    pub const fn of_cpu(bytes: usize) -> Self {
        Padding { rows: 8, columns: 128 / bytes, stored: true }
    }
}

impl Rates {
    /// Multiply-adds from which on a product is large. A CPU hands smaller ones to one thread.
    pub const FEW: usize = 1 << 22;

    /// Seconds of a product of so many multiply-adds.
    pub fn product(&self, multiply_adds: f64) -> f64 {
        multiply_adds * if multiply_adds < Self::FEW as f64 { self.few } else { self.multiply_add }
    }

    /// A GPU's where nothing was measured: a fused product's entry as much as some dozen multiply-adds, as on most machines.
    pub const TYPICAL: Rates = Rates {
        multiply_add: 1e-11,
        few: 1e-10,
        entry: 1.5e-10,
        feature: 5e-11,
        forming: 3e-11,
        element: 2e-10,
        dot: 4e-10,
        line: 2e-9,
        call: 1e-5,
        padding: Padding::GPU,
    };

    /// The CPU's: proportions by which the fastest contractions are picked, as measured by `bench choice` with vectors of 512
    /// bits, in f32 and f64, with one thread and with two. Entries and elements are mostly near the processor, and take less
    /// than those of arrays that are larger than any cache. The panels are those of f32 and of the widest vectors, whatever the
    /// machine has.
    pub const CPU: Rates = Rates {
        multiply_add: 1.5e-11,
        few: 3e-11,
        entry: 2.3e-10,
        feature: 1.1e-10,
        forming: 4.5e-11,
        element: 1.8e-10,
        dot: 6e-10,
        line: 1.2e-9,
        call: 2e-6,
        padding: Padding::of_cpu(4),
    };
}
