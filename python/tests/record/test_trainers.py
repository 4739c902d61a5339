"""Loops of trainers, recorded by callbacks."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader

import pathkernel as pk
from loops import data, dataset, explained, graph_of, network, unexplained

#: What a step may leave unexplained, of the whole change.
ALLOWED = 1e-6

pytestmark = pytest.mark.filterwarnings("error:recorded path")


class Words(nn.Module):
    """A classifier of five tokens, as Hugging Face's models are called."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.table, self.drop, self.head = nn.Embedding(11, 8), nn.Dropout(0.2), nn.Linear(40, 3)

    def forward(self, input_ids: torch.Tensor, labels: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
        logits = self.head(self.drop(self.table(input_ids)).flatten(1))
        return {"logits": logits} if labels is None else {"loss": F.cross_entropy(logits, labels), "logits": logits}


WORDS = {
    "input": [5],
    "layers": [
        {"type": "embedding", "name": "table", "count": 11, "features": 8},
        {"type": "dropout", "p": 0.2},
        {"type": "flatten"},
        {"type": "linear", "name": "head", "features": 3},
    ],
}


def sentences(count: int, length: int, words: int) -> torch.Tensor:
    return torch.randint(words, (count, length), generator=torch.Generator().manual_seed(3))


def trained(
    net: nn.Module, rec: pk.Recorder, examples: list[dict[str, torch.Tensor]], folder: Path, accumulated: int
) -> None:
    """Hugging Face's loop, with decay in a group, a warmup, clipping and accumulation."""
    transformers = pytest.importorskip("transformers")
    settings = transformers.TrainingArguments(
        output_dir=str(folder),
        per_device_train_batch_size=4,
        gradient_accumulation_steps=accumulated,
        num_train_epochs=2,
        learning_rate=1e-2,
        weight_decay=0.1,
        warmup_steps=2,
        max_grad_norm=0.5,
        use_cpu=True,
        report_to=[],
        save_strategy="no",
        disable_tqdm=True,
    )
    transformers.Trainer(net, settings, train_dataset=examples, callbacks=[rec.trainer_callback()]).train()


@pytest.mark.parametrize("accumulated", [1, 3])
def test_hugging_face(tmp_path: Path, accumulated: int) -> None:
    net = Words().double()
    tokens, labels = sentences(26, 5, 11), sentences(26, 1, 3)[:, 0]
    graph = pk.Graph(WORDS, {name: one.detach().numpy().copy() for name, one in net.state_dict().items()})
    rec = pk.record(net, graph=graph, seed=5)
    examples = [{"input_ids": one, "labels": label} for one, label in zip(tokens, labels, strict=True)]
    trained(net, rec, examples, tmp_path, accumulated)
    path = rec.close("cross_entropy")
    assert rec.steps == {1: 14, 3: 6}[accumulated]
    assert path.config["training"]["clip_norm"] == 0.5
    assert [group["weight_decay"] for group in path.config["training"]["optimizer"]["groups"]] == [0.0]
    assert unexplained(path, tokens[:4].numpy()) <= ALLOWED
    assert explained(path, tokens[:4].numpy()).arrays["attribution"].shape[1] == 26


@pytest.mark.parametrize(("attention", "accumulated"), [("sdpa", 1), ("eager", 2)])
def test_a_language_model(tmp_path: Path, attention: str, accumulated: int) -> None:
    """GPT-2 as it is: traced, tied, dropped everywhere, labels that are shifted inside and ignored in part."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        n_layer=2,
        n_head=2,
        n_embd=16,
        vocab_size=29,
        n_positions=12,
        bos_token_id=0,
        eos_token_id=0,
        attn_implementation=attention,
    )
    net = transformers.GPT2LMHeadModel(config).double()
    tokens = sentences(26, 10, 29)
    labels = tokens.clone()
    labels[::3, :4] = -100
    rec = pk.record(net, seed=5)
    trained(
        net, rec, [{"input_ids": a, "labels": b} for a, b in zip(tokens, labels, strict=True)], tmp_path, accumulated
    )
    path = rec.close("cross_entropy")
    queries = tokens[:3] if path.graph.prepare is None else path.graph.prepare(tokens[:3])
    assert unexplained(path, np.asarray(queries) if isinstance(queries, torch.Tensor) else queries) <= ALLOWED


@pytest.mark.parametrize(("accumulated", "workers"), [(1, 0), (2, 2)])
def test_lightning(accumulated: int, workers: int) -> None:
    lightning = pytest.importorskip("lightning.pytorch")

    class Module(lightning.LightningModule):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.net = network(nn.Dropout(0.2))

        def training_step(self, batch: Any, number: int) -> torch.Tensor:
            return F.cross_entropy(self.net(batch[0]), batch[1])

        def validation_step(self, batch: Any, number: int) -> None:
            self.log("loss", F.cross_entropy(self.net(batch[0]), batch[1]))

        def configure_optimizers(self) -> Any:
            optimizer = torch.optim.AdamW(self.parameters(), 1e-2)
            scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=2e-2, total_steps=12)
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    module = Module()
    rec = pk.record(module.net, graph=graph_of(module.net, [6]))
    trainer = lightning.Trainer(
        max_epochs=2,
        accelerator="cpu",
        callbacks=[rec.lightning_callback()],
        gradient_clip_val=0.4,
        accumulate_grad_batches=accumulated,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer.fit(
            module,
            DataLoader(dataset(), batch_size=10, shuffle=True, num_workers=workers),
            DataLoader(dataset(), batch_size=10),
        )
    path = rec.close("cross_entropy")
    assert rec.steps == 8 // accumulated
    assert path.config["training"]["clip_norm"] == 0.4
    assert unexplained(path, data(5)[0].numpy()) <= ALLOWED
    assert np.array_equal(path.final["0.weight"], module.net[0].weight.detach().numpy())
