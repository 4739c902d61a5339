//! The shaders: one file an operation, with what it shares with others put before it.

const INDEX: &str = include_str!("../../../shaders/shared/index.wgsl");
const MATH: &str = include_str!("../../../shaders/shared/math.wgsl");
const TILE: &str = include_str!("../../../shaders/shared/tile.wgsl");

macro_rules! shaders {
    ($($name:literal: $($shared:ident)*;)*) => {
        /// Every operation's name and whole source.
        pub fn shader_sources() -> Vec<(&'static str, String)> {
            vec![$(($name, [$($shared,)* include_str!(concat!("../../../shaders/", $name, ".wgsl"))].concat())),*]
        }
    };
}

shaders! {
    "activation": INDEX MATH;
    "activation_backward": INDEX MATH;
    "axpy": INDEX;
    "bias": INDEX;
    "col2im": INDEX;
    "copy": INDEX;
    "fill": INDEX;
    "fold": INDEX;
    "gather": INDEX;
    "gram": TILE;
    "im2col": INDEX;
    "layer_norm": INDEX;
    "layer_norm_backward": INDEX;
    "loss": INDEX MATH;
    "matmul": TILE;
    "outer": TILE;
    "outer_diagonal": INDEX;
    "pool": INDEX;
    "pool_backward": INDEX;
    "row_dot":;
    "scale_shift": INDEX;
    "seed": INDEX;
    "sgd": INDEX;
    "transpose": INDEX;
}
