"""The cases: what each one covers, and how it departs from the defaults below."""

DEFAULTS = dict(
    about="", m=8, n=4, input=[4], layers=[], outputs=3, loss="cross_entropy", reduction="mean",
    lr=0.1, decay=None, steps=8, batches=None, batch_size=False, batch_type="int64",
    kernel={}, seed=1, gain=1.5, f64_only=None,
    x_type="float64", y_type=None, stored_as=None, fortran=False, npz=False, levels=None,
    flat_targets=False, w_types=["f64"], dead_units=[],
)  # fmt: skip
Y_TYPES = {"cross_entropy": "int64", "squared_error": "float64", "logistic": "float64", "poisson": "float64"}

FULL = dict(kernel="full", coefficients=True, layers=True, tangent=True)
DIAGONAL = dict(kernel="diagonal", coefficients=True, layers=True, tangent=True)
TRACE = dict(kernel="trace", layers=True, tangent=True)

# Eight steps of four out of eight examples: some twice in a batch, number 6 only once.
BATCHES = [[0, 1, 2, 3], [4, 5, 7, 0], [1, 1, 6, 2], [3, 4, 3, 3], [5, 7, 0, 1], [2, 2, 4, 4], [7, 3, 5, 0], [1, 2, 3, 4]]
# Number 6 in no batch: its kernel is zero and its coefficients are NaN.
BATCHES_WITHOUT_6 = [[0, 1, 2], [3, 4, 5], [7, 0, 7], [1, 2, 3], [4, 5, 7], [0, 0, 0]]

CASES = {}


def case(name, about, **changes):
    """Add a case."""
    assert name not in CASES and not set(changes) - set(DEFAULTS), name
    full = {**DEFAULTS, "about": about, **changes}
    full["y_type"] = full["y_type"] or Y_TYPES[full["loss"]]
    CASES[name] = full


def linear(features, **more):
    return {"type": "linear", "features": features, **more}


def conv(channels, kernel, **more):
    return {"type": "conv2d", "channels": channels, "kernel": kernel, **more}


def pool(kind, kernel):
    return {"type": f"{kind}_pool2d", "kernel": kernel}


def add(origin):
    return {"type": "add", "from": origin}


def act(kind):
    return {"type": kind}


def mlp(kind, out=3, hidden=7):
    return [linear(hidden), act(kind), linear(out)]


FLATTEN, NORM = act("flatten"), act("layer_norm")

# ---- every activation, two hidden layers, everything asked for
SETTINGS = {
    "identity": dict(loss="squared_error", lr=0.05),
    "relu": dict(lr=0.1, seed=11, gain=2.0),
    "leaky_relu": dict(loss="squared_error", reduction="sum", lr=0.02),
    "tanh": dict(lr=0.05, reduction="sum"),
    "sigmoid": dict(loss="logistic", lr=0.5),
    "softplus": dict(loss="poisson", lr=0.05),
    "silu": dict(lr=0.5),
    "gelu": dict(loss="squared_error", lr=0.1),
    "sin": dict(lr=0.2),
}
for kind, settings in SETTINGS.items():
    layers = [linear(7), act(kind), linear(5), act(kind), linear(3)]
    case(f"mlp_{kind}", f"MLP with {kind}; every output asked for", layers=layers, kernel=FULL, **settings)

# ---- every loss with both reductions, mini-batches with repeats
for loss in ("cross_entropy", "squared_error", "logistic", "poisson"):
    for reduction, lr in (("mean", 0.1), ("sum", 0.03)):
        case(f"loss_{loss}_{reduction}", f"{loss}, {reduction}, recorded batches with repeated examples",
             layers=mlp("tanh", 2), outputs=2, loss=loss, reduction=reduction, lr=lr,
             batches=BATCHES, kernel=DIAGONAL)

# ---- rules, kernels, learning rates
for rule in (dict(rule="left"), dict(rule="gauss", nodes=1), dict(rule="gauss", nodes=3), dict(rule="gauss", nodes=6)):
    case(f"rule_{rule['rule']}{rule.get('nodes', '')}", f"rule {rule}, with a residual that shows it",
         layers=mlp("tanh"), lr=0.5, kernel={**rule, "kernel": "full"})
case("kernel_default", "nothing under [kernel]: gauss, 3 nodes, attribution only", layers=mlp("tanh"))
case("kernel_layers_only", "kernel none, attribution by layer", layers=mlp("gelu"), kernel=dict(kernel="none", layers=True))
case("kernel_trace", "trace: the mean over outputs", layers=mlp("gelu"), kernel=TRACE)
case("kernel_diagonal", "diagonal [n, m, C]", layers=mlp("gelu"), kernel=DIAGONAL)
case("kernel_full", "full [n, m, C, C]", layers=mlp("gelu"), kernel=FULL)
case("rate_005", "learning rate 0.05", layers=mlp("gelu"), lr=0.05, steps=12, kernel=TRACE)
case("rate_05", "learning rate 0.5, three weight layers", lr=0.5, steps=12, gain=1.0,
     layers=[linear(8), act("tanh"), linear(6), act("tanh"), linear(3)], kernel=DIAGONAL)
