"""What other libraries of data attribution are given, against what they compute themselves."""

from __future__ import annotations

from pathlib import Path as File
from typing import Any

import jax
import numpy as np
import pytest
import torch
from captum.influence import TracInCP
from dattri.algorithm import TracInAttributor
from dattri.metric import lds, loo_corr, mislabel_detection_auc
from dattri.task import AttributionTask
from quanda.metrics.downstream_eval import ClassDetectionMetric, MislabelingDetectionMetric
from small import WRONG, Trained
from torch import nn

import pathkernel as pk
from pathkernel import interop

RATES = [0.1, 0.3, 0.05]


@pytest.fixture
def states(trained: Trained, tmp_path: File) -> list[str]:
    """Checkpoints of some training; which one does not matter."""
    torch.manual_seed(9)
    files = []
    for number in range(3):
        state = {
            name: values + 0.1 * number * torch.randn_like(values) for name, values in trained.net.state_dict().items()
        }
        files.append(str(tmp_path / f"state_{number}.pt"))
        torch.save(state, files[-1])
    return files


def tracin(trained: Trained, states: Any) -> np.ndarray:
    return interop.tracin(
        trained.net, states, *trained.train.tensors, *trained.test.tensors, loss=nn.CrossEntropyLoss(), rates=RATES
    )


def test_tracin_is_captum_s(trained: Trained, states: list[str]) -> None:
    def load(net: nn.Module, file: str) -> float:
        net.load_state_dict(torch.load(file))
        return RATES[states.index(file)]

    loss = nn.CrossEntropyLoss(reduction="none")
    theirs = TracInCP(trained.net, trained.train, states, load, loss_fn=loss, batch_size=16)
    expected = theirs.influence(trained.test.tensors).detach().numpy()
    found = tracin(trained, states)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * np.abs(expected).max())
    np.testing.assert_array_equal(found, tracin(trained, str(File(states[0]).parent / "state_*.pt")))


def test_tracin_is_dattri_s(trained: Trained, states: list[str], loaders: tuple[Any, Any]) -> None:
    def loss(params: Any, pair: Any) -> torch.Tensor:
        image, label = pair
        outputs = torch.func.functional_call(trained.net, params, image.unsqueeze(0))
        return nn.functional.cross_entropy(outputs, label.unsqueeze(0))

    weights = [torch.load(file) for file in states]
    task = AttributionTask(loss_func=loss, model=trained.net, checkpoints=weights)
    theirs = TracInAttributor(task=task, weight_list=torch.tensor(RATES), normalized_grad=False)
    theirs.projector_kwargs = None  # else gradients are projected at random
    expected = theirs.attribute(*loaders).numpy()
    # dattri has numbers of 32 bits on the way.
    np.testing.assert_allclose(tracin(trained, states).T, expected, rtol=0, atol=1e-6 * np.abs(expected).max())


def test_dattri_s_metrics(trained: Trained, loaders: tuple[Any, Any]) -> None:
    attributor = interop.DattriAttributor(trained.path)
    attributor.cache(loaders[0])
    scores = attributor.attribute(*loaders)
    losses = pk.attribute(trained.path, trained.test, readout="loss")
    np.testing.assert_allclose(scores.numpy(), -losses.attribution[:, :, 0].T)
    # Of models that are sums of the scores themselves, the ranks are foretold in full.
    subsets = torch.stack([torch.randperm(40, generator=torch.Generator().manual_seed(one))[:20] for one in range(12)])
    sums = torch.stack([scores[one].sum(0) for one in subsets])
    assert torch.allclose(lds(scores, (sums, subsets))[0], torch.ones(8, dtype=torch.float64))
    # What is lost by leaving one out is its score, in a model that is a sum.
    alone = scores.sum(0) - scores
    correlation = loo_corr(scores, (alone, torch.arange(40)))
    assert torch.allclose(correlation[0].abs(), torch.ones(8, dtype=torch.float64))
    labels = torch.zeros(40)
    labels[WRONG] = 1
    assert mislabel_detection_auc(attributor.self_attribute(loaders[0]), labels)[0] > 0.9


def test_another_training_set_is_refused(trained: Trained, loaders: tuple[Any, Any]) -> None:
    with pytest.raises(ValueError, match="not what the path was trained on"):
        interop.DattriAttributor(trained.path).attribute(loaders[1], loaders[1])


def test_quanda_s_metrics(trained: Trained) -> None:
    arguments: dict[str, Any] = {"model": trained.net, "train_dataset": trained.train}
    explainer = interop.QuandaExplainer(**arguments, path=trained.path)
    inputs, labels = trained.test.tensors
    found = explainer.explain(inputs, labels)
    expected = -pk.attribute(trained.path, trained.test, readout="loss").attribution[:, :, 0]
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)
    metric = ClassDetectionMetric(model=trained.net, train_dataset=trained.train)
    metric.update(explanations=found, test_targets=labels)
    best = trained.train.tensors[1][found.argmax(1)]
    assert metric.compute()["score"] == pytest.approx((best == labels).double().mean().item())
    wrong = MislabelingDetectionMetric(
        **arguments,
        mislabeling_indices=WRONG,
        explainer_cls=interop.QuandaExplainer,
        expl_kwargs={"path": trained.path},
    )
    assert wrong.compute()["score"] > 0.9


def test_captum_s_call(trained: Trained) -> None:
    ours = interop.CaptumInfluence(trained.path, readout="margin", nodes=4)
    whole = ours.influence(trained.test.tensors)
    expected = pk.attribute(trained.path, *trained.test.tensors, readout="margin", nodes=4).attribution[:, :, 0]
    np.testing.assert_array_equal(whole, expected)
    best = ours.influence(trained.test.tensors, k=3)
    worst = ours.influence(trained.test.tensors, k=3, proponents=False)
    np.testing.assert_array_equal(best.indices, np.argsort(-expected, axis=1)[:, :3])
    np.testing.assert_array_equal(worst.influence_scores, np.sort(expected, axis=1)[:, :3])
    own = ours.self_influence()
    itself = pk.attribute(trained.path, *trained.train.tensors, readout="margin", nodes=4).attribution[:, :, 0]
    np.testing.assert_allclose(own, np.diagonal(itself), atol=1e-12)


def test_arrays_of_jax(trained: Trained) -> None:
    jax.config.update("jax_enable_x64", True)
    x, y = (jax.numpy.asarray(one.numpy()) for one in trained.train.tensors)
    path = pk.train(trained.net, x, y, loss="cross_entropy", optimizer=pk.SGD(0.1), steps=2)
    expected = pk.attribute(path, trained.test.tensors[0], nodes=3)
    found = pk.attribute(path, jax.numpy.asarray(trained.test.tensors[0].numpy()), nodes=3)
    np.testing.assert_array_equal(found.attribution, expected.attribution)
