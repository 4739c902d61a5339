//! What a word that is not known was probably meant to be.

/// Words less similar than this are no misspellings of each other.
const LIKE: f64 = 0.75;

/// Names that others have for ours, in small letters and without `_`; where one is ours elsewhere, those after it.
const OTHERS: &[(&str, &[&str])] = &[
    ("adaptiveavgpool1d", &["global_avg_pool"]),
    ("adaptiveavgpool2d", &["global_avg_pool"]),
    ("adaptivemaxpool1d", &["global_max_pool"]),
    ("adaptivemaxpool2d", &["global_max_pool"]),
    ("averagepooling2d", &["avg_pool2d"]),
    ("batchnorm1d", &["batch_norm"]),
    ("batchnorm2d", &["batch_norm"]),
    ("batchnormalization", &["batch_norm"]),
    ("bce", &["logistic"]),
    ("bceloss", &["logistic"]),
    ("bcewithlogits", &["logistic"]),
    ("bcewithlogitsloss", &["logistic"]),
    ("binarycrossentropy", &["logistic"]),
    ("binarycrossentropywithlogits", &["logistic"]),
    ("cat", &["concat"]),
    ("ce", &["cross_entropy"]),
    ("celoss", &["cross_entropy"]),
    ("cosineannealing", &["cosine"]),
    ("cosineannealinglr", &["cosine"]),
    ("dense", &["linear"]),
    ("dim", &["axis", "axes"]),
    ("dims", &["axes", "axis"]),
    ("double", &["f64"]),
    ("embeddingdim", &["features"]),
    ("epochs", &["steps"]),
    ("epsilon", &["eps"]),
    ("expand", &["broadcast"]),
    ("filters", &["channels"]),
    ("float", &["f32"]),
    ("float32", &["f32"]),
    ("float64", &["f64"]),
    ("globalaveragepooling2d", &["global_avg_pool"]),
    ("hiddensize", &["features"]),
    ("inputshape", &["input", "inputs"]),
    ("kernelsize", &["kernel"]),
    ("l1loss", &["l1"]),
    ("l2loss", &["squared_error"]),
    ("layernormalization", &["layer_norm"]),
    ("lr", &["learning_rate"]),
    ("maxpooling2d", &["max_pool2d"]),
    ("meansquarederror", &["mse", "squared_error"]),
    ("mse", &["squared_error"]),
    ("mseloss", &["mse", "squared_error"]),
    ("mul", &["multiply"]),
    ("negativeslope", &["slope"]),
    ("nllloss", &["cross_entropy"]),
    ("normalizedshape", &["axes"]),
    ("numembeddings", &["count"]),
    ("numheads", &["heads"]),
    ("outchannels", &["channels"]),
    ("outfeatures", &["features"]),
    ("poissonnllloss", &["poisson"]),
    ("scaleddotproductattention", &["attention"]),
    ("single", &["f32"]),
    ("smoothl1loss", &["huber"]),
    ("softmaxcrossentropy", &["cross_entropy"]),
    ("swish", &["silu"]),
    ("transpose", &["permute"]),
    ("view", &["reshape"]),
    ("units", &["features"]),
];

/// The known word that was probably meant: ours for another's name, one that is spelt alike, or the most similar; `None` where
/// no word is near.
pub fn nearest<'w>(word: &str, known: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    let known: Vec<&str> = known.into_iter().collect();
    let spelt = plain(word);
    let ours = OTHERS.iter().find(|(other, _)| *other == spelt).map_or(&[][..], |(_, ours)| ours);
    let ours = ours.iter().find_map(|ours| known.iter().find(|known| *known == ours));
    let alike = || known.iter().find(|known| plain(known) == spelt);
    ours.or_else(alike).copied().or_else(|| {
        let rated = known.into_iter().map(|known| (known, similarity(word, known)));
        rated.filter(|(_, similarity)| *similarity >= LIKE).max_by(|a, b| a.1.total_cmp(&b.1)).map(|(known, _)| known)
    })
}

/// Advice to follow what is wrong with a word: `; did you mean "…"?`, or nothing where no known word is near.
pub fn near(word: &str, known: &[&str]) -> String {
    nearest(word, known.iter().copied()).map_or(String::new(), |near| format!("; did you mean {near:?}?"))
}

/// How similar two words are, whatever their capitals, from 0 to 1.
pub(super) fn similarity(word: &str, known: &str) -> f64 {
    let (word, known) = (word.to_lowercase(), known.to_lowercase());
    // One slip in a short word leaves little that is alike.
    let slip = word.len() > 2 && strsim::damerau_levenshtein(&word, &known) == 1;
    if slip { LIKE.max(strsim::jaro_winkler(&word, &known)) } else { strsim::jaro_winkler(&word, &known) }
}

/// A word without capitals, `_` and `-`, and without the module that it is in.
fn plain(word: &str) -> String {
    let own = ["torch.nn.functional.", "torch.optim.", "torch.nn.", "torch.", "optim.", "nn.", "F."];
    let own = own.iter().find_map(|module| word.strip_prefix(module)).unwrap_or(word);
    own.chars().filter(|letter| !matches!(letter, '_' | '-')).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYERS: [&str; 9] =
        ["linear", "conv2d", "max_pool2d", "layer_norm", "batch_norm", "relu", "silu", "multiply", "global_avg_pool"];

    #[test]
    fn names_of_others_are_known() {
        let cases = [
            ("ReLU", "relu"),
            ("nn.Linear", "linear"),
            ("torch.nn.Conv2d", "conv2d"),
            ("BatchNorm2d", "batch_norm"),
            ("LayerNorm", "layer_norm"),
            ("MaxPool2d", "max_pool2d"),
            ("Dense", "linear"),
            ("swish", "silu"),
            ("AdaptiveAvgPool2d", "global_avg_pool"),
            ("lineer", "linear"),
            ("mul", "multiply"),
        ];
        for (word, ours) in cases {
            assert_eq!(nearest(word, LAYERS), Some(ours), "{word}");
        }
        assert_eq!(nearest("mse_loss", ["squared_error", "logistic"]), Some("squared_error"));
        assert_eq!(nearest("mse_loss", ["squared_error", "mse"]), Some("mse"));
        assert_eq!(nearest("bce_with_logits", ["cross_entropy", "logistic"]), Some("logistic"));
        assert_eq!(nearest("SGD", ["sgd", "adam"]), Some("sgd"));
        assert_eq!(nearest("float32", ["f32", "f64"]), Some("f32"));
        assert_eq!(nearest("lr", ["learning_rate", "momentum"]), Some("learning_rate"));
    }

    #[test]
    fn nothing_is_said_where_nothing_is_near() {
        for word in ["banana", "xyz", "", "quantum_layer", "42"] {
            assert_eq!(nearest(word, LAYERS), None, "{word}");
        }
        assert_eq!(near("banana", &["linear"]), "");
        assert_eq!(near("linaer", &["linear"]), "; did you mean \"linear\"?");
    }

    #[test]
    fn synonyms_are_written_as_they_are_looked_up() {
        assert!(OTHERS.iter().all(|(other, _)| plain(other) == *other));
    }
}
