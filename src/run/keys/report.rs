//! `[report]`: how examples are shown and called, in reports and answers.

use crate::key::{Count, Key, List, Name, Optional, Path, at};

/// How examples are shown and called. It changes no result.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// The shape in which a flat input is drawn.
    pub shape: Option<Vec<usize>>,
    /// What the classes are called.
    pub class_names: Option<Vec<String>>,
    /// The file of the training examples' names.
    pub names: Option<String>,
    /// The file of the tokens' words.
    pub vocabulary: Option<String>,
}

pub(super) const KEYS: &[Key<Report>] = &[
    Key::new(
        "shape",
        "how an input is drawn that is no picture as it lies: height and width, or 1 or 3 channels before them",
        at!(
            Report.shape,
            Optional(List { each: Count::from(1), takes: "the sides of a picture, such as [8, 8] or [3, 32, 32]" })
        ),
    ),
    Key::new(
        "class_names",
        "what the classes are called, or outputs that are no classes, in their order",
        at!(Report.class_names, Optional(List { each: NAME, takes: "a list of names, one for each class" })),
    ),
    Key::new(
        "names",
        "what the training examples are called, and the queries where they are the training set: one line each, in their order",
        at!(Report.names, Optional(Path { takes: "a file of text" })),
    ),
    Key::new(
        "vocabulary",
        "the words of tokens, so that inputs of whole numbers are shown as text: `vocab.json` as of GPT-2 and of Hugging Face's \
         tokenizers, an object of token and number, or a list of tokens from number 0 on",
        at!(Report.vocabulary, Optional(Path { takes: "a `.json` file" })),
    ),
];

const NAME: Name = Name { takes: "a name" };
