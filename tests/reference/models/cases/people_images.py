"""Networks of images that people train, at small size: `people.py` says how, `docs/models.md` lists all of them."""

import torch
from torch import nn
from torch.nn import functional as F

from cases.attention import attention
from cases.images import run, shaken
from generate import case, normal


def linear(name, features, **keys):
    return {"type": "linear", "name": name, "features": features, **keys}


class Unit(nn.Module):
    """A convolution without bias, a norm where asked for, and relu where asked for."""

    def __init__(self, inputs, channels, kernel=3, stride=1, padding=1, norm=False, relu=True):
        super().__init__()
        self.conv = nn.Conv2d(inputs, channels, kernel, stride, padding, bias=False)
        self.norm = nn.BatchNorm2d(channels) if norm else nn.Identity()
        self.relu = nn.ReLU() if relu else nn.Identity()

    def forward(self, x):
        return self.relu(self.norm(self.conv(x)))


def unit(name, before, channels, kernel=3, stride=1, padding=1, norm=False, relu=True):
    """The same in a run file, reading `before`; the last layer has the name."""
    conv = {"type": "conv2d", "channels": channels, "kernel": kernel, "stride": stride, "padding": padding, "bias": False}
    layers = [conv | {"name": f"{name}.conv", "from": before}]
    layers += [{"type": "batch_norm", "name": f"{name}.norm"}] if norm else []
    return layers + [{"type": "relu" if relu else "identity", "name": name}]


# LeNet: captum's tutorial of TracIn and quanda.

