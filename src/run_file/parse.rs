//! From TOML and overrides to a checked run file.

use super::record::Record;
use super::section::{Result, RunFileError, Section};
use super::*;
use crate::loss::Loss;
use crate::readout::READOUTS;
use std::path::Path;
use toml::{Table, Value};

/// Keys whose value is a path.
const PATHS: [&str; 9] = [
    "run.directory",
    "data.train.inputs",
    "data.train.targets",
    "data.query.inputs",
    "data.query.targets",
    "model.weights",
    "training.batches",
    "trajectory.import",
    "trajectory.record",
];

impl Model {
    /// Reads the model of a run file, whatever else it holds.
    ///
    /// # Errors
    ///
    /// The file, the key, what is wrong and what to do.
    pub fn load(path: &Path) -> Result<Self> {
        let file = path.display().to_string();
        let table = parse_table(&read_text(path)?, &file)?;
        let mut root = Section::new(&file, String::new(), Some(&table));
        Self::read(root.section("model")?, &file, str::to_owned)
    }
}

fn read_text(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| {
        let problem = match error.kind() {
            std::io::ErrorKind::NotFound => "no such run file".to_owned(),
            _ => format!("cannot be read: {error}"),
        };
        RunFileError { file: path.display().to_string(), key: "file".into(), problem }
    })
}

fn parse_table(text: &str, file: &str) -> Result<Table> {
    toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        RunFileError { file: file.to_owned(), key: format!("line {line}"), problem: error.message().to_owned() }
    })
}

impl RunFile {
    /// Reads a run file; overrides are `dotted.key=value`.
    ///
    /// # Errors
    ///
    /// The file, the key, what is wrong and what to do.
    pub fn load(path: &Path, overrides: &[String]) -> Result<Self> {
        let text = read_text(path)?;
        Self::parse(&text, path, overrides)
    }

    /// As [`load`](Self::load), from text; relative paths in it start at `path`'s folder.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn parse(text: &str, path: &Path, overrides: &[String]) -> Result<Self> {
        let file = path.display().to_string();
        let mut table = parse_table(text, &file)?;
        let mut absolute = Vec::new();
        for text in overrides {
            absolute.push(override_key(&mut table, text).map_err(|problem| RunFileError {
                file: "command line".into(),
                key: text.clone(),
                problem,
            })?);
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        let resolve = |key: &str, value: &str| {
            let from_folder = PATHS.contains(&key) && !absolute.iter().any(|name| name == key);
            let path = if from_folder { folder.join(value) } else { PathBuf::from(value) };
            tidy(&std::path::absolute(&path).unwrap_or(path)).display().to_string()
        };
        let record = fill_record(&file, &mut table, &resolve)?;
        read(&file, &table, &resolve).map_err(|error| match record {
            None => error,
            Some(record) => record.name(error),
        })
    }
}

/// Fills in what the record of an imported path says of its training, and takes the record's own key away.
fn fill_record(file: &str, table: &mut Table, resolve: Resolve<'_>) -> Result<Option<Record>> {
    let Some(trajectory) = table.get_mut("trajectory").and_then(Value::as_table_mut) else { return Ok(None) };
    let Some(value) = trajectory.remove("record") else { return Ok(None) };
    let section = Section::new(file, "trajectory".into(), Some(trajectory));
    if !trajectory.contains_key("import") {
        return Err(section.error("record", "belongs to an imported path; set trajectory.import too, or remove it"));
    }
    let path = resolve("trajectory.record", section.name("record", &value)?);
    let training = table.entry("training").or_insert_with(|| Value::Table(Table::new()));
    training.as_table_mut().map(|training| super::record::fill(training, Path::new(&path))).transpose()
}

/// Without `x/..`, for messages; a path through a link keeps its meaning where the link is not followed back.
fn tidy(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut clean, part| {
        match part {
            std::path::Component::ParentDir if !clean.is_symlink() && clean.pop() => {}
            part => clean.push(part),
        }
        clean
    })
}

/// Parts of a key at the most.
const DEEPEST: usize = 8;

