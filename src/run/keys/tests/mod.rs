//! Every key is accepted, written back, and changes a run's identity or says that it does not.

mod changes;
mod layers;

use super::{RunFile, difference, entries};
use crate::key::{Entry, Shape, dotted};
use crate::layer::LayerKind;
use crate::optimizer::Optimizer;
use changes::{CHANGES, IMPORT};
use layers::LAYERS;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const IMAGE: &str = "model.input=[1, 4, 4]";

const BASE: &str = r#"
[run]
directory = "out"
[data.train]
inputs = "x.npy"
targets = "y.npy"
[model]
input = [4]
layers = [{ type = "linear", features = 2 }]
[training]
loss = "cross_entropy"
optimizer = { type = "sgd", learning_rate = 0.5 }
steps = 3
"#;

fn parse(overrides: &[String]) -> RunFile {
    // An override that is a bare key takes the key of the file away.
    let (absent, overrides): (Vec<_>, Vec<_>) = overrides.iter().cloned().partition(|text| !text.contains('='));
    let gone = |line: &&str| !absent.iter().any(|key| line.split(' ').next() == key.rsplit('.').next());
    let text: Vec<&str> = BASE.lines().filter(gone).collect();
    RunFile::parse(&text.join("\n"), Path::new("/folder/run.toml"), &overrides)
        .unwrap_or_else(|error| panic!("{overrides:?}: {error}"))
}

/// Two run files are as different as their records say, and their records are run files for them.
fn differ(a: &[String], b: &[String]) -> Option<String> {
    let (a, b) = (parse(a), parse(b));
    assert_ne!(a, b);
    for run_file in [&a, &b] {
        let again = RunFile::parse(&run_file.to_toml(), Path::new("/folder/run.toml"), &[]);
        assert_eq!(again.as_ref(), Ok(run_file));
    }
    difference(&a.to_toml(), &b.to_toml()).map(|(key, ..)| key)
}

/// The dotted name of every key, with the type in it where it belongs to one; whether it is incidental.
fn names(at: &str, entries: &[Entry]) -> Vec<(String, bool)> {
    entries
        .iter()
        .flat_map(|entry| {
            let name = dotted(at, entry.name);
            match &entry.shape {
                Shape::Table(inside) => {
                    let own = |(name, incidental)| (name, incidental || entry.incidental);
                    names(&name, inside).into_iter().map(own).collect()
                }
                Shape::OneOf { variants, shared } => {
                    let own = variants.iter().flat_map(|(kind, _, keys)| names(&dotted(&name, kind), keys));
                    let all = own.chain(names(&name, shared)).collect::<Vec<_>>();
                    [vec![(name, entry.incidental)], all].concat()
                }
                Shape::Plain(_) | Shape::Number(_) | Shape::Path(_) | Shape::Words(_) => vec![(name, entry.incidental)],
            }
        })
        .collect()
}

/// A path in a layer starts at the run file's folder, one of an override at the current directory.
#[test]
fn paths_of_layers_are_told_by_where_they_stand() {
    let layers = "[{ type = 'constant', values = 'm/../c.npy' }, { type = 'linear', features = 2, from = -1 }]";
    let values = |text: &str, overrides: &[String]| {
        let run_file = RunFile::parse(text, Path::new("/folder/run.toml"), overrides).expect("a run file");
        match &run_file.model.layers[0].kind {
            LayerKind::Constant(constant) => PathBuf::from(&constant.values),
            other => panic!("{other:?}"),
        }
    };
    let lines: Vec<String> = BASE
        .lines()
        .map(|line| if line.starts_with("layers") { format!("layers = {layers}") } else { line.into() })
        .collect();
    assert_eq!(values(&lines.join("\n"), &[]), Path::new("/folder/c.npy"));
    let here = std::env::current_dir().expect("a directory");
    assert_eq!(values(BASE, &[format!("model.layers={layers}")]), here.join("c.npy"));
}

