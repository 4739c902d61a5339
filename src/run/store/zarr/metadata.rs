//! `zarr.json`: what it says, and whether a file says it.

use super::grid::{Grid, Layout};
use serde_json::{Value, json};

/// Bytes that a `zarr.json` may have; ours have less than 2 KiB, to which others may have added attributes.
pub(super) const LARGEST: u64 = 64 << 10;

/// What `zarr.json` says of an array called `name`.
pub(super) fn metadata(layout: &Layout, name: &str) -> Value {
    let bytes = json!({ "name": "bytes", "configuration": { "endian": "little" } });
    let codecs = json!([bytes, { "name": "crc32c" }]);
    let sharding = json!({
        "chunk_shape": layout.block(layout.grid.part),
        "codecs": codecs,
        "index_codecs": codecs,
        "index_location": "end",
    });
    json!({
        "zarr_format": 3,
        "node_type": "array",
        "shape": layout.shape,
        "data_type": data_type(layout.size),
        "chunk_grid": { "name": "regular", "configuration": { "chunk_shape": layout.block(layout.grid.tile) } },
        "chunk_key_encoding": { "name": "default", "configuration": { "separator": "/" } },
        "fill_value": 0.0,
        "codecs": [{ "name": "sharding_indexed", "configuration": sharding }],
        "dimension_names": names(layout, name),
        "attributes": { "written_by": "pathkernel", "meaning": meaning(name) },
    })
}

/// The layout that a `zarr.json` describes. Attributes may be any; all else must be as [`metadata`] writes it.
pub(super) fn layout(text: &[u8]) -> Result<Layout, String> {
    let value: Value = serde_json::from_slice(text).map_err(|problem| problem.to_string())?;
    let sides = |value: &Value, what: &str| -> Result<Vec<usize>, String> {
        let sides = value.as_array().map(|sides| sides.iter().map(side).collect::<Option<Vec<_>>>());
        sides.flatten().ok_or_else(|| format!("{what} is not a list of lengths"))
    };
    let shape = sides(&value["shape"], "shape")?;
    let tile = sides(&value["chunk_grid"]["configuration"]["chunk_shape"], "the chunks' shape")?;
    let part = sides(&value["codecs"][0]["configuration"]["chunk_shape"], "the inner chunks' shape")?;
    let first = value["dimension_names"][0].as_str();
    let axis = usize::from(first.is_some_and(|name| name == LAYER || name == WINDOW));
    let of_pairs = |sides: &[usize]| match sides.get(axis..axis + 2) {
        Some(&[queries, examples]) => Ok([queries, examples]),
        _ => Err("its chunks are not those of an array of pairs".to_owned()),
    };
    let grid = Grid { tile: of_pairs(&tile)?, part: of_pairs(&part)? };
    let size = [4, 8].into_iter().find(|&size| value["data_type"] == data_type(size));
    let layout = Layout::new(&shape, axis, grid, size.ok_or("its numbers are neither float32 nor float64")?)?;
    let by_position =
        value["dimension_names"].as_array().is_some_and(|names| names.iter().any(|name| name == POSITION));
    let like = match first {
        Some(WINDOW) => WINDOWS,
        _ if by_position => POSITIONS,
        _ => "",
    };
    let expected = metadata(&layout, like);
    let fields = value.as_object().into_iter().flatten().map(|(key, _)| key.as_str());
    let keys = expected.as_object().into_iter().flatten().map(|(key, _)| key.as_str());
    let mut differing = keys.chain(fields).filter(|&key| key != "attributes" && value[key] != expected[key]);
    match differing.next() {
        Some(key) => Err(format!("its {key} is not what pathkernel writes")),
        None => Ok(layout),
    }
}

fn side(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|side| side.try_into().ok())
}

fn data_type(size: usize) -> &'static str {
    if size == 4 { "float32" } else { "float64" }
}

/// The array whose last axis is the positions of the examples' losses, and what that axis is called.
const POSITIONS: &str = "attribution_positions";
const POSITION: &str = "position";
/// The array whose first axis is windows of training, and what that axis is called; elsewhere a first axis is layers.
const WINDOWS: &str = "attribution_windows";
const WINDOW: &str = "window";
const LAYER: &str = "layer";