case(
    "people_lenet",
    "LeNet: convolutions of 5, max pools of 2, three linear layers; momentum",
    module=lambda: nn.Sequential(
        nn.Conv2d(1, 2, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(2, 3, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(3, 6), nn.ReLU(), nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3),
    ),
    model={
        "input": [1, 12, 12],
        "layers": [
            {"type": "conv2d", "channels": 2, "kernel": 5, "padding": 2}, {"type": "relu"}, {"type": "max_pool2d", "kernel": 2},
            {"type": "conv2d", "channels": 3, "kernel": 5}, {"type": "relu"}, {"type": "max_pool2d", "kernel": 2},
            {"type": "flatten"}, {"type": "linear", "features": 6}, {"type": "relu"}, {"type": "linear", "features": 5},
            {"type": "relu"}, {"type": "linear", "features": 3},
        ],
    },
    inputs=normal(1, 12, 12),
    momentum=0.9,
    rate=0.1,
    steps=4,
    m=5,
    batches=[[0, 1, 2], [3, 4, 0], [1, 2, 3], [4, 0, 2]],
    n=2,
)  # fmt: skip


# ResNet9: ExPLAIND's without norms, TRAK's, kronfluence's and quanda's with them and a last factor.


class ResNet9(nn.Module):
    def __init__(self, norm, scale):
        super().__init__()
        self.one, self.two = Unit(1, 2, norm=norm), Unit(2, 3, 5, 2, 2, norm)
        self.three, self.four = Unit(3, 3, norm=norm), Unit(3, 3, norm=norm)
        self.five = Unit(3, 3, norm=norm)
        self.six, self.seven = Unit(3, 3, norm=norm), Unit(3, 3, norm=norm)
        self.eight, self.head = Unit(3, 4, padding=0, norm=norm), nn.Linear(4, 2, bias=False)
        self.scale = scale

    def forward(self, x):
        x = self.two(self.one(x))
        x = x + self.four(self.three(x))
        x = F.max_pool2d(self.five(x), 2)
        x = x + self.seven(self.six(x))
        return self.head(F.adaptive_max_pool2d(self.eight(x), 1).flatten(1)) * self.scale


def resnet9(norm, scale):
    return {
        "input": [1, 16, 16],
        "layers": [
            *unit("one", -1, 2, norm=norm),
            *unit("two", "one", 3, 5, 2, 2, norm),
            *unit("three", "two", 3, norm=norm),
            *unit("four", "three", 3, norm=norm),
            {"type": "add", "name": "first", "from": ["two", "four"]},
            *unit("five", "first", 3, norm=norm),
            {"type": "max_pool2d", "name": "pool", "kernel": 2},
            *unit("six", "pool", 3, norm=norm),
            *unit("seven", "six", 3, norm=norm),
            {"type": "add", "name": "second", "from": ["pool", "seven"]},
            *unit("eight", "second", 4, padding=0, norm=norm),
            {"type": "global_max_pool"},
            linear("head", 2, bias=False),
            *([] if scale == 1 else [{"type": "scale", "by": scale}]),
        ],
    }


case(
    "people_resnet9",
    "ExPLAIND's ResNet9: convolutions without bias or norm, two residuals, the largest of each channel; log-probabilities",
    module=lambda: ResNet9(False, 1),
    model=resnet9(False, 1),
    inputs=normal(1, 16, 16),
    outputs=2,
    momentum=0.9,
    rate=0.1,
    steps=3,
    m=4,
    n=2,
    kernel={"readout": "log_probabilities"},
    readout=lambda outputs, target: F.log_softmax(outputs, -1),
)

case(
    "people_resnet9_batch_norm",
    "TRAK's ResNet9 with batch_norm in eval mode and a last factor; the margin",
    module=lambda: run(ResNet9(True, 0.2))[0],
    model=resnet9(True, 0.2),
    inputs=normal(1, 16, 16),
    outputs=2,
    momentum=0.9,
    rate=0.01,
    steps=3,
    m=4,
    n=2,
    kernel={"readout": "margin"},
    readout=lambda outputs, target: (outputs[target] - outputs[1 - target])[None],
    query_targets=True,
)


# ResNet18 and ResNet50: the stem and one block that halves the image.


class ResNet(nn.Module):
    def __init__(self, bottleneck):
        super().__init__()
        self.stem = Unit(1, 2, norm=True)
        if bottleneck:
            self.a, self.b, self.c = Unit(2, 2, 1, padding=0, norm=True), Unit(2, 2, 3, 2, norm=True), Unit(2, 4, 1, 1, 0, True, False)
        else:
            self.a, self.b, self.c = Unit(2, 4, 3, 2, norm=True), nn.Identity(), Unit(4, 4, norm=True, relu=False)
        self.short = Unit(2, 4, 1, 2, 0, norm=True, relu=False)
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        x = F.max_pool2d(self.stem(x), 3, 2, 1)
        x = torch.relu(self.c(self.b(self.a(x))) + self.short(x))
        return self.head(F.adaptive_avg_pool2d(x, 1).flatten(1))


def resnet(name, about, bottleneck):
    if bottleneck:
        inner = [*unit("a", "pool", 2, 1, padding=0, norm=True), *unit("b", "a", 2, 3, 2, norm=True), *unit("c", "b", 4, 1, 1, 0, True, False)]
    else:
        inner = [*unit("a", "pool", 4, 3, 2, norm=True), *unit("c", "a", 4, norm=True, relu=False)]
    layers = [
        *unit("stem", -1, 2, norm=True),
        {"type": "max_pool2d", "name": "pool", "kernel": 3, "stride": 2, "padding": 1},
        *inner,
        *unit("short", "pool", 4, 1, 2, 0, norm=True, relu=False),
        {"type": "add", "from": ["c", "short"]},
        {"type": "relu"},
        {"type": "global_avg_pool"},
        linear("head", 3),
    ]
    module = lambda: run(ResNet(bottleneck))[0]
    case(name, about, module=module, model={"input": [1, 10, 10], "layers": layers}, inputs=normal(1, 10, 10), rate=0.1, steps=3, m=5, n=2)


resnet("people_resnet18", "ResNet18: batch_norm in eval mode, a pool with padding, a block with a 1×1 shortcut, an average pool", False)
resnet("people_resnet50", "ResNet50: the same with a block of 1×1, 3×3 and 1×1", True)


# ViT, MLP-Mixer and ConvNeXt.


class Vit(nn.Module):
    def __init__(self):
        super().__init__()
        self.patches, self.token, self.positions = nn.Conv2d(1, 4, 3, stride=3), nn.Parameter(torch.randn(1, 4)), nn.Parameter(torch.randn(5, 4))
        self.ln_1, self.qkv, self.out = nn.LayerNorm(4, eps=1e-6), nn.Linear(4, 12), nn.Linear(4, 4)
        self.ln_2, self.up, self.down = nn.LayerNorm(4, eps=1e-6), nn.Linear(4, 8), nn.Linear(8, 4)
        self.ln, self.head = nn.LayerNorm(4, eps=1e-6), nn.Linear(4, 3)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], 1, 4), x], 1) + self.positions
        q, k, v = self.qkv(self.ln_1(x)).chunk(3, -1)
        x = x + self.out(attention(q, k, v, heads=2))
        x = x + self.down(F.gelu(self.up(self.ln_2(x))))
        return self.head(self.ln(x)[:, 0])