/// Sets a key of the table; returns its dotted name.
fn override_key(table: &mut Table, text: &str) -> std::result::Result<String, String> {
    let (key, value) = text.split_once('=').ok_or("an override is key=value")?;
    let value = toml::from_str::<Table>(&format!("v = {value}"))
        .ok()
        .and_then(|mut table| table.remove("v"))
        .unwrap_or_else(|| Value::String(value.to_owned()));
    let mut names: Vec<&str> = key.split('.').collect();
    if names.len() > DEEPEST {
        return Err(format!("the key has {} parts; none has more than {DEEPEST}", names.len()));
    }
    let last = names.pop().filter(|name| !name.is_empty()).ok_or("the key is empty")?;
    let mut place = table;
    for name in names {
        let entry = place.entry(name).or_insert_with(|| Value::Table(Table::new()));
        place = entry.as_table_mut().ok_or_else(|| format!("{name} is not a table"))?;
    }
    place.insert(last.to_owned(), value);
    Ok(key.to_owned())
}

type Resolve<'a> = &'a dyn Fn(&str, &str) -> String;

fn read(file: &str, table: &Table, resolve: Resolve<'_>) -> Result<RunFile> {
    let mut root = Section::new(file, String::new(), Some(table));
    root.only(&["run", "data", "model", "training", "trajectory", "kernel"])?;
    let run = read_run(root.section("run")?, resolve)?;
    let data = read_data(root.section("data")?, resolve)?;
    let model = Model::read(root.section("model")?, file, |path| resolve("model.weights", path))?;
    let training = super::training::read(root.section("training")?, resolve)?;
    let trajectory = read_trajectory(root.section("trajectory")?, resolve)?;
    let kernel = read_kernel(root.section("kernel")?)?;
    let run_file = RunFile { run, data, model, training, trajectory, kernel };
    check_single(&run_file).and_then(|()| check_together(&run_file)).map_err(|(key, problem)| RunFileError {
        file: file.to_owned(),
        key: key.to_owned(),
        problem,
    })?;
    Ok(run_file)
}

/// A key, and what is wrong with it.
type Wrong = std::result::Result<(), (String, String)>;

/// What is a number in double precision only would train nothing, or diverge.
fn check_single(run_file: &RunFile) -> Wrong {
    if run_file.run.precision == Precision::F64 {
        return Ok(());
    }
    match super::training::first_not_single(&run_file.training) {
        None => Ok(()),
        Some((key, value)) => {
            let becomes = if value as f32 == 0.0 { "rounds to 0" } else { "is infinite" };
            let problem =
                format!("is {value:?}, which {becomes} in f32; choose another, or set run.precision = \"f64\"");
            Err((format!("training.{key}"), problem))
        }
    }
}

/// What each table allows, and the others do not.
fn check_together(run_file: &RunFile) -> Wrong {
    let RunFile { data, model, training, trajectory, kernel, .. } = run_file;
    let wrong = |key: &str, problem: &str| Err((key.to_owned(), problem.to_owned()));
    let has_kernel = kernel.kernel != KernelShape::None;
    let flow = training.optimizer.is_solved();
    if training.optimizer.has_memory() && has_kernel {
        let problem = "a step with momentum or Adam mixes the gradients of many steps, so that no integral of tangent \
                       kernels is multiplied with loss gradients; set it to \"none\": the attribution is as exact";
        return wrong("kernel.kernel", problem);
    }
    if flow && !matches!(kernel.rule, Rule::Gauss { .. }) {
        return wrong("kernel.rule", "gradient flow is integrated at Gauss nodes within the solver's steps; use gauss");
    }
    if flow && (trajectory.import.is_some() || trajectory.every > 1) {
        let key = if trajectory.import.is_some() { "trajectory.import" } else { "trajectory.every" };
        return wrong(key, "gradient flow records its own path; remove it");
    }
    if trajectory.import.is_some() && trajectory.every > 1 {
        let problem = "an imported path has all its checkpoints; for checkpoints every k steps, let training.steps count \
                       them and give each the learning rate of its k steps together";
        return wrong("trajectory.every", problem);
    }
    if trajectory.import.is_some() && training.batch_size.is_some() && training.batches.is_none() {
        let problem = "is required with batch_size for an imported path: nothing else says which examples each step saw; \
                       without batch_size every step takes the full batch";
        return wrong("training.batches", problem);
    }
    if trajectory.import.is_some() && model.weights.is_some() {
        return wrong("model.weights", "an imported path begins at its first checkpoint; remove it");
    }
    let readout = kernel.readout;
    let loss = training.loss;
    if readout == Readout::Probabilities && !matches!(loss, Loss::CrossEntropy | Loss::Logistic) {
        return wrong("kernel.readout", "probabilities go with the losses cross_entropy and logistic");
    }
    if matches!(readout, Readout::Target | Readout::Margin) && loss != Loss::CrossEntropy {
        return wrong("kernel.readout", "target and margin need classes: the loss cross_entropy");
    }
    if readout.needs_targets() && data.query_inputs.is_some() && data.query_targets.is_none() {
        return wrong("data.query.targets", "is required for this kernel.readout, and missing");
    }
    if readout.needs_targets() && matches!(kernel.kernel, KernelShape::Trace | KernelShape::Diagonal) {
        let problem =
            "pairs equal outputs, and this kernel.readout has one row a query; use full ([n, m, 1, C]) or none";
        return wrong("kernel.kernel", problem);
    }
    Ok(())
}

