//! The reports of every kind of run: optimizers, readouts, rules, imported paths, the weights taken apart.

use crate::bytes::{npy_f64, npy_i64};
use crate::common::report::Report;
use crate::fixture::Fixture;
use std::fs;

/// A run's report; it must hold no value that is not finite, and nothing missing.
fn page(fixture: &Fixture, overrides: &[&str]) -> Report {
    fixture.succeeds(overrides);
    written(fixture, overrides)
}

/// The report of a run that is there.
fn written(fixture: &Fixture, overrides: &[&str]) -> Report {
    let report = Report::read(&fixture.path("out"));
    for word in ["NaN", "undefined", "inf<", "null", "—"] {
        assert!(!report.prose.contains(word), "{overrides:?}: the report holds {word:?}");
    }
    for term in report.word("/details/terms").as_object().expect("terms").keys() {
        let values = report.numbers(&format!("/details/terms/{term}"));
        assert!(!values.is_empty() && values.iter().all(|value| value.is_finite()), "{overrides:?}: {term}");
    }
    report
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
    page.holds(&["SGD, learning rate 0.1, all examples in each step", "Loss of all examples"]);
    page.lacks(&["weight decay", "nexplained", "The weights", "Path kernel</h2>", "took its own nodes"]);
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
    page_of_momentum.holds(&words);
    page_of_momentum.holds(&["batches of 2", "<th>weight decay</th>", "Loss of the step's batch"]);
    assert!(page_of_momentum.word("/details/terms/regularizer").is_array());
    for (name, word) in [("adam", "Adam with betas 0.9 and 0.999"), ("adamw", "AdamW with betas 0.9 and 0.999")] {
        let fixture = Fixture::new();
        let optimizer = format!("training.optimizer={{type=\"{name}\",learning_rate=0.01}}");
        page(&fixture, &[&optimizer]).holds(&[word]);
        assert_eq!(summary(&fixture)["optimizer"], name);
    }
}

#[test]
fn steps_of_gradient_flow_are_the_solvers() {
    let fixture = Fixture::flow();
    let page = page(&fixture, &["kernel.kernel=trace", "kernel.superposition=true"]);
    page.holds(&["gradient flow over a time of 2.0", "steps of the solver", "The weights</h2>"]);
}

/// The terms of the sum, among them what the optimizer does not explain.
#[test]
fn what_is_unexplained_of_an_imported_path_is_shown() {
    let fixture = Fixture::imported();
    fixture.is_not_exact(&["kernel.superposition=true"]);
    let page = written(&fixture, &["kernel.superposition=true"]);
    page.holds(&["imported from", "<th>unexplained</th>", "recorded elsewhere", "of 100% is unexplained"]);
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
    for (readout, subject, noun, right) in [
        ("loss", "its loss", "loss", -1.0),
        ("target", "the output of its class", "output", 1.0),
        ("margin", "the margin of its class", "margin", 1.0),
    ] {
        let fixture = Fixture::new();
        let page = page(&fixture, &[&format!("kernel.readout={readout}"), "kernel.kernel=full"]);
        page.holds(&["Path kernel</h2>", "with the example's output for its own class"]);
        page.lacks(&["of the queries right"]);
        assert!(page.word("/queries/predicted").is_null());
        assert_eq!(
            (page.word("/details/subjects/0"), page.word("/queries/score/noun")),
            (&subject.into(), &noun.into())
        );
        assert_eq!(page.numbers("/details/right"), [right; 4]);
        // The worst come first.
        let values = array(&fixture, "prediction.npy", 4);
        let bad = |query: usize| if readout == "loss" { -values[query] } else { values[query] };
        let mut worst: Vec<usize> = (0..4).collect();
        worst.sort_by(|&a, &b| bad(a).total_cmp(&bad(b)));
        assert_eq!(page.places("/queries/numbers"), worst, "{readout}: {values:?}");
        assert_eq!(summary(&fixture)["readout"], readout);
    }
}

#[test]
fn probabilities_name_classes_and_tell_which_is_read() {
    let page = page(&Fixture::new(), &["kernel.readout=probabilities", "kernel.kernel=diagonal"]);
    page.holds(&["of the queries right", "each with the example's output"]);
    assert_eq!(page.word("/details/subjects/1"), "the probability of 1");
    assert_eq!(page.places("/queries/predicted").len(), 4);
}

#[test]
fn adaptive_nodes_are_counted() {
    let fixture = Fixture::with("tanh", "relu");
    let page = page(&fixture, &["kernel.rule=adaptive", "kernel.tolerance=1e-4"]);
    page.holds(&["took its own nodes", "Of 12 steps of queries", "tolerance of 1e-4"]);
}

