//! From TOML and overrides to a checked run file.

use super::section::{Result, RunFileError, Section};
use super::*;
use std::path::Path;
use toml::{Table, Value};

/// Keys whose value is a path.
const PATHS: [&str; 7] = [
    "run.directory",
    "data.train.inputs",
    "data.train.targets",
    "data.query.inputs",
    "data.query.targets",
    "model.weights",
    "training.batches",
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
        read(&file, &table, &resolve)
    }
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

/// Sets a key of the table; returns its dotted name.
fn override_key(table: &mut Table, text: &str) -> std::result::Result<String, String> {
    let (key, value) = text.split_once('=').ok_or("an override is key=value")?;
    let value = toml::from_str::<Table>(&format!("v = {value}"))
        .ok()
        .and_then(|mut table| table.remove("v"))
        .unwrap_or_else(|| Value::String(value.to_owned()));
    let mut names: Vec<&str> = key.split('.').collect();
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
    root.only(&["run", "data", "model", "training", "kernel"])?;
    let run = read_run(root.section("run")?, resolve)?;
    let data = read_data(root.section("data")?, resolve)?;
    let model = Model::read(root.section("model")?, file, |path| resolve("model.weights", path))?;
    let training = read_training(root.section("training")?, resolve)?;
    let kernel = read_kernel(root.section("kernel")?)?;
    if run.precision == Precision::F32 {
        check_single(file, &training)?;
    }
    Ok(RunFile { run, data, model, training, kernel })
}

/// What is a number in double precision only would train nothing, or diverge.
fn check_single(file: &str, training: &Training) -> Result<()> {
    for (key, value) in [("learning_rate", training.learning_rate), ("weight_decay", training.weight_decay)] {
        let single = value as f32;
        if single.is_infinite() || (single == 0.0 && value != 0.0) {
            let becomes = if single == 0.0 { "rounds to 0" } else { "is infinite" };
            return Err(RunFileError {
                file: file.to_owned(),
                key: format!("training.optimizer.{key}"),
                problem: format!(
                    "is {value:?}, which {becomes} in f32; choose another, or set run.precision = \"f64\""
                ),
            });
        }
    }
    Ok(())
}

const PRECISIONS: [Precision; 3] = [Precision::F32, Precision::F64, Precision::Mixed];

