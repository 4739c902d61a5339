"""Counts the networks of ONNX files that `pathkernel import` takes, and that say afterwards what onnxruntime says.

    pip install torch torchvision transformers onnx onnxscript onnxruntime pytest      # and the package of this clone
    python count.py                  every model
    python count.py resnet t5        those whose names hold one of these words

The models are those of python/tests/trace (the 33 networks of docs/models.md and Hugging Face's, at small size), more
of Hugging Face's, and torchvision's, all with random weights. Each is exported as docs/run-file.md says, imported, and
evaluated in double precision; onnxruntime evaluates the same file in single precision. What is refused is listed by
operator.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
import torchvision
import transformers
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "python" / "tests" / "trace"))
import test_people
import test_transformers

from pathkernel import engine
from pathkernel.tensor_files import read

#: Single precision, of which a deep network with norms adds up some thousands of roundings: of the largest output.
FAR = 1e-3
#: A refused node, as the program lists it: its name, its operator, where it is, and why.
REFUSED = re.compile(r"^\s*\S+ \((\w+)[,)].*?: (.*)$", re.MULTILINE)

#: A module in evaluation mode, and its arguments by name.
Made = tuple[nn.Module, dict[str, Tensor]]


@dataclass
class Found:
    """What became of a model."""

    #: "agrees", "differs", "refused", "not exported" or "not run by onnxruntime".
    what: str
    said: str = ""
    #: Refused operators, with why.
    operators: set[tuple[str, str]] = field(default_factory=set)


class Logits(nn.Module):
    """A model of Hugging Face's that gives its logits alone."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, **given: Tensor) -> Tensor:
        return self.net(**given).logits


