"""What a result says, against the arrays, the program's own answers, and sums spelled out."""

from __future__ import annotations

import shutil
import warnings
from dataclasses import replace
from pathlib import Path as File
from typing import Any

import numpy as np
import pandas
import pytest
import torch
from torch import nn

import pathkernel as pk
from pathkernel import frames
from pathkernel.legend import Legend

Data = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
NAMES = [f"e{number}" for number in range(24)]
CLASSES = ["ape", "bat", "cat"]


@pytest.fixture
def path(net: nn.Module, digits: Data, batches: list[list[int]]) -> pk.Path:
    return pk.train(
        net, digits[0], digits[1], loss="cross_entropy", optimizer=pk.SGD(0.3, momentum=0.5), batches=batches
    )


@pytest.fixture
def result(path: pk.Path, digits: Data) -> pk.Result:
    return pk.attribute(path, digits[2], digits[3], nodes=4, own=True, layers=True, names=NAMES, classes=CLASSES)


def test_the_terms_add_up(result: pk.Result) -> None:
    terms = result.initial + result.attribution.sum(1) + result.regularizer + result.statistics + result.earlier
    np.testing.assert_allclose(terms + result.unexplained + result.residual, result.prediction, atol=1e-14)
    np.testing.assert_allclose(result.layers.sum(0), result.attribution, atol=1e-14)
    check = result.check()
    assert check == pk.Check("exact", result.summary["largest_relative_residual"], 0.0, 0)
    assert check.residual < 1e-6


def test_top_of_a_query(result: pk.Result, digits: Data) -> None:
    row = result.attribution[2, :, 1]
    table = result.top(query=2, output="bat", k=3)
    assert isinstance(table, pandas.DataFrame)
    order = np.argsort(row)
    expected = [*order[::-1][:3], *order[:3]]
    assert table["example"].tolist() == expected
    np.testing.assert_array_equal(table["contribution"], row[expected])
    assert table["label"].tolist() == [CLASSES[digits[1][one]] for one in expected]
    assert table["name"].tolist() == [NAMES[one] for one in expected]
    raised, lowered = row[row > 0].sum(), row[row < 0].sum()
    np.testing.assert_allclose(table["share"], [value / (raised if value > 0 else lowered) for value in row[expected]])
    shown = result.top(2, k=1)
    assert shown["example"][0] == result.attribution[2, :, result.prediction[2].argmax()].argmax()


def test_top_of_an_example(result: pk.Result) -> None:
    table = result.top(example=5, output=0, k=24)
    values = result.attribution[:, 5, 0]
    assert sorted(table["query"]) == list(range(5))
    np.testing.assert_array_equal(table["contribution"], values[table["query"]])
    own = result.top(example=5, k=24).set_index("query")
    for query in range(5):
        assert own.loc[query, "output"] == result.prediction[query].argmax()


def test_lists_of_the_largest_alone_say_the_same(path: pk.Path, digits: Data, result: pk.Result) -> None:
    kept = pk.attribute(path, digits[2], digits[3], nodes=4, top=4, names=NAMES, classes=CLASSES)
    pandas.testing.assert_frame_equal(kept.top(1, 2, k=4), result.top(1, 2, k=4), rtol=1e-12)
    with pytest.raises(pk.PathkernelError, match="attribution=True"):
        _ = kept.attribution


def test_self_influence(path: pk.Path, digits: Data, result: pk.Result) -> None:
    table = result.self_influence()
    own = np.array([result.own[example, label] for example, label in enumerate(digits[1])])
    assert table["example"].tolist() == np.argsort(-np.abs(own), kind="stable").tolist()
    np.testing.assert_allclose(table["contribution"], own[table["example"]])
    np.testing.assert_allclose(table["times"], np.abs(table["contribution"]) / np.median(np.abs(own)))
    itself = pk.attribute(path, nodes=4)
    np.testing.assert_allclose(itself.self_influence()["contribution"], table["contribution"], atol=1e-12)
    without = pk.attribute(path, digits[2])
    with pytest.raises(pk.PathkernelError, match="own=True"):
        without.self_influence()