#[test]
fn every_key_is_written_back_and_changes_the_identity_unless_it_is_incidental() {
    let names = names("", &entries());
    let incidental: BTreeSet<&str> = names.iter().filter(|(_, own)| *own).map(|(name, _)| name.as_str()).collect();
    let types: Vec<&str> = Optimizer::names().map(|(name, _)| name).chain(["step", "cosine"]).collect();
    for (key, beside, value) in CHANGES {
        let dotted: Vec<&str> = key.split('.').filter(|part| !types.contains(part)).collect();
        let beside: Vec<String> = beside.iter().map(|&text| text.to_owned()).collect();
        let changed = [beside.clone(), vec![format!("{}={value}", dotted.join("."))]].concat();
        let found = differ(&beside, &changed);
        match incidental.contains(key) {
            true => assert_eq!(found, None, "{key}"),
            false => {
                let found = found.unwrap_or_else(|| panic!("{key} changes nothing"));
                let section = dotted[..2].join(".");
                // A list of rates takes the schedule's place.
                let own = [section.as_str(), "training.schedule", "data.query"];
                assert!(own.iter().any(|own| found.starts_with(own)), "{key} changed {found}");
            }
        }
    }
    for (key, layers) in LAYERS {
        let model = |layer: &str| {
            let layers = format!("model.layers=[{{ {layer} }}, {{ type = 'linear', features = 2 }}]");
            vec![IMAGE.to_owned(), layers]
        };
        assert_eq!(differ(&model(layers[0]), &model(layers[1])).as_deref(), Some("model.layers"), "{key}");
    }
    let changed = CHANGES.iter().map(|(key, ..)| (*key).to_owned());
    let layers = LAYERS.iter().map(|(key, _)| format!("model.layers.{key}"));
    // What files give stands in a record, and their names do not: the next tests have them.
    let all: BTreeSet<String> =
        changed.chain(layers).chain(["model.graph".to_owned(), "trajectory.record".to_owned()]).collect();
    assert_eq!(all, names.into_iter().map(|(name, _)| name).collect());
}

/// A loss may be a table with its numbers.
#[test]
fn the_numbers_of_a_loss_may_stand_in_its_table() {
    let of = |overrides: &[&str]| parse(&overrides.iter().map(|&text| text.to_owned()).collect::<Vec<_>>());
    let table = of(&["training.loss={ type = 'huber', delta = 2.0 }"]);
    assert_eq!(table, of(&["training.loss=huber", "training.delta=2.0"]));
    assert_eq!(table.training.numbers().of_outputs, Some(vec![2.0]));
    for (loss, key) in [
        ("{ delta = 2.0 }", "training.loss"),
        ("{ type = 'huber', dleta = 2.0 }", "training.loss.dleta"),
        ("{ type = 'huber', smoothing = 0.1 }", "training.smoothing"),
        ("{ type = 'mse', delta = 2.0 }", "training.delta"),
    ] {
        let text = format!("training.loss={loss}");
        let error = RunFile::parse(BASE, Path::new("/folder/run.toml"), &[text]).expect_err(loss);
        assert!(error.to_string().contains(key), "{error}");
    }
}

/// A readout may be a table with what it takes, which is written back.
#[test]
fn a_readout_may_take_positions_and_classes() {
    let of = |text: &str| differ(&[], &[format!("kernel.readout={text}")]);
    for text in ["{ type = 'loss', positions = [0, 2] }", "{ type = 'difference', classes = [1, 0], positions = [3] }"]
    {
        assert_eq!(of(text).as_deref(), Some("kernel.readout"), "{text}");
    }
    for (text, key) in [
        ("{ positions = [0] }", "kernel.readout"),
        ("{ type = 'los' }", "kernel.readout.type"),
        ("{ type = 'loss', position = 3 }", "kernel.readout.position"),
        ("{ type = 'loss', positions = -1 }", "kernel.readout.positions"),
        ("{ type = 'difference', classes = [1] }", "kernel.readout.classes"),
    ] {
        let text = format!("kernel.readout={text}");
        let error = RunFile::parse(BASE, Path::new("/folder/run.toml"), std::slice::from_ref(&text)).expect_err(&text);
        assert!(error.to_string().contains(key), "{error}");
    }
}

#[test]
fn a_graph_changes_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.json");
    std::fs::write(&path, r#"{"nodes": [{"type": "linear", "features": 3}]}"#).unwrap();
    let of = |text: &str, overrides: &[String]| {
        let overrides: Vec<String> = overrides.to_vec();
        let (absent, given): (Vec<_>, Vec<_>) = overrides.into_iter().partition(|text| !text.contains('='));
        let lines: Vec<&str> = text.lines().filter(|line| absent.is_empty() || !line.starts_with("layers")).collect();
        RunFile::parse(&lines.join("\n"), Path::new("/folder/run.toml"), &given).unwrap().to_toml()
    };
    let graph = of(BASE, &["model.layers".to_owned(), format!("model.graph={}", path.display())]);
    assert_eq!(difference(&of(BASE, &[]), &graph).map(|(key, ..)| key).as_deref(), Some("model.layers"));
    assert!(RunFile::parse(&graph, Path::new("/folder/run.toml"), &[]).is_ok_and(|again| again.to_toml() == graph));
}

#[test]
fn a_record_changes_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("record.json");
    std::fs::write(&path, r#"{"clip_norm": 2}"#).unwrap();
    let import = vec![IMPORT.to_owned()];
    let with = [import.clone(), vec![format!("trajectory.record={}", path.display())]].concat();
    assert_eq!(differ(&import, &with).as_deref(), Some("training.clip_norm"));
}

/// What a record may say are keys of `[training]`.
#[test]
fn a_record_has_keys_of_training() {
    for key in super::record::KEYS {
        assert!(super::training::KEYS.iter().any(|own| own.name == key), "{key}");
    }
}