fn read_run(mut section: Section<'_>, resolve: Resolve<'_>) -> Result<Run> {
    let directory = section.need("directory")?;
    let directory = PathBuf::from(resolve("run.directory", section.name("directory", directory)?));
    let device = match section.get("device") {
        None => "auto".to_owned(),
        Some(value) => section.name("device", value)?.to_owned(),
    };
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
    Ok(Run { directory, device, precision, seed, tune })
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

const LOSSES: [(&str, Loss); 4] = [
    ("cross_entropy", Loss::CrossEntropy),
    ("squared_error", Loss::SquaredError),
    ("logistic", Loss::Logistic),
    ("poisson", Loss::Poisson),
];

fn read_training(mut section: Section<'_>, resolve: Resolve<'_>) -> Result<Training> {
    let loss = section.choice("loss", None, &LOSSES)?;
    let reduction =
        section.choice("reduction", Some(Reduction::Mean), &[("mean", Reduction::Mean), ("sum", Reduction::Sum)])?;
    section.need("optimizer")?;
    let (learning_rate, weight_decay) = read_optimizer(section.section("optimizer")?)?;
    read_schedule(section.section("schedule")?)?;
    if section.number_or("clip_norm", 0.0)? != 0.0 {
        return Err(section.error("clip_norm", "clipping is not supported yet by this version; set it to 0"));
    }
    let steps = section.need("steps")?;
    let steps = section.count("steps", steps, 1)?;
    let batch_size = match section.get("batch_size") {
        None => None,
        Some(value) => Some(section.count("batch_size", value, 1)?),
    };
    let batches = match section.get("batches") {
        None => None,
        Some(value) => Some(resolve("training.batches", section.name("batches", value)?)),
    };
    section.finish()?;
    Ok(Training { loss, reduction, learning_rate, weight_decay, steps, batch_size, batches })
}

fn read_optimizer(mut section: Section<'_>) -> Result<(f64, f64)> {
    let kinds = ["sgd", "adam", "adamw", "flow"].map(|kind| (kind, kind));
    let kind = section.choice("type", None, &kinds)?;
    if kind != "sgd" {
        return Err(section.error("type", format!("{kind} is not supported yet by this version; use sgd")));
    }
    let rate = section.need("learning_rate")?;
    let rate = section.number("learning_rate", rate)?;
    if rate <= 0.0 {
        return Err(section.error("learning_rate", format!("is {rate:?}; it must be above 0")));
    }
    let decay = section.number_or("weight_decay", 0.0)?;
    if decay < 0.0 {
        return Err(section.error("weight_decay", format!("is {decay:?}; it must not be negative")));
    }
    for key in ["momentum", "dampening"] {
        let value = section.number_or(key, 0.0)?;
        if value != 0.0 {
            return Err(
                section.error(key, format!("is {value}; momentum is not supported yet by this version; set it to 0"))
            );
        }
    }
    if section.bool_or("nesterov", false)? {
        return Err(section.error("nesterov", "momentum is not supported yet by this version; set it to false"));
    }
    section.finish()?;
    Ok((rate, decay))
}

fn read_schedule(mut section: Section<'_>) -> Result<()> {
    if section.is_present() {
        let kinds = ["constant", "step", "cosine"].map(|kind| (kind, kind));
        let kind = section.choice("type", None, &kinds)?;
        if kind != "constant" || section.count_or("warmup", 0, 0)? != 0 {
            return Err(
                section.error("type", "schedules are not supported yet by this version; use constant without warmup")
            );
        }
    }
    section.finish()
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

/// Quadrature nodes at the most: a segment that needs more is better split into smaller steps.
const MOST_NODES: usize = 4096;

fn read_kernel(mut section: Section<'_>) -> Result<Kernel> {
    let rules = ["gauss", "left", "adaptive"].map(|rule| (rule, rule));
    let rule = section.choice("rule", Some("gauss"), &rules)?;
    let nodes = section.count_or("nodes", 3, 1)?;
    if nodes > MOST_NODES {
        return Err(section.error("nodes", format!("is {nodes}; at most {MOST_NODES}")));
    }
    let rule = match rule {
        "gauss" => Rule::Gauss { nodes },
        "left" => Rule::Left,
        _ => {
            return Err(section.error("rule", "adaptive is not supported yet by this version; use gauss or left"));
        }
    };
    let tolerance = section.number_or("tolerance", 1e-6)?;
    if tolerance <= 0.0 {
        return Err(section.error("tolerance", format!("is {tolerance:?}; it must be above 0")));
    }
    let readouts = ["outputs", "probabilities", "loss", "target", "margin"].map(|readout| (readout, readout));
    let readout = section.choice("readout", Some("outputs"), &readouts)?;
    if readout != "outputs" {
        return Err(section.error("readout", format!("{readout} is not supported yet by this version; use outputs")));
    }
    let kernel = Kernel {
        rule,
        attribution: section.bool_or("attribution", true)?,
        kernel: section.choice("kernel", Some(KernelShape::None), &SHAPES)?,
        coefficients: section.bool_or("coefficients", false)?,
        layers: section.bool_or("layers", false)?,
        tangent: section.bool_or("tangent", false)?,
        contraction: read_contraction(&mut section)?,
    };
    if kernel.coefficients && !matches!(kernel.kernel, KernelShape::Diagonal | KernelShape::Full) {
        return Err(section.error("coefficients", "needs kernel.kernel = \"diagonal\" or \"full\""));
    }
    if kernel.tangent && kernel.kernel == KernelShape::None {
        return Err(section.error("tangent", "has the kernel's shape; set kernel.kernel to trace, diagonal or full"));
    }
    if !kernel.attribution && kernel.kernel == KernelShape::None {
        return Err(section.error("kernel", "nothing to compute: set attribution = true or a kernel"));
    }
    section.finish()?;
    Ok(kernel)
}
