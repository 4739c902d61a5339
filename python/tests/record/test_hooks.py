"""What a recorder leaves alone, and what it says of loops that it cannot follow."""

from __future__ import annotations

import copy
import io
import warnings
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import pathkernel as pk
from loops import data, dataset, graph_of, network, unexplained
from pathkernel.torch_optimizers import of_torch

ALLOWED = 1e-6
QUERIES = data(5)[0].numpy()
X, Y = data()


def begun(net: nn.Module, **settings: Any) -> tuple[pk.Recorder, torch.optim.Optimizer]:
    optimizer = torch.optim.SGD([one for one in net.parameters() if one.requires_grad], 0.1)
    graph = settings.pop("graph", None) or graph_of(net, [6])  # type: ignore[arg-type]
    return pk.record(net, optimizer, graph=graph, **settings), optimizer


def step(net: nn.Module, optimizer: torch.optim.Optimizer, xb: torch.Tensor, yb: torch.Tensor) -> None:
    optimizer.zero_grad()
    F.cross_entropy(net(xb), yb).backward()
    optimizer.step()


def remarks_of(rec: pk.Recorder, **given: Any) -> list[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return rec.close("cross_entropy", **given).remarks


def test_recording_changes_no_number() -> None:
    found = []
    for records in (False, True):
        net = network()
        optimizer = torch.optim.AdamW(net.parameters(), 1e-2)
        loader: Any = DataLoader(dataset(), batch_size=8, shuffle=True, num_workers=2)
        if records:
            loader = pk.record(net, optimizer, graph=graph_of(net, [6])).watch(loader)
        torch.manual_seed(3)
        for _ in range(2):
            for xb, yb in loader:
                step(net, optimizer, xb, yb)
        found.append([*net.state_dict().values(), torch.rand(1, dtype=torch.float64)])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True)), "the weights, and the random numbers after them"


def test_copies_and_saved_networks_have_no_hooks() -> None:
    net = network()
    rec, optimizer = begun(net)
    file = io.BytesIO()
    torch.save(net, file)
    file.seek(0)
    others = [copy.deepcopy(net), torch.load(file, weights_only=False)]
    rec.batch(range(40), Y)
    step(net, optimizer, X, Y)
    for other in others:
        own = torch.optim.SGD(other.parameters(), 0.1)
        step(other, own, X[:7], Y[:7])
        assert torch.equal(other(X), copy.deepcopy(other)(X))
    assert rec.steps == 1 and unexplained(rec.close("cross_entropy"), QUERIES) <= ALLOWED


def test_what_a_loop_makes_of_the_inputs() -> None:
    """What the network was given is what counts, not what the loader gave."""
    net = network()
    rec, optimizer = begun(net)
    loader = DataLoader(TensorDataset((X * 10).int(), Y), batch_size=10)
    for xb, yb in rec.watch(loader):
        step(net, optimizer, xb.double() / 10, yb)
    path = rec.close("cross_entropy")
    assert path.config["data"]["train"]["inputs"].dtype == np.float64
    assert unexplained(path, QUERIES) <= ALLOWED


def test_batches_that_are_used_later_than_they_come() -> None:
    """A loop that reads ahead: the tensors say which batch they are."""
    net = network()
    rec, optimizer = begun(net)
    ahead = list(rec.watch(DataLoader(dataset(), batch_size=10, shuffle=True)))
    for xb, yb in ahead:
        step(net, optimizer, xb, yb)
    assert unexplained(rec.close("cross_entropy"), QUERIES) <= ALLOWED


def test_targets_that_a_function_makes() -> None:
    net = network()
    rec, optimizer = begun(net, targets=lambda batch: batch["aim"] - 1)
    examples = [{"x": x, "aim": y + 1} for x, y in zip(X, Y, strict=True)]
    for batch in rec.watch(DataLoader(examples, batch_size=10)):  # type: ignore[arg-type]
        step(net, optimizer, batch["x"], batch["aim"] - 1)
    assert unexplained(rec.close("cross_entropy"), QUERIES) <= ALLOWED


