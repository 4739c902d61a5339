//! The messages of an ONNX file that say what a network computes. All text and all weights stay where they lie in the file.

use super::wire::{Field, Fields};

/// Messages at the most: each takes some hundred bytes of memory, and a damaged file may have one every second byte.
const MOST_MESSAGES: usize = 1 << 22;

/// A file.
#[derive(Debug, Default)]
pub(super) struct Model<'a> {
    pub graph: Graph<'a>,
    /// The version of the operators.
    pub opset: i64,
}

#[derive(Debug, Default)]
pub(super) struct Graph<'a> {
    pub nodes: Vec<Node<'a>>,
    pub initializers: Vec<Tensor<'a>>,
    pub inputs: Vec<Info<'a>>,
    pub outputs: Vec<Info<'a>>,
    /// What is said of values beside.
    pub infos: Vec<Info<'a>>,
}

/// One operation.
#[derive(Debug, Default)]
pub(super) struct Node<'a> {
    pub name: &'a str,
    pub operator: &'a str,
    /// Whose operator it is; empty for ONNX's own.
    pub domain: &'a str,
    pub inputs: Vec<&'a str>,
    pub outputs: Vec<&'a str>,
    pub attributes: Vec<Attribute<'a>>,
    pub notes: Vec<Note<'a>>,
}

/// A key and what the exporter noted under it.
pub(super) type Note<'a> = (&'a str, &'a str);

#[derive(Debug, Default)]
pub(super) struct Attribute<'a> {
    pub name: &'a str,
    pub float: Option<f32>,
    pub whole: Option<i64>,
    pub text: Option<&'a [u8]>,
    pub tensor: Option<Tensor<'a>>,
    pub floats: Vec<f64>,
    pub wholes: Vec<i64>,
    /// Whether it is a graph of its own.
    pub is_graph: bool,
}

/// An array.
#[derive(Debug, Default)]
pub(super) struct Tensor<'a> {
    pub name: &'a str,
    pub sides: Vec<i64>,
    /// The number of its type.
    pub kind: i64,
    /// Its elements as bytes, little-endian.
    pub raw: Option<&'a [u8]>,
    /// Its elements as numbers, where they are no bytes.
    pub reals: Vec<f64>,
    pub wholes: Vec<i64>,
    /// Where its elements lie in a file of their own.
    pub external: Vec<Note<'a>>,
    pub is_external: bool,
}

/// A value's name and type.
#[derive(Debug, Default)]
pub(super) struct Info<'a> {
    pub name: &'a str,
    /// The number of its elements' type.
    pub kind: i64,
    pub sides: Option<Vec<Side<'a>>>,
    pub notes: Vec<Note<'a>>,
}

/// The length of an axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Side<'a> {
    Known(i64),
    /// One that is open, by its name.
    Open(&'a str),
}

/// Reads messages, and counts them.
struct Reader {
    left: usize,
}

impl<'a> Model<'a> {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// Bytes that are no such file.
    pub fn read(bytes: &'a [u8]) -> Result<Self, String> {
        let mut reader = Reader { left: MOST_MESSAGES };
        let mut model = Model::default();
        let mut has_graph = false;
        for field in Fields::of(bytes) {
            match field? {
                (7, field) => {
                    model.graph = reader.graph(field)?;
                    has_graph = true;
                }
                (8, field) => reader.opset(field, &mut model.opset)?,
                _ => {}
            }
        }
        if has_graph { Ok(model) } else { Err("it has no graph".into()) }
    }
}

