//! Ways to spoil a file, by what it is.

pub mod archive;
pub mod arrays;
pub mod bytes;
pub mod pickle;
pub mod state;
pub mod text;

use crate::random::Random;

/// Spoils one file of an input as its name says, or as plain bytes.
#[expect(clippy::ptr_arg, reason = "other targets' functions add files")]
pub fn any_file(input: &mut Vec<(String, Vec<u8>)>, random: &mut Random) {
    let place = random.below(input.len());
    let Some((name, data)) = input.get_mut(place) else { return };
    let end = name.rsplit('.').next().unwrap_or_default();
    match (random.below(8), end) {
        (0, _) if end != "state" => return bytes::mutate(data, random),
        (1..=4, "npy") => return arrays::npy_elements(data, random),
        (1..=4, "toml" | "json" | "jsonl" | "overrides") => return text::gently(data, random),
        _ => {}
    }
    match end {
        "npy" => arrays::npy(data, random),
        "npz" => archive::mutate(data, random, arrays::npy),
        "pt" | "pth" => archive::mutate(data, random, pickle::mutate),
        "safetensors" => arrays::safetensors(data, random),
        "idx" => arrays::idx(data, random),
        "state" => state::mutate(data, random),
        "gz" => archive::gzip(data, random, arrays::idx),
        _ => text::mutate(data, random),
    }
}
