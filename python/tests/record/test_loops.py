"""Loops as people write them, each recorded and each step explained."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, OneCycleLR, StepLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler

import pathkernel as pk
from loops import data, dataset, explained, graph_of, network, unexplained

#: What a step may leave unexplained, of the whole change. In double precision it is roundings.
ALLOWED = 1e-6
QUERIES = data(5)[0].numpy()


@pytest.fixture(autouse=True)
def _no_remarks() -> Any:
    """A path without a warning is one of which everything can be explained."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="recorded path")
        yield


def finish(rec: pk.Recorder, loss: Any = "cross_entropy", **given: Any) -> pk.Path:
    path = rec.close(loss, **given)
    assert unexplained(path, QUERIES) <= ALLOWED
    return path


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("accumulated", [1, 3])
def test_groups_schedule_clipping_workers_and_accumulation(workers: int, accumulated: int) -> None:
    net = network()
    decayed = [one for one in net.parameters() if one.dim() > 1]
    others = [one for one in net.parameters() if one.dim() <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.1}, {"params": others, "lr": 3e-3, "weight_decay": 0.0}], lr=1e-2
    )
    loader = DataLoader(dataset(), batch_size=8, shuffle=True, num_workers=workers, persistent_workers=workers > 0)
    scheduler = OneCycleLR(optimizer, max_lr=[2e-2, 1e-2], total_steps=12)
    rec = pk.record(net, optimizer, graph=graph_of(net, [6]))
    for _ in range(2):
        for number, (xb, yb) in enumerate(rec.watch(loader)):
            (F.cross_entropy(net(xb), yb) / accumulated).backward()
            if (number + 1) % accumulated == 0 or number + 1 == len(loader):
                nn.utils.clip_grad_norm_(net.parameters(), 0.4)
                optimizer.step()
                scheduler.step()
                optimizer.zero_grad()
    path = finish(rec)
    assert path.config["training"]["clip_norm"] == 0.4
    assert isinstance(path.config["training"]["optimizer"]["betas"], list), "momentum moves along"
    # The last two batches of an epoch are as much as three: they count two thirds of a mean.
    assert path.config["training"]["reduction"] == ("mean" if accumulated == 1 else "sum")


def test_a_schedule_by_epoch() -> None:
    net = network()
    optimizer = torch.optim.SGD(net.parameters(), 0.2, momentum=0.8, nesterov=True, weight_decay=1e-2)
    scheduler = StepLR(optimizer, step_size=1, gamma=0.5)
    loader = DataLoader(dataset(), batch_size=16, shuffle=True)
    rec = pk.record(net, optimizer, graph=graph_of(net, [6]))
    for _ in range(3):
        for xb, yb in rec.watch(loader):
            optimizer.zero_grad()
            F.cross_entropy(net(xb), yb).backward()
            optimizer.step()
        scheduler.step()
    path = finish(rec)
    assert path.config["training"]["optimizer"]["learning_rate"] == [0.2] * 3 + [0.1] * 3 + [0.05] * 3
    assert "clip_norm" not in path.config["training"]


@pytest.mark.parametrize("kind", ["rmsprop", "nadam", "adam", "amsgrad"])
def test_other_optimizers(kind: str) -> None:
    net = network()
    make: dict[str, Any] = {
        "rmsprop": lambda p: torch.optim.RMSprop(p, 1e-2, momentum=0.5, centered=True),
        "nadam": lambda p: torch.optim.NAdam(p, 1e-2, weight_decay=0.1, decoupled_weight_decay=True),
        "adam": lambda p: torch.optim.Adam(p, 1e-2, weight_decay=0.1),
        "amsgrad": lambda p: torch.optim.AdamW(p, 1e-2, amsgrad=True, betas=(0.8, 0.9)),
    }
    optimizer = make[kind](net.parameters())
    scheduler = CosineAnnealingLR(optimizer, 8)
    rec, examples = pk.record(net, optimizer, graph=graph_of(net, [6])), dataset()
    for _ in range(2):
        for xb, yb in rec.watch(DataLoader(examples, batch_size=10)):
            F.cross_entropy(net(xb), yb).backward()
            optimizer.step()
            optimizer.zero_grad()
            scheduler.step()
    finish(rec)


def test_clipping_by_value_is_named() -> None:
    net = network()
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    rec = pk.record(net, optimizer, graph=graph_of(net, [6]))
    for xb, yb in rec.watch(DataLoader(dataset(), batch_size=10)):
        F.cross_entropy(net(xb), yb).backward()
        nn.utils.clip_grad_value_(net.parameters(), 0.02)
        optimizer.step()
        optimizer.zero_grad()
    with pytest.warns(UserWarning, match=r"step 0: gradients were clipped by value at 0\.02"):
        path = rec.close("cross_entropy")
    assert unexplained(path, QUERIES) > 1e-2, "what could not be said is not explained"