for kind in ("tanh", "gelu"):
    case(f"rate_15_{kind}", "learning rate 1.5", layers=mlp(kind), lr=1.5, gain=1.0, steps=10,
         f64_only="steps this long amplify f32 rounding", kernel={**FULL, "nodes": 6})
case("rate_15_relu", "learning rate 1.5 with kinks inside the segments", layers=mlp("relu"), lr=1.5, gain=1.0,
     f64_only="units flip on the way", kernel={**DIAGONAL, "nodes": 6})

# ---- batches
case("batch_full", "full batch with odd numbers of examples and queries", m=11, n=5, layers=mlp("silu"), kernel=FULL)
case("batch_size_given", "batch_size beside batches; batches of 32-bit integers", layers=mlp("silu"),
     batches=BATCHES, batch_size=True, batch_type="int32", kernel=FULL)
case("batch_of_one", "one example a step; batches of bytes", layers=mlp("sin"), steps=8, batch_type="uint8",
     batches=[[3], [1], [0], [7], [5], [3], [3], [2]], kernel=DIAGONAL)
case("batch_larger_than_data", "a batch with more entries than there are examples", m=6, steps=4,
     layers=mlp("tanh"), batches=[[0, 1, 2, 3, 4, 5, 0, 1], [2] * 8, [5, 4, 3, 2, 1, 0, 0, 0], [1, 3, 5, 1, 3, 5, 1, 3]],
     kernel=FULL)
for reduction, lr in (("mean", 0.2), ("sum", 0.05)):
    case(f"batch_never_seen_{reduction}", "an example in no batch: zero kernel, NaN coefficients", layers=mlp("tanh"),
         batches=BATCHES_WITHOUT_6, steps=6, reduction=reduction, lr=lr, kernel=FULL)

# ---- weight decay
case("decay_full_batch", "weight decay, full batch", layers=mlp("tanh"), decay=0.1, lr=0.2, kernel=FULL)
case("decay_batches_sum", "weight decay, batches with repeats, sum", layers=mlp("gelu"), decay=0.3, lr=0.05,
     loss="squared_error", reduction="sum", batches=BATCHES, kernel=DIAGONAL)
case("decay_left", "weight decay with rule left", layers=mlp("silu"), decay=0.2, lr=0.1, kernel=dict(rule="left", kernel="trace"))
case("decay_large_rate", "weight decay at learning rate 1.5", layers=mlp("softplus"), decay=0.05, lr=1.5, gain=1.0,
     f64_only="steps this long amplify f32 rounding", kernel={**TRACE, "nodes": 6})

# ---- convolutions and pooling
case("cnn_max_pool", "max pool drops the remainder", input=[1, 7, 7], m=6, n=3, steps=5, lr=0.05,
     layers=[conv(3, 3, padding=1), act("tanh"), pool("max", 2), FLATTEN, linear(3)], kernel=FULL)
case("cnn_relu_max_pool", "ReLU's zeros tie inside a max pool", input=[1, 8, 8], m=6, n=3, steps=5, lr=0.05,
     layers=[conv(2, 3), act("relu"), pool("max", 2), conv(3, 2), act("relu"), FLATTEN, linear(3)], kernel=DIAGONAL)
case("cnn_avg_pool", "average pool drops the remainder", input=[1, 8, 7], m=6, n=3, steps=6,
     layers=[conv(3, 3), act("gelu"), pool("avg", 2), FLATTEN, linear(3)], kernel=FULL)
case("cnn_avg_pool_whole", "one average over each map, then a linear layer", input=[2, 5, 5], m=6, n=3, steps=6, lr=0.2,
     layers=[conv(4, 2), act("silu"), pool("avg", 4), FLATTEN, linear(3)], kernel=DIAGONAL)
case("cnn_stride_padding", "stride and padding on an image that isn't square", input=[2, 7, 5], m=6, n=3, steps=6,
     loss="squared_error", lr=0.05, kernel=FULL,
     layers=[conv(3, 3, stride=2, padding=1), act("tanh"), conv(2, 2, stride=1, padding=1), act("sin"), FLATTEN, linear(3)])