impl Reader {
    /// The fields of a message.
    fn fields<'a>(&mut self, message: Field<'a>) -> Result<Fields<'a>, String> {
        self.left = self.left.checked_sub(1).ok_or_else(|| format!("it has more than {MOST_MESSAGES} parts"))?;
        Ok(Fields::of(message.bytes()?))
    }

    /// The version of ONNX's own operators; those of other domains have versions as well.
    fn opset(&mut self, message: Field<'_>, version: &mut i64) -> Result<(), String> {
        let (mut domain, mut own) = ("", 0);
        for field in self.fields(message)? {
            match field? {
                (1, field) => domain = field.text()?,
                (2, field) => own = field.whole()?,
                _ => {}
            }
        }
        if is_onnx(domain) {
            *version = own;
        }
        Ok(())
    }

    fn graph<'a>(&mut self, message: Field<'a>) -> Result<Graph<'a>, String> {
        let mut graph = Graph::default();
        for field in self.fields(message)? {
            match field? {
                (1, field) => graph.nodes.push(self.node(field)?),
                (5, field) => graph.initializers.push(self.tensor(field)?),
                (11, field) => graph.inputs.push(self.info(field)?),
                (12, field) => graph.outputs.push(self.info(field)?),
                (13, field) => graph.infos.push(self.info(field)?),
                (15, _) => return Err("it has sparse weights; save them dense".into()),
                _ => {}
            }
        }
        Ok(graph)
    }

    fn node<'a>(&mut self, message: Field<'a>) -> Result<Node<'a>, String> {
        let mut node = Node::default();
        for field in self.fields(message)? {
            match field? {
                (1, field) => node.inputs.push(field.text()?),
                (2, field) => node.outputs.push(field.text()?),
                (3, field) => node.name = field.text()?,
                (4, field) => node.operator = field.text()?,
                (5, field) => node.attributes.push(self.attribute(field)?),
                (7, field) => node.domain = field.text()?,
                (9, field) => node.notes.push(self.note(field)?),
                _ => {}
            }
        }
        Ok(node)
    }

    fn attribute<'a>(&mut self, message: Field<'a>) -> Result<Attribute<'a>, String> {
        let mut attribute = Attribute::default();
        for field in self.fields(message)? {
            match field? {
                (1, field) => attribute.name = field.text()?,
                (2, field) => attribute.float = Some(field.float()?),
                (3, field) => attribute.whole = Some(field.whole()?),
                (4, field) => attribute.text = Some(field.bytes()?),
                (5, field) => attribute.tensor = Some(self.tensor(field)?),
                (6 | 11, _) => attribute.is_graph = true,
                (7, field) => field.reals(&mut attribute.floats, |word| simplest(f32::from_le_bytes(word)))?,
                (8, field) => field.wholes(&mut attribute.wholes)?,
                _ => {}
            }
        }
        Ok(attribute)
    }

    fn tensor<'a>(&mut self, message: Field<'a>) -> Result<Tensor<'a>, String> {
        let mut tensor = Tensor::default();
        for field in self.fields(message)? {
            match field? {
                (1, field) => field.wholes(&mut tensor.sides)?,
                (2, field) => tensor.kind = field.whole()?,
                (4, field) => field.reals(&mut tensor.reals, |word| f64::from(f32::from_le_bytes(word)))?,
                (5 | 7 | 11, field) => field.wholes(&mut tensor.wholes)?,
                (8, field) => tensor.name = field.text()?,
                (9, field) => tensor.raw = Some(field.bytes()?),
                (10, field) => field.reals(&mut tensor.reals, f64::from_le_bytes)?,
                (13, field) => tensor.external.push(self.note(field)?),
                (14, field) => tensor.is_external = field.whole()? == 1,
                _ => {}
            }
        }
        Ok(tensor)
    }

    fn note<'a>(&mut self, message: Field<'a>) -> Result<Note<'a>, String> {
        let (mut key, mut value) = ("", "");
        for field in self.fields(message)? {
            match field? {
                (1, field) => key = field.text()?,
                (2, field) => value = field.text()?,
                _ => {}
            }
        }
        Ok((key, value))
    }

    fn info<'a>(&mut self, message: Field<'a>) -> Result<Info<'a>, String> {
        let mut info = Info::default();
        for field in self.fields(message)? {
            match field? {
                (1, field) => info.name = field.text()?,
                (2, field) => {
                    for field in self.fields(field)? {
                        if let (1, field) = field? {
                            self.array_type(field, &mut info)?;
                        }
                    }
                }
                (4, field) => info.notes.push(self.note(field)?),
                _ => {}
            }
        }
        Ok(info)
    }

    fn array_type<'a>(&mut self, message: Field<'a>, info: &mut Info<'a>) -> Result<(), String> {
        for field in self.fields(message)? {
            match field? {
                (1, field) => info.kind = field.whole()?,
                (2, field) => {
                    let mut sides = Vec::new();
                    for field in self.fields(field)? {
                        if let (1, field) = field? {
                            sides.push(self.side(field)?);
                        }
                    }
                    info.sides = Some(sides);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn side<'a>(&mut self, message: Field<'a>) -> Result<Side<'a>, String> {
        let mut side = Side::Open("");
        for field in self.fields(message)? {
            match field? {
                (1, field) => side = Side::Known(field.whole()?),
                (2, field) => side = Side::Open(field.text()?),
                _ => {}
            }
        }
        Ok(side)
    }
}