fn read_trajectory(mut section: Section<'_>, resolve: Resolve<'_>) -> Result<super::Path> {
    let import = match section.get("import") {
        None => None,
        Some(value) => Some(resolve("trajectory.import", section.name("import", value)?)),
    };
    let every = section.count_or("every", 1, 1)?;
    section.finish()?;
    Ok(super::Path { import, every })
}

const STORES: [StoreKind; 2] = [StoreKind::Npy, StoreKind::Zarr];

/// An amount of memory: a string with a unit, or bytes.
fn read_memory(section: &mut Section<'_>) -> Result<Option<u64>> {
    let amount = match section.get("memory") {
        None => return Ok(None),
        Some(Value::Integer(bytes)) => u64::try_from(*bytes).ok().filter(|&bytes| bytes > 0),
        Some(value) => super::bytes::bytes(section.text("memory", value)?),
    };
    let problem = "must be an amount above 0, such as \"256 MiB\", \"4 GB\" or a whole number of bytes";
    amount.map(Some).ok_or_else(|| section.error("memory", problem))
}

const PRECISIONS: [Precision; 3] = [Precision::F32, Precision::F64, Precision::Mixed];

fn read_run(mut section: Section<'_>, resolve: Resolve<'_>) -> Result<Run> {
    let directory = section.need("directory")?;
    let directory = PathBuf::from(resolve("run.directory", section.name("directory", directory)?));
    let device = match section.get("device") {
        None => "auto".to_owned(),
        Some(value) => section.name("device", value)?.to_owned(),
    };
    let fallback = section.bool_or("fallback", false)?;
    let memory = read_memory(&mut section)?;
    let store = section.choice("store", Some(StoreKind::Npy), &STORES.map(|store| (store.name(), store)))?;
    let precision = section.choice(
        "precision",
        Some(Precision::F32),
        &PRECISIONS.map(|precision| (precision.name(), precision)),
    )?;
    if precision == Precision::Mixed && device == "cpu" {
        return Err(section.error(
            "precision",
            "mixed runs on a GPU; set run.device to \"auto\" or \"gpu\", or precision to \"f32\"",
        ));
    }
    if precision == Precision::F64 && !matches!(device.as_str(), "auto" | "cpu") {
        return Err(section.error(
            "precision",
            "f64 runs on the CPU; set run.device to \"cpu\" or \"auto\", or precision to \"f32\"",
        ));
    }
    let seed = match section.get("seed").map(|value| value.as_integer().and_then(|seed| u64::try_from(seed).ok())) {
        None => 0,
        Some(Some(seed)) => seed,
        Some(None) => return Err(section.error("seed", "must be a whole number of at least 0")),
    };
    let tune = section.bool_or("tune", true)?;
    section.finish()?;
    Ok(Run { directory, device, fallback, precision, memory, store, seed, tune })
}

fn read_data(mut section: Section<'_>, resolve: Resolve<'_>) -> Result<Data> {
    section.only(&["train", "query"])?;
    let mut train = section.section("train")?;
    let inputs = train.need("inputs")?;
    let inputs = resolve("data.train.inputs", train.name("inputs", inputs)?);
    let targets = train.need("targets")?;
    let targets = resolve("data.train.targets", train.name("targets", targets)?);
    train.finish()?;
    let mut query = section.section("query")?;
    let (mut query_inputs, mut query_targets) = (None, None);
    if query.is_present() {
        let inputs = query.need("inputs")?;
        query_inputs = Some(resolve("data.query.inputs", query.name("inputs", inputs)?));
        if let Some(targets) = query.get("targets") {
            query_targets = Some(resolve("data.query.targets", query.name("targets", targets)?));
        }
    }
    query.finish()?;
    Ok(Data { inputs, targets, query_inputs, query_targets })
}

