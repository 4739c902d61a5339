//! The reports of every kind of run: optimizers, readouts, rules, imported paths, the weights taken apart.

use crate::bytes::{npy_f64, npy_i64};
use crate::fixture::Fixture;
use std::fs;

/// A run's report, without the bytes of its pictures; it must hold no value that is not finite, and nothing missing.
fn page(fixture: &Fixture, overrides: &[&str]) -> String {
    fixture.succeeds(overrides);
    written(fixture, overrides)
}

/// The report of a run that is there, without its pictures.
fn written(fixture: &Fixture, overrides: &[&str]) -> String {
    let page = fs::read_to_string(fixture.path("out/report.html")).expect("a report");
    let mut pieces = page.split("base64,");
    let mut text = pieces.next().expect("a page").to_owned();
    pieces.for_each(|piece| text.push_str(piece.split_once('"').expect("the picture ends").1));
    for word in ["NaN", "undefined", "inf<", "null", "—"] {
        assert!(!text.contains(word), "{overrides:?}: the report holds {word:?}");
    }
    text
}

#[track_caller]
fn holds(page: &str, words: &[&str]) {
    for word in words {
        assert!(page.contains(word), "no {word:?}");
    }
}

#[track_caller]
fn lacks(page: &str, words: &[&str]) {
    for word in words {
        assert!(!page.contains(word), "{word:?} is there");
    }
}

/// The values of an array of single precision.
fn array(fixture: &Fixture, name: &str, len: usize) -> Vec<f32> {
    let bytes = fs::read(fixture.path("out").join(name)).expect("the run wrote it");
    let (words, _) = bytes[bytes.len() - 4 * len..].as_chunks::<4>();
    words.iter().map(|&word| f32::from_le_bytes(word)).collect()
}

fn summary(fixture: &Fixture) -> serde_json::Value {
    serde_json::from_slice(&fs::read(fixture.path("out/summary.json")).expect("a summary")).expect("it is JSON")
}

#[test]
fn sgd_has_no_term_but_the_examples() {
    let fixture = Fixture::new();
    let page = page(&fixture, &[]);
    holds(
        &page,
        &["SGD, learning rate 0.1, all examples in each step", "output by the network", "Loss of all examples"],
    );
    lacks(&page, &["weight decay", "nexplained", "The weights", "Path kernel</h2>", "took its own nodes"]);
    assert_eq!((&summary(&fixture)["optimizer"], &summary(&fixture)["readout"]), (&"sgd".into(), &"outputs".into()));
}

#[test]
fn optimizers_are_named() {
    let momentum = [
        "training.optimizer={type=\"sgd\",learning_rate=0.1,momentum=0.9,nesterov=true,weight_decay=0.1}",
        "training.schedule={type=\"step\",every=2,factor=0.5,warmup=1}",
        "training.clip_norm=0.5",
        "training.batch_size=2",
    ];
    let page_of_momentum = page(&Fixture::new(), &momentum);
    let words =
        ["SGD with Nesterov momentum 0.9", "weight decay 0.1", "times 0.5 every 2 steps", "warmup of 1", "norm of 0.5"];
    holds(&page_of_momentum, &words);
    holds(
        &page_of_momentum,
        &["batches of 2", "<th>weight decay</th>", " from weight decay", "Loss of the step's batch"],
    );
    for (name, word) in [("adam", "Adam with betas 0.9 and 0.999"), ("adamw", "AdamW with betas 0.9 and 0.999")] {
        let fixture = Fixture::new();
        let optimizer = format!("training.optimizer={{type=\"{name}\",learning_rate=0.01}}");
        holds(&page(&fixture, &[&optimizer]), &[word]);
        assert_eq!(summary(&fixture)["optimizer"], name);
    }
}

#[test]
fn steps_of_gradient_flow_are_the_solvers() {
    let fixture = Fixture::flow();
    let page = page(&fixture, &["kernel.kernel=trace", "kernel.superposition=true"]);
    holds(
        &page,
        &["gradient flow over a time of 2.0", "steps of the solver", ">step of the solver<", "The weights</h2>"],
    );
}

/// The terms of the sum, among them what the optimizer does not explain.
#[test]
fn what_is_unexplained_of_an_imported_path_is_shown() {
    let fixture = Fixture::imported();
    fixture.is_not_exact(&["kernel.superposition=true"]);
    let page = written(&fixture, &["kernel.superposition=true"]);
    holds(
        &page,
        &["imported from", "<th>unexplained</th>", " unexplained.", "recorded elsewhere", "of 100% is unexplained"],
    );
    let (first, last) = (array(&fixture, "initial.npy", 8), array(&fixture, "prediction.npy", 8));
    let largest = |values: &[f32]| values.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
    let change: Vec<f32> = last.iter().zip(&first).map(|(last, first)| last - first).collect();
    let share = largest(&array(&fixture, "unexplained.npy", 8)) / largest(&change);
    let said = summary(&fixture)["largest_relative_unexplained"].as_f64().expect("a number");
    // Two of the three steps that were made are no part of the one step of the optimizer.
    assert!(share > 0.1 && (f64::from(share) - said).abs() < 1e-4 * said, "{share} {said}");
}

