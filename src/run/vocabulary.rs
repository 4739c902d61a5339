//! The words of tokens.

use crate::error::Error;
use crate::formats::read_text;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// What each token's number stands for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Vocabulary {
    tokens: BTreeMap<u64, String>,
    spelling: Spelling,
}

/// How tokens make up text.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Spelling {
    /// A letter for each byte, as of GPT-2: `Ġ` is a space.
    Bytes,
    /// `▁` is a space, as of SentencePiece.
    Pieces,
    /// Words; what begins with `##` goes on with the one before, as of BERT.
    Words,
    /// Letters, one a token.
    Letters,
}

impl Vocabulary {
    /// Of a JSON file: an object of token and number (in a `tokenizer.json` it is `model.vocab`), or a list of tokens.
    ///
    /// # Errors
    ///
    /// The file, and what in it is none of them.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let wrong = |problem: String| Error::Input(format!("{}: {problem}", path.display()));
        let json: Value =
            serde_json::from_str(&read_text(path)?).map_err(|problem| wrong(format!("is no JSON: {problem}")))?;
        let tokens = tokens(json.pointer("/model/vocab").unwrap_or(&json)).map_err(wrong)?;
        Ok(Self { spelling: Spelling::of(&tokens), tokens })
    }

    /// Some tokens as pieces of text, which make up the text one after another; a token that is not known is its number in brackets.
    pub fn pieces(&self, numbers: &[f64]) -> Vec<String> {
        let token = |number: f64| {
            let known = (number >= 0.0).then(|| self.tokens.get(&(number as u64))).flatten();
            known.cloned().unwrap_or_else(|| format!("[{number}]"))
        };
        self.spelling.pieces(numbers.iter().map(|&number| token(number)))
    }
}

/// The tokens of a vocabulary by their numbers.
fn tokens(json: &Value) -> Result<BTreeMap<u64, String>, String> {
    let of_object = |(token, number): (&String, &Value)| {
        let problem = || format!("the token {token:?} has {number} for a number; it must be whole, from 0");
        Ok((number.as_u64().ok_or_else(problem)?, token.clone()))
    };
    let of_list = |(number, token): (u64, &Value)| {
        let problem = || format!("element {number} is {token}; a list of tokens holds strings");
        Ok((number, token.as_str().ok_or_else(problem)?.to_owned()))
    };
    match json {
        Value::Object(object) => object.iter().map(of_object).collect(),
        Value::Array(list) => (0..).zip(list).map(of_list).collect(),
        _ => Err("is neither an object of token and number, as vocab.json is, nor a list of tokens".into()),
    }
}

impl Spelling {
    fn of(tokens: &BTreeMap<u64, String>) -> Self {
        let any = |is: fn(&str) -> bool| tokens.values().any(|token| is(token));
        // Such as <pad> and [CLS].
        let special = |token: &str| token.starts_with(['<', '[']) && token.ends_with(['>', ']']);
        if any(|token| token.starts_with('Ġ')) {
            Spelling::Bytes
        } else if any(|token| token.starts_with('▁')) {
            Spelling::Pieces
        } else if tokens.values().all(|token| token.chars().count() == 1 || special(token)) {
            Spelling::Letters
        } else {
            Spelling::Words
        }
    }

    fn pieces(self, tokens: impl Iterator<Item = String>) -> Vec<String> {
        match self {
            Spelling::Bytes => text_of_bytes(tokens.map(|token| bytes(&token)).collect()),
            Spelling::Pieces => tokens.map(|token| token.replace('▁', " ")).collect(),
            Spelling::Words => {
                let spaced = |(place, token): (usize, String)| match token.strip_prefix("##") {
                    Some(rest) if place > 0 => rest.to_owned(),
                    _ if place > 0 => format!(" {token}"),
                    _ => token,
                };
                tokens.enumerate().map(spaced).collect()
            }
            Spelling::Letters => tokens.collect(),
        }
    }
}