def test_values_that_are_never_clipped_are_nothing() -> None:
    net = network()
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    rec = pk.record(net, optimizer, graph=graph_of(net, [6]))
    for xb, yb in rec.watch(DataLoader(dataset(), batch_size=10)):
        F.cross_entropy(net(xb), yb).backward()
        nn.utils.clip_grad_value_(net.parameters(), 100.0)
        optimizer.step()
        optimizer.zero_grad()
    assert finish(rec).config["training"]["reduction"] == "mean"


def test_clipping_that_adapts_is_measured() -> None:
    net = network()
    optimizer = torch.optim.Adam(net.parameters(), 1e-2)
    rec = pk.record(net, optimizer, graph=graph_of(net, [6]))
    for number, (xb, yb) in enumerate(rec.watch(DataLoader(dataset(), batch_size=10))):
        F.cross_entropy(net(xb), yb).backward()
        nn.utils.clip_grad_norm_(net.parameters(), 0.1 + 0.1 * number)
        optimizer.step()
        optimizer.zero_grad()
    path = finish(rec)
    assert "clip_norm" not in path.config["training"] and "weights" in path.config["data"]["train"]


@pytest.mark.parametrize("unscaled", [True, False])
@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("to_none", [True, False])
def test_scaled_gradients_and_skipped_steps(to_none: bool, fused: bool, unscaled: bool) -> None:
    """A fused optimizer takes the scale off by itself, and leaves a step out by itself."""
    net = network()
    optimizer = torch.optim.AdamW(net.parameters(), 1e-2, fused=fused)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**12, growth_interval=3)
    loader = DataLoader(dataset(), batch_size=8, shuffle=True)
    rec, number = pk.record(net, optimizer, graph=graph_of(net, [6])), 0
    for _ in range(2):
        for xb, yb in rec.watch(loader):
            loss = F.cross_entropy(net(xb), yb)
            # As an overflow of a half-precision product would be.
            scaler.scale(loss * (float("inf") if number in (0, 4) else 1.0)).backward()
            if unscaled:
                scaler.unscale_(optimizer)
                nn.utils.clip_grad_norm_(net.parameters(), 0.5)
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad(set_to_none=to_none)
            number += 1
    assert rec.steps == number - 2
    path = finish(rec)
    assert path.config["training"].get("clip_norm") == (0.5 if unscaled else None)
    assert path.config["training"]["reduction"] == "mean"


def test_half_precision_is_explained_to_its_roundings() -> None:
    net = network().float()
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    loader = DataLoader(TensorDataset(data()[0].float(), data()[1]), batch_size=8, shuffle=True)
    rec = pk.record(net, optimizer, graph=graph_of(net, [6]))
    for xb, yb in rec.watch(loader):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = F.cross_entropy(net(xb), yb)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    path = rec.close("cross_entropy")
    assert path.config["training"]["reduction"] == "mean" and path.config["run"]["precision"] == "f32"
    # bfloat16 has 8 bits.
    assert unexplained(path, QUERIES) < 2.0**-6


@pytest.mark.parametrize("accumulated", [1, 2])
def test_dropout_is_drawn_again(accumulated: int) -> None:
    net = network(nn.Dropout(0.3), nn.Linear(16, 16), nn.Tanh(), nn.Dropout(0.5)).double()
    optimizer = torch.optim.AdamW(net.parameters(), 1e-2)
    loader = DataLoader(dataset(), batch_size=12, shuffle=True)
    rec = pk.record(net, optimizer, graph=graph_of(net, [6]), seed=2**40 + 7)
    for _ in range(2):
        for number, (xb, yb) in enumerate(rec.watch(loader)):
            F.cross_entropy(net(xb), yb).backward()
            if (number + 1) % accumulated == 0:
                optimizer.step()
                optimizer.zero_grad()
    path = finish(rec)
    assert path.config["run"]["seed"] == 2**40 + 7
    columns = explained(path, QUERIES).arrays["attribution"].shape[1]
    assert columns == 40, "one for each example, whatever rows it has"


def test_batch_norm() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 3, 3, bias=False), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 4)
    ).double()
    x = torch.randn(30, 1, 6, 6, dtype=torch.float64)
    y = (x.flatten(1) @ torch.randn(36, 4, dtype=torch.float64)).argmax(1)
    optimizer = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9)
    rec = pk.record(net, optimizer, graph=graph_of(net, [1, 6, 6]))
    loader = DataLoader(TensorDataset(x, y), batch_size=10, shuffle=True)
    for _ in range(2):
        for xb, yb in rec.watch(loader):
            F.cross_entropy(net(xb), yb).backward()
            optimizer.step()
            optimizer.zero_grad()
        net.eval()
        with torch.no_grad():
            net(x)
        net.train()
    path = rec.close("cross_entropy")
    assert unexplained(path, x[:4].numpy()) <= ALLOWED
    assert np.abs(explained(path, x[:4].numpy()).arrays["statistics"]).max() > 0