def test_frames_and_xarray(result: pk.Result, digits: Data) -> None:
    table = result.frame(query=1)
    assert len(table) == 3 * 24
    pivot = table.pivot(index="example", columns="output", values="contribution").to_numpy()
    np.testing.assert_array_equal(pivot, result.attribution[1])
    assert len(result.frame()) == result.attribution.size
    array = result.xarray(coords={"example": NAMES})
    assert array.dims == ("query", "example", "output") and array.coords["output"].values.tolist() == CLASSES
    for by, keys in (("label", range(3)), ("class", CLASSES)):
        sums = array.sel(output="cat").groupby(by).sum("example")
        for number, key in enumerate(keys):
            np.testing.assert_allclose(sums.sel({by: key}), result.attribution[:, digits[1] == number, 2].sum(1))
    assert result.xarray("attribution_layers").dims == ("layer", "query", "example", "output")
    assert result.xarray("prediction").dims == ("query", "output")


def test_tensors_are_copies_that_outlive_the_result(result: pk.Result) -> None:
    tensors = result.torch()
    expected = np.array(result.attribution)
    tensors["attribution"].zero_()
    np.testing.assert_array_equal(result.attribution, expected)


def test_examples_that_are_left_out_keep_their_numbers(net: nn.Module, digits: Data) -> None:
    x, y, queries, targets = digits
    path = pk.train(net, x, y, loss="cross_entropy", optimizer=pk.SGD(0.3), steps=3, exclude=[0, 5, 6])
    result = pk.attribute(path, queries, targets, names=NAMES)
    table = result.top(0, 0, k=30)
    assert set(table["example"]) == set(range(24)) - {0, 5, 6}
    assert table["name"].tolist() == [NAMES[number] for number in table["example"]]
    assert table["label"].tolist() == y[table["example"]].tolist()
    with pytest.raises(IndexError, match="no example 5"):
        result.top(example=5)


def test_groups_are_columns(net: nn.Module, digits: Data) -> None:
    """Rows of the numbers 4 to 15, two of each, mixed; of which one number's rows are of two classes."""
    x, y, queries, targets = digits
    groups = np.arange(24)[::-1] // 2 + 4
    y = np.array([0, 1, 2])[groups % 3]
    y[groups == 9] = [0, 1]
    path = pk.train(net, x, y, loss="cross_entropy", optimizer=pk.SGD(0.3), steps=3, groups=groups)
    result = pk.attribute(path, queries, targets, nodes=4)
    alone = pk.attribute(
        pk.train(net, x, y, loss="cross_entropy", optimizer=pk.SGD(0.3), steps=3), queries, targets, nodes=4
    )
    sums = np.stack([alone.attribution[:, groups == number].sum(1) for number in range(4, 16)], axis=1)
    np.testing.assert_allclose(result.attribution, sums, atol=1e-13)
    table = result.top(0, 0, k=30).set_index("example")
    assert sorted(table.index) == list(range(4, 16))
    for number, row in table.iterrows():
        assert row["contribution"] == result.attribution[0, number - 4, 0]
        assert row["label"] == (number % 3 if number != 9 else -1)


def test_what_is_not_there_is_told_with_the_remedy(result: pk.Result) -> None:
    for wrong, why in (
        (lambda: result.kernel, 'kernel="trace"'),
        (lambda: result.windows, "windows=10"),
    ):
        with pytest.raises(pk.PathkernelError, match=why):
            wrong()
    for wrong, kind, why in (
        (lambda: result.top(), ValueError, "query=…"),
        (lambda: result.top(99), IndexError, "numbered from 0 to 4"),
        (lambda: result.top(0, 3), IndexError, "numbered from 0 to 2"),
        (lambda: result.top(0, "dog"), KeyError, "no output 'dog'"),
    ):
        with pytest.raises(kind, match=why):
            wrong()


def test_a_verdict_that_is_not_exact_is_a_warning(path: pk.Path, digits: Data) -> None:
    with pytest.warns(pk.VerdictWarning, match="inexact: .*residual"):
        found = pk.attribute(path, digits[2], rule="left")
    assert found.verdict == "inexact" and found.check().residual > 1e-3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pk.attribute(path, digits[2])