fn names(layout: &Layout, name: &str) -> Vec<&'static str> {
    let last = if array_of(name) == POSITIONS { POSITION } else { "output" };
    let first = if array_of(name) == WINDOWS { WINDOW } else { LAYER };
    let names = [first, "query", "example", "value", last];
    names.into_iter().skip(1 - layout.axis).take(layout.shape.len()).collect()
}

/// The array that a folder belongs to, by the folder's name.
fn array_of(name: &str) -> &str {
    let name = name.split('.').next().unwrap_or_default();
    name.strip_suffix("_layers").unwrap_or(name)
}

/// What the numbers are, by the array's name.
fn meaning(name: &str) -> &'static str {
    match array_of(name) {
        "attribution" => "what each training example contributed to each value of each query",
        POSITIONS => "what each position of each training example's loss contributed to each value of each query",
        WINDOWS => "what each training example contributed in each window of training to each value of each query",
        "kernel" => "the path kernel of each query and each training example",
        "coefficients" => "the coefficients of the path kernel",
        "tangent_initial" => "the tangent kernel at the first weights",
        "tangent_final" => "the tangent kernel at the last weights",
        _ => "numbers of each query and each training example",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made() -> Layout {
        let grid = Grid { tile: [4, 6], part: [2, 3] };
        Layout::new(&[3, 5, 7, 2], 1, grid, 4).expect("a layout")
    }

    #[test]
    fn what_is_written_is_read() {
        let text = metadata(&made(), "kernel_layers.zarr");
        assert_eq!(layout(text.to_string().as_bytes()), Ok(made()));
        assert_eq!(text["dimension_names"], json!(["layer", "query", "example", "value"]));
        assert_eq!(text["attributes"]["meaning"], "the path kernel of each query and each training example");
        let windows = metadata(&made(), "attribution_windows.zarr");
        assert_eq!(layout(windows.to_string().as_bytes()), Ok(made()));
        assert_eq!(windows["dimension_names"], json!(["window", "query", "example", "value"]));
        let mut annotated = text;
        annotated["attributes"] = json!({ "note": "ours" });
        assert_eq!(layout(annotated.to_string().as_bytes()), Ok(made()));
    }

    #[test]
    fn anything_else_is_refused() {
        let good = metadata(&made(), "kernel_layers.zarr");
        let spoilt = [
            ("/shape", json!([3, 5, 7])),
            ("/shape", json!([3, 5, 7, -2])),
            ("/shape", json!([3, 5, 7, 1u64 << 62])),
            ("/shape", json!([u64::MAX, u64::MAX, u64::MAX, u64::MAX])),
            ("/shape", json!([3, 5, 7, 2.0])),
            ("/shape", json!("3, 5, 7, 2")),
            ("/data_type", json!("float16")),
            ("/zarr_format", json!(2)),
            ("/node_type", json!("group")),
            ("/fill_value", json!("NaN")),
            ("/dimension_names", json!(null)),
            ("/dimension_names/3", json!("output")),
            ("/chunk_grid/name", json!("rectilinear")),
            ("/chunk_grid/configuration/chunk_shape", json!([1, 4, 6])),
            ("/chunk_grid/configuration/chunk_shape", json!([1, 4, 6, 1])),
            ("/chunk_grid/configuration/chunk_shape", json!([1, 0, 6, 2])),
            ("/chunk_grid/configuration/chunk_shape", json!([1, 1u64 << 61, 6, 2])),
            ("/chunk_key_encoding/configuration/separator", json!(".")),
            ("/codecs/0/configuration/chunk_shape", json!([1, 3, 3, 2])),
            ("/codecs/0/configuration/chunk_shape", json!([1, 0, 3, 2])),
            ("/codecs/0/configuration/codecs/0/configuration/endian", json!("big")),
            ("/codecs/0/configuration/codecs/1", json!({ "name": "gzip" })),
            ("/codecs/0/configuration/index_location", json!("start")),
            ("/codecs", json!([])),
        ];
        for (place, value) in spoilt {
            let mut text = good.clone();
            *text.pointer_mut(place).expect("a place") = value.clone();
            assert!(layout(text.to_string().as_bytes()).is_err(), "{place} {value}");
        }
        let mut more = good;
        more["storage_transformers"] = json!([{ "name": "unknown" }]);
        assert!(layout(more.to_string().as_bytes()).is_err_and(|problem| problem.contains("storage_transformers")));
        for text in [&b""[..], b"[]", b"null", b"{}", b"\xff", "[".repeat(50_000).as_bytes()] {
            assert!(layout(text).is_err());
        }
    }
}
