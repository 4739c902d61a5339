"""Contributions against plain loops in float64 (reference.py), entry by entry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from reference import AdamW, Sgd, account
from torch import nn
from torch.nn import functional as F

import pathkernel as pk

Data = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]

OPTIMIZERS: dict[str, tuple[Any, Callable[[], Sgd | AdamW], Callable[[Any], torch.optim.Optimizer]]] = {
    "sgd": (pk.SGD(0.3), lambda: Sgd(0.3), lambda p: torch.optim.SGD(p, 0.3)),
    "momentum and decay": (
        pk.SGD(0.1, momentum=0.9, weight_decay=0.05),
        lambda: Sgd(0.1, 0.9, 0.05),
        lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, weight_decay=0.05),
    ),
    "adamw": (
        pk.AdamW(0.02, betas=(0.8, 0.95), weight_decay=0.1),
        lambda: AdamW(0.02, (0.8, 0.95), weight_decay=0.1),
        lambda p: torch.optim.AdamW(p, 0.02, betas=(0.8, 0.95), weight_decay=0.1),
    ),
}


def close(found: np.ndarray, expected: np.ndarray) -> None:
    """Sums of some hundred products in double precision agree to some hundred roundings of the largest."""
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * max(1.0, float(np.abs(expected).max())))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_entry_is_that_of_plain_loops(
    name: str, net: nn.Sequential, digits: Data, batches: list[list[int]]
) -> None:
    x, y, queries, _ = digits
    ours, theirs, of_torch = OPTIMIZERS[name]
    expected = account(
        net, F.cross_entropy, theirs(), (torch.tensor(x), torch.tensor(y)), torch.tensor(queries), batches, nodes=4
    )
    for optimizer in (ours, of_torch(net.parameters())):
        path = pk.train(net, x, y, loss="cross_entropy", optimizer=optimizer, batches=batches)
        for found, wanted in ((path.losses, expected.losses), (path.final["0.weight"], expected.path[-1]["0.weight"])):
            close(np.asarray(found), np.asarray(wanted))
        result = pk.attribute(path, queries, nodes=4)
        close(result.attribution, expected.attribution)
        close(result.regularizer, expected.regularizer)
        close(result.initial, expected.initial)
        close(result.prediction, expected.prediction)
        assert result.verdict == "exact" and result.unexplained.max() == 0


def test_a_path_of_checkpoints_is_the_path(net: nn.Sequential, digits: Data, batches: list[list[int]]) -> None:
    x, y, queries, _ = digits
    parts = OPTIMIZERS["momentum and decay"]
    reference = account(
        net, F.cross_entropy, parts[1](), (torch.tensor(x), torch.tensor(y)), torch.tensor(queries), batches
    )
    path = pk.checkpoints(
        net, reference.path, x, y, loss=nn.CrossEntropyLoss(), optimizer=parts[2](net.parameters()), batches=batches
    )
    result = pk.attribute(path, queries, nodes=4)
    close(result.attribution, reference.attribution)
    assert np.abs(result.unexplained).max() < 1e-13
    close(path.final["2.bias"], reference.path[-1]["2.bias"])


def test_files_of_checkpoints_are_taken_in_the_order_of_their_numbers(
    net: nn.Sequential, digits: Data, tmp_path: Any, batches: list[list[int]]
) -> None:
    x, y, queries, _ = digits
    sgd = OPTIMIZERS["sgd"]
    batches = batches * 2  # 12 steps, so that 10 comes after 9 and not after 1
    reference = account(
        net, F.cross_entropy, sgd[1](), (torch.tensor(x), torch.tensor(y)), torch.tensor(queries), batches
    )
    for step, weights in enumerate(reference.path):
        torch.save(
            {"epoch": step, "model": {name: torch.tensor(one) for name, one in weights.items()}},
            tmp_path / f"{step}.pt",
        )
    path = pk.checkpoints(net, tmp_path / "*.pt", x, y, loss="cross_entropy", optimizer=sgd[0], batches=batches)
    close(pk.attribute(path, queries, nodes=4).attribution, reference.attribution)
    close(path.final["0.weight"], reference.path[-1]["0.weight"])


def test_a_module_that_ends_with_log_softmax_is_asked_for_its_own_outputs(
    net: nn.Sequential, digits: Data, batches: list[list[int]]
) -> None:
    x, y, queries, _ = digits
    whole = nn.Sequential(*net, nn.LogSoftmax(dim=1))
    path = pk.train(whole, x, y, loss=nn.NLLLoss(), optimizer=pk.SGD(0.3), batches=batches)
    expected = account(
        whole, F.nll_loss, Sgd(0.3), (torch.tensor(x), torch.tensor(y)), torch.tensor(queries), batches, nodes=12
    )
    result = pk.attribute(path, queries, nodes=12)
    close(result.prediction, expected.prediction)
    close(result.attribution, expected.attribution)


def test_a_module_that_ends_with_a_sigmoid_has_it_in_its_loss(
    net: nn.Sequential, digits: Data, batches: list[list[int]]
) -> None:
    x, y, queries, _ = digits
    one = nn.Sequential(nn.Linear(6, 4).double(), nn.Tanh(), nn.Linear(4, 1).double(), nn.Sigmoid())
    label = (y == 1).astype(float)[:, None]
    path = pk.train(one, x, label, loss=nn.BCELoss(), optimizer=pk.SGD(0.5), batches=batches)
    expected = account(
        one,
        F.binary_cross_entropy,
        Sgd(0.5),
        (torch.tensor(x), torch.tensor(label)),
        torch.tensor(queries),
        batches,
        nodes=12,
    )
    result = pk.attribute(path, queries, nodes=12)
    close(result.prediction, expected.prediction)
    close(result.attribution, expected.attribution)


def test_the_tangent_kernel_is_a_product_of_gradients(net: nn.Sequential, digits: Data) -> None:
    x, _, queries, _ = digits
    names = list(dict(net.named_parameters()))

    def rows(inputs: np.ndarray) -> torch.Tensor:
        made = [
            torch.autograd.grad(net(torch.tensor(one[None]))[0, output], list(net.parameters()))
            for one in inputs
            for output in range(3)
        ]
        return torch.stack([torch.cat([part.reshape(-1) for part in parts]) for parts in made]).view(len(inputs), 3, -1)

    assert len(names) == 4
    expected = torch.einsum("qcp,mdp->qmcd", rows(queries), rows(x)).numpy()
    close(pk.tangent_kernel(net, x, queries), expected)
    close(pk.tangent_kernel(net, x, queries, kernel="diagonal"), np.einsum("qmcc->qmc", expected))
    close(pk.tangent_kernel(net, x, queries, kernel="trace"), np.einsum("qmcc->qm", expected) / 3)
    close(pk.tangent_kernel(net, x), torch.einsum("qcp,mdp->qmcd", rows(x), rows(x)).numpy())


def test_tensors_that_the_optimizer_was_not_given_stay(
    net: nn.Sequential, digits: Data, batches: list[list[int]]
) -> None:
    x, y, queries, _ = digits
    path = pk.train(
        net, x, y, loss="cross_entropy", optimizer=torch.optim.SGD(net[2].parameters(), 0.3), batches=batches
    )
    np.testing.assert_array_equal(path.final["0.weight"], net[0].weight.detach().numpy())
    features = torch.tanh(net[0](torch.tensor(x))).detach(), torch.tanh(net[0](torch.tensor(queries))).detach()
    expected = account(
        nn.Sequential(net[2]), F.cross_entropy, Sgd(0.3), (features[0], torch.tensor(y)), features[1], batches
    )
    close(pk.attribute(path, queries, nodes=4).attribution, expected.attribution)


def test_a_training_that_goes_on_has_its_momentum(net: nn.Sequential, digits: Data, batches: list[list[int]]) -> None:
    """PyTorch makes two steps, the engine the others: the weights are those of PyTorch alone."""
    x, y, queries, _ = digits
    optimizer = torch.optim.AdamW(net.parameters(), 0.02)
    data = torch.tensor(x), torch.tensor(y)

    def steps(some: list[list[int]]) -> None:
        for batch in some:
            optimizer.zero_grad()
            F.cross_entropy(net(data[0][batch]), data[1][batch]).backward()
            optimizer.step()

    steps(batches[:2])
    path = pk.train(net, x, y, loss="cross_entropy", optimizer=optimizer, batches=batches[2:])
    steps(batches[2:])
    for name, values in net.state_dict().items():
        close(path.final[name], values.numpy())
    result = pk.attribute(path, queries)
    assert np.abs(result.earlier).max() > 1e-3
    total = result.initial + result.attribution.sum(1) + result.regularizer + result.earlier + result.residual
    close(total, result.prediction)


SCHEDULES: dict[str, Callable[[torch.optim.Optimizer], Any]] = {
    "StepLR": lambda optimizer: torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.5),
    "OneCycleLR": lambda optimizer: torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.05, total_steps=6),
    "LambdaLR by group": lambda optimizer: torch.optim.lr_scheduler.LambdaLR(
        optimizer, [lambda s: 1 / (1 + s), lambda s: 1.0]
    ),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedulers_of_pytorch(name: str, net: nn.Sequential, digits: Data, batches: list[list[int]]) -> None:
    """Two groups of parameters, whose numbers a scheduler moves after each step."""
    x, y, queries, _ = digits
    groups = [{"params": net[0].parameters()}, {"params": net[2].parameters(), "weight_decay": 0.1}]
    optimizer = torch.optim.AdamW(groups, 0.02)
    scheduler = SCHEDULES[name](optimizer)
    path = pk.train(net, x, y, loss="cross_entropy", optimizer=optimizer, schedule=scheduler, batches=batches)
    for batch in batches:
        optimizer.zero_grad()
        F.cross_entropy(net(torch.tensor(x[batch])), torch.tensor(y[batch])).backward()
        optimizer.step()
        scheduler.step()
    for tensor, values in net.state_dict().items():
        close(path.final[tensor], values.numpy())
    assert pk.attribute(path, queries).verdict == "exact"
