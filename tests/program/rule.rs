//! The rule that is chosen when the path is there: where it stands, and what runs of the same directory make of it.

use crate::fixture::{Fixture, stdout};
use std::fs;

fn summary(fixture: &Fixture) -> serde_json::Value {
    serde_json::from_slice(&fs::read(fixture.path("out/summary.json")).expect("a summary")).expect("it is JSON")
}

fn record(fixture: &Fixture) -> toml::Table {
    fs::read_to_string(fixture.path("out/run.toml")).expect("a record").parse().expect("it is TOML")
}

#[test]
fn the_choice_and_its_error_stand_in_record_and_summary() {
    let fixture = Fixture::new();
    let printed = stdout(&fixture.run(&[]));
    assert!(printed.lines().any(|line| line.starts_with("rule ") && line.contains("gauss with")), "{printed}");
    let (summary, record) = (summary(&fixture), record(&fixture));
    let (rule, kernel) = (&summary["rule"], &record["kernel"]);
    assert_eq!((rule["type"].as_str(), kernel["rule"].as_str()), (Some("gauss"), Some("gauss")));
    assert_eq!(
        (rule["nodes"].as_i64(), rule["steps"].clone()),
        (kernel["nodes"].as_integer(), serde_json::json!([0, 1, 2]))
    );
    let measured = &kernel["measured"];
    assert_eq!((rule["error"].as_f64(), rule["tolerance"].as_f64()), (measured["error"].as_float(), Some(1e-6)));
    assert!(measured["error"].as_float().is_some_and(|error| error <= 1e-6), "{measured}");
    assert_eq!(measured["queries"].as_integer(), Some(4));
    assert!(kernel["contraction"].is_array(), "{kernel}");
    let page = fs::read_to_string(fixture.path("out/report.html")).expect("a report");
    assert!(
        page.contains("The rule was chosen when the path was there: gauss with"),
        "the report does not name the rule"
    );
}

#[test]
fn a_piecewise_linear_network_takes_adaptive() {
    let fixture = Fixture::with("tanh", "relu");
    fixture.succeeds(&[]);
    let (summary, record) = (summary(&fixture), record(&fixture));
    assert_eq!((&summary["rule"]["type"], record["kernel"]["rule"].as_str()), (&"adaptive".into(), Some("adaptive")));
    assert!(summary["rule"]["error"].as_f64().is_some_and(|error| error <= 1e-6), "{summary}");
    // Everything is looked at here, so that the run takes the nodes that were expected.
    let expected = record["kernel"]["measured"]["nodes"].as_float().expect("a number");
    let taken = summary["nodes"]["per_query_and_step"].as_f64().expect("a number");
    assert!((expected - taken).abs() <= 0.5, "{taken} nodes, and {expected} were expected");
}

/// A rule that was chosen is asked for as well as the one that chose it; another tolerance may choose another.
#[test]
fn a_directory_keeps_its_choice() {
    let fixture = Fixture::new();
    fixture.succeeds(&[]);
    let nodes = format!("kernel.nodes={}", record(&fixture)["kernel"]["nodes"]);
    let other = format!("kernel.nodes={}", record(&fixture)["kernel"]["nodes"].as_integer().expect("a number") + 1);
    for same in [&[][..], &["kernel.rule=auto"], &["kernel.tolerance=1e-6"], &[&nodes]] {
        let output = fixture.run(same);
        assert!(stdout(&output).contains("finished"), "{same:?}: {}", crate::fixture::stderr(&output));
    }
    let again = fixture.pathkernel(&["run", "out/run.toml"]);
    assert!(stdout(&again).contains("finished"), "{}", crate::fixture::stderr(&again));
    fixture.refuses(&["kernel.tolerance=1e-3"], &["a different run", "kernel.rule"]);
    fixture.refuses(&[&other], &["a different run", "kernel.nodes"]);
    // Elsewhere the record is a run with the rule that was chosen.
    assert!(fixture.pathkernel(&["run", "out/run.toml", "run.directory=again"]).status.success());
    let read = |directory: &str| fs::read(fixture.path(&format!("{directory}/attribution.npy"))).expect("an array");
    assert!(read("out") == read("again"));
}

#[test]
fn what_is_asked_for_has_a_say() {
    let fixture = Fixture::new();
    fixture.succeeds(&["kernel.nodes=2"]);
    assert_eq!(
        (&summary(&fixture)["rule"]["nodes"], &summary(&fixture)["rule"]["error"]),
        (&2.into(), &serde_json::Value::Null)
    );
    fs::remove_dir_all(fixture.path("out")).expect("a folder of its own");
    let nodes = |tolerance: &str| {
        fixture.succeeds(&[tolerance, "run.precision=f64"]);
        let nodes = summary(&fixture)["rule"]["nodes"].as_u64().expect("a number");
        fs::remove_dir_all(fixture.path("out")).expect("a folder of its own");
        nodes
    };
    assert!(nodes("kernel.tolerance=1e-2") < nodes("kernel.tolerance=1e-12"));
    // Gradient flow has its nodes in its path.
    let flow = Fixture::flow();
    flow.succeeds(&[]);
    assert_eq!(
        (record(&flow)["kernel"]["rule"].as_str(), record(&flow)["kernel"]["nodes"].as_integer()),
        (Some("gauss"), Some(3))
    );
}

#[test]
fn what_is_wrong_is_named() {
    let fixture = Fixture::new();
    for (overrides, words) in [
        (&["kernel.rule=aut"][..], &["kernel.rule", "mean \"auto\""][..]),
        (&["kernel.tolerance=0"], &["kernel.tolerance", "above 0"]),
        (&["kernel.tolerance=fine"], &["kernel.tolerance"]),
        (&["kernel.measured={error=0.0}"], &["kernel.measured", "remove it"]),
        (&["kernel.nodes=2", "kernel.measured={error=0.0}"], &["kernel.measured.tolerance", "missing"]),
        (&["kernel.nodes=2", "kernel.measured=3"], &["kernel.measured", "must be a table"]),
    ] {
        fixture.refuses(overrides, words);
    }
}