case("cnn_stride_remainder", "a stride that leaves rows unused; padding wider than half the kernel", input=[1, 8, 6], m=6, n=3,
     steps=5, layers=[conv(2, 3, stride=3, padding=2), act("gelu"), conv(2, 2, stride=2), act("tanh"), FLATTEN, linear(3)],
     kernel=TRACE)
case("cnn_no_bias", "convolutions without bias, batches, decay", input=[1, 6, 6], steps=6, decay=0.1, batches=BATCHES[:6],
     layers=[conv(3, 3, bias=False), act("softplus"), conv(2, 3, bias=False), FLATTEN, linear(3, bias=False)], kernel=DIAGONAL)
case("cnn_kernel_1", "1 by 1 convolutions over channels", input=[3, 4, 4], m=6, n=3, steps=6,
     layers=[conv(4, 1), act("tanh"), conv(2, 1, stride=2), FLATTEN, linear(2)], outputs=2, kernel=FULL)
case("cnn_conv_last", "a convolution's map, flattened, is the output", input=[1, 5, 5], m=6, n=3, steps=6,
     layers=[conv(3, 3), act("tanh"), conv(3, 3), FLATTEN], kernel=FULL)
case("cnn_pool_of_input", "pools right on the input, with equal pixels", input=[1, 6, 7], m=6, n=3, levels=3, x_type="float32",
     steps=5, layers=[pool("max", 2), FLATTEN, linear(5), act("tanh"), linear(3)], kernel=DIAGONAL)
case("cnn_max_pool_ties", "equal pixels tie in a max pool below weights: the first in row order wins", input=[1, 6, 6], m=6, n=3,
     levels=2, steps=4, lr=0.2, layers=[conv(2, 1), act("tanh"), pool("max", 3), FLATTEN, linear(3)], kernel=FULL)

# ---- layer norm, positions
case("norm_vector", "layer norm of a hidden vector", layers=[linear(7), NORM, act("silu"), linear(3)], kernel=FULL)
case("norm_first", "layer norm right on the input", input=[6], layers=[NORM, linear(5), act("tanh"), linear(3)], decay=0.1, kernel=FULL)
case("norm_image_rows", "layer norm along the rows of an image", input=[1, 5, 6], m=6, n=3, steps=6,
     layers=[NORM, conv(2, 3), act("gelu"), FLATTEN, linear(3)], kernel=DIAGONAL)
case("norm_after_conv", "layer norm along the rows of feature maps", input=[1, 6, 6], m=6, n=3, steps=6,
     layers=[conv(3, 3, padding=1), NORM, act("tanh"), pool("avg", 3), FLATTEN, linear(3)], kernel=FULL)
case("norm_positions", "linear and layer norm on the last axis of [5, 4]", input=[5, 4], m=6, n=3, steps=6,
     layers=[linear(6), NORM, act("gelu"), linear(2), FLATTEN, linear(3)], kernel=FULL)
case("norm_last", "layer norm gives the outputs", layers=[linear(6), act("tanh"), linear(3), NORM], lr=0.2, kernel=DIAGONAL)
case("positions_then_flatten", "linear layers on positions, the last one too", input=[3, 4], steps=6,
     layers=[linear(5), act("tanh"), linear(2), FLATTEN], outputs=6, kernel=TRACE)
case("positions_of_maps", "a linear layer on the rows of feature maps", input=[1, 5, 5], m=6, n=3, steps=6,
     layers=[conv(2, 2), act("sin"), linear(3), act("tanh"), FLATTEN, linear(3)], batches=[[0, 1, 5], [2, 2, 3], [4, 5, 5]] * 2,
     kernel=FULL)
case("positions_no_bias", "positions without bias, decay, sum", input=[4, 3], m=7, steps=6, reduction="sum", lr=0.03, decay=0.2,
     layers=[linear(5, bias=False), act("silu"), FLATTEN, linear(3, bias=False)], kernel=DIAGONAL)

# ---- graphs
case("graph_add_input", "add from = -1", layers=[linear(6), act("tanh"), linear(4), add(-1), act("gelu"), linear(3)], kernel=FULL)
case("graph_add_layer", "two additions, one of them of a layer that is used three times",
     layers=[linear(5), act("tanh"), linear(5), act("silu"), add(1), linear(5), act("sin"), add(1), linear(3)], kernel=DIAGONAL)
case("graph_branch", "a layer that names its input with from: two branches, added",
     layers=[linear(5), act("tanh"), linear(4), act("gelu"), {**linear(4), "from": 1}, act("sin"), add(3), linear(3)], kernel=FULL)
case("graph_branch_input", "a branch from the network's input", input=[5],
     layers=[linear(4), act("tanh"), {**linear(4), "from": -1}, add(1), act("silu"), linear(3)], decay=0.1, kernel=FULL)
