//! What `plan` and a finished run print.

use crate::fixture::{Fixture, stderr, stdout};
use std::fs;

fn plan(fixture: &Fixture, overrides: &[&str]) -> String {
    let output = fixture.pathkernel(&[&["plan", "run.toml"], overrides].concat());
    assert_eq!(output.status.code(), Some(0), "{overrides:?}: {}", stderr(&output));
    stdout(&output)
}

fn run(fixture: &Fixture, overrides: &[&str]) -> String {
    let output = fixture.run(overrides);
    assert_eq!(output.status.code(), Some(0), "{overrides:?}: {}", stderr(&output));
    stdout(&output)
}

/// The line that begins with a word.
fn line<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(word)).map(str::trim)
}

#[test]
fn a_plan_names_path_and_integral() {
    let fixture = Fixture::new();
    let printed = plan(&fixture, &["training.batch_size=2", "kernel.kernel=trace"]);
    assert_eq!(line(&printed, "path "), Some("SGD, learning rate 0.1, batches of 2"), "{printed}");
    let integral = "attribution and trace kernel of the outputs; as many nodes as a few steps show to be enough for a tolerance of 1e-6";
    assert_eq!(line(&printed, "integral "), Some(integral), "{printed}");
    assert!(line(&printed, "assumed ").is_some_and(|words| words.contains("4 Gauss nodes")), "{printed}");
    let printed = plan(&fixture, &["training.batch_size=2", "kernel.nodes=3"]);
    let integral = "attribution of the outputs; 3 Gauss nodes on each step";
    assert_eq!(line(&printed, "integral "), Some(integral), "{printed}");
    assert!(printed.contains("3 steps") && line(&printed, "assumed ").is_none(), "{printed}");
    assert!(line(&printed, "disk ").is_some_and(|disk| disk.ends_with("at the end")), "{printed}");
    assert!(line(&printed, "cheaper ").is_none(), "{printed}");
    let shapes = "4 examples, 4 queries, 2 outputs, 32 parameters, 1 step";
    let one = plan(&fixture, &["training.steps=1", "kernel.contraction=['averaged', 'output']"]);
    assert_eq!(line(&one, "shapes "), Some(shapes), "{one}");
    assert_eq!(line(&one, "contraction "), Some("averaged in layer 0"), "{one}");
    assert!(one.contains("\n             output in layer 2\n"), "{one}");
}

/// Not even what it measures of the machine is kept, unless it is asked to measure; what a run has kept is read.
#[test]
fn a_plan_writes_nothing() {
    let fixture = Fixture::new();
    fs::create_dir(fixture.path("cache")).expect("a writable folder");
    let before = fixture.listing("");
    let planned = |options: &[&str]| {
        let mut command = fixture.command(&[&["plan", "run.toml"], options].concat());
        let output = command.env("PATHKERNEL_CACHE", fixture.path("cache")).output().expect("the program starts");
        assert!(output.status.success(), "{}", stderr(&output));
        stdout(&output)
    };
    planned(&[]);
    assert!(before == fixture.listing(""), "a plan wrote something");
    // Of a machine that takes ten seconds for a multiply-add, the rates are known.
    let run = fixture.command(&["run", "run.toml"]).env("PATHKERNEL_CACHE", fixture.path("cache")).output();
    assert!(run.is_ok_and(|output| output.status.success()));
    let kept = fixture.listing("cache").into_keys().next().expect("a run keeps the rates that it measured");
    let rates = ["multiply_add", "few", "entry", "feature", "forming", "element", "dot", "line", "call"];
    let slow = format!("{{{}}}", rates.map(|rate| format!("\"{rate}\": 10.0")).join(", "));
    fs::write(&kept, &slow).expect("a writable folder");
    let before = fixture.listing("");
    let takes_long =
        |printed: String| line(&printed, "time ").is_some_and(|time| time.ends_with("days") || time.ends_with("hours"));
    assert!(takes_long(planned(&[])));
    assert!(before == fixture.listing(""), "a plan wrote something");
    // Where it is asked to, it measures the machine again, for the plans and runs to come.
    assert!(!takes_long(planned(&["--measure"])));
    assert_ne!(fs::read_to_string(&kept).expect("rates"), slow);
    assert!(!takes_long(planned(&[])));
}

