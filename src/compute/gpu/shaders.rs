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
    MATH = "math";
    PHILOX = "philox";
    ROW_ALONE = "row_alone";
    ROW_GROUP = "row_group";
    TILE_SMALL = "tile_small";
    TILE_LARGE = "tile_large";
    STORE_F32 = "store_f32";
    STORE_F16 = "store_f16";
    PUT_SMALL = "put_small";
    PUT_LARGE = "put_large";
    SUM_SMALL = "sum_small";
    SUM_LARGE = "sum_large";
}

/// The whole source of a shader, and what it reads.
#[derive(Debug, Clone)]
pub struct Shader {
    /// The operation, or what of it the shader does.
    pub name: &'static str,
    /// The size of its tiles, where it computes a product.
    pub tile: Option<TileSize>,
    /// WGSL.
    pub source: String,
    /// What its `Shape` holds after the offsets of its arrays.
    pub members: Vec<Member>,
}

impl Shader {
    /// The shader whose source is these texts, one after another, and that reads the numbers `N`.
    pub(in crate::compute) fn new<N: Words>(name: &'static str, texts: &[&str]) -> Self {
        Self { name, tile: None, source: texts.concat(), members: N::members(name) }
    }

    /// A shader of products for each size of tiles: from other texts where a tile is large.
    pub(in crate::compute) fn tiled<N: Words>(name: &'static str, small: &[&str], large: &[&str]) -> Vec<Self> {
        let one = |tile: TileSize| {
            let texts = if tile.is_large() { large } else { small };
            Self { tile: Some(tile), ..Self::new::<N>(name, texts) }
        };
        TileSize::ALL.map(one).into()
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
