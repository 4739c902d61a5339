"""Recordings in a directory: they outlive their process, and are gone on with."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader

import pathkernel as pk
from loops import data, dataset, graph_of, network, unexplained

ALLOWED = 1e-6
QUERIES = data(5)[0].numpy()

pytestmark = pytest.mark.filterwarnings("error:recorded path")


def trained(net: nn.Sequential, optimizer: Any, rec: pk.Recorder, epochs: int, examples: Any) -> None:
    torch.manual_seed(4)
    for _ in range(epochs):
        for xb, yb in rec.watch(DataLoader(examples, batch_size=10, shuffle=True)):
            F.cross_entropy(net(xb), yb).backward()
            optimizer.step()
            optimizer.zero_grad()


def adam(net: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.Adam(net.parameters(), 1e-2)


def test_a_directory_holds_what_memory_holds(tmp_path: Path) -> None:
    paths = []
    for directory in (None, tmp_path):
        net = network()
        optimizer = adam(net)
        rec = pk.record(net, optimizer, directory, graph=graph_of(net, [6]))
        trained(net, optimizer, rec, 2, dataset())
        paths.append(rec.close("cross_entropy"))
    memory, disk = paths
    assert disk.directory == tmp_path and len(list((tmp_path / "recorded" / "weights").iterdir())) == 9
    assert all(np.array_equal(memory.final[name], disk.final[name]) for name in memory.final)
    assert np.array_equal(memory.config["training"]["batches"], disk.config["training"]["batches"])
    assert unexplained(disk, QUERIES) <= ALLOWED and unexplained(memory, QUERIES) <= ALLOWED


@pytest.mark.parametrize("dropout", [False, True])
def test_a_training_that_goes_on(tmp_path: Path, dropout: bool) -> None:
    """From a checkpoint of an epoch before the end, with the optimizer's state."""
    inside = [nn.Dropout(0.3)] if dropout else []
    net, examples = network(*inside), dataset()
    optimizer = adam(net)
    with pk.record(net, optimizer, tmp_path, graph=graph_of(net, [6])) as rec:
        trained(net, optimizer, rec, 1, examples)
        saved = {"net": {n: one.clone() for n, one in net.state_dict().items()}, "optimizer": optimizer.state_dict()}
        torch.save(saved, tmp_path / "saved.pt")
        trained(net, optimizer, rec, 1, examples)

    other = network(*inside)
    optimizer = adam(other)
    held = torch.load(tmp_path / "saved.pt")
    other.load_state_dict(held["net"])
    optimizer.load_state_dict(held["optimizer"])
    rec = pk.record(other, optimizer, tmp_path, graph=graph_of(network(*inside), [6]))
    trained(other, optimizer, rec, 2, dataset())
    path = rec.close("cross_entropy")
    assert path.config["training"]["steps"] == 12, "four steps of before, and eight more"
    assert unexplained(path, QUERIES) <= ALLOWED


def test_going_on_without_the_optimizers_state_is_told(tmp_path: Path) -> None:
    net = network()
    optimizer = adam(net)
    rec = pk.record(net, optimizer, tmp_path, graph=graph_of(net, [6]))
    trained(net, optimizer, rec, 1, dataset())
    rec.close("cross_entropy")
    rec = pk.record(net, adam(net), tmp_path, graph=graph_of(net, [6]))
    trained(net, rec._optimizer, rec, 1, dataset())
    with pytest.warns(UserWarning, match="step 4: the recording went on with a new optimizer"):
        rec.close("cross_entropy")


def test_the_same_training_begins_anew(tmp_path: Path) -> None:
    for _ in range(2):
        net = network()
        optimizer = adam(net)
        rec = pk.record(net, optimizer, tmp_path, graph=graph_of(net, [6]))
        trained(net, optimizer, rec, 1, dataset())
        assert rec.close("cross_entropy").config["training"]["steps"] == 4


def test_another_network_is_refused(tmp_path: Path) -> None:
    net = network()
    optimizer = adam(net)
    rec = pk.record(net, optimizer, tmp_path, graph=graph_of(net, [6]))
    trained(net, optimizer, rec, 1, dataset())
    rec.close("cross_entropy")
    nn.init.ones_(net[0].weight)
    rec = pk.record(net, optimizer, tmp_path, graph=graph_of(net, [6]))
    with pytest.raises(
        pk.PathkernelError, match="holds a recording of 4 steps, none of which has the network's weights"
    ):
        trained(net, optimizer, rec, 1, dataset())


def test_a_loop_that_fails(tmp_path: Path) -> None:
    """What was recorded before stays, and the hooks are gone."""
    net = network()
    optimizer = adam(net)
    with pytest.raises(KeyboardInterrupt), pk.record(net, optimizer, tmp_path, graph=graph_of(net, [6])) as rec:
        for number, (xb, yb) in enumerate(rec.watch(DataLoader(dataset(), batch_size=10))):
            if number == 2:
                raise KeyboardInterrupt
            F.cross_entropy(net(xb), yb).backward()
            optimizer.step()
            optimizer.zero_grad()
    path = rec.close("cross_entropy")
    assert path.config["training"]["steps"] == 2 and unexplained(path, QUERIES) <= ALLOWED
    net(data()[0]).sum().backward()
    optimizer.step()
    assert rec.steps == 2 and not net._forward_hooks and not net._forward_pre_hooks


KILLED = """
    import sys
    sys.path[:0] = {path!r}
    from test_directory import *
    net, examples = network(), dataset()
    optimizer = adam(net)
    rec = pk.record(net, optimizer, {folder!r}, graph=graph_of(net, [6]))
    print("begins", flush=True)
    trained(net, optimizer, rec, 100000, examples)
"""


def test_a_process_that_is_killed(tmp_path: Path) -> None:
    """At any moment: the steps that are whole are there, and the last one's weights are where another process goes
    on.
    """
    program = textwrap.dedent(KILLED.format(path=[str(Path(__file__).parent), *sys.path], folder=str(tmp_path)))
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    weights = tmp_path / "recorded" / "weights"
    while not weights.exists() or len(list(weights.glob("*.safetensors"))) < 20:
        assert process.poll() is None
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    from pathkernel.tensor_files import read

    points = sorted(weights.glob("*.safetensors"))
    net = network()
    # The very last point may have no step yet.
    net.load_state_dict({name: torch.from_numpy(one.copy()) for name, one in read(points[-2]).items()})
    optimizer = adam(net)
    rec = pk.record(net, optimizer, tmp_path, graph=graph_of(network(), [6]))
    trained(net, optimizer, rec, 1, dataset())
    with pytest.warns(UserWarning, match="went on with a new optimizer"):
        path = rec.close("cross_entropy")
    assert path.config["training"]["steps"] == len(points) - 2 + 4
