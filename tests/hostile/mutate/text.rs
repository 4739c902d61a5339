//! Text: TOML, JSON, CSV, and the headers of binary files.

use super::bytes::{NUMBERS, repeats};
use crate::random::Random;
use std::ops::Range;

/// Numbers as words, that parsers may take or not.
const ODD_NUMBERS: [&str; 18] = [
    "-1",
    "-0",
    "0.0",
    "-9223372036854775808",
    "9223372036854775808",
    "1e999",
    "-1e999",
    "1e-320",
    "nan",
    "inf",
    "0x7fff",
    "1_000",
    "1e18",
    "3.5",
    "1e",
    "+5",
    "00",
    "4294967295",
];

/// Words that mean something to one of the formats, or to what shows them.
const WORDS: [&str; 34] = [
    "null",
    "true",
    "False",
    "\"\"",
    "[]",
    "{}",
    "[[[[]]]]",
    "{a = {b = {}}}",
    "<script>x</script>",
    "../../escaped",
    "/",
    "\u{0}",
    "\u{feff}",
    "\r\n",
    "'",
    "\"\"\"",
    "\\",
    "NaN",
    "Infinity",
    "gauss",
    "left",
    "adaptive",
    "adam",
    "flow",
    "cosine",
    "f64",
    "mixed",
    "full",
    "diagonal",
    "probabilities",
    "loss",
    "conv2d",
    "<f8",
    "*",
];

/// Changes what the text says, and mostly not what it is.
pub fn gently(data: &mut Vec<u8>, random: &mut Random) {
    if random.once_in(2) { number(data, random) } else { choice(data, random) }
}

pub fn mutate(data: &mut Vec<u8>, random: &mut Random) {
    match random.below(12) {
        0..=3 => number(data, random),
        8..=9 => choice(data, random),
        10 => super::bytes::mutate(data, random),
        4 => word(data, random),
        5 => line(data, random),
        6 => nest(data, random),
        7 => {
            let place = random.below(data.len() + 1);
            data.splice(place..place, random.pick(&WORDS).bytes());
        }
        _ => repeat(data, random),
    }
}

/// Numbers that are likely to be taken, so that what reads them gets further.
const MILD_NUMBERS: [&str; 12] = ["0", "1", "2", "3", "5", "9", "17", "0.5", "1.0", "1e-3", "-1", "0.0"];

/// A number, harmless or one at which sizes go wrong, in figures.
pub fn figures(random: &mut Random) -> String {
    match random.below(4) {
        0 => (*random.pick(&ODD_NUMBERS)).to_owned(),
        1 => random.pick(&NUMBERS).to_string(),
        _ => (*random.pick(&MILD_NUMBERS)).to_owned(),
    }
}

/// Replaces a number.
pub fn number(data: &mut Vec<u8>, random: &mut Random) {
    if let Some(place) = run(data, random, |byte| byte.is_ascii_digit() || byte == b'.' || byte == b'-') {
        let fresh = figures(random);
        data.splice(place, fresh.into_bytes());
    }
}

/// Words that a run file may say instead of others.
const CHOICES: [&[&str]; 8] = [
    &["gauss", "left", "adaptive"],
    &["sgd", "adam", "adamw", "flow"],
    &["f32", "f64", "mixed"],
    &["none", "trace", "diagonal", "full"],
    &["outputs", "probabilities", "loss", "target", "margin"],
    &["squared_error", "cross_entropy", "logistic"],
    &[
        "relu",
        "tanh",
        "leaky_relu",
        "sin",
        "flatten",
        "layer_norm",
        "linear",
        "max_pool2d",
        "avg_pool2d",
        "conv2d",
        "add",
    ],
    &["true", "false"],
];

/// Replaces a word by another one of its kind.
fn choice(data: &mut Vec<u8>, random: &mut Random) {
    let words = *random.pick(&CHOICES);
    let text = String::from_utf8_lossy(data).into_owned();
    let found: Vec<(usize, &str)> = words.iter().flat_map(|word| text.match_indices(word)).collect();
    if found.is_empty() {
        return;
    }
    let &(place, old) = random.pick(&found);
    let new: &str = random.pick::<&str>(words);
    *data = [&text[..place], new, &text[place + old.len()..]].concat().into_bytes();
}

/// Replaces a word by another one of the text, or of the list.
fn word(data: &mut Vec<u8>, random: &mut Random) {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let (Some(place), Some(other)) = (run(data, random, letter), run(data, random, letter)) else { return };
    let fresh = if random.once_in(2) { data[other].to_vec() } else { random.pick(&WORDS).as_bytes().to_vec() };
    data.splice(place, fresh);
}

/// Drops, repeats or moves a line.
fn line(data: &mut Vec<u8>, random: &mut Random) {
    let Some(place) = run(data, random, |byte| byte != b'\n') else { return };
    let mut text = data[place.clone()].to_vec();
    text.push(b'\n');
    if random.once_in(2) {
        data.drain(place);
    }
    let starts: Vec<usize> = (0..=data.len()).filter(|&at| at == 0 || data[at - 1] == b'\n').collect();
    let to = *random.pick(&starts);
    data.splice(to..to, text);
}

/// Puts something into very many brackets, tables or dotted keys.
fn nest(data: &mut Vec<u8>, random: &mut Random) {
    let (open, close) =
        *random.pick(&[("[", "]"), ("{a=", "}"), ("{\"a\":", "}"), ("a.", ""), ("[a.b]\n", ""), ("[[a]]\n", "")]);
    let times = repeats(random, open.len());
    let Some(place) = run(data, random, |byte| byte.is_ascii_alphanumeric()) else { return };
    data.splice(place.end..place.end, close.repeat(times).bytes());
    data.splice(place.start..place.start, open.repeat(times).bytes());
}

/// Repeats a part of a line, such as an entry of a list.
fn repeat(data: &mut Vec<u8>, random: &mut Random) {
    let Some(place) = run(data, random, |byte| byte != b'\n' && byte != b',') else { return };
    let mut part = data[place.clone()].to_vec();
    part.push(*random.pick(b",\n "));
    let times = repeats(random, part.len());
    data.splice(place.start..place.start, part.repeat(times));
}

/// A random one of the runs of bytes that belong together.
fn run(data: &[u8], random: &mut Random, belongs: impl Fn(u8) -> bool) -> Option<Range<usize>> {
    let begins = |&at: &usize| belongs(data[at]) && (at == 0 || !belongs(data[at - 1]));
    let count = (0..data.len()).filter(begins).count();
    let start = (0..data.len()).filter(begins).nth(random.below(count))?;
    let len = data[start..].iter().take_while(|byte| belongs(**byte)).count();
    Some(start..start + len)
}