def test_several_inputs() -> None:
    class Sum(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(6, 4).double()

        def forward(self, first: torch.Tensor, *, second: torch.Tensor) -> torch.Tensor:
            return self.head(first + second)  # type: ignore[no-any-return]

    torch.manual_seed(0)
    net = Sum()
    model = {
        "inputs": {"first": {"shape": [6]}, "second": {"shape": [6]}},
        "layers": [{"type": "add", "from": ["first", "second"]}, {"type": "linear", "name": "head", "features": 4}],
    }
    graph = pk.Graph(model, {name: one.numpy().copy() for name, one in net.state_dict().items()})
    rec, optimizer = begun(net, graph=graph)
    for xb, yb in rec.watch(DataLoader(dataset(), batch_size=10)):
        optimizer.zero_grad()
        F.cross_entropy(net(xb, second=xb**2), yb).backward()
        optimizer.step()
    path = rec.close("cross_entropy")
    assert unexplained(path, {"first": QUERIES, "second": QUERIES}) <= ALLOWED


def test_a_compiled_network() -> None:
    net = network()
    compiled = torch.compile(net, backend="eager")
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    rec = pk.record(compiled, optimizer, graph=graph_of(net, [6]))  # type: ignore[arg-type]
    for xb, yb in rec.watch(DataLoader(dataset(), batch_size=10)):
        step(compiled, optimizer, xb, yb)  # type: ignore[arg-type]
    assert unexplained(rec.close("cross_entropy"), QUERIES) <= ALLOWED


def test_a_batch_that_is_given_up() -> None:
    """Its backward pass was, and its step was not: zero_grad takes it away."""
    net = network()
    rec, optimizer = begun(net)
    for number, (xb, yb) in enumerate(rec.watch(DataLoader(dataset(), batch_size=5))):
        optimizer.zero_grad(set_to_none=number % 2 == 0)
        F.cross_entropy(net(xb), yb).backward()
        if number not in (0, 3, 4):
            optimizer.step()
    assert rec.steps == 5 and unexplained(rec.close("cross_entropy"), QUERIES) <= ALLOWED


def test_gradients_that_are_never_taken_away_are_told() -> None:
    net = network()
    rec, optimizer = begun(net)
    for xb, yb in rec.watch(DataLoader(dataset(), batch_size=10)):
        F.cross_entropy(net(xb), yb).backward()
        optimizer.step()
    assert remarks_of(rec) == [
        "step 1: gradients of the step before were still there: zero_grad was not called (so in 3 steps)"
    ]


def test_weights_that_something_else_moves_are_told() -> None:
    net = network()
    rec, optimizer = begun(net)
    for xb, yb in rec.watch(DataLoader(dataset(), batch_size=10)):
        step(net, optimizer, xb, yb)
        with torch.no_grad():
            net[0].weight.clamp_(-0.1, 0.1)
    assert remarks_of(rec)[0].startswith(
        "step 1: the weights were changed since the step before, and not by the optimizer's step"
    )


def test_losses_of_two_passes_are_told() -> None:
    net = network()
    rec, optimizer = begun(net)
    for xb, yb in rec.watch(DataLoader(dataset(), batch_size=10)):
        optimizer.zero_grad()
        loss = F.cross_entropy(net(xb), yb)
        loss.backward(retain_graph=True)
        loss.backward()
        optimizer.step()
    assert "gone back through twice" in remarks_of(rec)[0]


def test_a_group_that_comes_later_is_told() -> None:
    net = network()
    optimizer = torch.optim.SGD(net[2].parameters(), 0.1)
    rec = pk.record(net, optimizer, graph=graph_of(net, [6]))
    rec.batch(range(40), Y)
    step(net, optimizer, X, Y)
    optimizer.add_param_group({"params": list(net[0].parameters()), "lr": 0.05})
    step(net, optimizer, X, Y)
    assert any("a group of parameters was added" in remark for remark in remarks_of(rec))


def test_a_step_without_a_batch() -> None:
    net = network()
    _, optimizer = begun(net)
    with pytest.raises(pk.PathkernelError, match=r"step 0: .*rec\.watch\(loader\), or call rec\.batch\(indices\)"):
        step(net, optimizer, X, Y)


def test_a_batch_of_another_size() -> None:
    net = network()
    rec, optimizer = begun(net)
    rec.batch(range(9))
    with pytest.raises(ValueError, match="given 40 rows, and the batch has 9 examples"):
        step(net, optimizer, X, Y)


def test_inputs_of_several_lengths() -> None:
    net = nn.Sequential(nn.Linear(6, 4)).double()
    rec, optimizer = begun(net)
    rec.batch(range(40), Y)
    step(net, optimizer, X, Y)
    rec.batch(range(40), torch.stack([Y, Y], 1))
    optimizer.zero_grad()
    net(X).sum().backward()
    optimizer.step()
    with pytest.raises(ValueError, match="input targets has examples of shape"):
        rec.close("cross_entropy")


def test_what_close_needs() -> None:
    net = network()
    rec, optimizer = begun(net)
    with pytest.raises(pk.PathkernelError, match="no step was recorded"):
        rec.close("cross_entropy")
    rec, optimizer = begun(net)
    rec.batch(range(40))
    step(net, optimizer, X, Y)
    with pytest.raises(ValueError, match=r"the targets are not known.*rec\.close\(loss, targets=y\)"):
        rec.close("cross_entropy")
    assert unexplained(rec.close("cross_entropy", targets=Y), QUERIES) <= ALLOWED, (
        "it can be closed again with what was missing"
    )


def test_arguments() -> None:
    net = network()
    with pytest.raises(ValueError, match="every: is 0"):
        pk.record(net, torch.optim.SGD(net.parameters(), 0.1), every=0)
    rec = pk.record(net)
    with pytest.raises(pk.PathkernelError, match="no optimizer yet"):
        rec.batch([1])
    rec, _ = begun(net)
    for wrong in ([], [-1], [[1]]):
        with pytest.raises(ValueError, match="numbers of the batch's examples"):
            rec.batch(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: torch.optim.SGD(p, 0.1, maximize=True), r"SGD\(maximize=True\) cannot be followed"),
        (lambda p: torch.optim.LBFGS(p), "LBFGS is not one that can be followed; there are SGD, Adam"),
        (lambda p: torch.optim.Adagrad(p), "Adagrad is not one"),
    ],
)
def test_optimizers_that_cannot_be_followed(make: Any, message: str) -> None:
    net = network()
    with pytest.raises(pk.UnsupportedError, match=message):
        pk.record(net, make(net.parameters()))


