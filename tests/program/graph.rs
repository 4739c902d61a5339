//! Networks by name: several inputs, tied and frozen tensors, outputs, graphs and tensors in files of their own.

use crate::bytes::{npy_f64, npy_i64};
use crate::fixture::{Fixture, RUN_FILE};

const LAYERS: &str = r#"layers = [
  { type = "linear", features = 5 },
  { type = "tanh" },
  { type = "linear", features = 2 },
]"#;

/// Tokens and real numbers, side by side.
const TWO: &str = r#"inputs = { tokens = { shape = [1], type = "integer" }, x = { shape = [3] } }
layers = [
  { type = "linear", name = "a", features = 5, from = "tokens" },
  { type = "linear", name = "b", features = 5, from = "x" },
  { type = "add", from = ["a", "b"] },
  { type = "tanh" },
  { type = "linear", name = "head", features = 2 },
]"#;

fn two() -> Fixture {
    let fixture = Fixture::new();
    let files = "inputs = { x = \"x.npy\", tokens = \"t.npy\" }";
    let run_file = RUN_FILE.replace(LAYERS, "").replace("input = [3]", TWO).replace("inputs = \"x.npy\"", files);
    fixture.write("run.toml", run_file.as_bytes());
    fixture.write("t.npy", &npy_i64(&[4], &[3, 0, 1, 2]));
    fixture
}

#[test]
fn named_inputs_make_a_run_that_is_known_again() {
    let fixture = two();
    fixture.succeeds(&["kernel.kernel=full"]);
    let report = std::fs::read_to_string(fixture.path("out/report.html")).expect("a report");
    assert!(report.contains("attribution") || report.contains("Attribution"));
    let before = fixture.listing("out");
    fixture.succeeds(&["kernel.kernel=full"]);
    assert!(fixture.listing("out") == before, "a finished run is left as it is");
    // The inputs' files are part of what a run is.
    fixture.write("t.npy", &npy_i64(&[4], &[3, 0, 1, 1]));
    fixture.refuses(&["kernel.kernel=full"], &["data.train.inputs.tokens"]);
}

#[test]
fn inputs_must_be_those_of_the_model() {
    let one = Fixture::new();
    one.refuses(&["data.train.inputs={ x = 'x.npy' }"], &["data.train.inputs", "has no name"]);
    one.refuses(&["data.train.inputs={}"], &["data.train.inputs", "is empty"]);
    one.refuses(&["model.inputs={ x = { shape = [3] } }"], &["model.input", "no place beside model.inputs"]);
    let two = two();
    two.refuses(&["data.train.inputs='x.npy'"], &["data.train.inputs", "tokens, x"]);
    two.refuses(&["data.train.inputs={ x = 'x.npy' }"], &["data.train.inputs", "no file", "tokens", "[1]"]);
    let misspelt = "data.train.inputs={ x = 'x.npy', token = 't.npy' }";
    two.refuses(&[misspelt], &["data.train.inputs", "token is no input", "mean \"tokens\""]);
    two.refuses(&["data.train.inputs.tokens='nowhere.npy'"], &["nowhere.npy"]);
    two.refuses(&["data.train.inputs.tokens='x.npy'"], &["x.npy", "[4, 3]", "model.inputs.tokens of shape [1]"]);
    two.write("t.npy", &npy_f64(&[4], &[1.0, 0.5, 2.0, 3.0]));
    two.refuses(&[], &["t.npy", "element 1 of tokens is 0.5", "integers"]);
    two.write("t.npy", &npy_i64(&[4], &[1, 1 << 25, 2, 3]));
    two.refuses(&[], &["t.npy", "element 1 of tokens", "2^24"]);
    two.succeeds(&["run.precision=f64", "run.directory=double"]);
    two.write("t.npy", &npy_i64(&[3], &[1, 2, 3]));
    two.refuses(&[], &["holds 4 examples, but", "t.npy", "holds 3"]);
    let named = |name: &str| format!("model.inputs={{ x = {{ shape = [3] }}, {name} = {{ shape = [1] }} }}");
    two.refuses(&[&named("0")], &["model.inputs.\"0\"", "the index of a layer"]);
    two.refuses(&[&named("'-1'")], &["model.inputs.\"-1\"", "the index of a layer"]);
    two.refuses(&[&named("''")], &["model.inputs.\"\"", "is empty"]);
    two.refuses(&["model.inputs={ x = 3 }"], &["model.inputs.x", "must be a table"]);
    two.refuses(&["model.inputs={ x = { shape = [0] } }"], &["model.inputs.x.shape", "at least 1"]);
    two.refuses(&["model.inputs={ x = { shape = [3], type = 'int' } }"], &["model.inputs.x.type", "mean \"integer\""]);
    two.refuses(&["model.inputs={ x = { shpe = [3] } }"], &["model.inputs.x.shpe", "mean \"shape\""]);
    two.refuses(
        &["model.layers=[{ type = 'linear', features = 2 }]"],
        &["layers[0] (linear)", "name an input, tokens, x"],
    );
    two.refuses(
        &["model.layers=[{ type = 'linear', features = 2, from = -1 }]"],
        &["layers[0] (linear)", "name one, tokens, x"],
    );
    two.refuses(
        &["model.layers=[{ type = 'linear', features = 2, from = 'y' }]"],
        &["layers[0] (linear)", "from = \"y\""],
    );
}