case(
    "people_vit",
    "ViT: patches by a convolution, a class token, positions, a block, the class token's value",
    module=Vit,
    names={"token": "token.weight", "positions": "positions.weight"},
    # The file of weights has the module's own names.
    file=lambda state: {{"token.weight": "token", "positions.weight": "positions"}.get(name, name): value for name, value in state.items()},
    model={
        "input": [1, 6, 6],
        "parameters": {"token.weight": {"tensor": "token"}, "positions.weight": {"tensor": "positions"}},
        "layers": [
            {"type": "conv2d", "name": "patches", "channels": 4, "kernel": 3, "stride": 3},
            {"type": "reshape", "shape": [4, -1]},
            {"type": "permute", "name": "rows", "axes": [1, 0]},
            {"type": "parameter", "name": "token", "shape": [1, 4]},
            {"type": "concat", "name": "tokens", "axis": 0, "from": ["token", "rows"]},
            {"type": "parameter", "name": "positions", "shape": [5, 4]},
            {"type": "add", "name": "x", "from": ["tokens", "positions"]},
            {"type": "layer_norm", "name": "ln_1", "eps": 1e-6},
            linear("qkv", 12),
            *[{"type": "slice", "name": part, "axis": 1, "start": 4 * at, "stop": 4 * at + 4, "from": "qkv"} for at, part in enumerate("qkv")],
            {"type": "attention", "from": ["q", "k", "v"], "heads": 2},
            linear("out", 4),
            {"type": "add", "name": "y", "from": ["x", "out"]},
            {"type": "layer_norm", "name": "ln_2", "eps": 1e-6},
            linear("up", 8),
            {"type": "gelu"},
            linear("down", 4),
            {"type": "add", "from": ["y", "down"]},
            {"type": "layer_norm", "name": "ln", "eps": 1e-6},
            {"type": "slice", "axis": 0, "stop": 1},
            {"type": "flatten"},
            linear("head", 3),
        ],
    },
    inputs=normal(1, 6, 6),
    rate=0.1,
    steps=4,
    m=5,
    n=2,
    kernel={"nodes": 6},
)


class Mixer(nn.Module):
    def __init__(self):
        super().__init__()
        self.patches, self.head = nn.Conv2d(1, 5, 2, stride=2), nn.Linear(5, 3)
        self.ln_1, self.ln_2, self.ln = nn.LayerNorm(5, eps=1e-6), nn.LayerNorm(5, eps=1e-6), nn.LayerNorm(5, eps=1e-6)
        self.a, self.b, self.c, self.d = nn.Linear(4, 6), nn.Linear(6, 4), nn.Linear(5, 6), nn.Linear(6, 5)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = x + self.b(F.gelu(self.a(self.ln_1(x).transpose(1, 2)), approximate="tanh")).transpose(1, 2)
        x = x + self.d(F.gelu(self.c(self.ln_2(x)), approximate="tanh"))
        return self.head(self.ln(x).mean(1))


case(
    "people_mixer",
    "MLP-Mixer: layers over the patches and over the channels, exchanged by permute",
    module=Mixer,
    model={
        "input": [1, 4, 4],
        "layers": [
            {"type": "conv2d", "name": "patches", "channels": 5, "kernel": 2, "stride": 2},
            {"type": "reshape", "shape": [5, 4]},
            {"type": "permute", "name": "x", "axes": [1, 0]},
            {"type": "layer_norm", "name": "ln_1", "eps": 1e-6},
            {"type": "permute", "axes": [1, 0]},
            linear("a", 6),
            {"type": "gelu", "approximate": "tanh"},
            linear("b", 4),
            {"type": "permute", "name": "back", "axes": [1, 0]},
            {"type": "add", "name": "y", "from": ["x", "back"]},
            {"type": "layer_norm", "name": "ln_2", "eps": 1e-6},
            linear("c", 6),
            {"type": "gelu", "approximate": "tanh"},
            linear("d", 5),
            {"type": "add", "from": ["y", "d"]},
            {"type": "layer_norm", "name": "ln", "eps": 1e-6},
            {"type": "mean", "axes": [0]},
            linear("head", 3),
        ],
    },
    inputs=normal(1, 4, 4),
    rate=0.05,
    steps=4,
    n=2,
    kernel={"nodes": 6},
)