case("graph_activation_from", "an activation that names its input with from",
     layers=[linear(5), act("tanh"), {**act("sin"), "from": 0}, add(1), linear(3)], kernel=DIAGONAL)
case("graph_double", "a layer added to itself", layers=[linear(5), act("tanh"), add(1), linear(3)], kernel=FULL)
case("graph_conv_residual", "a residual connection between convolutions", input=[1, 5, 5], m=6, n=3, steps=6,
     layers=[conv(2, 3, padding=1), act("tanh"), conv(2, 3, padding=1), act("gelu"), add(1), pool("avg", 2), FLATTEN, linear(3)],
     kernel=FULL)
case("graph_norm_residual", "positions with a norm inside a residual connection", input=[4, 3], m=6, n=3, steps=6, decay=0.05,
     layers=[NORM, linear(3), act("gelu"), linear(3), add(-1), NORM, FLATTEN, linear(3)], kernel=DIAGONAL)

# ---- outputs and targets
case("one_output_flat", "one output, targets [m]", layers=mlp("tanh", 1), outputs=1, loss="squared_error", flat_targets=True, kernel=FULL)
case("one_output_column", "one output, targets [m, 1]", layers=mlp("tanh", 1), outputs=1, loss="squared_error", kernel=TRACE)
case("logistic_one", "logistic with one output, targets of bool", layers=mlp("silu", 1), outputs=1, loss="logistic",
     flat_targets=True, y_type="bool", lr=0.3, kernel=DIAGONAL)
case("logistic_two", "logistic with two outputs, targets of bytes", layers=mlp("gelu", 2), outputs=2, loss="logistic",
     y_type="uint8", lr=0.3, kernel=FULL)
case("poisson_counts", "poisson with counts as 16-bit integers", layers=mlp("tanh", 2), outputs=2, loss="poisson", y_type="int16",
     gain=1.0, kernel=FULL)
case("four_classes", "four outputs; classes of bytes", m=12, layers=mlp("tanh", 4), outputs=4, y_type="uint8", kernel=FULL, steps=4)
case("classes_i32", "classes of 32-bit integers", layers=mlp("tanh"), y_type="int32", kernel=TRACE)
case("classes_u64", "classes of unsigned 64-bit integers", layers=mlp("tanh"), y_type="uint64", kernel=TRACE)
case("ends_in_tanh", "the last layer is tanh", layers=[*mlp("gelu"), act("tanh")], loss="squared_error", lr=0.3, kernel=FULL)
case("ends_in_softplus", "the last layer is softplus, mini-batches", layers=[*mlp("sin"), act("softplus")], batches=BATCHES, kernel=DIAGONAL)

# ---- inputs and weights
case("queries_are_training", "no [data.query]", n=0, m=6, layers=mlp("tanh"), kernel=FULL)
case("inputs_f32", "inputs of 32-bit floats", layers=mlp("tanh"), x_type="float32", kernel=TRACE)
case("inputs_u8", "inputs of bytes", layers=mlp("tanh"), x_type="uint8", lr=0.05, kernel=TRACE)
case("inputs_bool", "inputs of bool", layers=mlp("tanh"), x_type="bool", kernel=TRACE)
case("inputs_reshaped", "inputs [m, 36], reshaped to [1, 6, 6]", input=[1, 6, 6], stored_as=[36], m=6, n=3, steps=4,
     layers=[conv(2, 3), act("tanh"), FLATTEN, linear(3)], kernel=TRACE)
case("inputs_column_major", "inputs in column-major (Fortran) order", input=[2, 3], fortran=True, layers=[FLATTEN, *mlp("tanh")], kernel=TRACE)
case("inputs_npz", "inputs inside an .npz file", npz=True, layers=mlp("tanh"), kernel=TRACE)
case("weights_mixed", "initial weights of F32, F16 and BF16", layers=mlp("tanh"), w_types=["f32", "f16", "bf16"], kernel=TRACE)
case("relu_at_zero", "units whose input is exactly 0: derivative 0, so they never move", layers=[linear(6), act("relu"), linear(5), act("relu"), linear(3)],
     dead_units=[(0, 2), (0, 4), (2, 1)], lr=0.1, kernel=FULL)
case("no_hidden_layer", "a linear model: its path kernel is T (x·x' + 1)", layers=[linear(3)], kernel=FULL)
case("no_bias_mlp", "linear layers without bias", layers=[linear(6, bias=False), act("tanh"), linear(3, bias=False)], kernel=FULL)
case("width_one", "one input, one hidden unit, one example, one query", input=[1], m=1, n=1, layers=mlp("tanh", 1, hidden=1), outputs=1,
     loss="squared_error", kernel=FULL)