def test_the_light_table(result: pk.Result, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = result.top(0, k=2)
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    table = result.top(0, k=2)
    assert isinstance(table, frames.Table) and len(table) == 4 and table.columns == list(expected.columns)
    for name in table:
        assert table[name].tolist() == expected[name].tolist()
    assert "contribution" in repr(table) and table._repr_html_().count("<tr>") == 5


def test_notebooks(result: pk.Result, path: pk.Path, digits: Data) -> None:
    html = result._repr_html_()
    assert html.count("<rect") == 2 * 5 and "exact" in html and "query 0, output " in html and "24 examples" in html
    assert "<polyline" in path._repr_html_() and "cross_entropy" in path._repr_html_()
    plan = pk.plan(path, digits[2])
    assert plan.memory > 0 and plan.seconds > 0 and plan.tiles >= 1
    assert repr(plan).startswith("Plan(time ") and "memory" in plan._repr_html_()
    assert repr(result).startswith("Result(exact; attribution [5, 24, 3]")


def test_pictures(result: pk.Result, digits: Data) -> None:
    import matplotlib

    matplotlib.use("Agg")
    images = digits[0].reshape(24, 2, 3)
    axes = result.plot(1, images=images, query_images=digits[2].reshape(5, 2, 3), k=4)
    output = result.prediction[1].argmax()
    ends = [bar.get_width() for bar in axes.patches]
    np.testing.assert_allclose(
        result.initial[1, output] + sum(ends), result.prediction[1, output] - result.residual[1, output]
    )
    assert len(axes.figure.axes) == 1 + 1 + 4
    bars = [bar.get_width() for bar in result.plot(1, "ape", against="cat").patches]
    difference = result.attribution[1, :, 0] - result.attribution[1, :, 2]
    np.testing.assert_allclose(bars, [difference[digits[1] == label].sum() for label in range(3)])


@pytest.mark.parametrize(("size", "is_drawn"), [(1e-9, False), (0.5, True)])
def test_what_rounding_left_is_not_drawn(result: pk.Result, size: float, is_drawn: bool) -> None:
    moved = {**result.arrays, "unexplained": np.full_like(result.prediction, size)}
    axes = pk.Result(replace(result._outcome, arrays=moved), result.legend).plot(1)
    assert ("unexplained" in [label.get_text() for label in axes.get_yticklabels()]) == is_drawn


def test_outputs_of_the_module_are_compared(path: pk.Path, net: nn.Module, digits: Data) -> None:
    net.load_state_dict(path.state_dict())
    outputs = net(torch.tensor(digits[2]))
    assert pk.attribute(path, digits[2], outputs=outputs).verdict == "exact"
    with pytest.warns(pk.VerdictWarning, match="wrong_inputs"):
        pk.attribute(path, digits[2], outputs=outputs.softmax(1))


def test_batch_norm_s_state_is_whole(digits: Data) -> None:
    torch.manual_seed(0)
    net: Any = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 3)).double()
    path = pk.train(net, digits[0], digits[1], loss="cross_entropy", optimizer=pk.SGD(0.1), steps=4, batch_size=12)
    net.load_state_dict(path.state_dict())
    assert net[1].num_batches_tracked == 4
    result = pk.attribute(path, digits[2])
    np.testing.assert_allclose(net.eval()(torch.tensor(digits[2])).detach(), result.prediction, atol=1e-12)
    assert np.abs(result.statistics).max() > 1e-6 and np.abs(result.statistics).shape == (5, 3)


def test_over_training(result: pk.Result, digits: Data) -> None:
    """Of contributions that are split over training the columns of each stretch add up to what it added."""
    from dataclasses import replace

    import matplotlib

    matplotlib.use("Agg")
    parts = np.array([0.5, 0.25, 0.25])[:, None, None, None] * result.attribution
    arrays = {**result.arrays, "attribution_windows": parts, "windows": np.array([0, 2, 4, 6])}
    split = pk.Result(replace(result._outcome, arrays=arrays), result.legend)
    axes = split.plot(1, "bat", k=3).figure.axes[1]
    bars = [(bar.get_x(), bar.get_height()) for bar in axes.patches]
    for begin, share in ((0, 0.5), (2, 0.25), (4, 0.25)):
        assert sum(height for x, height in bars if x == begin) == pytest.approx(
            share * result.attribution[1, :, 1].sum()
        )
    assert len(bars) == 3 * 3 and [text.get_text() for text in axes.get_legend().texts] == CLASSES


