"""Writes the ONNX files that the tests import, with inputs and the outputs of the modules in double precision.

    pip install torch onnx onnxscript
    python make.py                  write every model
    python make.py lstm encoder     write these

Each folder of models/ has model.onnx, as torch.onnx.export writes it with optimize=False, an .npy for each input, and outputs.npy:
what the module says of them in float64 with the weights of the file, which are float32.
"""

import argparse
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn
from torch.nn import functional as F

HERE = Path(__file__).parent / "models"
MODELS = {}


def model(*inputs, dynamic=True, **export):
    """Registers a module and the inputs that it is asked about, [3, ...] each."""

    def register(make):
        MODELS[make.__name__.lower()] = (make, inputs, dynamic, export)
        return make

    return register


def normal(*shape):
    return lambda rng: rng.standard_normal((3, *shape)).astype(np.float32)


def tokens(below, length):
    return lambda rng: rng.integers(0, below, (3, length))


@model(normal(5, 4))
class Mlp(nn.Sequential):
    """A linear layer over positions, which the exporter takes apart, and one without a bias."""

    def __init__(self):
        super().__init__(nn.Linear(4, 3), nn.GELU(), nn.Linear(3, 3, bias=False), nn.SiLU(), nn.Flatten(), nn.Linear(15, 2))


@model(tokens(7, 6))
class Encoder(nn.Module):
    """A layer of a transformer whose attention has the batch as its second axis, positions as a parameter and as a buffer, and a
    head that is the table."""

    def __init__(self):
        super().__init__()
        self.table, self.positions = nn.Embedding(7, 4), nn.Parameter(torch.randn(1, 6, 4))
        self.layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True, norm_first=True)
        self.register_buffer("waves", torch.randn(6, 4))

    def forward(self, tokens):
        x = self.layer(self.table(tokens) + self.positions[:, : tokens.shape[1]] + self.waves)
        return F.linear(x.mean(1), self.table.weight)


@model(normal(1, 8, 8))
class Images(nn.Module):
    """Norms of channels, pools, a transposed convolution and nearest neighbours."""

    def __init__(self):
        super().__init__()
        self.conv, self.batch, self.groups = nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.GroupNorm(2, 4)
        self.instances, self.up, self.back = nn.InstanceNorm2d(4, affine=True), nn.Upsample(scale_factor=2), nn.ConvTranspose2d(4, 2, 2, 2)
        self.batch.running_mean.normal_()
        self.batch.running_var.uniform_(0.5, 2)
        for norm in (self.batch, self.groups, self.instances):
            nn.init.normal_(norm.weight)
            nn.init.normal_(norm.bias)

    def forward(self, x):
        x = F.max_pool2d(F.relu6(self.batch(self.conv(x))), 2)
        x = F.avg_pool2d(self.back(self.up(self.instances(self.groups(x)))), 3, 2, 1)
        return F.log_softmax(F.adaptive_avg_pool2d(x, 1).flatten(1), -1)


@model(normal(5, 4))
class Causal(nn.Module):
    """Attention that PyTorch masks, attention by hand with a mask of -inf, and a norm that is spelled out."""

    def __init__(self):
        super().__init__()
        self.qkv, self.norm = nn.Linear(4, 12), nn.RMSNorm(4, eps=1e-6)
        nn.init.normal_(self.norm.weight)

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = (part.view(b, t, 2, 2).transpose(1, 2) for part in self.qkv(self.norm(x)).split(4, 2))
        whole = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        seen = torch.tril(torch.ones(t, t)).view(1, 1, t, t)
        by_hand = (q @ k.transpose(-2, -1) * 0.5).masked_fill(seen == 0, float("-inf")).softmax(-1) @ v
        return (whole + by_hand).transpose(1, 2).reshape(b, t, c)


@model(normal(5, 3))
class Lstm(nn.Module):
    """Two layers, whose gates the exporter puts into ONNX's order."""

    def __init__(self):
        super().__init__()
        self.lstm, self.head = nn.LSTM(3, 4, num_layers=2, batch_first=True), nn.Linear(4, 2)

    def forward(self, x):
        return self.head(self.lstm(x)[0][:, -1])


@model(normal(4), normal(4))
class Two(nn.Module):
    """Two inputs, of which one scales the other; a weight that is used as it is and in part."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 4))

    def forward(self, left, right):
        return F.linear(left, self.weight) * torch.sigmoid(right) + F.linear(right, self.weight[1:3]).sum(1, keepdim=True) / 3


@model(normal(2, 3), dynamic=False)
class Fixed(nn.Module):
    """A batch of a fixed size, written in every shape, and weights in a file of their own."""

    def __init__(self):
        super().__init__()
        self.first, self.token = nn.Linear(3, 4), nn.Parameter(torch.randn(1, 1, 4))

    def forward(self, x):
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), torch.tanh(self.first(x))], 1)
        return x.reshape(x.shape[0], -1)


def write(name):
    make, inputs, dynamic, export = MODELS[name]
    torch.manual_seed(1)
    module, rng = make().eval(), np.random.default_rng(1)
    arrays = [draw(rng) for draw in inputs]
    tensors = tuple(torch.from_numpy(array) for array in arrays)
    open_batch = tuple({0: torch.export.Dim.DYNAMIC} for _ in tensors) if dynamic else None
    program = torch.onnx.export(module, tensors, dynamo=True, optimize=False, dynamic_shapes=open_batch, verbose=False, **export)
    folder = HERE / name
    folder.mkdir(parents=True, exist_ok=True)
    # Where nodes come from is what a file says of this machine.
    for node in program.model.graph:
        node.metadata_props.clear()
    beside = {} if dynamic else {"save_as_external_data": True, "location": "weights.bin", "size_threshold": 0}
    (folder / "weights.bin").unlink(missing_ok=True)
    onnx.save_model(program.model_proto, folder / "model.onnx", **beside)
    names = [value.name for value in program.model.graph.inputs]
    for own, array in zip(names, arrays):
        np.save(folder / f"{own}.npy", array)
    doubles = (tensor.double() if tensor.is_floating_point() else tensor for tensor in tensors)
    np.save(folder / "outputs.npy", module.double()(*doubles).detach().numpy())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*")
    for name in parser.parse_args().models or MODELS:
        write(name)
