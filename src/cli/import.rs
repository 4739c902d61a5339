//! `pathkernel import`.

use pathkernel::error::Error;
use pathkernel::onnx::{Imported, OnnxFile, Options, Written};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What to import, and where to.
#[derive(Debug, clap::Args)]
pub struct Import {
    /// A network as ONNX, such as torch.onnx.export(module, (x,), "model.onnx", dynamo=True, optimize=False) writes it.
    #[arg(value_name = "MODEL.onnx")]
    file: PathBuf,
    /// The folder that model.json, the weights and constants are written to; that of the file if left out.
    #[arg(long, value_name = "DIRECTORY")]
    output: Option<PathBuf>,
    /// The axis of the inputs along which examples lie, from 0.
    #[arg(long, value_name = "AXIS", default_value_t = 0)]
    batch_axis: usize,
    /// The size of an axis that the file leaves open, such as sequence=64; may be repeated.
    #[arg(long = "size", value_name = "NAME=NUMBER", value_parser = size)]
    sizes: Vec<(String, usize)>,
    /// The output that is taken, where there are several; the first if left out.
    #[arg(long, value_name = "NAME")]
    take: Option<String>,
}

fn size(text: &str) -> Result<(String, usize), String> {
    let parts = text.split_once('=').and_then(|(name, size)| Some((name.to_owned(), size.parse().ok()?)));
    parts.filter(|&(_, size)| size > 0).ok_or_else(|| "takes a name and a number above 0, such as sequence=64".into())
}

/// Writes a network of an ONNX file as a graph and its weights, and says how a run file takes them.
pub fn import(arguments: &Import, quiet: bool) -> anyhow::Result<()> {
    let Import { file, output, batch_axis, sizes, take } = arguments;
    let sizes: BTreeMap<String, usize> = sizes.iter().cloned().collect();
    let options = Options { batch_axis: *batch_axis, sizes, output: take.clone() };
    let onnx = OnnxFile::open(file).map_err(Error::from)?;
    let imported = onnx.translate(&options)?;
    let folder = output.as_deref().or_else(|| file.parent()).unwrap_or(Path::new(""));
    let written = onnx.write(&imported, folder)?;
    if !quiet {
        print!("{}", words(&imported, &written));
    }
    Ok(())
}

/// What is said of an import: the section of a run file that takes it, and its inputs.
fn words(imported: &Imported, written: &Written) -> String {
    let path = |path: &Path| format!("{:?}", path.display().to_string());
    let mut lines = vec![
        "[model]".to_owned(),
        format!("graph   = {}", path(&written.model)),
        format!("weights = {}", path(&written.weights)),
        String::new(),
    ];
    for input in &imported.inputs {
        let numbers = if input.whole { "whole numbers" } else { "reals" };
        lines.push(format!(
            "# input {:?}: {numbers} of shape {:?} for each example",
            input.name.as_deref().unwrap_or_default(),
            input.shape
        ));
    }
    if imported.inputs.len() > 1 {
        lines.push(
            "# each has a file of its own: inputs = { NAME = \"FILE.npy\", ... } in [data.train] and [data.query]"
                .into(),
        );
    }
    lines.extend(imported.notes.iter().map(|note| format!("# {note}")));
    lines.iter().map(|line| format!("{line}\n")).collect()
}
