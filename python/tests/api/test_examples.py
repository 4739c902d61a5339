"""The examples of the documentation, as people copy them."""

from __future__ import annotations

import re
from pathlib import Path as File
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import pathkernel as pk

ROOT = File(__file__).resolve().parents[3]


def blocks(file: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / file).read_text(encoding="utf-8"), re.DOTALL)


def test_the_readme(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    monkeypatch.chdir(ROOT)
    space: dict[str, Any] = {}
    exec(blocks("python/README.md")[0], space)
    assert "verdict='exact'" in capsys.readouterr().out
    result = space["result"]
    assert result.attribution.shape == (360, 1437, 10)
    assert (result.prediction.argmax(1) == space["truth"]).mean() > 0.9


@pytest.fixture
def small() -> dict[str, Any]:
    """What the examples take for given, small."""
    draws = np.random.default_rng(1)
    torch.manual_seed(0)
    y = draws.integers(0, 4, 40)
    net = nn.Sequential(nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 4))
    return {
        "pk": pk,
        "torch": torch,
        "nn": nn,
        "F": F,
        "np": np,
        "net": net,
        "x": draws.normal(size=(40, 16)).astype(np.float32),
        "y": y,
        "queries": draws.normal(size=(9, 16)).astype(np.float32),
        "truth": draws.integers(0, 4, 9),
        "names": [f"e{number}" for number in range(40)],
        "names_of_examples": [f"e{number}" for number in range(40)],
        "classes": ["cat", "dog", "five", "nine"],
        "names_of_classes": ["cat", "dog", "five", "nine"],
    }


def test_train_here(small: dict[str, Any]) -> None:
    example = """
path = pk.train(net, x, y, loss="cross_entropy", optimizer=pk.SGD(0.1, momentum=0.9), steps=20, batch_size=16, seed=0)
net.load_state_dict(path.state_dict())
result = pk.attribute(path, queries, readout="outputs", rule="adaptive")
check = result.check()
best = result.attribution[7, :, 3].argsort()[-5:]
"""
    exec(example, small)
    assert small["check"].verdict == "exact" and small["check"].missed == 0 and small["check"].unexplained == 0
    outputs = small["net"](torch.tensor(small["queries"])).detach().numpy()
    # Sums of a few numbers of single precision, in another order.
    np.testing.assert_allclose(small["result"].prediction, outputs, atol=1e-5)


def test_look(small: dict[str, Any], tmp_path: File, monkeypatch: pytest.MonkeyPatch) -> None:
    example = """
path = pk.train(net, x, y, loss="cross_entropy", optimizer=pk.SGD(0.1), steps=20, batch_size=16, directory="runs/mine")
pk.attribute(path, queries, truth, own=True)
r = pk.open("runs/mine")
html = r._repr_html_()
table = r.top(query=7, output=3, k=10)
r.xarray(coords={"example": names, "output": classes}).sel(output="cat").groupby("label").sum("example").plot()
r.plot(7, images=x)
own = r.self_influence()
page = r.report(class_names=classes)
"""
    import matplotlib

    matplotlib.use("Agg")
    monkeypatch.chdir(tmp_path)
    exec(example, small)
    assert list(small["table"].columns) == ["example", "contribution", "label", "share"]
    assert small["table"]["label"].tolist() == small["y"][small["table"]["example"]].tolist()
    assert len(small["own"]) == 40 and "exact" in small["html"]
    assert small["page"].read_text(encoding="utf-8").count("nine") > 0
    # The same question is answered at once, and without the data beside it.
    again = pk.attribute(small["path"], small["queries"], small["truth"], own=True)
    np.testing.assert_array_equal(again.attribution, small["r"].attribution)


def test_the_calls_of_the_page(small: dict[str, Any], tmp_path: File, monkeypatch: pytest.MonkeyPatch) -> None:
    import matplotlib

    matplotlib.use("Agg")
    monkeypatch.chdir(tmp_path)
    results, tracin, *_ = blocks("docs/python.md")
    small["path"] = pk.train(
        small["net"], small["x"], small["y"], loss="cross_entropy", optimizer=pk.SGD(0.1), steps=20
    )
    results = results.replace("result.self_influence()", "pk.attribute(path).self_influence()").replace(
        ", windows=20", ""
    )
    results = re.sub(r"result\.report.*", "", results)
    exec(results, small)
    (tmp_path / "ckpt").mkdir()
    batches = np.arange(40).reshape(4, 10)
    optimizer = torch.optim.SGD(small["net"].parameters(), 0.1)
    for step, batch in enumerate([None, *batches]):
        if batch is not None:
            optimizer.zero_grad()
            F.cross_entropy(small["net"](torch.tensor(small["x"][batch])), torch.tensor(small["y"][batch])).backward()
            optimizer.step()
        torch.save(small["net"].state_dict(), tmp_path / "ckpt" / f"{step}.pt")
    exec(tracin, {**small, "batches": batches}, small)
    result = pk.attribute(small["path"], small["queries"])
    assert result.verdict == "exact" and np.abs(result.unexplained).max() < 1e-5
    assert small["K"].shape == (9, 40, 4, 4)
