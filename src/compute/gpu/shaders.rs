//! The shaders: one file an operation, with what it shares with others put before it.

use super::tiles::Tile;
use crate::activation::{self, Order};
use crate::loss;
use crate::readout::function;

const INDEX: &str = include_str!("../../../shaders/shared/index.wgsl");
const MATH: &str = include_str!("../../../shaders/shared/math.wgsl");
const TILE_SMALL: &str = include_str!("../../../shaders/shared/tile_small.wgsl");
const TILE_LARGE: &str = include_str!("../../../shaders/shared/tile_large.wgsl");
const STORE_SINGLE: &str = include_str!("../../../shaders/shared/store_single.wgsl");
const STORE_HALF: &str = include_str!("../../../shaders/shared/store_half.wgsl");
const PUT_SMALL: &str = include_str!("../../../shaders/shared/put_small.wgsl");
const PUT_LARGE: &str = include_str!("../../../shaders/shared/put_large.wgsl");
const SUM_SMALL: &str = include_str!("../../../shaders/shared/sum_small.wgsl");
const SUM_LARGE: &str = include_str!("../../../shaders/shared/sum_large.wgsl");

/// The whole source of a shader.
#[derive(Debug, Clone)]
pub struct Shader {
    /// The operation.
    pub name: &'static str,
    /// The size of its tiles, where it computes a product.
    pub tile: Option<Tile>,
    /// WGSL.
    pub source: String,
}

macro_rules! sources {
    ($tile:expr, $($name:literal: $($shared:ident)*;)*) => {
        [$(Shader {
            name: $name,
            tile: $tile,
            source: [$($shared,)* include_str!(concat!("../../../shaders/", $name, ".wgsl"))].concat(),
        },)*]
    };
}

/// Every shader: those of products once for each size of tile.
pub fn shader_sources() -> Vec<Shader> {
    let mut list = Vec::from(sources! { None,
        "adam": INDEX;
        "average": INDEX;
        "axpy": INDEX;
        "bias": INDEX;
        "col2im": INDEX;
        "copy": INDEX;
        "fill": INDEX;
        "fold": INDEX;
        "gather": INDEX;
        "gram_table": INDEX;
        "im2col": INDEX;
        "largest":;
        "multiply": INDEX;
        "normalize": INDEX;
        "normalize_backward": INDEX;
        "normalize_curvature": INDEX;
        "outer_diagonal": INDEX;
        "pack_half": INDEX;
        "pool": INDEX;
        "pool_backward": INDEX;
        "pool_directional": INDEX;
        "row_dot":;
        "scale": INDEX;
        "scale_features": INDEX;
        "seed": INDEX;
        "transpose": INDEX;
    });
    // These do what a list of kinds says: their functions are made of it.
    let mut made = |name, functions: String, frame| {
        list.push(Shader { name, tile: None, source: [INDEX, MATH, &functions, frame].concat() });
    };
    for order in Order::ALL {
        made(order.operation(), activation::wgsl(order), include_str!("../../../shaders/activation.wgsl"));
    }
    made("loss", loss::wgsl(), include_str!("../../../shaders/loss.wgsl"));
    made("readout", function::wgsl(), include_str!("../../../shaders/readout.wgsl"));
    for tile in Tile::ALL {
        let shared = if tile.is_large() { [TILE_LARGE, SUM_LARGE] } else { [TILE_SMALL, SUM_SMALL] };
        let gram = [&shared[..], &[STORE_HALF, include_str!("../../../shaders/gram.wgsl")]].concat();
        list.push(Shader { name: "gram_half", tile: Some(tile), source: gram.concat() });
        if tile.is_large() {
            list.extend(sources! { Some(tile),
                "gram": TILE_LARGE SUM_LARGE STORE_SINGLE;
                "half": TILE_LARGE PUT_LARGE;
                "matmul": TILE_LARGE PUT_LARGE;
                "outer": TILE_LARGE PUT_LARGE;
            });
        } else {
            list.extend(sources! { Some(tile),
                "gram": TILE_SMALL SUM_SMALL STORE_SINGLE;
                "half": TILE_SMALL PUT_SMALL;
                "matmul": TILE_SMALL PUT_SMALL;
                "outer": TILE_SMALL PUT_SMALL;
            });
        }
    }
    list
}
