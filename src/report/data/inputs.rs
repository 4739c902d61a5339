//! Inputs in the page: as pictures, as text, or as their first values.

use super::blob::Blob;
use super::picture::Picture;
use crate::problem::Problem;
use crate::report::contents::Contents;
use serde_json::{Value, json};
use std::collections::HashMap;

/// Values kept of an input that is no picture.
const VALUES: usize = 24;
/// Tokens kept of a text.
const TOKENS: usize = 2048;

/// The inputs of some rows of an array `[rows, …]`, each item's own rows, as many as there is room for.
pub(super) fn inputs(
    blob: &mut Blob,
    contents: &Contents,
    all: &[f64],
    items: &[Vec<usize>],
    room: usize,
) -> Option<Value> {
    let problem = contents.problem.as_ref().ok()?;
    let size = problem.network.input_len();
    let of = |row: usize| all.get(row * size..)?.get(..size);
    if let Some(picture) = picture(contents, problem) {
        return Some(pictures(blob, picture, items.iter().map_while(|rows| of(*rows.first()?)), room));
    }
    if contents.names.has_vocabulary() {
        let tokens = |rows: &Vec<usize>| -> Option<Vec<Vec<String>>> {
            let each = rows.iter().map(|&row| contents.names.tokens(&problem.network, of(row)?));
            Some(each.collect::<Option<Vec<_>>>()?.concat())
        };
        return Some(texts(blob, items.iter().map_while(tokens), room));
    }
    let kept = size.min(VALUES);
    let shown = items.iter().map_while(|rows| of(*rows.first()?)).take(room / (4 * kept.max(1)));
    let values: Vec<f64> = shown.flat_map(|values| values[..kept].iter().copied()).collect();
    let count = values.len() / kept.max(1);
    Some(json!({ "kind": "values", "count": count, "each": kept, "of": size, "values": blob.reals(values) }))
}

/// How inputs are drawn, where they are pictures.
fn picture(contents: &Contents, problem: &Problem) -> Option<Picture> {
    let (network, report) = (&problem.network, &contents.run_file.report);
    // A shape that inputs do not have was warned of.
    let fits = |shape: &&[usize]| {
        shape.iter().try_fold(1usize, |all, &side| all.checked_mul(side)) == Some(network.input_len())
    };
    let asked = report.shape.as_deref().filter(fits);
    // Tokens are text.
    let own = asked.or(Some(network.input.as_slice()).filter(|_| report.vocabulary.is_none()));
    own.and_then(Picture::of_shape)
}

fn pictures<'a>(blob: &mut Blob, picture: Picture, items: impl Iterator<Item = &'a [f64]>, room: usize) -> Value {
    let shape = picture.shape();
    let size: usize = shape.iter().product();
    let pixels: Vec<u8> = items.take(room / size.max(1)).flat_map(|values| picture.pixels(values)).collect();
    let count = pixels.len() / size.max(1);
    json!({ "kind": "pictures", "count": count, "shape": shape, "pixels": blob.put(pixels) })
}

/// Of each item its texts: those of each of its rows.
fn texts(blob: &mut Blob, items: impl Iterator<Item = Vec<Vec<String>>>, room: usize) -> Value {
    let (mut words, mut known) = (Vec::new(), HashMap::new());
    let (mut tokens, mut starts) = (Vec::new(), vec![0]);
    for texts in items {
        let first = tokens.len();
        for (text, pieces) in texts.into_iter().enumerate() {
            // They stand apart.
            let pieces = (text > 0).then(|| "\n".to_owned()).into_iter().chain(pieces);
            for piece in pieces.take((first + TOKENS).saturating_sub(tokens.len())) {
                let next = words.len();
                let word = *known.entry(piece).or_insert_with_key(|piece| {
                    words.push(piece.clone());
                    next
                });
                tokens.push(word);
            }
        }
        if 4 * tokens.len() > room {
            tokens.truncate(first);
            break;
        }
        starts.push(tokens.len());
    }
    let count = starts.len() - 1;
    json!({ "kind": "texts", "count": count, "words": words, "tokens": blob.places(tokens), "starts": blob.places(starts) })
}