#[test]
fn tensors_are_tied_by_their_names() {
    let square =
        "{ type = 'linear', features = 3 }, { type = 'tanh' }, { type = 'linear', features = 3, weight = '0.weight' }";
    let fixture = Fixture::new();
    let layers = |last: &str| format!("model.layers=[{square}, {last}]");
    fixture.succeeds(&[&layers("{ type = 'linear', features = 2 }"), "run.directory=tied", "kernel.layers=true"]);
    let refuses = |last: &str, words: &[&str]| fixture.refuses(&[&layers(last)], words);
    refuses(
        "{ type = 'linear', features = 2, weight = '0.weight' }",
        &["layers[3] (linear)", "[2, 3]", "[3, 3]", "\"0.weight\""],
    );
    refuses("{ type = 'linear', features = 2, weight = '0.wieght' }", &["layers[3] (linear)", "mean \"0.weight\""]);
    refuses(
        "{ type = 'linear', features = 2, name = 'h', weight = 'h.bias' }",
        &["\"h\"", "\"h.bias\"", "earlier layer"],
    );
    refuses("{ type = 'tanh', weight = '0.weight' }", &["layers[3] (tanh)", "no weight to be tied"]);
    refuses("{ type = 'linear', features = 2, bias = false, weight = 3 }", &["layers[3].weight", "name"]);
    refuses("{ type = 'linear', features = 2, bias = '' }", &["layers[3].bias", "empty"]);
}

#[test]
fn names_and_outputs_must_be_there() {
    let fixture = Fixture::new();
    let named = "model.layers=[{ type = 'linear', name = 'a', features = 2 }, { type = 'relu', name = 'a' }]";
    fixture.refuses(&[named], &["layers[1] \"a\" (relu)", "another layer", "its own"]);
    let index = "model.layers=[{ type = 'linear', features = 2 }, { type = 'linear', name = '0', features = 2 }]";
    fixture.refuses(&[index], &["layers[1] \"0\" (linear)", "another layer"]);
    fixture.refuses(&["model.output='tanh'"], &["model.output", "\"tanh\" is no layer"]);
    fixture.refuses(&["model.output=7"], &["model.output", "7 is no layer"]);
    fixture.refuses(&["model.output=[0]"], &["model.output", "name or index"]);
    fixture.refuses(&["model.frozen=['3.*']"], &["model.frozen", "\"3.*\"", "no tensor"]);
    fixture.refuses(&["model.frozen=['*']"], &["model.frozen", "nothing to train"]);
    fixture.refuses(&["model.frozen='*'"], &["model.frozen", "list of names"]);
    fixture.succeeds(&["model.frozen=['0.*']", "run.directory=frozen", "trajectory.every=2"]);
}