/// Text of pieces of bytes. A letter whose bytes lie in several pieces stands in the one that has its last.
fn text_of_bytes(pieces: Vec<Vec<u8>>) -> Vec<String> {
    let mut left = Vec::new();
    let last = pieces.len().saturating_sub(1);
    let text = |(place, piece): (usize, Vec<u8>)| {
        left.extend(piece);
        let whole = match std::str::from_utf8(&left) {
            Err(error) if error.error_len().is_none() && place < last => error.valid_up_to(),
            Ok(_) | Err(_) => left.len(),
        };
        let rest = left.split_off(whole);
        String::from_utf8_lossy(&std::mem::replace(&mut left, rest)).into_owned()
    };
    pieces.into_iter().enumerate().map(text).collect()
}

/// The bytes that a token of GPT-2's alphabet stands for; its own where it is of another one, as special tokens are.
fn bytes(token: &str) -> Vec<u8> {
    token.chars().map(byte).collect::<Option<_>>().unwrap_or_else(|| token.into())
}

/// The byte that a letter of GPT-2's alphabet stands for: itself where it can be seen, and the others in order from U+0100 on.
fn byte(letter: char) -> Option<u8> {
    let seen = |byte: &u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    match u8::try_from(letter) {
        Ok(byte) => Some(byte).filter(seen),
        Err(_) => (0..=u8::MAX).filter(|byte| !seen(byte)).nth(letter as usize - 0x100),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vocabulary, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vocab.json");
        std::fs::write(&path, text).unwrap();
        Vocabulary::read(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn tokens_make_up_text_as_they_are_spelt() {
        for (vocabulary, numbers, text) in [
            // GPT-2's: é is the bytes C3 A9, a line's end Ċ.
            (
                r#"{"The": 0, "Ġcaf": 1, "Ã©": 2, "Ċ": 3, "<|end|>": 4}"#,
                &[0.0, 1.0, 2.0, 3.0, 4.0][..],
                "The café\n<|end|>",
            ),
            (r#"["▁The", "▁ca", "fé"]"#, &[0.0, 1.0, 2.0], " The café"),
            (r###"["[CLS]", "em", "##bed", "it"]"###, &[0.0, 1.0, 2.0, 3.0], "[CLS] embed it"),
            (r#"["<pad>", "a", "b", "\n"]"#, &[1.0, 2.0, 3.0, 0.0], "ab\n<pad>"),
            (r#"{"model": {"vocab": {"7": 7, "+": 1, "12": 2}}}"#, &[2.0, 1.0, 7.0, 3.0, -1.0], "12 + 7 [3] [-1]"),
            ("[]", &[0.0], "[0]"),
        ] {
            assert_eq!(read(vocabulary).unwrap().pieces(numbers).concat(), text, "{vocabulary}");
        }
    }

    /// Each token has a piece of its own, and a letter that several tokens make up is whole.
    #[test]
    fn every_token_has_a_piece() {
        let vocabulary = read(r#"{"The": 0, "Ġcaf": 1, "Ã": 2, "©": 3, "Ċ": 4}"#).unwrap();
        assert_eq!(vocabulary.pieces(&[0.0, 1.0, 2.0, 3.0, 4.0]), ["The", " caf", "", "é", "\n"]);
        assert_eq!(vocabulary.pieces(&[2.0, 0.0, 2.0]), ["", "\u{fffd}The", "\u{fffd}"]);
    }

    /// Every byte has one letter, as in GPT-2's `bytes_to_unicode`.
    #[test]
    fn every_byte_has_a_letter() {
        let letters: Vec<char> =
            (0..0x144).filter_map(char::from_u32).filter(|&letter| byte(letter).is_some()).collect();
        let mut bytes: Vec<u8> = letters.iter().filter_map(|&letter| byte(letter)).collect();
        bytes.sort_unstable();
        assert_eq!(bytes, (0..=u8::MAX).collect::<Vec<_>>());
        assert_eq!(
            ['A', 'Ġ', 'Ċ', 'Ń', 'ń', ' '].map(byte),
            [Some(b'A'), Some(b' '), Some(b'\n'), Some(0xAD), None, None]
        );
    }

    #[test]
    fn what_is_no_vocabulary_is_named() {
        for (text, part) in [
            ("{", "vocab.json: is no JSON: EOF"),
            ("7", "is neither an object of token and number"),
            (r#"{"a": -1}"#, "the token \"a\" has -1 for a number"),
            (r#"["a", 2]"#, "element 1 is 2; a list of tokens holds strings"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
