//! The sizes of tiles, and which shaders of a product they take.

/// How large a part of a product a workgroup computes. No one size is best everywhere; results are the same, bit for
/// bit, with all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TileSize {
    /// 32 × 32, 16 deep, by 64 invocations of 4 × 4.
    S,
    /// 64 × 64, 16 deep, by 256 invocations of 4 × 4.
    M,
    /// 128 × 128, 8 deep, by 256 invocations of 8 × 8.
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
    pub const ALL: [TileSize; 3] = [TileSize::S, TileSize::M, TileSize::L];

    /// Rows and columns.
    pub fn side(self) -> usize {
        match self {
            TileSize::S => 32,
            TileSize::M => 64,
            TileSize::L => 128,
        }
    }

    /// The pipeline's constants of a shader of products; see `shaders/shared/tile_small.wgsl`.
    pub fn constants(self) -> [(&'static str, f64); 4] {
        let (invocations, depth) = match self {
            TileSize::S => (64, 16),
            TileSize::M => (256, 16),
            TileSize::L => (256, 8),
        };
        let pitch = self.side() / 4 + 1;
        let values = [self.side(), invocations, pitch, pitch * depth].map(|value| value as f64);
        [("side", values[0]), ("invocations", values[1]), ("pitch", values[2]), ("stored", values[3])]
    }

    /// Its letter.
    pub fn name(self) -> &'static str {
        match self {
            TileSize::S => "S",
            TileSize::M => "M",
            TileSize::L => "L",
        }
    }

    /// The size of a letter.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tile| tile.name() == name)
    }

    /// The size where nothing was measured: the largest that still gives a GPU enough workgroups.
    pub(super) fn table(rows: usize, columns: usize, batches: usize) -> Self {
        let enough = |tile: &TileSize| rows.min(columns) > tile.side() / 2 && tile.count(rows, columns) * batches >= 96;
        [TileSize::L, TileSize::M].into_iter().find(enough).unwrap_or(TileSize::S)
    }

    /// Workgroups of a product of `rows` by `columns`.
    pub(in crate::compute) fn count(self, rows: usize, columns: usize) -> usize {
        rows.div_ceil(self.side()) * columns.div_ceil(self.side())
    }

    /// Whether its shaders are those of the large register tile.
    pub(super) fn is_large(self) -> bool {
        self == TileSize::L
    }
}