/// Whether a domain is that of ONNX's own operators.
pub(super) fn is_onnx(domain: &str) -> bool {
    domain.is_empty() || domain == "ai.onnx"
}

/// Digits that a number which somebody wrote has at the most; more are those of a number that was computed.
const WRITTEN: usize = 5;

/// A number in single precision as the simplest that rounds to it: what was written as 1e-5 is 1e-5 again, and the scale of
/// attention is the inverse root of a whole number.
pub(super) fn simplest(number: f32) -> f64 {
    let exact = f64::from(number);
    let text = format!("{number:e}");
    let digits = text.split('e').next().unwrap_or_default().chars().filter(char::is_ascii_digit).count();
    if !number.is_finite() || digits <= WRITTEN {
        return text.parse().unwrap_or(exact);
    }
    let power = |exponent: f64| {
        let root = exact.abs().powf(1.0 / exponent).round();
        let power = root.powf(exponent).copysign(exact);
        ((1.0..=65536.0).contains(&root) && power as f32 == number).then_some(power)
    };
    [-1.0, -0.5, 0.5, -0.25].into_iter().find_map(power).unwrap_or_else(|| text.parse().unwrap_or(exact))
}

/// What is noted under a key.
pub(super) fn noted<'a>(notes: &[Note<'a>], key: &str) -> Option<&'a str> {
    notes.iter().find(|(own, _)| *own == key).map(|(_, value)| *value)
}

impl<'a> Node<'a> {
    fn attribute(&self, name: &str) -> Option<&Attribute<'a>> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }

    pub fn whole(&self, name: &str, absent: i64) -> i64 {
        self.attribute(name).and_then(|attribute| attribute.whole).unwrap_or(absent)
    }

    pub fn wholes(&self, name: &str) -> Option<&[i64]> {
        self.attribute(name).map(|attribute| attribute.wholes.as_slice())
    }

    pub fn real(&self, name: &str, absent: f64) -> f64 {
        self.attribute(name).and_then(|attribute| attribute.float).map_or(absent, simplest)
    }

    pub fn text(&self, name: &str) -> Option<&'a str> {
        self.attribute(name).and_then(|attribute| attribute.text).and_then(|text| std::str::from_utf8(text).ok())
    }

    /// The attribute that gives a `Constant` its value.
    pub fn value(&self) -> Option<&Attribute<'a>> {
        self.attributes.iter().find(|attribute| attribute.name.starts_with("value"))
    }

    /// Whether it holds graphs of its own, as conditions and loops do.
    pub fn has_graphs(&self) -> bool {
        self.attributes.iter().any(|attribute| attribute.is_graph)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_number_is_the_simplest_that_rounds_to_it() {
        for exact in [1e-5, 0.1, -0.044715, 3e38, 1.0 / 3.0, 0.5f64.sqrt(), 12f64.powf(-0.25), -(2f64.sqrt()), 0.0] {
            assert!(
                (simplest(exact as f32) - exact).abs() <= 1e-15 * exact.abs(),
                "{exact}: {}",
                simplest(exact as f32)
            );
        }
        assert_eq!(simplest(f32::NEG_INFINITY), f64::NEG_INFINITY);
        assert!(simplest(f32::NAN).is_nan());
        // Any other is within its own rounding.
        assert_eq!(simplest(0.123_456_79) as f32, 0.123_456_79);
    }

    #[test]
    fn nodes_are_read() {
        // graph (7): node (1): input (1) "x", output (2) "y", operator (4) "Relu"; opset (8): version (2) 20.
        let message = [&[0x3a, 14, 0x0a, 12][..], b"\x0a\x01x\x12\x01y\x22\x04Relu", &[0x42, 2, 0x10, 20]].concat();
        let model = Model::read(&message).expect("a model");
        let [node] = model.graph.nodes.as_slice() else { panic!("one node") };
        assert_eq!(
            (node.operator, &node.inputs[..], &node.outputs[..], model.opset),
            ("Relu", &["x"][..], &["y"][..], 20)
        );
        for len in [1, 3, 9, message.len() - 1] {
            assert!(Model::read(&message[..len]).is_err(), "{len} bytes");
        }
    }
}
