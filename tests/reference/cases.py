"""The cases: what each one covers, and how it departs from the defaults below."""

DEFAULTS = dict(
    about="", m=8, n=4, input=[4], layers=[], outputs=3, loss="cross_entropy", reduction="mean",
    lr=0.1, decay=None, steps=8, batches=None, batch_size=False, batch_type="int64",
    kernel={}, seed=1, gain=1.5, f64_only=None,
    x_type="float64", y_type=None, stored_as=None, fortran=False, npz=False, levels=None,
    flat_targets=False, w_types=["f64"], dead_units=[], query_targets=False,
    group="descent", optimizer={}, schedule=None, clip=None, trajectory={}, recorded=None, filed={},
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


FLATTEN, NORM, RMS_NORM = act("flatten"), act("layer_norm"), act("rms_norm")

# ---- every activation, two hidden layers, everything asked for
SETTINGS = {
    "identity": dict(loss="squared_error", lr=0.05),
    "relu": dict(lr=0.1, seed=11, gain=2.0),
    "relu6": dict(lr=0.02, gain=9.0),
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
case("kernel_default", "the rule alone under [kernel]: 3 nodes, attribution only", layers=mlp("tanh"))
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
case("graph_rms_norm_residual", "RMS norm of positions, before a residual connection and after it", input=[3, 4], m=6, n=3,
     layers=[linear(5), RMS_NORM, linear(5), act("silu"), add(0), RMS_NORM, FLATTEN, linear(3)], steps=6, gain=3.0, decay=0.05,
     kernel=FULL)

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


def group(name, **common):
    """A function that adds cases of a group, with defaults of its own."""
    return lambda key, about, **changes: case(key, about, group=name, **{**common, **changes})


def sgd(momentum, **more):
    return {"type": "sgd", "momentum": momentum, **more}


def adam(kind="adam", **more):
    return {"type": kind, **more}


SPLIT = dict(layers=True)  # attribution by layer
CNN = dict(input=[1, 5, 5], m=6, n=3, steps=6,
           layers=[conv(2, 3), act("silu"), pool("avg", 3), FLATTEN, linear(3)])  # fmt: skip
RESIDUAL = [linear(5), act("tanh"), linear(5), act("gelu"), add(1), linear(3)]

# ---- momentum
optimizers = group("optimizers", layers=mlp("tanh"), kernel=SPLIT)
optimizers("momentum", "heavy ball, attribution by layer", optimizer=sgd(0.9))
optimizers("momentum_decay", "heavy ball with decay, mini-batches with repeats", optimizer=sgd(0.8), decay=0.1, batches=BATCHES)
optimizers("momentum_sum", "heavy ball, sum", optimizer=sgd(0.5), reduction="sum", lr=0.03, loss="squared_error",
           kernel=dict(nodes=6))
optimizers("momentum_dampening", "dampening, which spares the first step", optimizer=sgd(0.9, dampening=0.4), lr=0.2)
optimizers("momentum_dampening_decay", "dampening multiplies the decay too", optimizer=sgd(0.7, dampening=0.5), decay=0.2,
           lr=0.2, batches=BATCHES)
optimizers("momentum_dampening_whole", "dampening 1: the first gradient for ever", optimizer=sgd(0.9, dampening=1.0), decay=0.1)
optimizers("momentum_dampening_alone", "dampening without momentum does nothing; the kernel is there",
           optimizer=sgd(0.0, dampening=0.5), kernel=FULL)
optimizers("nesterov", "Nesterov in PyTorch's form", optimizer=sgd(0.9, nesterov=True), lr=0.05)
optimizers("nesterov_decay", "Nesterov with decay, mini-batches without number 6", optimizer=sgd(0.6, nesterov=True),
           decay=0.1, steps=6, batches=BATCHES_WITHOUT_6)
optimizers("momentum_left", "heavy ball with decay, rule left", optimizer=sgd(0.9), decay=0.05, kernel=dict(rule="left", layers=True))
optimizers("momentum_gauss1", "Nesterov, one node", optimizer=sgd(0.9, nesterov=True), kernel=dict(nodes=1))
optimizers("momentum_cnn", "heavy ball on convolutions, decay, batches", optimizer=sgd(0.9), decay=0.1, lr=0.05,
           **{**CNN, "steps": 4}, batches=[[0, 1, 5], [2, 2, 3], [4, 5, 5], [1, 3, 0]])
optimizers("momentum_cnn_pool", "Nesterov on convolutions with ReLU and max pool", optimizer=sgd(0.9, nesterov=True), input=[1, 6, 6],
           m=6, n=3, steps=5, lr=0.05, layers=[conv(2, 3), act("relu"), pool("max", 2), FLATTEN, linear(3)])
optimizers("momentum_relu6", "heavy ball with ReLU6: units below 0, between the kinks and above 6", optimizer=sgd(0.9),
           layers=[linear(7), act("relu6"), linear(5), act("relu6"), linear(3)], lr=0.02, gain=9.0)
optimizers("momentum_norm", "heavy ball with layer norm", optimizer=sgd(0.9), layers=[linear(6), NORM, act("silu"), linear(3)],
           decay=0.05)
optimizers("momentum_graph", "heavy ball on a residual graph", optimizer=sgd(0.9), lr=0.05, layers=RESIDUAL)
optimizers("momentum_positions", "heavy ball on positions with a norm", optimizer=sgd(0.8), input=[3, 4], m=6, n=3, steps=6,
           layers=[linear(5), NORM, act("gelu"), linear(2), FLATTEN, linear(3)], lr=0.05)
optimizers("momentum_one_output", "one output, targets [m]", optimizer=sgd(0.9), layers=mlp("tanh", 1), outputs=1,
           loss="squared_error", flat_targets=True, lr=0.05)

# ---- Adam and AdamW
optimizers("adam", "Adam, attribution by layer", optimizer=adam(), lr=0.03)
optimizers("adam_decay", "Adam with coupled decay, mini-batches with repeats", optimizer=adam(), lr=0.02, decay=0.1, batches=BATCHES)
optimizers("adam_betas", "Adam with other betas and a large eps, which f32 shows too", optimizer=adam(betas=[0.5, 0.8], eps=0.01), lr=0.05,
           decay=0.1, reduction="sum")
optimizers("adam_no_memory", "Adam with betas 0: the sign of the gradient, nearly", optimizer=adam(betas=[0.0, 0.0], eps=0.001), lr=0.02)
optimizers("adamw", "AdamW, attribution by layer", optimizer=adam("adamw", eps=1e-6), lr=0.03, decay=0.1)
optimizers("adamw_batches", "AdamW, mini-batches, sum", optimizer=adam("adamw", betas=[0.8, 0.95]), lr=0.02, decay=0.3, reduction="sum",
           loss="squared_error", batches=BATCHES)
optimizers("adamw_left", "AdamW with rule left", optimizer=adam("adamw", betas=[0.9, 0.99], eps=1e-6), lr=0.03, decay=0.2,
           kernel=dict(rule="left"), loss="logistic")
optimizers("adam_gauss6", "Adam, six nodes, poisson", optimizer=adam(eps=1e-5), lr=0.05, loss="poisson", kernel=dict(nodes=6))
optimizers("adam_cnn", "Adam on convolutions", optimizer=adam(betas=[0.9, 0.99], eps=1e-4), lr=0.02, **CNN)
optimizers("adamw_cnn_pool", "AdamW on convolutions with ReLU and max pool", optimizer=adam("adamw", eps=1e-4), input=[1, 6, 6], m=6, n=3,
           steps=5, lr=0.01, decay=0.1, layers=[conv(2, 3), act("relu"), pool("max", 2), FLATTEN, linear(3)])
optimizers("adam_amsgrad", "AMSGrad with coupled decay, mini-batches with repeats", optimizer=adam(amsgrad=True, betas=[0.8, 0.6], eps=1e-4),
           lr=0.02, decay=0.1, batches=BATCHES)
optimizers("adam_norm", "Adam with layer norm and coupled decay", optimizer=adam(eps=1e-5), lr=0.02, decay=0.05,
           layers=[linear(6), NORM, act("silu"), linear(3)])
optimizers("adam_rms_norm", "Adam with RMS norm in a residual network", optimizer=adam(eps=1e-5), lr=0.02, decay=0.05, gain=3.0,
           layers=[linear(6), RMS_NORM, linear(6), act("silu"), add(0), RMS_NORM, linear(3)])
optimizers("adamw_graph", "AdamW on a residual graph", optimizer=adam("adamw", eps=1e-5), lr=0.02, decay=0.1, layers=RESIDUAL)

# ---- RMSprop, NAdam, Lion
optimizers("rmsprop", "RMSprop with decay, mini-batches with repeats", optimizer=adam("rmsprop", alpha=0.9, eps=1e-3), lr=0.02, decay=0.1,
           batches=BATCHES)
optimizers("rmsprop_momentum", "RMSprop with momentum, which sums what is preconditioned, and decay",
           optimizer=adam("rmsprop", alpha=0.9, eps=1e-3, momentum=0.8), lr=0.01, decay=0.2, batches=BATCHES)
optimizers("rmsprop_whole", "centered RMSprop with momentum on convolutions", optimizer=adam("rmsprop", eps=1e-2, momentum=0.5, centered=True),
           lr=0.005, decay=0.1, **CNN)
optimizers("nadam", "NAdam with coupled decay, mini-batches with repeats", optimizer=adam("nadam", eps=1e-4), lr=0.02, decay=0.1,
           batches=BATCHES)
optimizers("nadam_decoupled", "NAdam with decoupled decay and a momentum that grows",
           optimizer=adam("nadam", betas=[0.8, 0.95], eps=1e-4, momentum_decay=0.5, decoupled_weight_decay=True), lr=0.03, decay=0.2)
optimizers("lion", "Lion with decay, clipped and with a schedule", optimizer=adam("lion"), lr=0.01, decay=0.2, clip=1.0, gain=2.0,
           schedule={"type": "cosine", "final": 0.002})

# ---- numbers of each step, and groups of parameters
GROWING = [[0.7 + 0.03 * s, 0.9 + 0.01 * s] for s in range(8)]
optimizers("numbers_rmsprop", "RMSprop: rate, alpha, momentum and decay of each step's own", batches=BATCHES, lr=[0.01 / (1 + s) for s in range(8)],
           optimizer=adam("rmsprop", eps=1e-2, alpha=[0.8 + 0.02 * s for s in range(8)], momentum=[0.9 - 0.1 * s for s in range(8)],
                          weight_decay=[0.2, 0.2, 0.0, 0.1, 0.1, 0.3, 0.0, 0.0]))  # fmt: skip
optimizers("numbers_lion", "Lion: betas and decay of each step's own", lr=0.01, batches=BATCHES,
           optimizer=adam("lion", betas=[[0.4 + 0.05 * s, 0.95 - 0.1 * s] for s in range(8)], weight_decay=[0.05 * s for s in range(8)]))
optimizers("groups_nesterov", "Nesterov, a momentum of each step's own; a layer with another, clipped", clip=0.75, gain=2.0, lr=0.05, decay=0.1,
           batches=BATCHES, optimizer=sgd([0.5 + 0.05 * s for s in range(8)], nesterov=True,
                                          groups=[{"parameters": ["0.*"], "momentum": 0.8, "learning_rate": 0.02, "weight_decay": 0.0}]))  # fmt: skip
optimizers("groups_dampening", "heavy ball, a layer with another dampening and no decay", lr=0.1, decay=0.1,
           optimizer=sgd(0.9, groups=[{"parameters": ["2.weight", "2.bias"], "weight_decay": 0.0, "dampening": 0.5}]))
optimizers("groups_adamw", "AdamW: betas from a file; layers with other rates and decay; a schedule", filed={"betas": GROWING}, decay=0.3, lr=0.03,
           schedule={"type": "cosine", "final": 0.004, "warmup": 2}, layers=mlp("tanh"),
           optimizer=adam("adamw", eps=1e-4, groups=[{"parameters": ["2.*"], "weight_decay": 0.0, "learning_rate": 0.01, "eps": 1e-3},
                                                     {"parameters": ["*"], "weight_decay": 0.1}]))  # fmt: skip
optimizers("groups_bias", "AdamW without decay of biases, which are blocks of their own", decay=0.3, lr=0.03, batches=BATCHES, kernel={},
           optimizer=adam("adamw", eps=1e-4, groups=[{"parameters": ["*.bias"], "weight_decay": 0.0}]))
optimizers("groups_kernel", "plain descent: the kernel weighs each layer by its own rate", lr=0.3, decay=0.1, batches=BATCHES, kernel=FULL,
           schedule={"type": "step", "every": 3, "factor": 0.5},
           optimizer={"groups": [{"parameters": ["0.*"], "learning_rate": 0.1, "weight_decay": 0.0}]})

# ---- clipping, active in some steps and not in others
optimizers("clip_sgd", "clipping: the coefficients carry it, the kernel doesn't", clip=0.8, lr=0.3, kernel=FULL, gain=2.0)
optimizers("clip_batches", "clipping before decay, mini-batches with repeats", clip=0.8, lr=0.2, decay=0.2, batches=BATCHES,
           kernel=DIAGONAL, gain=2.0)
optimizers("clip_momentum", "clipping with momentum and decay", clip=0.8, optimizer=sgd(0.9), decay=0.1, batches=BATCHES, gain=2.0)
optimizers("clip_adam", "clipping with Adam", clip=0.75, optimizer=adam(eps=1e-5), lr=0.03, batches=BATCHES, gain=2.0)

# ---- schedules
optimizers("schedule_step", "the rate by steps", schedule={"type": "step", "every": 3, "factor": 0.5}, lr=0.2, kernel=FULL)
optimizers("schedule_step_warmup", "the rate by steps, which count from the end of the warm-up",
           schedule={"type": "step", "every": 2, "factor": 0.3, "warmup": 3}, lr=0.3, optimizer=sgd(0.9), decay=0.1)
optimizers("schedule_cosine", "cosine to zero", schedule={"type": "cosine"}, lr=0.3, kernel=DIAGONAL, batches=BATCHES)
optimizers("schedule_cosine_final", "cosine to a rate that isn't zero, Adam",
           schedule={"type": "cosine", "final": 0.01}, optimizer=adam(eps=1e-5), lr=0.04)
optimizers("schedule_cosine_warmup", "warm-up, then cosine over the other steps; AdamW's decay takes the rate too",
           schedule={"type": "cosine", "final": 0.005, "warmup": 2}, optimizer=adam("adamw", eps=1e-5), lr=0.05, decay=0.2)
optimizers("schedule_warmup", "warm-up, then constant", schedule={"type": "constant", "warmup": 4}, lr=0.2, kernel=TRACE, decay=0.1)
optimizers("schedule_warmup_long", "a warm-up that training doesn't outlast; Nesterov, clipping",
           schedule={"type": "cosine", "warmup": 12}, lr=0.5, optimizer=sgd(0.9, nesterov=True), clip=0.5, gain=2.0)

# ---- what is kept of the path changes nothing
optimizers("every_sgd", "weights kept every third step, plain", trajectory={"every": 3}, kernel=TRACE, decay=0.1)
optimizers("every_momentum", "weights kept every fifth of eight steps, heavy ball", trajectory={"every": 5}, optimizer=sgd(0.9), batches=BATCHES)
optimizers("every_adam", "weights kept less often than there are steps, AdamW", trajectory={"every": 100},
           optimizer=adam("adamw", eps=1e-5), lr=0.03, decay=0.1)

# ---- the attribution by windows of training: an example counts in the window of the step whose batch held it
windows = group("windows", layers=mlp("tanh"), batches=BATCHES, kernel={"windows": 3})
windows("windows_sgd", "three windows of eight steps, beside layers, the whole kernel and its coefficients", decay=0.1,
        kernel={**FULL, "windows": 3})
windows("windows_one", "one window, the whole; decay that shrinks what is left of a gradient", optimizer=sgd(0.9), decay=0.2, kernel={"windows": 1})
windows("windows_momentum", "heavy ball with dampening and layers: gradients act in later windows", optimizer=sgd(0.9, dampening=0.4), lr=0.2,
        decay=0.1, kernel={"windows": 4, "layers": True})
windows("windows_nesterov", "Nesterov, clipped, a window a step, weights kept every third step", optimizer=sgd(0.8, nesterov=True), lr=0.05,
        clip=0.75, gain=2.0, trajectory={"every": 3}, kernel={"windows": 8})
windows("windows_adamw", "AdamW, clipped, with a schedule and layers of other rates", clip=0.8, gain=2.0, decay=0.3, lr=0.03,
        schedule={"type": "cosine", "final": 0.004, "warmup": 2},
        optimizer=adam("adamw", betas=[0.8, 0.95], eps=1e-4, groups=[{"parameters": ["2.*"], "weight_decay": 0.0, "learning_rate": 0.01}]))
windows("windows_adam", "Adam with full batches, whose first layer could go forwards in time", optimizer=adam(eps=1e-5), lr=0.03, batches=None,
        kernel={"windows": 5, "layers": True})
windows("windows_rmsprop", "RMSprop with momentum", optimizer=adam("rmsprop", alpha=0.9, eps=1e-3, momentum=0.8), lr=0.01, decay=0.2)
windows("windows_nadam", "NAdam, whose gradients act by themselves and through the moment", optimizer=adam("nadam", eps=1e-4), lr=0.02, decay=0.1)
windows("windows_lion", "Lion, whose gradients enter the moment after their step", optimizer=adam("lion"), lr=0.01, decay=0.2)
windows("windows_adaptive", "the rule adaptive, heavy ball, the query's loss", lr=0.1, steps=6, optimizer=sgd(0.9), batches=None, query_targets=True,
        layers=[linear(10), act("relu"), linear(8), act("relu"), linear(3)],
        kernel=dict(rule="adaptive", tolerance=1e-9, windows=2, readout="loss"))
windows("windows_imported", "a recorded path with a step that is not the optimizer's; a readout of probabilities", optimizer=sgd(0.8), decay=0.05,
        recorded={"tampered": {4: 1e-3}}, kernel={"windows": 3, "readout": "probabilities"})

# ---- readouts
readouts = group("readouts", layers=mlp("tanh"), query_targets=True)
readouts("probabilities", "softmax: a kernel [n, m, R, C] of R rows and C outputs", kernel={**FULL, "readout": "probabilities"}, query_targets=False)
readouts("probabilities_trace", "softmax, trace", kernel={**TRACE, "readout": "probabilities"}, query_targets=False, decay=0.1)
readouts("probabilities_logistic", "sigmoid of each output, diagonal", loss="logistic", lr=0.5,
         kernel={**DIAGONAL, "readout": "probabilities"}, query_targets=False)
readouts("probabilities_one", "sigmoid of one output: R = C = 1, so there is a trace", loss="logistic", layers=mlp("silu", 1), outputs=1,
         flat_targets=True, lr=0.5, kernel={**TRACE, "readout": "probabilities"}, query_targets=False)
readouts("loss_cross_entropy", "the query's own loss, full kernel [n, m, 1, C]", kernel={**FULL, "readout": "loss"})
readouts("loss_sum", "the query's loss is not reduced, though training's is a sum", reduction="sum", lr=0.03, batches=BATCHES,
         kernel={**FULL, "readout": "loss"}, decay=0.1)
readouts("loss_squared_error", "squared error of the query", loss="squared_error", kernel={**FULL, "readout": "loss"}, lr=0.05)
readouts("loss_logistic", "logistic loss of the query", loss="logistic", lr=0.3, kernel={"layers": True, "readout": "loss", "nodes": 6})
readouts("loss_poisson", "poisson loss of the query", loss="poisson", gain=1.0, lr=0.05, kernel={**FULL, "readout": "loss"})
readouts("loss_of_training", "no [data.query]: the training set's own losses", n=0, m=6, query_targets=False,
         kernel={**FULL, "readout": "loss"})
readouts("loss_flat_targets", "one output, query targets [n]", loss="squared_error", layers=mlp("gelu", 1), outputs=1, flat_targets=True,
         kernel={"readout": "loss", "layers": True}, lr=0.05)
readouts("target", "the output of the query's own class", kernel={**FULL, "readout": "target"})
readouts("target_batches", "the same with mini-batches, decay, rule left", batches=BATCHES, decay=0.1,
         kernel={"readout": "target", "rule": "left", "layers": True}, y_type="uint8")
readouts("margin", "how far the query's class is ahead of the others", kernel={**FULL, "readout": "margin"})
readouts("margin_two", "two classes: the margin is a difference", layers=mlp("tanh", 2), outputs=2, kernel={**FULL, "readout": "margin"})
readouts("margin_cnn", "margin on convolutions", **{**CNN, "layers": [conv(2, 3), act("relu"), pool("max", 2), FLATTEN, linear(4)]},
         outputs=4, kernel={"kernel": "full", "layers": True, "readout": "margin"}, lr=0.2)
readouts("probabilities_momentum", "softmax with heavy ball and decay", optimizer=sgd(0.9), decay=0.1, lr=0.05,
         kernel={**SPLIT, "readout": "probabilities"}, query_targets=False)
readouts("loss_nesterov", "loss with Nesterov, squared error", optimizer=sgd(0.8, nesterov=True), loss="squared_error", lr=0.03,
         kernel={**SPLIT, "readout": "loss"})
readouts("target_adam", "target with Adam", optimizer=adam(eps=1e-5), lr=0.03, kernel={**SPLIT, "readout": "target"})
readouts("margin_adamw", "margin with AdamW and a layer norm", optimizer=adam("adamw", eps=1e-5), lr=0.02, decay=0.2,
         layers=[linear(6), NORM, act("silu"), linear(3)], kernel={**SPLIT, "readout": "margin"})

# ---- the adaptive rule: segments cut where a unit flips
ADAPTIVE = dict(rule="adaptive", tolerance=1e-9)
RELUS = [linear(10), act("relu"), linear(8), act("relu"), linear(3)]
adaptive = group("adaptive", layers=RELUS, kernel={**ADAPTIVE, **DIAGONAL}, steps=6, n=8)
adaptive("adaptive_relu_small", "ReLU at learning rate 0.05", lr=0.05, steps=10)
adaptive("adaptive_relu_large", "ReLU at learning rate 0.5: many flips in a segment", lr=0.5, kernel={**ADAPTIVE, **FULL})
adaptive("adaptive_relu_deep", "three hidden layers of ReLU", lr=0.2,
         layers=[linear(6), act("relu"), linear(5), act("relu"), linear(5), act("relu"), linear(3)], kernel={**ADAPTIVE, **TRACE})
adaptive("adaptive_leaky", "leaky ReLU, squared error, batches and decay", layers=[linear(8), act("leaky_relu"), linear(6), act("leaky_relu"), linear(3)],
         loss="squared_error", lr=0.2, decay=0.1, batches=BATCHES[:6], kernel={**ADAPTIVE, **DIAGONAL})
adaptive("adaptive_relu6", "ReLU6, whose units flip at 0 and at 6", lr=0.1, gain=9.0,
         layers=[linear(10), act("relu6"), linear(8), act("relu6"), linear(3)])
adaptive("adaptive_one_output", "one output: the certificate can vanish by cancellation", layers=[linear(10), act("relu"), linear(8), act("relu"), linear(1)], outputs=1,
         loss="squared_error", lr=0.5)
adaptive("adaptive_two_outputs", "two outputs", layers=[linear(10), act("relu"), linear(8), act("relu"), linear(2)], outputs=2, lr=0.5)
adaptive("adaptive_relu_tanh", "ReLU and tanh: pieces, each one smooth", layers=[linear(10), act("relu"), linear(6), act("tanh"), linear(3)], lr=0.5)
adaptive("adaptive_tanh_relu", "a ReLU fed by tanh, which flips where no polynomial says", layers=[linear(7), act("tanh"), linear(8), act("relu"), linear(3)], lr=0.5,
         kernel={**ADAPTIVE, **TRACE})
adaptive("adaptive_smooth", "no kinks: nodes by the certificate alone", layers=mlp("gelu"), lr=0.5)
adaptive("adaptive_smooth_one", "no kinks, one output", layers=mlp("tanh", 1), outputs=1, loss="squared_error", lr=0.3)
adaptive("adaptive_cnn", "ReLU and max pool on convolutions", input=[1, 6, 6], m=6, n=4, steps=4, lr=0.1,
         layers=[conv(2, 3), act("relu"), pool("max", 2), FLATTEN, linear(3)])
adaptive("adaptive_cnn_large", "a max pool of signed maps at learning rate 0.5: winners change", input=[1, 6, 6], m=6, n=4, steps=4, lr=0.5,
         layers=[conv(2, 3, padding=1), pool("max", 3), act("relu"), conv(3, 2), FLATTEN], kernel={**ADAPTIVE, **TRACE})
adaptive("adaptive_graph", "a residual graph of ReLU", layers=[linear(6), act("relu"), linear(6), act("relu"), add(1), linear(3)], lr=0.3)
adaptive("adaptive_norm", "ReLU after a layer norm: flips on a curve", layers=[linear(6), NORM, act("relu"), linear(3)], lr=0.3,
         kernel={**ADAPTIVE, **TRACE})
adaptive("adaptive_default", "the default tolerance, 1e-6", lr=0.3, kernel={"rule": "adaptive", "layers": True})
adaptive("adaptive_momentum", "heavy ball and decay", optimizer=sgd(0.9), decay=0.1, lr=0.1, kernel={**ADAPTIVE, **SPLIT})
adaptive("adaptive_adam", "AdamW", optimizer=adam("adamw", eps=1e-4), decay=0.1, lr=0.03, kernel={**ADAPTIVE, **SPLIT})
adaptive("adaptive_probabilities", "softmax of a network of ReLU: pieces that are no polynomials", lr=0.3,
         kernel={**ADAPTIVE, **FULL, "readout": "probabilities"})
adaptive("adaptive_loss", "the query's loss, one row", lr=0.3, kernel={**ADAPTIVE, **SPLIT, "readout": "loss"}, query_targets=True)

# ---- gradient flow
flows = group("flow", optimizer={"type": "flow", "time": 2.0, "tolerance": 1e-10}, layers=mlp("tanh"), kernel={**FULL, "nodes": 6})
flows("flow_cross_entropy", "flow, cross-entropy, everything asked for")
flows("flow_squared_error", "flow, squared error, softplus", layers=mlp("softplus"), loss="squared_error")
flows("flow_logistic", "flow, logistic, diagonal", layers=mlp("tanh", 2), outputs=2, loss="logistic", kernel={**DIAGONAL, "nodes": 6})
flows("flow_sum", "flow of the sum of the losses", reduction="sum", optimizer={"type": "flow", "time": 0.3, "tolerance": 1e-10},
      kernel={**TRACE, "nodes": 6})
flows("flow_linear", "flow of a linear model with squared error, which has a closed form", layers=[linear(3)], loss="squared_error",
      optimizer={"type": "flow", "time": 5.0, "tolerance": 1e-10})
flows("flow_long", "long flow: the fastest mode settles early", layers=mlp("silu", 2), outputs=2, loss="squared_error",
      optimizer={"type": "flow", "time": 20.0, "tolerance": 1e-10}, kernel={**TRACE, "nodes": 6})
flows("flow_three_nodes", "three nodes a step", layers=mlp("softplus"), kernel={**TRACE, "nodes": 3})
flows("flow_attribution", "attribution alone, by layer", layers=mlp("gelu"), kernel={"nodes": 6, "layers": True}, loss="poisson", gain=1.0)
flows("flow_deep", "two hidden layers and a residual connection", layers=RESIDUAL, kernel={**TRACE, "nodes": 6})
flows("flow_cnn", "flow of convolutions", **{k: v for k, v in CNN.items() if k != "steps"}, kernel={**TRACE, "nodes": 6})
flows("flow_probabilities", "flow, softmax", kernel={"kernel": "full", "nodes": 6, "readout": "probabilities"})
flows("flow_loss", "flow, the query's loss", query_targets=True, kernel={"nodes": 6, "layers": True, "readout": "loss"})

# ---- recorded paths
imports = group("imports", layers=mlp("tanh"), steps=10, recorded={}, kernel=dict(layers=True))
BATCHES_10 = BATCHES + BATCHES[2:4]
imports("import_sgd", "the optimizer's own path: nothing unexplained; step_10 comes after step_9", kernel=FULL, decay=0.1)
imports("import_momentum", "heavy ball's own path, batches and decay", optimizer=sgd(0.9), decay=0.1, lr=0.05, batches=BATCHES_10)
imports("import_adamw", "AdamW's own path", optimizer=adam("adamw", eps=1e-5), lr=0.03, decay=0.2)
imports("import_tampered", "one checkpoint moved: two steps that gradients don't explain", recorded={"tampered": {4: 0.02}}, kernel=FULL)
imports("import_tampered_momentum", "the buffer follows the gradients at the recorded weights", optimizer=sgd(0.8, dampening=0.1),
        decay=0.1, recorded={"tampered": {3: 0.02, 10: 0.01}}, lr=0.05)
imports("import_tampered_adam", "Adam's moments follow the gradients at the recorded weights", optimizer=adam(eps=1e-4), decay=0.1,
        recorded={"tampered": {3: 0.02, 7: 0.01}}, lr=0.03)
imports("import_one_file", "one file, every tensor with a leading axis of steps", recorded={"one_file": True, "tampered": {5: 0.01}},
        optimizer=sgd(0.9, nesterov=True), lr=0.05)
imports("import_f32", "checkpoints of 32-bit floats: rounding is unexplained", recorded={"type": "float32"}, kernel=TRACE)
imports("import_other_rate", "trained at another rate than the run file says", recorded={"rate": 1.3}, kernel=DIAGONAL,
        schedule={"type": "cosine", "warmup": 2}, clip=0.9, lr=0.3, gain=2.0)
imports("import_readout", "unexplained is the readout's", recorded={"tampered": {4: 0.02}}, kernel=dict(layers=True, readout="margin"),
        query_targets=True)
imports("import_cnn", "convolutions without bias", recorded={"tampered": {2: 0.01}}, input=[1, 5, 5], m=6, n=3, steps=6, lr=0.3,
        layers=[conv(2, 3, bias=False), act("silu"), pool("avg", 3), FLATTEN, linear(3)])
imports("import_adaptive", "ReLU and the adaptive rule", recorded={"tampered": {3: 0.05}}, layers=RELUS, kernel={**ADAPTIVE, **TRACE}, steps=6, lr=0.2, n=8)

# ---- superposition: each example's way through weight space
SUPERPOSED = dict(superposition=True)
superposed = group("superposition", layers=mlp("tanh"), kernel=SUPERPOSED)
superposed("superposition_sgd", "each example's way, in size and along the whole", kernel={**SUPERPOSED, **FULL})
superposed("superposition_vectors", "the ways themselves, of examples in the order asked for",
           kernel=dict(superposition=True, superposition_vectors=[3, 0]))
superposed("superposition_batches", "mini-batches with repeats, one example never seen; decay has a way too", batches=BATCHES_WITHOUT_6, steps=6,
           decay=0.2, kernel=dict(superposition=True, superposition_vectors=[6, 1, 7]))
superposed("superposition_momentum", "heavy ball with decay, sum", optimizer=sgd(0.9), decay=0.1, reduction="sum", lr=0.01, batches=BATCHES,
           kernel=dict(superposition=True, superposition_vectors=[0, 1, 2, 3, 4, 5, 6, 7]))
superposed("superposition_nesterov", "Nesterov with clipping", optimizer=sgd(0.8, nesterov=True), clip=0.8, lr=0.05, gain=2.0, batches=BATCHES,
           kernel=dict(superposition=True, superposition_vectors=[5]))
superposed("superposition_adam", "Adam with coupled decay", optimizer=adam(eps=1e-4), decay=0.1, lr=0.03,
           kernel=dict(superposition=True, superposition_vectors=[2, 4]))
superposed("superposition_adamw", "AdamW, mini-batches", optimizer=adam("adamw", eps=1e-4), decay=0.2, lr=0.03, batches=BATCHES,
           kernel=dict(superposition=True, superposition_vectors=[6]))
superposed("superposition_rmsprop", "RMSprop with momentum and decay; weights kept every third step",
           optimizer=adam("rmsprop", eps=1e-2, momentum=0.7), decay=0.1, lr=0.005, trajectory={"every": 3},
           kernel=dict(superposition=True, superposition_vectors=[1]))
superposed("superposition_nadam", "NAdam with coupled decay, mini-batches", optimizer=adam("nadam", eps=1e-3), decay=0.1, lr=0.03,
           batches=BATCHES, kernel=dict(superposition=True, superposition_vectors=[3]))
superposed("superposition_lion", "Lion with decay", optimizer=adam("lion", betas=[0.6, 0.8]), decay=0.1, lr=0.01,
           kernel=dict(superposition=True, superposition_vectors=[0]))
superposed("superposition_groups", "Adam with coupled decay, betas of each step's own, a layer with other numbers", decay=0.1, lr=0.03,
           optimizer=adam(eps=1e-3, betas=[[0.7 + 0.03 * s, 0.9 + 0.01 * s] for s in range(8)],
                          groups=[{"parameters": ["0.*"], "weight_decay": 0.0, "learning_rate": 0.01}]),
           kernel=dict(superposition=True, superposition_vectors=[2, 5]))  # fmt: skip
superposed("superposition_cnn", "convolutions and a layer norm, some without bias", input=[1, 5, 5], m=6, n=3, steps=5,
           layers=[conv(2, 3, bias=False), NORM, act("gelu"), FLATTEN, linear(3)], kernel=dict(superposition=True, superposition_vectors=[5, 1]))
superposed("superposition_schedule", "rates differ by step; weights kept every third step", schedule={"type": "cosine", "warmup": 2}, lr=0.3,
           trajectory={"every": 3}, kernel=dict(superposition=True, superposition_vectors=[3]))
superposed("superposition_import", "a recorded path: what is unexplained has a way too", recorded={"tampered": {4: 0.02}}, optimizer=sgd(0.9),
           lr=0.05, kernel=dict(superposition=True, superposition_vectors=[3, 0]))