class ConvNext(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.ln_1, self.deep = nn.Conv2d(1, 3, 2, stride=2), nn.LayerNorm(3, eps=1e-6), nn.Conv2d(3, 3, 3, padding=1, groups=3)
        self.ln_2, self.up, self.down = nn.LayerNorm(3, eps=1e-6), nn.Linear(3, 12), nn.Linear(12, 3)
        self.gamma, self.ln, self.head = nn.Parameter(0.5 * torch.ones(3, 1, 1)), nn.LayerNorm(3, eps=1e-6), nn.Linear(3, 3)

    def forward(self, x):
        x = self.ln_1(self.stem(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        y = self.down(F.gelu(self.up(self.ln_2(self.deep(x).permute(0, 2, 3, 1))))).permute(0, 3, 1, 2)
        return self.head(self.ln((x + self.gamma * y).mean((2, 3))))


case(
    "people_convnext",
    "ConvNeXt: a convolution by channel, norms of channels, gelu, a trained factor of each channel",
    module=lambda: shaken(ConvNext()),
    names={"gamma": "gamma.weight"},
    model={
        "input": [1, 8, 8],
        "layers": [
            {"type": "conv2d", "name": "stem", "channels": 3, "kernel": 2, "stride": 2},
            {"type": "permute", "axes": [1, 2, 0]},
            {"type": "layer_norm", "name": "ln_1", "eps": 1e-6},
            {"type": "permute", "name": "x", "axes": [2, 0, 1]},
            {"type": "conv2d", "name": "deep", "channels": 3, "kernel": 3, "padding": 1, "groups": 3},
            {"type": "permute", "axes": [1, 2, 0]},
            {"type": "layer_norm", "name": "ln_2", "eps": 1e-6},
            linear("up", 12),
            {"type": "gelu"},
            linear("down", 3),
            {"type": "permute", "name": "y", "axes": [2, 0, 1]},
            {"type": "parameter", "name": "gamma", "shape": [3, 1, 1]},
            {"type": "multiply", "name": "scaled", "from": ["gamma", "y"]},
            {"type": "add", "from": ["x", "scaled"]},
            {"type": "global_avg_pool"},
            {"type": "layer_norm", "name": "ln", "eps": 1e-6},
            linear("head", 3),
        ],
    },
    inputs=normal(1, 8, 8),
    rate=0.1,
    steps=4,
    m=5,
    n=2,
    kernel={"nodes": 6},
)


# Branches of neural-tangents' tests: windows of 1 × 2 with JAX's padding SAME, which is one column after the last.


class Parallel(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c, self.head = nn.Conv2d(1, 3, (1, 2)), nn.Conv2d(1, 3, (2, 1)), nn.Conv2d(3, 3, (1, 2)), nn.Linear(6, 3)

    def forward(self, x):
        a, b = torch.sin(self.a(F.pad(x, (0, 1)))), torch.relu(self.b(F.pad(x, (0, 0, 0, 1))))
        return self.head(torch.cat([a + b, self.c(F.pad(a, (0, 1)))], 1).mean((2, 3)))


case(
    "people_parallel",
    "branches of windows of 1 × 2 and 2 × 1, their sum and their channels side by side, the mean over the image",
    module=Parallel,
    model={
        "input": [1, 5, 4],
        "layers": [
            {"type": "pad", "padding": [0, 1]},
            {"type": "conv2d", "name": "a", "channels": 3, "kernel": [1, 2]},
            {"type": "sin", "name": "left"},
            {"type": "pad", "padding": [0, 0, 0, 1], "from": -1},
            {"type": "conv2d", "name": "b", "channels": 3, "kernel": [2, 1]},
            {"type": "relu", "name": "right"},
            {"type": "add", "name": "sum", "from": ["left", "right"]},
            {"type": "pad", "padding": [0, 1], "from": "left"},
            {"type": "conv2d", "name": "c", "channels": 3, "kernel": [1, 2]},
            {"type": "concat", "axis": 0, "from": ["sum", "c"]},
            {"type": "mean", "axes": [1, 2]},
            linear("head", 3),
        ],
    },
    inputs=normal(1, 5, 4),
    rate=0.3,
    n=2,
)
