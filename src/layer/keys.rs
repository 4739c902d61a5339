//! The keys of each layer.

use super::{Add, AvgPool2d, Conv2d, Flatten, Layer, LayerKind, LayerNorm, Linear, Lower, MaxPool2d};
use crate::activation::Activation;
use crate::key::{
    Alternative, Count, Custom, Entry, Flag, Key, OneOf, Result, Shape, Table, Value, Variant, Wrong, at,
};

/// A table whose `type` names a layer.
pub(crate) const FORM: OneOf<Layer> = OneOf { variants, name: |layer| layer.kind.name(), shared: SHARED };

/// What stands before a run file is read.
pub(crate) const START: Layer = of(LayerKind::Flatten(Flatten));

const SHARED: &[Key<Layer>] = &[Key::new(
    "from",
    "the layer it reads, by its index from 0; -1 is the network's input; without it, the layer before",
    &Custom {
        read: |at, given, layer: &mut Layer| match given {
            Value::Integer(from @ -1..) => {
                layer.from = Some(*from);
                Ok(())
            }
            _ => Err(Wrong::new(at, FROM)),
        },
        write: |layer| layer.from.map(Value::Integer),
        shape: || Shape::Plain("the index of an earlier layer, or -1".into()),
    },
)];

/// What `from` must be.
pub(crate) const FROM: &str = "must be the index of an earlier layer, or -1 for the network's input";

/// A layer that reads the one before.
const fn of(kind: LayerKind) -> Layer {
    Layer { from: None, kind }
}

fn variants() -> Vec<Box<dyn Variant<Layer>>> {
    let mut all: Vec<Box<dyn Variant<Layer>>> = vec![
        Box::new(LINEAR),
        Box::new(CONV2D),
        Box::new(MAX_POOL2D),
        Box::new(AVG_POOL2D),
        Box::new(plain(LayerKind::Flatten(Flatten), "everything after the first axis as one axis")),
        Box::new(plain(
            LayerKind::LayerNorm(LayerNorm),
            "the last axis to mean 0 and variance 1 (eps 1e-5), with weight and bias",
        )),
        Box::new(plain(LayerKind::Add(Add), "the output of the layer before plus that of `from`, which must be given")),
    ];
    let activations = Activation::ALL.iter().copied();
    all.extend(activations.map(|activation| {
        Box::new(plain(LayerKind::Activation(activation), activation.help())) as Box<dyn Variant<Layer>>
    }));
    all
}

const LINEAR_KEYS: &[Key<Linear>] = &[
    Key::required("features", "outputs for each position", at!(Linear.features, Count::from(1))),
    Key::new("bias", "whether a bias is added", at!(Linear.bias, Flag)),
];

const LINEAR: Alternative<Layer, Linear> = Alternative {
    name: "linear",
    help: "acts on the last axis; the axes before it are positions",
    start: Linear { features: 0, bias: true },
    keys: LINEAR_KEYS,
    check: |_| Ok(()),
    make: |own| of(LayerKind::Linear(own)),
    of: |layer| if let LayerKind::Linear(own) = &layer.kind { Some(own.clone()) } else { None },
};

const CONV2D_KEYS: &[Key<Conv2d>] = &[
    Key::required("channels", "outputs for each position", at!(Conv2d.channels, Count::from(1))),
    Key::required("kernel", "side of the window", at!(Conv2d.kernel, Count::from(1))),
    Key::new("stride", "from one window to the next", at!(Conv2d.stride, Count::from(1))),
    Key::new("padding", "zeros on each side", at!(Conv2d.padding, Count::from(0))),
    Key::new("bias", "whether a bias is added", at!(Conv2d.bias, Flag)),
];

const CONV2D: Alternative<Layer, Conv2d> = Alternative {
    name: "conv2d",
    help: "a convolution of images: channels, height, width",
    start: Conv2d { channels: 0, kernel: 0, stride: 1, padding: 0, bias: true },
    keys: CONV2D_KEYS,
    check: |_| Ok(()),
    make: |own| of(LayerKind::Conv2d(own)),
    of: |layer| if let LayerKind::Conv2d(own) = &layer.kind { Some(own.clone()) } else { None },
};

const MAX_POOL2D_KEYS: &[Key<MaxPool2d>] = &[Key::required(
    "kernel",
    "side of the window, and from one window to the next; there is no padding, and a rest is dropped",
    at!(MaxPool2d.kernel, Count::from(1)),
)];

const MAX_POOL2D: Alternative<Layer, MaxPool2d> = Alternative {
    name: "max_pool2d",
    help: "the largest of each window; of equal ones the first in row order, as in PyTorch",
    start: MaxPool2d { kernel: 0 },
    keys: MAX_POOL2D_KEYS,
    check: |_| Ok(()),
    make: |own| of(LayerKind::MaxPool2d(own)),
    of: |layer| if let LayerKind::MaxPool2d(own) = &layer.kind { Some(own.clone()) } else { None },
};

const AVG_POOL2D_KEYS: &[Key<AvgPool2d>] = &[Key::required(
    "kernel",
    "side of the window, and from one window to the next; there is no padding, and a rest is dropped",
    at!(AvgPool2d.kernel, Count::from(1)),
)];

const AVG_POOL2D: Alternative<Layer, AvgPool2d> = Alternative {
    name: "avg_pool2d",
    help: "the mean of each window",
    start: AvgPool2d { kernel: 0 },
    keys: AVG_POOL2D_KEYS,
    check: |_| Ok(()),
    make: |own| of(LayerKind::AvgPool2d(own)),
    of: |layer| if let LayerKind::AvgPool2d(own) = &layer.kind { Some(own.clone()) } else { None },
};

/// A layer without keys.
struct Plain {
    kind: LayerKind,
    help: &'static str,
}

const fn plain(kind: LayerKind, help: &'static str) -> Plain {
    Plain { kind, help }
}

impl Variant<Layer> for Plain {
    fn name(&self) -> &'static str {
        self.kind.name()
    }

    fn help(&self) -> &'static str {
        self.help
    }

    fn known(&self) -> Vec<(&'static str, bool)> {
        Vec::new()
    }

    fn read(&self, _at: &str, _table: &Table) -> Result<Layer> {
        Ok(of(self.kind.clone()))
    }

    fn write(&self, from: &Layer) -> Option<Table> {
        (from.kind == self.kind).then(Table::default)
    }

    fn entries(&self) -> Vec<Entry> {
        Vec::new()
    }
}
