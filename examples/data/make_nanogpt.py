"""Writes nanogpt.safetensors: nanoGPT's initial weights, drawn as nanoGPT draws them, for the network of nanogpt.toml."""

from pathlib import Path

import numpy as np
from half_tensors import save

CHARACTERS, LENGTH, FEATURES, LAYERS = 66, 64, 64, 2

random = np.random.default_rng(1)


def draw(*shape, deviation=0.02):
    return random.normal(0, deviation, shape)


weights = {"wte.weight": draw(CHARACTERS, FEATURES), "wpe.weight": draw(LENGTH, FEATURES)}
for layer in (f"h{number}" for number in range(LAYERS)):
    weights |= {f"{layer}.{norm}.weight": np.ones(FEATURES) for norm in ("ln_1", "ln_2")}
    into_sum = 0.02 / np.sqrt(2 * LAYERS)
    weights[f"{layer}.c_attn.weight"] = draw(3 * FEATURES, FEATURES)
    weights[f"{layer}.c_proj.weight"] = draw(FEATURES, FEATURES, deviation=into_sum)
    weights[f"{layer}.c_fc.weight"] = draw(4 * FEATURES, FEATURES)
    weights[f"{layer}.mlp_proj.weight"] = draw(FEATURES, 4 * FEATURES, deviation=into_sum)
weights["ln_f.weight"] = np.ones(FEATURES)
save(Path(__file__).parent / "nanogpt.safetensors", weights)
