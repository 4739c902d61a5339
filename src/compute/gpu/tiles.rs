//! The sizes of tiles, and which shaders of a product they take.

/// How large a part of a product a workgroup computes. No one size is best everywhere; results are the same, bit for
/// bit, with all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TileSize {
    /// 32 × 32, 16 deep, by 64 invocations of 4 × 4.
    S,
    /// 64 × 64, 16 deep, by 256 invocations of 4 × 4.
    M,
    /// 128 × 64, 8 deep, by 256 invocations of 8 × 4.
    T,
    /// 128 × 128, 8 deep, by 256 invocations of 8 × 8: not where sums stand beside a product, which no card has registers for.
    L,
}

/// How the sizes of tiles are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tune {
    /// By a short measurement when a kind of shape is first met, kept on disk for the next time.
    Measure,
    /// By a table.
    Table,
    /// One for all.
    Fixed(TileSize),
}

impl TileSize {
    /// All sizes.
    pub const ALL: [TileSize; 4] = [TileSize::S, TileSize::M, TileSize::T, TileSize::L];
    /// Those of products that are added up beside one another.
    pub const SUMMED: [TileSize; 3] = [TileSize::S, TileSize::M, TileSize::T];

    /// Rows.
    pub fn rows(self) -> usize {
        match self {
            TileSize::S => 32,
            TileSize::M => 64,
            TileSize::T | TileSize::L => 128,
        }
    }

    /// Columns.
    pub fn columns(self) -> usize {
        match self {
            TileSize::S => 32,
            TileSize::M | TileSize::T => 64,
            TileSize::L => 128,
        }
    }

    /// The pipeline's constants of a shader of products; see `shaders/shared/tile.wgsl`.
    pub fn constants(self) -> [(&'static str, u32); 7] {
        let (wide, deep) = match self {
            TileSize::S => (8, 8),
            TileSize::M => (16, 16),
            TileSize::T | TileSize::L => (16, 8),
        };
        let (side, breadth) = (self.rows() as u32, self.columns() as u32);
        let pitch = side / 4 + 1;
        [
            ("side", side),
            ("breadth", breadth),
            ("wide", wide),
            ("deep", deep),
            ("invocations", wide * wide),
            ("pitch", pitch),
            ("stored", pitch * deep),
        ]
    }

    /// Its letter.
    pub fn name(self) -> &'static str {
        match self {
            TileSize::S => "S",
            TileSize::M => "M",
            TileSize::T => "T",
            TileSize::L => "L",
        }
    }

    /// The size of a letter.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tile| tile.name() == name)
    }

    /// The size where nothing was measured: the largest that still gives a GPU enough workgroups.
    pub(super) fn table(rows: usize, columns: usize, batches: usize) -> Self {
        let enough = |tile: &TileSize| rows.min(columns) > tile.rows() / 2 && tile.count(rows, columns) * batches >= 96;
        [TileSize::L, TileSize::M].into_iter().find(enough).unwrap_or(TileSize::S)
    }

    /// The size, or the next smaller one where products are added up.
    pub(super) fn of(self, summed: bool) -> Self {
        if summed && self == TileSize::L { TileSize::T } else { self }
    }

    /// Tiles down and across a product of `rows` by `columns`.
    pub(in crate::compute) fn grid(self, rows: usize, columns: usize) -> (usize, usize) {
        (rows.div_ceil(self.rows()), columns.div_ceil(self.columns()))
    }

    /// Workgroups of a product of `rows` by `columns`.
    pub(in crate::compute) fn count(self, rows: usize, columns: usize) -> usize {
        let (down, across) = self.grid(rows, columns);
        down * across
    }
}