def test_an_optimizer_of_its_own() -> None:
    class Signs(torch.optim.SGD):
        def step(self, closure: Any = None) -> Any:
            for group in self.param_groups:
                for one in group["params"]:
                    one.grad.sign_()
            return super().step(closure)

    with pytest.raises(pk.UnsupportedError, match="Signs is not one that can be followed"):
        of_torch(Signs(network().parameters(), 0.1))


def test_groups_in_a_run_files_words() -> None:
    net = network()
    names = {one: name for name, one in net.named_parameters()}
    optimizer = torch.optim.AdamW(
        [{"params": net[0].parameters()}, {"params": net[2].parameters(), "lr": 0.5, "betas": (0.5, 0.9)}],
        lr=torch.tensor(0.25),
    )
    assert of_torch(optimizer, names) == {
        "type": "adamw",
        "amsgrad": False,
        "learning_rate": 0.25,
        "betas": [0.9, 0.999],
        "eps": 1e-8,
        "weight_decay": 0.01,
        "groups": [{"parameters": ["2.weight", "2.bias"], "learning_rate": 0.5, "betas": [0.5, 0.9]}],
    }
    with pytest.raises(ValueError, match="needs the names"):
        of_torch(optimizer)


def test_gradients_of_one_sign() -> None:
    """Of a bias whose gradient is nowhere above 0, the largest entry is below: clipping is one factor all the same."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 1)).double()
    rec, optimizer = begun(net)
    for xb, yb in rec.watch(DataLoader(TensorDataset(X, X.sum(1, keepdim=True) + 9), batch_size=10)):
        optimizer.zero_grad()
        F.mse_loss(net(xb), yb).backward()
        nn.utils.clip_grad_norm_(net.parameters(), 0.5)
        optimizer.step()
    path = rec.close("mse")
    assert path.remarks == [] and path.config["training"]["clip_norm"] == 0.5
    assert unexplained(path, QUERIES) <= ALLOWED