/// What a JSON file says is wrong there.
#[test]
fn a_graph_in_a_file_is_the_same_network() {
    let fixture = Fixture::new();
    fixture.succeeds(&["run.directory=own"]);
    fixture.replace(LAYERS, "graph = \"model.json\"");
    let nodes = |last: &str| {
        format!(
            "{{\"nodes\": [{{\"type\": \"linear\", \"features\": 5}}, {{\"type\": \"tanh\"}}, {last}], \"output\": 2}}"
        )
    };
    let graph = |last: &str| fixture.write("model.json", nodes(last).as_bytes());
    fixture.refuses(&[], &["run.toml", "model.graph", "model.json"]);
    graph("{\"type\": \"linear\", \"features\": 2}");
    fixture.succeeds(&["run.directory=json"]);
    let attribution = |run: &str| std::fs::read(fixture.path(&format!("{run}/attribution.npy"))).expect("an array");
    assert_eq!(attribution("own"), attribution("json"));
    graph("{\"type\": \"liner\", \"name\": \"head\", \"features\": 2}");
    fixture.refuses(&[], &["model.json", "nodes[2] \"head\".type", "mean \"linear\""]);
    graph("{\"type\": \"add\", \"name\": \"sum\", \"from\": [0, -1]}");
    fixture.refuses(&[], &["model.json", "nodes[2] \"sum\" (add)", "[5]", "[3]"]);
    fixture.write("model.json", b"{\"nodes\": [], \"layer\": 3}");
    fixture.refuses(&[], &["model.json", "layer", "unknown key"]);
    fixture.write("model.json", b"{\"nodes\": [");
    fixture.refuses(&[], &["model.json", "line 1", "JSON"]);
    let again = "model.layers=[{ type = 'linear', features = 2 }]";
    graph("{\"type\": \"relu\"}");
    fixture.refuses(&[again], &["model.layers", "model.json"]);
}

/// Weights whose file has other names.
#[test]
fn tensors_are_found_where_the_run_file_says() {
    let fixture = Fixture::new();
    fixture.succeeds(&["run.directory=own"]);
    let weights = "model.weights=own/weights_final.safetensors";
    let renamed = |view: &str| {
        let layers = "model.layers=[{ type = 'linear', name = 'in', features = 5 }, { type = 'tanh' }, { type = 'linear', features = 2 }]";
        let parameters = format!("model.parameters={{ 'in.weight' = {view}, 'in.bias' = {{ tensor = '0.bias' }} }}");
        [weights.to_owned(), layers.to_owned(), parameters]
    };
    let refuses = |view: &str, words: &[&str]| {
        let overrides = renamed(view);
        let overrides: Vec<&str> = overrides.iter().map(String::as_str).collect();
        fixture.refuses(&overrides, words);
    };
    let good = renamed("{ tensor = '0.weight' }");
    let good: Vec<&str> = good.iter().map(String::as_str).chain(["run.directory=renamed"]).collect();
    fixture.succeeds(&good);
    refuses("{ tensor = '0.wait' }", &["weights_final.safetensors", "0.wait or in.weight", "missing", "0.weight"]);
    refuses("{ tensor = '0.weight', rows = [0, 9] }", &["in.weight", "rows = [0, 9]", "0.weight", "[5, 3]"]);
    refuses("{ tensor = '0.weight', rows = [2, 1] }", &["model.parameters.in.weight.rows", "two numbers"]);
    refuses("{ tensor = '0.weight', transposed = true }", &["0.weight", "[3, 5]", "[5, 3]"]);
    refuses("{ tensor = '0.weight', reshape = [4, 4] }", &["reshape = [4, 4]", "0.weight"]);
    refuses("{ tenser = '0.weight' }", &["model.parameters.in.weight.tenser", "mean \"tensor\""]);
    fixture.refuses(
        &["model.parameters={ 'x.weight' = { tensor = 'y' } }"],
        &["model.parameters", "\"x.weight\"", "no tensor"],
    );
}