/// The shares of the examples, in the order of their size.
#[test]
fn the_weights_are_taken_apart() {
    let fixture = Fixture::new();
    let page = page(&fixture, &["kernel.superposition=true", "kernel.superposition_vectors=[2]"]);
    page.holds(&["The weights</h2>"]);
    let parts = array(&fixture, "superposition.npy", 4 * 2 * 2);
    for (layer, name) in ["layer 0, linear", "layer 2, linear"].into_iter().enumerate() {
        let shown = page.word(&format!("/weights/{layer}"));
        let share = |example: usize| f64::from(parts[example * 4 + 2 * layer + 1]);
        let largest = (0..4).max_by(|&a, &b| share(a).total_cmp(&share(b))).expect("four examples");
        assert_eq!((&shown["name"], &shown["along"][0]), (&name.into(), &serde_json::json!([largest, share(largest)])));
        assert!(shown["sum"].as_f64().is_some_and(|sum| (sum - 1.0).abs() < 1e-5), "{shown}");
    }
}

#[test]
fn real_targets_and_one_output_have_their_words() {
    let fixture = Fixture::with("cross_entropy", "logistic");
    let text = fs::read_to_string(fixture.path("run.toml")).expect("the run file");
    fixture.write("run.toml", text.replace("features = 2", "features = 1").as_bytes());
    let targets = [0.0, 1.0, 1.0, 0.0];
    fixture.write("y.npy", &npy_f64(&[4], &targets));
    for (overrides, subject) in
        [(&["kernel.kernel=trace"][..], "the output"), (&["kernel.readout=probabilities"], "the probability")]
    {
        let page = page(&fixture, overrides);
        page.lacks(&["accuracy"]);
        assert_eq!(
            (page.word("/details/subjects/0"), page.word("/queries/score/noun")),
            (&subject.into(), &"error".into())
        );
        let shown: Vec<f64> = page.places("/queries/numbers").into_iter().map(|query| targets[query]).collect();
        assert_eq!(page.numbers("/queries/targets/values"), shown);
        assert_eq!(page.numbers("/details/right"), shown.iter().map(|y| 2.0 * y - 1.0).collect::<Vec<_>>());
        fs::remove_dir_all(fixture.path("out")).expect("a run directory");
    }
}

/// The class that is right, the largest outputs, and those that training moved most.
#[test]
fn of_many_outputs_some_are_kept() {
    let fixture = Fixture::with("features = 2", "features = 40");
    let page = page(&fixture, &[]);
    assert_eq!((page.word("/details/kept"), page.word("/run/values")), (&16.into(), &40.into()));
    let (values, last) = (page.places("/details/values"), array(&fixture, "prediction.npy", 4 * 40));
    for (place, query) in page.places("/queries/numbers").into_iter().enumerate() {
        let own = &last[query * 40..][..40];
        let kept = &values[place * 16..][..16];
        let mut order: Vec<usize> = (0..40).collect();
        order.sort_by(|&a, &b| own[b].total_cmp(&own[a]));
        assert!(order[..8].iter().all(|value| kept.contains(value)) && kept.is_sorted(), "{kept:?}");
        assert!(kept.contains(&[0, 1, 1, 0][query]));
    }
}

#[test]
fn one_query_and_one_example_make_a_report() {
    let fixture = Fixture::new();
    fixture.write("x.npy", &npy_f64(&[1, 3], &[0.2, -0.4, 0.6]));
    fixture.write("y.npy", &npy_i64(&[1], &[1]));
    let text = page(&fixture, &["kernel.kernel=full", "kernel.superposition=true", "training.steps=1"]);
    text.holds(&["The weights</h2>", "Path kernel</h2>"]);
    assert_eq!(text.word("/weights/0/half"), 1);
    fs::remove_dir_all(fixture.path("out")).expect("a run directory");
    let text = page(&fixture, &["kernel.attribution=false", "kernel.kernel=trace"]);
    assert_eq!((text.word("/run/known"), text.word("/run/listed")), (&serde_json::json!([]), &serde_json::Value::Null));
}

#[test]
fn running_statistics_are_a_term_of_the_sum() {
    let layers = "model.layers=[{ type = 'linear', features = 3, bias = false }, { type = 'batch_norm', statistics = 'batch' }, \
                  { type = 'tanh' }, { type = 'linear', features = 2 }]";
    let text = page(&Fixture::new(), &[layers]);
    text.holds(&["plus what running statistics moved", "and with what running statistics moved, the amounts"]);
}