LABELS = np.array([3, 1, 0, 1], dtype=np.uint8)


@pytest.mark.parametrize("kind", ["npy", "npz", "csv", "idx", "idx.gz", "csv without names"])
def test_labels_are_read_from_what_a_run_file_names(kind: str, tmp_path: Any) -> None:
    import gzip
    import struct

    file = tmp_path / f"labels.{kind.split()[0]}"
    idx = b"\0\0\x08\x01" + struct.pack(">I", 4) + LABELS.tobytes()
    write = {
        "npy": lambda: np.save(file, LABELS),
        "npz": lambda: np.savez(file, y=LABELS),
        "csv": lambda: np.savetxt(file, LABELS, header="label", comments=""),
        "csv without names": lambda: np.savetxt(file, LABELS),
        "idx": lambda: file.write_bytes(idx),
        "idx.gz": lambda: file.write_bytes(gzip.compress(idx)),
    }
    write[kind]()
    named = f"{file}:y" if kind == "npz" else str(file)
    config = {"data": {"train": {"targets": named}}, "training": {"loss": "cross_entropy"}}
    labels = Legend.of(config, 4).labels
    assert labels is not None and labels.tolist() == LABELS.tolist()
    file.unlink()
    assert Legend.of(config, 4).labels is None


def test_what_has_no_class_has_no_label() -> None:
    ignored = {
        "data": {"train": {"targets": np.array([0, 9, -100, 2])}},
        "training": {"loss": "cross_entropy", "ignore": 9},
    }
    labels = Legend.of(ignored, 4).labels
    assert labels is not None and labels.tolist() == [0, -1, -1, 2]
    for targets, loss in (
        (np.array([0.5, 1.0]), "cross_entropy"),
        (np.array([0, 1]), "mse"),
        (np.zeros((2, 3)), "cross_entropy"),
    ):
        assert Legend.of({"data": {"train": {"targets": targets}}, "training": {"loss": loss}}, 2).labels is None


def test_losses_are_listed_by_size(path: pk.Path, digits: Data) -> None:
    """Of a loss what lowered it helped: the largest first, whichever way."""
    for readout in ("loss", {"type": "loss"}):
        result = pk.attribute(path, digits[2], digits[3], nodes=4, readout=readout)
        row, table = result.attribution[1, :, 0], result.top(1, k=3)
        order = np.argsort(row)
        expected = sorted([*order[:3], *order[::-1][:3]], key=lambda place: -abs(row[place]))
        assert table["example"].tolist() == expected
        assert expected[0] in order[:3], "what lowered this loss most did more than what raised it most"


def test_a_report_of_a_result_in_memory(path: pk.Path, digits: Data, tmp_path: File) -> None:
    """The run is done once more in a directory, to the bit."""
    result = pk.attribute(path, digits[2], digits[3], classes=CLASSES, progress=False)
    page = result.report(tmp_path / "run", class_names=["ant", "bee", "cow"])
    assert page == tmp_path / "run" / "report.html"
    text = page.read_text(encoding="utf-8")
    assert '"cow"' in text and '"ape"' not in text
    kept = pk.open(tmp_path / "run")
    np.testing.assert_array_equal(kept.attribution, result.attribution)
    with pytest.raises(ValueError, match="is kept in"):
        kept.report(tmp_path / "other")
    temporary = result.report()
    assert temporary.is_file() and '"ape"' in temporary.read_text(encoding="utf-8")
    shutil.rmtree(temporary.parent)


def test_what_examples_did_to_themselves_needs_no_queries(path: pk.Path) -> None:
    own, all_ = pk.attribute(path, own=True, attribution=False, nodes=4), pk.attribute(path, nodes=4)
    np.testing.assert_allclose(own.own, all_.attribution[np.arange(24), np.arange(24)], atol=1e-13)
    assert own.self_influence()["example"].tolist() == all_.self_influence()["example"].tolist()