def test_an_average_beside_the_model() -> None:
    net = network()
    optimizer = torch.optim.Adam(net.parameters(), 1e-2)
    rec = pk.record(net, optimizer, graph=graph_of(net, [6]))
    average = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(0.9))
    for xb, yb in rec.watch(DataLoader(dataset(), batch_size=8, shuffle=True)):
        F.cross_entropy(net(xb), yb).backward()
        optimizer.step()
        optimizer.zero_grad()
        average.update_parameters(net)
        average(xb).sum().backward()  # The average is not what is recorded.
        # Looked at in the network's place, and out again.
        own = copy.deepcopy(net.state_dict())
        net.load_state_dict(average.module.state_dict())
        net.load_state_dict(own)
    path = finish(rec)
    assert all(np.array_equal(path.final[name], one.numpy()) for name, one in net.state_dict().items())


def test_without_a_loader() -> None:
    net = network()
    x, y = data()
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    rec = pk.record(net, optimizer, graph=graph_of(net, [6]))
    for _ in range(5):
        batch = torch.randint(len(x), (9,))  # With replacement: some examples count twice.
        rec.batch(batch)
        F.cross_entropy(net(x[batch]), y[batch], reduction="sum").backward()
        optimizer.step()
        optimizer.zero_grad()
    path = finish(rec, targets=y)
    assert path.config["training"]["reduction"] == "sum"


def test_all_examples_in_each_step() -> None:
    net = network()
    x, y = data()
    optimizer = torch.optim.AdamW(net.parameters(), 1e-2)
    rec = pk.record(net, optimizer, graph=graph_of(net, [6]))
    rec.batch(range(len(x)), y)
    for _ in range(4):
        optimizer.zero_grad()
        F.cross_entropy(net(x), y).backward()
        optimizer.step()
    finish(rec)


def test_augmented_examples_have_a_row_for_each_view() -> None:
    class Noisy(torch.utils.data.Dataset[Any]):
        def __len__(self) -> int:
            return 20

        def __getitem__(self, index: int) -> Any:
            x, y = data(20)
            return x[index] * (-1.0 if torch.rand(()) < 0.5 else 1.0), y[index]

    net = network()
    optimizer = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9)
    rec = pk.record(net, optimizer, graph=graph_of(net, [6]))
    views = Noisy()
    for _ in range(4):
        for xb, yb in rec.watch(DataLoader(views, batch_size=5, shuffle=True)):
            F.cross_entropy(net(xb), yb).backward()
            optimizer.step()
            optimizer.zero_grad()
    path = finish(rec)
    train = path.config["data"]["train"]
    assert 20 < len(train["inputs"]) <= 40 and np.array_equal(np.unique(train["groups"]), np.arange(20))


def test_examples_that_were_never_fed_have_columns_of_zeros() -> None:
    net = network()
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    sampler = WeightedRandomSampler(torch.ones(40), 10, replacement=False)
    rec = pk.record(net, optimizer, graph=graph_of(net, [6]))
    for xb, yb in rec.watch(DataLoader(dataset(), batch_size=5, sampler=sampler)):
        F.cross_entropy(net(xb), yb).backward()
        optimizer.step()
        optimizer.zero_grad()
    columns = explained(finish(rec), QUERIES).arrays["attribution"]
    assert columns.shape[1] == 40
    assert (np.abs(columns).max((0, 2)) > 0).sum() == 10


def test_examples_with_weights() -> None:
    net = network()
    x, y = data()
    weights = torch.rand(40, dtype=torch.float64)
    optimizer = torch.optim.Adam(net.parameters(), 1e-2)
    rec = pk.record(net, optimizer, graph=graph_of(net, [6]))
    for xb, yb, wb in rec.watch(DataLoader(TensorDataset(x, y, weights), batch_size=10)):
        (F.cross_entropy(net(xb), yb, reduction="none") * wb).mean().backward()
        optimizer.step()
        optimizer.zero_grad()
    found = finish(rec).config["data"]["train"]["weights"]
    assert np.allclose(found, weights.numpy() / 10, rtol=1e-9)


@pytest.mark.parametrize(
    "loss",
    [
        nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 0.5, 3.0], dtype=torch.float64), label_smoothing=0.1),
        nn.CrossEntropyLoss(ignore_index=2),
    ],
)
def test_losses_of_classes(loss: nn.Module) -> None:
    net = network()
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    rec = pk.record(net, optimizer, graph=graph_of(net, [6]))
    for xb, yb in rec.watch(DataLoader(dataset(), batch_size=10)):
        loss(net(xb), yb).backward()
        optimizer.step()
        optimizer.zero_grad()
    assert finish(rec, loss).config["training"]["reduction"] == "mean"


