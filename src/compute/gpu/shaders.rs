//! The shaders: one file an operation, with what it shares with others put before it.

use super::numbers::{Member, Words};
use super::tiles::TileSize;
use crate::compute::Operation;
use crate::compute::op::*;

macro_rules! shared {
    ($($name:ident = $file:literal;)*) => {
        $(pub(in crate::compute) const $name: &str = include_str!(concat!("../../../shaders/shared/", $file, ".wgsl"));)*
    };
}

shared! {
    INDEX = "index";
    LOSS = "loss";
    MATH = "math";
    PHILOX = "philox";
    ROW_ALONE = "row_alone";
    ROW_GROUP = "row_group";
    TILE = "tile";
    TILE_SMALL = "tile_small";
    TILE_TALL = "tile_tall";
    TILE_LARGE = "tile_large";
    STORE_F32 = "store_f32";
    STORE_F16 = "store_f16";
    PUT_SMALL = "put_small";
    PUT_TALL = "put_tall";
    PUT_LARGE = "put_large";
    SUM_SMALL = "sum_small";
    SUM_TALL = "sum_tall";
    SUM_LARGE = "sum_large";
}

/// What is put of a tile, by its registers: those of small, tall and large ones.
pub(in crate::compute) const PRODUCTS: [&str; 3] = [PUT_SMALL, PUT_TALL, PUT_LARGE];
/// Likewise, where products are added up.
pub(in crate::compute) const SUMS: [&str; 3] = [SUM_SMALL, SUM_TALL, SUM_LARGE];

/// Pipeline constants, by name.
pub type Constants = Vec<(&'static str, u32)>;

/// The whole source of a shader, and what it reads.
#[derive(Debug, Clone)]
pub struct Shader {
    /// The operation, or what of it the shader does.
    pub name: &'static str,
    /// The size of its tiles, where it computes a product.
    pub tile: Option<TileSize>,
    /// The cases that it is built for: a pipeline each, in which the others' code is gone.
    pub cases: Vec<Constants>,
    /// WGSL.
    pub source: String,
    /// What its `Shape` holds after the offsets of its arrays.
    pub members: Vec<Member>,
}

impl Shader {
    /// The shader whose source is these texts, one after another, and that reads the numbers `N`.
    pub(in crate::compute) fn new<N: Words>(name: &'static str, texts: &[&str]) -> Self {
        Self { name, tile: None, cases: vec![Vec::new()], source: texts.concat(), members: N::members(name) }
    }

    /// A shader of products for each size of tiles; `put` is what is put of a tile.
    pub(in crate::compute) fn tiled<N: Words>(name: &'static str, put: [&str; 3], texts: &[&str]) -> Vec<Self> {
        let one = |tile: TileSize| {
            let (registers, put) = match tile {
                TileSize::S | TileSize::M => (TILE_SMALL, put[0]),
                TileSize::T => (TILE_TALL, put[1]),
                TileSize::L => (TILE_LARGE, put[2]),
            };
            Self { tile: Some(tile), ..Self::new::<N>(name, &[&[TILE, registers, put], texts].concat()) }
        };
        TileSize::ALL.map(one).into()
    }

    /// Every set of constants that it is built with: those of its tiles and of each case.
    pub fn constants(&self) -> Vec<Constants> {
        let tile = self.tile.map_or_else(Vec::new, |tile| tile.constants().to_vec());
        self.cases.iter().map(|case| [&tile[..], case].concat()).collect()
    }
}

/// Every shader: those of products once for each size of tiles.
pub fn shader_sources() -> Vec<Shader> {
    let mut list = super::backend::shaders();
    macro_rules! add {
        ($($operation:ident),*) => { $(list.extend($operation::shaders());)* };
    }
    crate::for_each_operation!(add);
    list
}
