//! `constant`: an array of a file, the same for every example.

use super::{Lower, Reads};
use crate::formats;
use crate::graph::primitive::Parameter;
use crate::graph::{Graph, Initial, NodeId, Owner};
use crate::key::{Key, Path, at};

/// An array of a file, the same for every example. It is read when the graph is built.
#[derive(Debug, Clone, PartialEq)]
pub struct Constant {
    /// The file, as those of data.
    pub values: String,
}

impl Lower for Constant {
    const NAME: &'static str = "constant";
    const HELP: &'static str = "an array of a file, the same for every example, that training leaves as it is: a mask, positions";
    const START: Self = Constant { values: String::new() };
    const KEYS: &'static [Key<Self>] = &[Key::required(
        "values",
        "the array, of an example's shape",
        at!(Constant.values, Path { takes: "`.npy`, `.npz:name`, `.csv`, `.idx`, `.idx.gz`" }),
    )];
    const HAS_PARAMETERS: bool = false;
    const READS: Reads = Reads::Exactly(0);

    fn lower(&self, graph: &mut Graph, owner: &Owner, _inputs: &[NodeId]) -> Result<NodeId, String> {
        let array = formats::read(&self.values).map_err(|error| error.to_string())?;
        if let Some(at) = array.first_not_finite() {
            return Err(format!("{}: holds NaN or infinity, first at element {at}", self.values));
        }
        let values = Parameter::new(&array.shape)?.named("values").drawn(Initial::Values(array.to_f64().into()));
        graph.add_fixed(owner, values, &[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::write_npy;
    use crate::graph::Design;
    use crate::layer::{Add, Layer, Linear};

    #[test]
    fn an_array_is_a_value_that_is_not_trained() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("values.npy");
        write_npy(&path, &[2, 1], &[1.5f64, -2.0]).expect("a file");
        let values = path.display().to_string();
        let layers = [
            Layer::new(Constant { values }),
            Layer::new(Linear { features: 3, bias: true }).reading(&[-1]),
            Layer::new(Add).reading(&[0, 1]),
        ];
        let graph = Design::new(&[2, 4], &layers).build().expect("a graph");
        assert!(!graph.is_trained(1) && graph.is_trained(3));
        assert_eq!(graph.shape(3), [2, 3]);
        let tensor = graph.tensors().find(|tensor| tensor.name == "0.values").expect("a tensor");
        assert_eq!(graph.draw(1)[tensor.offset..][..2], [1.5, -2.0]);
        let missing = Constant { values: "nowhere.npy".into() };
        let problem = Design::new(&[4], &[Layer::new(missing)]).build().map(|_| ()).expect_err("no file").to_string();
        assert!(problem.contains("model.layers[0] (constant): ") && problem.contains("nowhere.npy"), "{problem}");
    }
}
