"""Models of Hugging Face's library, of tiny sizes, in training mode, with their own dropout and attention."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from pathkernel.tracing import trace

from conftest import Same

tf = pytest.importorskip("transformers")

SIZES = {
    "vocab_size": 40,
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 12,
    "max_position_embeddings": 16,
}
TOKENS = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
GPT2 = {"vocab_size": 40, "n_embd": 8, "n_layer": 2, "n_head": 2, "n_positions": 16} | TOKENS
T5 = {
    "vocab_size": 40,
    "d_model": 8,
    "d_kv": 4,
    "d_ff": 12,
    "num_layers": 2,
    "num_heads": 2,
    "relative_attention_num_buckets": 8,
}


def sentences() -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens, and a mask of those that are there."""
    generator = torch.Generator().manual_seed(0)
    mask = torch.ones(3, 6, dtype=torch.long)
    mask[0, 4:] = mask[2, 5:] = 0
    return torch.randint(3, 40, (3, 6), generator=generator) * mask, mask


def tokens_alone() -> dict[str, Any]:
    return {"input_ids": sentences()[0]}


def with_mask() -> dict[str, Any]:
    ids, mask = sentences()
    return {"input_ids": ids, "attention_mask": mask}


def with_types() -> dict[str, Any]:
    return with_mask() | {"token_type_ids": (sentences()[0] > 20).long()}


def two_sentences() -> dict[str, Any]:
    return with_mask() | {"decoder_input_ids": sentences()[0][:, :4]}


MODELS: dict[str, tuple[str, str, dict[str, Any], Callable[[], Any]]] = {
    "gpt2": ("GPT2LMHeadModel", "GPT2Config", GPT2, tokens_alone),
    "gpt2 with a mask": ("GPT2LMHeadModel", "GPT2Config", GPT2, with_mask),
    "gpt2 eager": ("GPT2LMHeadModel", "GPT2Config", GPT2 | {"attn_implementation": "eager"}, with_mask),
    "gpt2 of classes": ("GPT2ForSequenceClassification", "GPT2Config", GPT2, tokens_alone),
    "bert of classes": ("BertForSequenceClassification", "BertConfig", SIZES, with_mask),
    "bert with types": ("BertForSequenceClassification", "BertConfig", SIZES, with_types),
    "roberta": ("RobertaForSequenceClassification", "RobertaConfig", SIZES | TOKENS, with_mask),
    "t5": ("T5ForConditionalGeneration", "T5Config", T5, two_sentences),
    "llama": (
        "LlamaForCausalLM",
        "LlamaConfig",
        SIZES | TOKENS | {"num_attention_heads": 4, "num_key_value_heads": 2},
        with_mask,
    ),
    "pythia": ("GPTNeoXForCausalLM", "GPTNeoXConfig", SIZES | TOKENS | {"hidden_size": 16}, tokens_alone),
    "vit": (
        "ViTForImageClassification",
        "ViTConfig",
        SIZES | {"image_size": 8, "patch_size": 4, "num_channels": 1},
        lambda: torch.randn(3, 1, 8, 8),
    ),
}


def model(name: str) -> tuple[nn.Module, Any]:
    """A model with weights off their starts, so that an exchange of two would show."""
    kind, config, sizes, inputs = MODELS[name]
    torch.manual_seed(0)
    made = getattr(tf, kind)(getattr(tf, config)(**sizes))
    with torch.no_grad():
        for parameter in made.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return made.train(), inputs()


#: These round to single precision on the way in any precision, which the graph does not.
ROUND = {"t5": 1e-5, "llama": 1e-5, "pythia": 1e-5}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_of_the_library_is_traced(name: str, same: Same) -> None:
    module, inputs = model(name)
    graph = same(module, inputs, tolerance=ROUND.get(name, 1e-10))
    assert set(graph.weights) <= set(module.state_dict())
    drops = [layer for layer in graph.model["layers"] if layer["type"] == "dropout" or layer.get("dropout")]
    assert bool(drops) == (name not in ("llama", "pythia", "vit"))


def test_gpt2_is_written_as_people_would() -> None:
    """Layers with the names of its modules, attention as one layer, and its tokens as they are."""
    module, inputs = model("gpt2")
    graph = trace(module, inputs)
    layers = graph.model["layers"]
    types = [layer["type"] for layer in layers]
    assert types.count("attention") == 2 and types.count("layer_norm") == 5 and types.count("gelu") == 2
    assert graph.model["parameters"]["transformer.h.0.attn.c_attn.weight"] == {
        "tensor": "transformer.h.0.attn.c_attn.weight",
        "transposed": True,
    }
    assert layers[-1]["weight"] == "transformer.wte.weight"
    assert graph.model["inputs"] == {"input_ids": {"shape": [6], "type": "integer"}}
    assert graph.prepare is None
