"""Shapes, sums, broadcasting and products: what stands between the layers that have weights."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from generate import case, normal


class Shapes(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second, self.head = nn.Linear(4, 6), nn.Linear(3, 4), nn.Linear(12, 3)

    def forward(self, x):
        x = torch.tanh(self.first(x))  # [b, 3, 6]
        x = x.reshape(-1, 2, 3, 3).permute(0, 3, 1, 2)  # [b, 3, 2, 3]
        x = torch.sigmoid(self.second(x))  # [b, 3, 2, 4]
        x = x.transpose(-1, -3)[:, 1:, :, ::2]  # [b, 3, 2, 2]
        return self.head(x.reshape(x.shape[0], -1))


case(
    "models_shapes",
    "reshape with -1, permute with negative axes, slices with start and step",
    module=Shapes,
    model={
        "input": [3, 4],
        "layers": [
            {"type": "linear", "name": "first", "features": 6},
            {"type": "tanh"},
            {"type": "reshape", "shape": [2, -1, 3]},
            {"type": "permute", "axes": [2, 0, -2]},
            {"type": "linear", "name": "second", "features": 4},
            {"type": "sigmoid"},
            {"type": "permute", "axes": [-1, 1, 0]},
            {"type": "slice", "axis": 0, "start": 1},
            {"type": "slice", "axis": -1, "stop": 20, "step": 2},
            {"type": "flatten"},
            {"type": "linear", "name": "head", "features": 3},
        ],
    },
    inputs=normal(3, 4),
    rate=0.5,
)


class Branches(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.left, self.right = nn.Linear(5, 4), nn.Linear(4, 3), nn.Linear(4, 5)
        self.head = nn.Linear(11, 3)

    def forward(self, x):
        first = F.silu(self.first(x))
        left, right = self.left(first), torch.tanh(self.right(first))
        joined = torch.cat([left, right[:, -4:-1], x], -1)
        return self.head(F.pad(joined * 0.5 + 0.25, (1, -1), value=1.5))


case(
    "models_branches",
    "concat of three, one of them the input, a slice from the end, scale, offset, and padding that takes away",
    module=Branches,
    model={
        "input": [5],
        "layers": [
            {"type": "linear", "name": "first", "features": 4},
            {"type": "silu", "name": "act"},
            {"type": "linear", "name": "left", "features": 3},
            {"type": "linear", "name": "right", "features": 5, "from": "act"},
            {"type": "tanh"},
            {"type": "slice", "axis": 0, "start": -4, "stop": -1, "name": "part"},
            {"type": "concat", "axis": -1, "from": ["left", "part", -1]},
            {"type": "scale", "by": 0.5},
            {"type": "offset", "by": 0.25},
            {"type": "pad", "padding": [1, -1], "value": 1.5},
            {"type": "linear", "name": "head", "features": 3},
        ],
    },
    inputs=normal(5),
    rate=0.3,
)


class Gated(nn.Module):
    def __init__(self):
        super().__init__()
        self.up, self.gate, self.down = nn.Linear(4, 5), nn.Linear(4, 5), nn.Linear(5, 3)
        self.row, self.column = nn.Linear(4, 1), nn.Linear(4, 3)

    def forward(self, x):  # [b, 3, 4]
        gated = F.silu(self.gate(x)) * self.up(x)  # [b, 3, 5]
        down = self.down(gated)  # [b, 3, 3]
        # A column for each position and a row that all positions share.
        down = down * torch.sigmoid(self.row(x)) * torch.tanh(self.column(x.mean(1)))[:, None]
        total = down + self.row(x) + x[:, 0, :3][:, None]
        return total.sum((1,))


case(
    "models_gated",
    "gated units, products and sums of several that are broadcast, means and sums over axes",
    module=Gated,
    model={
        "input": [3, 4],
        "layers": [
            {"type": "linear", "name": "gate", "features": 5},
            {"type": "silu", "name": "open"},
            {"type": "linear", "name": "up", "from": -1, "features": 5},
            {"type": "multiply", "from": ["open", "up"]},
            {"type": "linear", "name": "down", "features": 3},
            {"type": "linear", "name": "row", "from": -1, "features": 1},
            {"type": "sigmoid", "name": "rows"},
            {"type": "mean", "from": -1, "axes": 0},
            {"type": "linear", "name": "column", "features": 3},
            {"type": "tanh", "name": "columns"},
            {"type": "multiply", "name": "product", "from": ["down", "rows", "columns"]},
            {"type": "slice", "from": -1, "axis": 0, "stop": 1},
            {"type": "slice", "axis": 1, "stop": 3, "name": "start"},
            {"type": "add", "from": ["product", "row", "start"]},
            {"type": "sum", "axes": [-2]},
        ],
    },
    inputs=normal(3, 4),
    rate=0.3,
    kernel={"nodes": 4},
)


class Normalised(nn.Module):
    """Squares, their mean and a scale for each feature, spelled out."""

    def __init__(self):
        super().__init__()
        self.first, self.head = nn.Linear(4, 6), nn.Linear(6, 3)

    def forward(self, x):  # [b, 2, 4]
        x = self.first(x)
        centered = x - x.mean(-1, keepdim=True)
        square = centered * centered
        tall = square.sum((1, 2), keepdim=True).expand(-1, 2, 6)
        return self.head(torch.sin(centered * 0.5 + tall * 0.01)).mean(1)


case(
    "models_squares",
    "means and sums that keep their axes, a value times itself, broadcast with -1",
    module=Normalised,
    model={
        "input": [2, 4],
        "layers": [
            {"type": "linear", "name": "first", "features": 6},
            {"type": "mean", "axes": -1, "keepdim": True},
            {"type": "scale", "by": -1},
            {"type": "add", "name": "centered", "from": ["first", 2]},
            {"type": "multiply", "from": ["centered", "centered"]},
            {"type": "sum", "axes": [0, 1], "keepdim": True},
            {"type": "broadcast", "shape": [2, 6]},
            {"type": "scale", "by": 0.01, "name": "tall"},
            {"type": "scale", "by": 0.5, "from": "centered"},
            {"type": "add", "from": "tall"},
            {"type": "sin"},
            {"type": "linear", "name": "head", "features": 3},
            {"type": "mean", "axes": [0]},
        ],
    },
    inputs=normal(2, 4),
    rate=0.2,
    kernel={"nodes": 4},
)


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down, self.low, self.up = nn.Conv2d(1, 2, 3, padding=1), nn.Conv2d(2, 3, 2), nn.Conv2d(5, 2, 3)
        self.head = nn.Linear(2, 3)

    def forward(self, x):
        down = torch.tanh(self.down(x))  # [b, 2, 4, 6]
        low = torch.tanh(self.low(F.avg_pool2d(down, 2)))  # [b, 3, 1, 2]
        up = F.interpolate(low, scale_factor=2, mode="nearest")  # [b, 3, 2, 4]
        up = nn.Upsample(scale_factor=(1, 1))(F.pad(up, (1, 1, 0, 2)))  # [b, 3, 4, 6]
        up = torch.sigmoid(self.up(torch.cat([down, up], 1)))  # [b, 2, 2, 4]
        return self.head(up.mean((2, 3)))


case(
    "models_unet",
    "upsampling, padding and joining of channels between convolutions, a mean over the image",
    module=UNet,
    model={
        "input": [1, 4, 6],
        "layers": [
            {"type": "conv2d", "name": "down", "channels": 2, "kernel": 3, "padding": 1},
            {"type": "tanh", "name": "skip"},
            {"type": "avg_pool2d", "kernel": 2},
            {"type": "conv2d", "name": "low", "channels": 3, "kernel": 2},
            {"type": "tanh"},
            {"type": "upsample", "scale_factor": 2},
            {"type": "pad", "padding": [1, 1, 0, 2]},
            {"type": "upsample", "scale_factor": [1, 1], "name": "raised"},
            {"type": "concat", "axis": 0, "from": ["skip", "raised"]},
            {"type": "conv2d", "name": "up", "channels": 2, "kernel": 3},
            {"type": "sigmoid"},
            {"type": "mean", "axes": [-2, -1]},
            {"type": "linear", "name": "head", "features": 3},
        ],
    },
    inputs=normal(1, 4, 6),
    rate=0.5,
)


class Kinked(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.gate, self.head = nn.Linear(4, 5), nn.Linear(5, 5), nn.Linear(5, 3)

    def forward(self, x):
        first = torch.relu(self.first(x))
        return self.head(torch.relu(self.gate(first) * first + 0.1))


case(
    "models_polynomial",
    "a product of polynomials between kinks",
    module=Kinked,
    model={
        "input": [4],
        "layers": [
            {"type": "linear", "name": "first", "features": 5},
            {"type": "relu", "name": "on"},
            {"type": "linear", "name": "gate", "features": 5},
            {"type": "multiply", "from": "on"},
            {"type": "offset", "by": 0.1},
            {"type": "relu"},
            {"type": "linear", "name": "head", "features": 3},
        ],
    },
    inputs=normal(4),
    rate=0.02,
)

MASK = np.array([[0.0, 1.0, 1.0], [1.0, 0.5, 0.0]])
POSITIONS = np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 1, 3)


class Constants(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.head = nn.Linear(4, 3), nn.Linear(3, 3)

    def forward(self, x):  # [b, 2, 4]
        x = self.first(x) * torch.tensor(MASK) + torch.tensor(POSITIONS.astype(np.float64)).reshape(2, 3)
        return self.head(torch.tanh(x)).sum(1)


case(
    "models_constants",
    "a product with an array of a file, and the sum with another one, reshaped",
    module=Constants,
    model={
        "input": [2, 4],
        "layers": [
            {"type": "constant", "name": "mask", "values": "mask.npy"},
            {"type": "constant", "values": "positions.npy"},
            {"type": "reshape", "shape": [2, 3], "name": "positions"},
            {"type": "linear", "name": "first", "features": 3, "from": -1},
            {"type": "multiply", "from": ["mask", "first"]},
            {"type": "add", "from": "positions"},
            {"type": "tanh"},
            {"type": "linear", "name": "head", "features": 3},
            {"type": "sum", "axes": 0},
        ],
    },
    inputs=normal(2, 4),
    files={"mask.npy": MASK, "positions.npy": POSITIONS},
    rate=0.3,
)
