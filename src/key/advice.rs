//! What a word that is not known was probably meant to be.

/// Words less similar than this are no misspellings of each other.
const LIKE: f64 = 0.75;

/// The known word that was probably meant; `None` where no word is near.
pub fn nearest<'w>(word: &str, known: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    let known = known.into_iter().map(|known| (known, similarity(word, known)));
    known.filter(|(_, similarity)| *similarity >= LIKE).max_by(|a, b| a.1.total_cmp(&b.1)).map(|(known, _)| known)
}

/// Advice to follow what is wrong with a word: `; did you mean "…"?`, or nothing where no known word is near.
pub fn near(word: &str, known: &[&str]) -> String {
    nearest(word, known.iter().copied()).map_or(String::new(), |near| format!("; did you mean {near:?}?"))
}

/// How similar two words are, whatever their capitals, from 0 to 1.
pub(super) fn similarity(word: &str, known: &str) -> f64 {
    strsim::jaro_winkler(&word.to_lowercase(), &known.to_lowercase())
}
