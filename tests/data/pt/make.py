"""Makes the files beside it, with PyTorch and NumPy: python make.py.

The numbers are small multiples of a power of two, so that every type holds them exactly and the tests can say them.
"""

import argparse
import zipfile
from collections import OrderedDict
from pathlib import Path, PurePosixPath

import numpy
import torch

HERE = Path(__file__).parent


def numbers(*shape, dtype=torch.float32):
    """0, 1/2, 1, 3/2, …"""
    count = int(numpy.prod(shape))
    return (torch.arange(count, dtype=torch.float64) / 2).reshape(shape).to(dtype)


def save(name, what, **options):
    torch.save(what, HERE / name, **options)


model = torch.nn.Sequential(torch.nn.Linear(3, 2))
with torch.no_grad():
    model[0].weight.copy_(numbers(2, 3))
    model[0].bias.copy_(-numbers(2))

save("linear.pt", model.state_dict())
save("legacy.pt", model.state_dict(), _use_new_zipfile_serialization=False)
save("protocol_4.pt", model.state_dict(), pickle_protocol=4)
save("protocol_5.pth", model.state_dict(), pickle_protocol=5)
save("parallel.pt", torch.nn.DataParallel(model).state_dict())
save("parameters.pt", {"0.weight": model[0].weight, "0.bias": model[0].bias})

save(
    "types.pt",
    {
        "double": numbers(2, 2, dtype=torch.float64) + 2.0**-40,
        "float": numbers(2, 2),
        "half": numbers(2, 2, dtype=torch.float16),
        "bfloat16": numbers(2, 2, dtype=torch.bfloat16),
    },
)

whole = numbers(4, 6)
save(
    "views.pt",
    {
        "whole": whole,
        "transposed": whole.T,
        "part": whole[1:3, 2:5],
        "steps": whole[::2, 1::3],
        "permuted": numbers(2, 3, 4).permute(2, 0, 1),
        "scalar": whole[2, 3],
        "empty": whole[:0],
    },
)

optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
model(torch.ones(1, 3)).sum().backward()
state = OrderedDict((name, value.clone()) for name, value in model.state_dict().items())
optimizer.step()
for name in ["state_dict", "model", "model_state_dict"]:
    save(
        f"checkpoint_{name}.pt",
        {
            "epoch": 3,
            "loss": 0.25,
            "big": 2**40,
            "done": False,
            "note": None,
            "history": [1.5, 2.5, [1]],
            "optimizer": optimizer.state_dict(),
            name: state,
        },
    )

# As people have them: a prefix, buffers that no layer wants, and beside the tensors what a trainer keeps of itself.
trained = OrderedDict((f"model.{name}", value) for name, value in state.items())
trained["model.1.num_batches_tracked"] = torch.tensor(7)
trained["model.mask"] = torch.ones(1, 1, 64, 64, dtype=torch.bool).tril()
save(
    "trainer.ckpt",
    {
        "epoch": 3,
        "state_dict": trained,
        "optimizer_states": [optimizer.state_dict()],
        "hyper_parameters": argparse.Namespace(rate=0.1, folder=PurePosixPath("a/b"), seeds={1, 2}, shape=torch.Size([3])),
        "best": numpy.float64(0.5),
        "history": numpy.arange(3.0),
        "random": torch.get_rng_state()[:8],
        "big": 2**100,
        "raw": b"bytes",
        "dtype": torch.float32,
        "device": torch.device("cpu"),
    },
)
save("only.pth.tar", {"epoch": 3, "arguments": argparse.Namespace(rate=0.1), "weights": state})
save("several.pt", {"first": state, "second": state})
save(
    "integers.bin",
    {
        "long": torch.tensor([-(2**40), 1]),
        "int": torch.tensor([-2, 3], dtype=torch.int32),
        "short": torch.tensor([-2, 3], dtype=torch.int16),
        "char": torch.tensor([-2, 3], dtype=torch.int8),
        "byte": torch.tensor([2, 255], dtype=torch.uint8),
        "bool": torch.tensor([True, False]),
    },
)
save("complex.pt", {"0.weight": numbers(2, 3), "0.bias": numbers(2), "other": torch.zeros(2, dtype=torch.complex64)})
save("legacy_views.pt", {"whole": numbers(4, 6), "transposed": numbers(4, 6).T}, _use_new_zipfile_serialization=False)

stacked = {"0.weight": numbers(4, 2, 3), "0.bias": numbers(4, 2)}
save("stacked.pt", stacked)
save("stacked_inside_out.pt", {name: value.transpose(0, 1).contiguous().transpose(0, 1) for name, value in stacked.items()})
numpy.savez(HERE / "stacked.npz", **{name: value.double().numpy() for name, value in stacked.items()})
numpy.savez_compressed(HERE / "stacked_compressed.npz", **{name: value.numpy() for name, value in stacked.items()})

# As JAX users write them: 16 bits, columns first, packed, with a counter. ml_dtypes writes its bfloat16 as two bytes of no kind.
whole = {name: value.numpy() for name, value in {"0.weight": numbers(2, 3), "0.bias": -numbers(2)}.items()}
brief = {name: (value.view(numpy.uint32) >> 16).astype(numpy.uint16).view("V2") for name, value in whole.items()}
columns = {name: numpy.asfortranarray(value.astype(numpy.float16)) for name, value in whole.items()}
for number, (arrays, keep) in enumerate(
    [(whole, numpy.savez_compressed), (brief, numpy.savez), (columns, numpy.savez), (columns, numpy.savez_compressed)]
):
    keep(HERE / f"kinds_{number}.npz", step=numpy.int64(number), **arrays)

# What is refused.
save("module.pt", model)
save("expanded.pt", {"0.weight": torch.ones(1).expand(1000, 1000)})
save("list.pt", [numbers(2)])
save("number.pt", {"0.weight": numbers(2), "epoch": 3})
with zipfile.ZipFile(HERE / "linear.pt") as source, zipfile.ZipFile(HERE / "big_endian.pt", "w") as target:
    for entry in source.infolist():
        target.writestr(entry.filename, b"big" if entry.filename.endswith("byteorder") else source.read(entry))
with zipfile.ZipFile(HERE / "linear.pt") as source:
    with zipfile.ZipFile(HERE / "compressed.pt", "w", zipfile.ZIP_DEFLATED) as target:
        for entry in source.infolist():
            target.writestr(entry.filename, source.read(entry))