const SHAPES: [(&str, KernelShape); 4] = [
    ("none", KernelShape::None),
    ("trace", KernelShape::Trace),
    ("diagonal", KernelShape::Diagonal),
    ("full", KernelShape::Full),
];

/// `"auto"`, or a list with a word for each layer that has parameters.
fn read_contraction(section: &mut Section<'_>) -> Result<Option<Vec<Contraction>>> {
    let words = Contraction::ALL.map(|contraction| (contraction.name(), contraction));
    match section.get("contraction") {
        None => Ok(None),
        Some(Value::String(word)) if word == "auto" => Ok(None),
        Some(Value::Array(values)) => {
            let one = |value| section.word("contraction", section.text("contraction", value)?, &words);
            values.iter().map(one).collect::<Result<Vec<_>>>().map(Some)
        }
        Some(_) => {
            Err(section.error("contraction", "must be \"auto\" or a list with a word for each layer that has weights"))
        }
    }
}

/// The examples whose part of the weights' change is wanted whole.
fn read_examples(section: &mut Section<'_>) -> Result<Vec<u32>> {
    match section.get("superposition_vectors") {
        None => Ok(Vec::new()),
        Some(Value::Array(values)) => section.examples("superposition_vectors", values),
        Some(_) => Err(section.error("superposition_vectors", "must be a list of examples, counted from 0")),
    }
}

/// Quadrature nodes at the most: a segment that needs more is better split into smaller steps.
const MOST_NODES: usize = 4096;

/// The rule. A number of nodes is refused where it would be passed over: whoever gives one means to have it. A tolerance may
/// stand beside any rule.
fn read_rule(section: &mut Section<'_>) -> Result<Rule> {
    let rules = ["gauss", "left", "adaptive"].map(|rule| (rule, rule));
    let rule = section.choice("rule", Some("gauss"), &rules)?;
    let nodes = section.count_or("nodes", 3, 1)?;
    if nodes > MOST_NODES {
        return Err(section.error("nodes", format!("is {nodes}; at most {MOST_NODES}")));
    }
    let tolerance = section.above_zero("tolerance", Some(1e-6))?;
    if rule != "gauss" && section.get("nodes").is_some() {
        let problem = format!(
            "belongs to kernel.rule = \"gauss\", and the rule is {rule:?}; remove it, or take the rule \"gauss\""
        );
        return Err(section.error("nodes", problem));
    }
    Ok(match rule {
        "gauss" => Rule::Gauss { nodes },
        "left" => Rule::Left,
        _ => Rule::Adaptive { tolerance },
    })
}

fn read_kernel(mut section: Section<'_>) -> Result<Kernel> {
    let kernel = Kernel {
        rule: read_rule(&mut section)?,
        attribution: section.bool_or("attribution", true)?,
        kernel: section.choice("kernel", Some(KernelShape::None), &SHAPES)?,
        coefficients: section.bool_or("coefficients", false)?,
        layers: section.bool_or("layers", false)?,
        tangent: section.bool_or("tangent", false)?,
        readout: section.choice("readout", Some(Readout::Outputs), &READOUTS)?,
        superposition: section.bool_or("superposition", false)?,
        superposition_vectors: read_examples(&mut section)?,
        contraction: read_contraction(&mut section)?,
    };
    if kernel.coefficients && !matches!(kernel.kernel, KernelShape::Diagonal | KernelShape::Full) {
        return Err(section.error("coefficients", "needs kernel.kernel = \"diagonal\" or \"full\""));
    }
    if kernel.tangent && kernel.kernel == KernelShape::None {
        return Err(section.error("tangent", "has the kernel's shape; set kernel.kernel to trace, diagonal or full"));
    }
    if !kernel.attribution && kernel.kernel == KernelShape::None && !kernel.superposition {
        return Err(section.error("kernel", "nothing to compute: set attribution = true or a kernel"));
    }
    if !kernel.superposition && !kernel.superposition_vectors.is_empty() {
        return Err(section.error("superposition_vectors", "needs kernel.superposition = true"));
    }
    section.finish()?;
    Ok(kernel)
}