/// In numbers as well, which a finished run keeps beside what it took.
#[test]
fn what_was_planned_stands_beside_what_was_measured() {
    let fixture = Fixture::new();
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
    let planned = json(&plan(&fixture, &["kernel.nodes=2", "--json"]));
    for figure in ["memory", "tiles"] {
        assert!(planned[figure].as_u64().is_some_and(|figure| figure > 0), "{planned}");
    }
    assert_eq!(planned["assumed"], serde_json::Value::Null);
    let (most, end) = (planned["disk"]["most"].as_u64(), planned["disk"]["end"].as_u64());
    assert!(most > end && end > Some(0), "{planned}");
    run(&fixture, &["kernel.nodes=2"]);
    let summary = json(&fs::read_to_string(fixture.path("out/summary.json")).expect("a summary"));
    assert_eq!(summary["planned"]["disk"], planned["disk"]);
    for part in ["train", "integrate", "write"] {
        let seconds = |of: &serde_json::Value| of["seconds"][part].as_f64().is_some_and(|seconds| seconds > 0.0);
        assert!(seconds(&summary["planned"]) && seconds(&summary), "{part}: {summary}");
    }
    // The files as they lie, but for the summary and the report.
    let files = fixture.listing("out").into_keys();
    let counted = files.filter(|path| {
        let other = ["summary.json", "report.html", "run.toml", "identity.json"];
        !path.is_dir() && !other.iter().any(|name| path.ends_with(name))
    });
    let bytes: u64 = counted.map(|path| fs::metadata(path).expect("a file").len()).sum();
    assert_eq!(summary["disk"].as_u64(), Some(bytes), "{summary}");
}

#[test]
fn a_plan_says_what_it_assumes() {
    let printed = plan(&Fixture::flow(), &[]);
    assert!(printed.contains("gradient flow over a time of 2.0") && !printed.contains(" 0 steps"), "{printed}");
    assert!(line(&printed, "assumed ").is_some_and(|words| words.contains("steps: how many the solver")), "{printed}");
    let printed = plan(&Fixture::new(), &["kernel.rule=adaptive", "kernel.readout=margin"]);
    assert!(
        line(&printed, "assumed ").is_some_and(|words| words.contains("nodes for each query and step")),
        "{printed}"
    );
    assert!(printed.contains("the margin of each query's class; as many nodes as"), "{printed}");
}

#[test]
fn a_plan_names_the_imported_path() {
    let printed = plan(&Fixture::imported(), &[]);
    assert!(line(&printed, "path ").is_some_and(|path| path.starts_with("imported from")), "{printed}");
    assert!(printed.contains("*.safetensors, explained by SGD") && printed.contains(" 1 step\n"), "{printed}");
}

/// What it prints besides the usual.
#[test]
fn a_run_says_what_its_kind_has_to_say() {
    let printed = run(&Fixture::new(), &[]);
    assert!(printed.contains("of the largest change in output"), "{printed}");
    assert!(["steps ", "nodes ", "unexplained "].iter().all(|word| line(&printed, word).is_none()), "{printed}");
    let printed = run(&Fixture::new(), &["kernel.readout=loss"]);
    assert!(
        printed.contains("of the largest change in loss") && line(&printed, "query accuracy").is_none(),
        "{printed}"
    );
    let printed = run(&Fixture::flow(), &[]);
    assert!(line(&printed, "steps ").is_some_and(|words| words.contains("as the solver took them")), "{printed}");
    let printed = run(&Fixture::new(), &["kernel.rule=adaptive"]);
    assert!(line(&printed, "nodes ").is_some_and(|words| words.contains("0 of 12 missed")), "{printed}");
    let imported = Fixture::imported();
    imported.is_not_exact(&["run.directory=other"]);
    let printed = run(&imported, &["kernel.accept=1e3"]);
    assert!(line(&printed, "unexplained ").is_some(), "{printed}");
}