def of_people(name: str) -> Made:
    """A network of docs/models.md, whose module is in double precision."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        module, inputs = test_people.made(name)
    finally:
        torch.set_default_dtype(before)
    several = inputs if isinstance(inputs, tuple) else (inputs,)
    names = list(torch.export.export(module, several, strict=False).graph_signature.user_inputs)
    return module.float().eval(), {name: single(one) for name, one in zip(names, several, strict=True)}


def of_tests(name: str) -> Made:
    module, inputs = test_transformers.model(name)
    return logits(module, inputs if isinstance(inputs, dict) else {"pixel_values": inputs})


def of_library(kind: str, config: dict[str, Any]) -> Made:
    """Another model of Hugging Face's, by its classes' first word."""
    torch.manual_seed(0)
    name, task = kind.split(" ")
    made = getattr(transformers, name + task)(getattr(transformers, f"{name}Config")(**config))
    return logits(made, test_transformers.with_mask())


def logits(module: nn.Module, inputs: dict[str, Tensor]) -> Made:
    if hasattr(module.config, "use_cache"):
        module.config.use_cache = False
    return Logits(module.eval()), inputs


def of_torchvision(name: str) -> Made:
    """A network of images with statistics and weights off their starts."""
    torch.manual_seed(0)
    options = {"weights_backbone": None} if name.startswith(("fcn", "lraspp", "deeplab")) else {}
    module = torchvision.models.get_model(name, weights=None, num_classes=10, **options)
    for norm in module.modules():
        if isinstance(norm, nn.modules.batchnorm._BatchNorm):
            norm.running_mean.normal_(0, 0.1)
            norm.running_var.uniform_(0.5, 2)
    size = 224 if name.startswith(("vit", "maxvit")) else 75 if name.startswith("inception") else 64
    return module.eval(), {"x": torch.randn(2, 3, size, size)}


def single(values: Tensor) -> Tensor:
    return values.float() if values.is_floating_point() else values


SIZES = test_transformers.SIZES
TOKENS = test_transformers.TOKENS
LIBRARY: dict[str, dict[str, Any]] = {
    "Albert ForSequenceClassification": SIZES | {"embedding_size": 8},
    "Bart ForSequenceClassification": TOKENS
    | {
        "vocab_size": 40,
        "d_model": 8,
        "encoder_layers": 1,
        "decoder_layers": 1,
        "encoder_ffn_dim": 12,
        "decoder_ffn_dim": 12,
        "encoder_attention_heads": 2,
        "decoder_attention_heads": 2,
    },
    "Bloom ForCausalLM": TOKENS | {"vocab_size": 40, "hidden_size": 8, "n_layer": 2, "n_head": 2},
    "DistilBert ForSequenceClassification": {"vocab_size": 40, "dim": 8, "n_layers": 2, "n_heads": 2, "hidden_dim": 12},
    "Electra ForSequenceClassification": SIZES | {"embedding_size": 8},
    "GPTNeo ForCausalLM": TOKENS
    | {
        "vocab_size": 40,
        "hidden_size": 8,
        "num_layers": 2,
        "num_heads": 2,
        "attention_types": [[["global", "local"], 1]],
        "max_position_embeddings": 16,
    },
    "Gemma ForCausalLM": SIZES | TOKENS | {"num_key_value_heads": 1, "head_dim": 4},
    "Mistral ForCausalLM": SIZES | TOKENS | {"num_key_value_heads": 1},
    "OPT ForCausalLM": TOKENS
    | {
        "vocab_size": 40,
        "hidden_size": 8,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "ffn_dim": 12,
        "word_embed_proj_dim": 8,
        "max_position_embeddings": 16,
    },
    "Phi ForCausalLM": SIZES | TOKENS,
    "Qwen2 ForCausalLM": SIZES | TOKENS | {"num_key_value_heads": 1},
    "XLMRoberta ForSequenceClassification": SIZES | TOKENS,
}
VISION = [
    "alexnet",
    "convnext_tiny",
    "densenet121",
    "efficientnet_b0",
    "mnasnet0_5",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "regnet_y_400mf",
    "resnet18",
    "resnet50",
    "resnext50_32x4d",
    "shufflenet_v2_x0_5",
    "squeezenet1_1",
    "swin_t",
    "vgg11_bn",
    "vit_b_32",
]

MODELS: dict[str, Callable[[], Made]] = {
    **{name: lambda name=name: of_people(name) for name in test_people.NAMES},
    **{f"transformers: {name}": lambda name=name: of_tests(name) for name in test_transformers.MODELS},
    **{f"transformers: {kind}": lambda kind=kind: of_library(kind, LIBRARY[kind]) for kind in LIBRARY},
    **{f"torchvision: {name}": lambda name=name: of_torchvision(name) for name in VISION},
}


def best(module: nn.Module, inputs: dict[str, Tensor], folder: Path) -> Found:
    """With the size of the batch open, and with that of the inputs where this is not taken."""
    batch = {name: {0: torch.export.Dim.DYNAMIC} for name in inputs}
    found = imported(module, inputs, {"given": batch} if isinstance(module, Logits) else batch, folder)
    if found.what not in ("refused", "not exported"):
        return found
    fixed = imported(module, inputs, None, folder)
    return replace(fixed, said=f"{fixed.said}, with a batch of a fixed size") if fixed.what == "agrees" else found


def imported(module: nn.Module, inputs: dict[str, Tensor], shapes: Any, folder: Path) -> Found:
    """Exports a module, imports the file, and compares."""
    file = folder / "net.onnx"
    try:
        torch.onnx.export(
            module, (), file, kwargs=inputs, dynamo=True, optimize=False, dynamic_shapes=shapes, verbose=False
        )
    except Exception as problem:  # Whatever the exporter raises is what is reported.
        return Found("not exported", first_line(problem))
    words = [sys.executable, "-m", "pathkernel", "import", str(file), "--output", str(folder)]
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        operators = set(REFUSED.findall(done.stderr))
        return Found("refused", ", ".join(sorted({name for name, _ in operators})) or done.stderr.strip(), operators)
    return compared(folder, file, {name: tensor.numpy() for name, tensor in inputs.items()})


def compared(folder: Path, file: Path, inputs: dict[str, np.ndarray]) -> Found:
    try:
        session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    except Exception as problem:  # Its errors have no common kind.
        return Found("not run by onnxruntime", first_line(problem))
    # A network may not read all that it is given.
    read_by_it = {one.name: inputs[one.name] for one in session.get_inputs()}
    want = session.run(None, read_by_it)[0]
    given = read_by_it if len(read_by_it) > 1 else next(iter(read_by_it.values()))
    got, _ = engine.evaluate({"graph": str(folder / "model.json")}, read(folder / "net.safetensors"), given)
    far = float(np.abs(got.reshape(want.shape) - want).max() / np.abs(want).max())
    return Found("agrees" if far <= FAR else "differs", f"{far:.0e} off")


def first_line(problem: Exception) -> str:
    lines = [*str(problem).strip().splitlines(), ""]
    return f"{type(problem).__name__}: {lines[0]}"


def count(words: list[str]) -> int:
    """Does each model whose name has one of the words, and says what became of all; how many failed."""
    found: dict[str, Found] = {}
    for name in [name for name in MODELS if not words or any(word in name for word in words)]:
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found[name] = one = best(*MODELS[name](), Path(folder))
        print(f"{name:50} {one.what}{': ' if one.said else ''}{one.said}", flush=True)
    counts = Counter(one.what for one in found.values())
    print(
        f"\n{counts['agrees']} of {len(found)} agree with onnxruntime; "
        f"{', '.join(f'{count} {what}' for what, count in counts.items())}"
    )
    operators = Counter(operator for one in found.values() for operator in one.operators)
    for (operator, why), times in operators.most_common():
        print(f"  {operator}, of {times} models: {why}")
    return len(found) - counts["agrees"]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*")
    sys.exit(min(count(parser.parse_args().words), 1))