/// Such a run cannot say what the network took a query for.
#[test]
fn readouts_with_one_value_name_it() {
    for (readout, noun, words) in [
        ("loss", "its loss", "largest loss come first"),
        ("target", "the output of class 1", "smallest output come first"),
        ("margin", "the margin of class 1", "smallest margin come first"),
    ] {
        let fixture = Fixture::new();
        let page = page(&fixture, &[&format!("kernel.readout={readout}"), "kernel.kernel=full"]);
        holds(
            &page,
            &[
                noun,
                words,
                "<th>before</th>",
                "<th>after</th>",
                "Path kernel</h2>",
                "with the example's output for its own class",
            ],
        );
        lacks(&page, &[", wrong", "query wrong", "of the queries right"]);
        let values = array(&fixture, "prediction.npy", 4);
        let bad = |query: usize| if readout == "loss" { -values[query] } else { values[query] };
        let worst = (0..4).min_by(|&a, &b| bad(a).total_cmp(&bad(b))).expect("four queries");
        let (_, rest) = page.split_once("<p>query ").expect("a query");
        assert!(rest.starts_with(&worst.to_string()), "{readout}: {values:?} {}", &rest[..20]);
        assert_eq!(summary(&fixture)["readout"], readout);
    }
}

#[test]
fn probabilities_name_classes_and_tell_which_is_read() {
    let page = page(&Fixture::new(), &["kernel.readout=probabilities", "kernel.kernel=diagonal"]);
    holds(
        &page,
        &[
            "the probability of ",
            "probability by the network",
            "of the queries right",
            "each with the example's output",
        ],
    );
}

#[test]
fn adaptive_nodes_are_counted() {
    let fixture = Fixture::with("tanh", "relu");
    let page = page(&fixture, &["kernel.rule=adaptive", "kernel.tolerance=1e-4"]);
    holds(&page, &["took its own nodes", "Of 12 steps of queries", "tolerance of 1e-4"]);
}

/// The shares of the examples, in the order of their size.
#[test]
fn the_weights_are_taken_apart() {
    let fixture = Fixture::new();
    let page = page(&fixture, &["kernel.superposition=true", "kernel.superposition_vectors=[2]"]);
    holds(&page, &["The weights</h2>", "layer 0, linear", "layer 2, linear", "all shares: 100%"]);
    let parts = array(&fixture, "superposition.npy", 4 * 2 * 2);
    let share = |example: usize| parts[example * 4 + 1];
    let largest = (0..4).max_by(|&a, &b| share(a).total_cmp(&share(b))).expect("four examples");
    let (_, layer) = page.split_once("layer 0, linear").expect("the layer");
    let (_, example) = layer.split_once("no. ").expect("an example");
    assert!(example.starts_with(&largest.to_string()), "{parts:?}");
}

#[test]
fn real_targets_and_one_output_have_their_words() {
    let fixture = Fixture::with("cross_entropy", "logistic");
    let text = fs::read_to_string(fixture.path("run.toml")).expect("the run file");
    fixture.write("run.toml", text.replace("features = 2", "features = 1").as_bytes());
    fixture.write("y.npy", &npy_f64(&[4], &[0.0, 1.0, 1.0, 0.0]));
    let text = page(&fixture, &["kernel.kernel=trace"]);
    holds(&text, &["Training changed <b>the output</b>", "y = 1", "largest error come first"]);
    lacks(&text, &["accuracy", "Output 0"]);
    fs::remove_dir_all(fixture.path("out")).expect("a run directory");
    let text = page(&fixture, &["kernel.readout=probabilities"]);
    holds(&text, &["Training changed <b>the probability</b>", "largest error come first"]);
}

#[test]
fn many_outputs_are_cut_short() {
    let text = page(&Fixture::with("features = 2", "features = 40"), &[]);
    holds(&text, &["the largest of 40"]);
    // Four queries, twelve values each.
    assert_eq!(text.matches("class=\"bar\"").count(), 4 * 12);
}

#[test]
fn one_query_and_one_example_make_a_report() {
    let fixture = Fixture::new();
    fixture.write("x.npy", &npy_f64(&[1, 3], &[0.2, -0.4, 0.6]));
    fixture.write("y.npy", &npy_i64(&[1], &[1]));
    let text = page(&fixture, &["kernel.kernel=full", "kernel.superposition=true", "training.steps=1"]);
    holds(&text, &["all shares: 100%", "largest alone", "Path kernel</h2>"]);
    fs::remove_dir_all(fixture.path("out")).expect("a run directory");
    holds(&page(&fixture, &["kernel.attribution=false", "kernel.kernel=trace"]), &["kernel.attribution is off"]);
}

#[test]
fn running_statistics_are_a_term_of_the_sum() {
    let layers = "model.layers=[{ type = 'linear', features = 3, bias = false }, { type = 'batch_norm', statistics = 'batch' }, \
                  { type = 'tanh' }, { type = 'linear', features = 2 }]";
    let text = page(&Fixture::new(), &[layers]);
    holds(&text, &["plus what running statistics moved", "and with what running statistics moved, the amounts"]);
}
