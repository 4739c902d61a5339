//! Layers, as far as tensors tell them.

use crate::run::checkpoints::natural;
use std::fmt::Write as _;

/// Prefixes of wrappers, which every tensor of a file has or none.
const WRAPPERS: [&str; 4] = ["module.", "_orig_mod.", "model.", "net."];

/// A layer with parameters: its name, its kind with its sizes, and what is to be looked at.
#[derive(Debug, Clone, PartialEq)]
struct Known {
    name: String,
    kind: String,
    doubt: &'static str,
}

/// The layers of a file of weights.
#[derive(Debug, Default)]
pub(super) struct Layers {
    known: Vec<Known>,
    /// One example's shape, where the first layer tells it.
    pub input: Option<Vec<usize>>,
}

impl Layers {
    /// Of tensors with their shapes.
    pub fn of(mut shapes: Vec<(String, Vec<usize>)>) -> Self {
        while let Some(wrapper) = WRAPPERS.iter().find(|own| shapes.iter().all(|(name, _)| name.starts_with(**own))) {
            if shapes.is_empty() {
                break;
            }
            shapes.iter_mut().for_each(|(name, _)| *name = name[wrapper.len()..].to_owned());
        }
        shapes.sort_by(|a, b| natural(&a.0, &b.0));
        let mut all = Self::default();
        for (name, _) in &shapes {
            let layer = name.rsplit_once('.').map_or(name.as_str(), |(layer, _)| layer);
            if all.known.iter().any(|known| known.name == layer) {
                continue;
            }
            let of = |part: &str| {
                let full = format!("{layer}.{part}");
                shapes.iter().find(|(name, _)| *name == full).map(|(_, shape)| shape.as_slice())
            };
            let (kind, doubt) = kind(&of, shapes.iter().find(|(own, _)| own == name).map_or(&[], |(_, shape)| shape));
            if all.known.is_empty() {
                all.input = of("weight").and_then(|shape| (shape.len() == 2).then(|| vec![shape[1]]));
            }
            all.known.push(Known { name: layer.to_owned(), kind, doubt });
        }
        all
    }

    /// The value of `model.layers`. Names that are numbers are places in PyTorch's Sequential: what lies between them is known to
    /// be there. Without any tensors, two layers to begin with.
    pub fn layers(&self, classes: Option<usize>) -> String {
        let mut text = String::from("[\n");
        if self.known.is_empty() {
            let outputs = classes.unwrap_or(10);
            text += "  { type = \"flatten\" },\n  { type = \"linear\", features = 64 },\n  { type = \"relu\" },\n";
            let _ = writeln!(text, "  {{ type = \"linear\", features = {outputs} }},\n]");
            return text.trim_end().to_owned();
        }
        let places: Option<Vec<usize>> = self.known.iter().map(|known| known.name.parse().ok()).collect();
        let mut place = 0;
        for (number, Known { name, kind, doubt }) in self.known.iter().enumerate() {
            let doubt = if doubt.is_empty() { String::new() } else { format!("  # {doubt}") };
            match &places {
                Some(places) => {
                    for between in place..places[number] {
                        let _ = writeln!(
                            text,
                            "  {{ type = \"identity\" }},  # layer {between} has no tensors: relu, flatten, a pool, dropout?"
                        );
                    }
                    place = places[number] + 1;
                    let _ = writeln!(text, "  {{ {kind} }},{doubt}");
                }
                None => {
                    let _ = writeln!(text, "  {{ {kind}, name = {name:?} }},{doubt}");
                }
            }
        }
        text + "]"
    }

    pub fn comment(&self) -> String {
        if self.known.is_empty() {
            "a guess".into()
        } else {
            "a guess from the tensors' shapes, in the order of their names; what has no tensors (activations, pools) is missing".into()
        }
    }
}

/// The kind of a layer, by its tensors; `own` is the shape of the first of them.
fn kind<'a>(of: &dyn Fn(&str) -> Option<&'a [usize]>, own: &[usize]) -> (String, &'static str) {
    let bias = if of("bias").is_some() { "" } else { ", bias = false" };
    match (of("weight"), of("running_mean"), of("weight_ih_l0")) {
        (_, _, Some(shape)) => (format!("type = \"lstm\", features = {}", shape[0] / 4), ""),
        (_, Some(_), _) => ("type = \"batch_norm\"".into(), "statistics = \"batch\" if it was trained in train mode"),
        (Some(&[features, _]), ..) => (
            format!("type = \"linear\", features = {features}{bias}"),
            if bias.is_empty() { "" } else { "or an embedding" },
        ),
        (Some(&[channels, _, kernel]), ..) => {
            (format!("type = \"conv1d\", channels = {channels}, kernel = {kernel}{bias}"), "stride, padding, groups?")
        }
        (Some(&[channels, _, high, wide]), ..) => {
            let kernel = if high == wide { high.to_string() } else { format!("[{high}, {wide}]") };
            (format!("type = \"conv2d\", channels = {channels}, kernel = {kernel}{bias}"), "stride, padding, groups?")
        }
        (Some(&[_]), ..) => ("type = \"layer_norm\"".into(), "or group_norm, rms_norm"),
        _ => (format!("type = \"parameter\", shape = {own:?}"), "who reads it?"),
    }
}