@pytest.mark.parametrize(
    ("name", "loss"),
    [
        (nn.MSELoss(), nn.MSELoss()),
        (nn.HuberLoss(delta=0.5), nn.HuberLoss(delta=0.5)),
        ("huber", nn.SmoothL1Loss(beta=1.0)),
        (nn.L1Loss(), nn.L1Loss()),
        ("squared_error", nn.MSELoss()),
        ("logistic", nn.BCEWithLogitsLoss()),
        ("poisson", nn.PoissonNLLLoss()),
    ],
)
def test_losses_of_reals(name: Any, loss: nn.Module) -> None:
    """A loss that differs from the engine's by a factor, such as the number of outputs, has it measured."""
    net = network()
    x, y = data()
    aims = F.one_hot(y, 4).double()
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    rec = pk.record(net, optimizer, graph=graph_of(net, [6]))
    for xb, yb in rec.watch(DataLoader(TensorDataset(x, aims), batch_size=10)):
        loss(net(xb), yb).backward()
        optimizer.step()
        optimizer.zero_grad()
    finish(rec, name)


def test_a_network_that_ends_with_log_softmax() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 4), nn.LogSoftmax(1)).double()
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    rec = pk.record(net, optimizer, graph=graph_of(net, [6]))
    for xb, yb in rec.watch(DataLoader(dataset(), batch_size=10)):
        F.nll_loss(net(xb), yb).backward()
        optimizer.step()
        optimizer.zero_grad()
    finish(rec, nn.NLLLoss())


def test_another_loss_than_the_one_that_is_named() -> None:
    net = network()
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    rec = pk.record(net, optimizer, graph=graph_of(net, [6]))
    for xb, yb in rec.watch(DataLoader(dataset(), batch_size=10)):
        F.multi_margin_loss(net(xb), yb).backward()
        optimizer.step()
        optimizer.zero_grad()
    with pytest.warns(UserWarning, match="step 0: the gradient by the outputs is not that of the loss that is named"):
        rec.close("cross_entropy")


def test_a_part_of_the_network_is_trained() -> None:
    net = network()
    net[0].weight.requires_grad_(False)
    optimizer = torch.optim.AdamW(net[2].parameters(), 1e-2)
    rec = pk.record(net, optimizer, graph=graph_of(net, [6]))
    for xb, yb in rec.watch(DataLoader(dataset(), batch_size=10)):
        F.cross_entropy(net(xb), yb).backward()
        optimizer.step()
        optimizer.zero_grad()
    assert set(finish(rec).graph.model["frozen"]) == {"0.weight", "0.bias"}


def test_from_the_middle_of_a_training() -> None:
    net = network()
    optimizer = torch.optim.Adam(net.parameters(), 1e-2)
    x, y = data()
    for _ in range(3):
        optimizer.zero_grad()
        F.cross_entropy(net(x), y).backward()
        optimizer.step()
    rec = pk.record(net, optimizer, graph=graph_of(net, [6]))
    for xb, yb in rec.watch(DataLoader(dataset(), batch_size=10)):
        optimizer.zero_grad()
        F.cross_entropy(net(xb), yb).backward()
        optimizer.step()
    path = finish(rec)
    assert np.abs(explained(path, QUERIES).arrays["earlier"]).max() > 0


def test_a_closure() -> None:
    net = network()
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    rec = pk.record(net, optimizer, graph=graph_of(net, [6]))
    for xb, yb in rec.watch(DataLoader(dataset(), batch_size=10)):

        def closure(xb: Any = xb, yb: Any = yb) -> Any:
            optimizer.zero_grad()
            loss = F.cross_entropy(net(xb), yb)
            loss.backward()
            return loss

        optimizer.step(closure)
    finish(rec)


@pytest.mark.parametrize("every", [2, 3])
def test_weights_every_few_steps(every: int) -> None:
    net = network()
    optimizer = torch.optim.AdamW(net.parameters(), 1e-2)
    rec = pk.record(net, optimizer, every=every, graph=graph_of(net, [6]))
    loader = DataLoader(dataset(), batch_size=8, shuffle=True)
    for _ in range(2):
        for xb, yb in rec.watch(loader):
            optimizer.zero_grad()
            F.cross_entropy(net(xb), yb).backward()
            optimizer.step()
    path = rec.close("cross_entropy")
    found = explained(path, QUERIES)
    # The steps between are made again, from the same numbers: the weights at the end are those that were recorded.
    for name, weights in found.weights_final.items():
        assert np.allclose(weights, net.state_dict()[name].numpy(), rtol=1e-10, atol=1e-12)