/// Checkpoints as well, and a path on which a frozen tensor moves.
#[test]
fn checkpoints_are_read_by_the_same_names() {
    let fixture = Fixture::imported();
    let layers = "model.layers=[{ type = 'linear', name = 'in', features = 5 }, { type = 'tanh' }, { type = 'linear', features = 2 }]";
    let parameters = "model.parameters={ 'in.weight' = { tensor = '0.weight' }, 'in.bias' = { tensor = '0.bias' } }";
    fixture.is_not_exact(&["run.directory=own"]);
    fixture.is_not_exact(&[layers, parameters, "run.directory=renamed"]);
    let array = |run: &str, name: &str| std::fs::read(fixture.path(&format!("{run}/{name}.npy"))).expect("an array");
    assert_eq!(array("own", "attribution"), array("renamed", "attribution"));
    fixture.is_not_exact(&["model.frozen=['0.*']", "run.directory=frozen"]);
    assert_ne!(array("own", "unexplained"), array("frozen", "unexplained"));
}

#[test]
fn names_of_pytorch_are_understood() {
    let fixture = Fixture::new();
    let cases: [(&str, &[&str]); 7] = [
        ("model.layers=[{ type = 'nn.Linear', features = 2 }]", &["layers[0].type", "mean \"linear\""]),
        ("model.layers=[{ type = 'linear', out_features = 2 }]", &["layers[0].out_features", "mean \"features\""]),
        ("model.layers=[{ type = 'ReLU' }]", &["mean \"relu\""]),
        ("training.optimizer={ type = 'SGD', lr = 0.1 }", &["mean \"sgd\""]),
        ("training.optimizer={ type = 'sgd', lr = 0.1 }", &["training.optimizer.lr", "mean \"learning_rate\""]),
        ("training.loss=bce_with_logits", &["training.loss", "mean \"logistic\""]),
        ("run.precision=float32", &["run.precision", "mean \"f32\""]),
    ];
    for (key, words) in cases {
        fixture.refuses(&[key], words);
    }
    let output = fixture.run(&["model.layers=[{ type = 'banana' }]"]);
    assert!(!crate::fixture::stderr(&output).contains("did you mean"));
}

/// A row of padding may be looked up, and one that is not there is named with the file and its table.
#[test]
fn tokens_beyond_a_table_are_named_with_their_file() {
    let fixture = two();
    let layers = "model.layers=[{ type = 'embedding', name = 'wte', from = 'tokens', count = 4, features = 5, padding_idx = 0 }, \
                  { type = 'flatten' }, { type = 'linear', name = 'b', features = 5, from = 'x' }, { type = 'add', from = [1, 'b'] }, \
                  { type = 'linear', features = 2 }]";
    fixture.succeeds(&[layers]);
    fixture.refuses(
        &[&layers.replace("padding_idx = 0", "padding_idx = 4"), "run.directory=x"],
        &["layers[0]", "padding_idx = 4 is no row", "-4 to 3"],
    );
    fixture.write("t.npy", &npy_i64(&[4], &[3, 0, 4, 2]));
    fixture.refuses(&[layers, "run.directory=x"], &["t.npy", "example 2 holds 4", "wte.weight", "from 0 to 3"]);
}

/// Masks are added to scores: nothing else may be infinite.
#[test]
fn only_masks_hold_minus_infinity() {
    let fixture = two();
    let none = f64::NEG_INFINITY;
    let layers = "model.layers=[{ type = 'linear', name = 'b', features = 5, from = 'x' }, \
                  { type = 'add', from = ['b', 'mask'] }, { type = 'softmax' }, { type = 'linear', features = 2 }]";
    let inputs = "model.inputs={ x = { shape = [3] }, mask = { shape = [5] } }";
    let files = "data.train.inputs={ x = 'x.npy', mask = 'm.npy' }";
    let rows =
        |last: f64| [[0.0, none, none, none, 0.0], [none, 0.0, 1.0, 0.5, none], [0.0; 5], [0.0, 0.0, 0.0, none, last]];
    let write = |name: &str, last: f64| fixture.write(name, &npy_f64(&[4, 5], rows(last).as_flattened()));
    write("m.npy", -2.0);
    fixture.succeeds(&[inputs, files, layers]);
    write("m.npy", f64::INFINITY);
    fixture.refuses(&[inputs, files, layers, "run.directory=x"], &["m.npy", "element 19", "a mask may hold -inf"]);
    write("m.npy", none);
    let product = layers.replace("'add'", "'multiply'");
    let words = ["m.npy", "element 1 ", "only added to the scores"];
    fixture.refuses(&[inputs, files, &product, "run.directory=x"], &words);
}
