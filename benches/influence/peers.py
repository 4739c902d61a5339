"""Scores of other libraries for the margins of some queries, from a network's last weights: dattri's methods and TRAK.

Each array is [queries, examples]: what a query's margin loses where an example is left out, on a scale of the method's
own. Of numbers that a method leaves open (damping, sizes of projections) there is an array each, and the table takes
the best one afterwards.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

DAMPINGS = (1e-3, 1e-2, 1e-1)
PROJECTIONS = (64, 256)
REGULARIZATIONS = (1.0, 10.0, 100.0)

Data = tuple[torch.Tensor, torch.Tensor]
Scores = dict[str, np.ndarray]


def margins(outputs: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """f_y - log Σ_{c≠y} e^{f_c}."""
    own = outputs.gather(1, classes[:, None]).squeeze(1)
    others = outputs.scatter(1, classes[:, None], -torch.inf)
    return own - others.logsumexp(1)


def functions(network: nn.Module) -> tuple[Callable[..., torch.Tensor], ...]:
    """Loss, margin and probability of one example or a batch, as dattri takes them."""

    def outputs(params: Any, data: Data) -> Data:
        inputs, classes = data
        # One example comes without its axis.
        classes = classes.reshape(-1)
        return torch.func.functional_call(network, params, inputs.reshape(len(classes), 1, 8, 8)), classes

    def loss(params: Any, data: Data) -> torch.Tensor:
        return cross_entropy(*outputs(params, data))

    def margin(params: Any, data: Data) -> torch.Tensor:
        return margins(*outputs(params, data)).sum()

    def probability(params: Any, data: Data) -> torch.Tensor:
        return torch.exp(-loss(params, data))

    return loss, margin, probability


def of_dattri(network: nn.Module, train: TensorDataset, queries: TensorDataset) -> Scores:
    """TracIn at the last weights, the influence function with some dampings, and TRAK."""
    from dattri.algorithm import IFAttributorExplicit, TracInAttributor, TRAKAttributor
    from dattri.task import AttributionTask

    loss, margin, probability = functions(network)
    state = dict(network.state_dict())
    examples, asked = (DataLoader(data, batch_size=len(data)) for data in (train, queries))
    task = AttributionTask(loss_func=loss, target_func=margin, model=network, checkpoints=[state])
    found: Scores = {}
    tracin = TracInAttributor(task=task, weight_list=torch.ones(1), normalized_grad=False)
    tracin.projector_kwargs = None  # else gradients are projected at random
    # Descent goes against the example's gradient.
    found["dattri_tracin"] = -tracin.attribute(examples, asked).T.detach().numpy()
    for damping in DAMPINGS:
        attributor = IFAttributorExplicit(task=task, regularization=damping)
        attributor.cache(examples)
        found[f"dattri_if_{damping:g}"] = -attributor.attribute(examples, asked).T.detach().numpy()
    trak_task = AttributionTask(loss_func=margin, model=network, checkpoints=[state])
    for size in PROJECTIONS:
        trak = TRAKAttributor(trak_task, probability, projector_kwargs={"proj_dim": size}, regularization=1e-2)
        trak.cache(examples)
        found[f"dattri_trak_{size}"] = trak.attribute(asked).T.detach().numpy()
    return found


def of_trak(network: nn.Module, train: TensorDataset, queries: TensorDataset) -> Scores:
    """TRAK, by its authors' package."""
    from trak import TRAKer
    from trak.projectors import BasicProjector, ProjectionType

    parameters = sum(values.numel() for values in network.parameters())
    found: Scores = {}
    for size, regularization in product(PROJECTIONS, REGULARIZATIONS):
        with tempfile.TemporaryDirectory() as folder:
            # In two blocks: a single one is freed after the features, and not made again for the queries.
            kind = ProjectionType.rademacher
            projector = BasicProjector(parameters, size, seed=0, proj_type=kind, device="cpu", block_size=size // 2)
            trak = TRAKer(
                model=network,
                task="image_classification",
                train_set_size=len(train),
                save_dir=folder,
                device="cpu",
                projector=projector,
                use_half_precision=False,
                lambda_reg=regularization,
                logging_level=40,
            )
            trak.load_checkpoint(network.state_dict(), model_id=0)
            trak.featurize(batch=train.tensors, num_samples=len(train))
            trak.finalize_features()
            trak.start_scoring_checkpoint("queries", network.state_dict(), model_id=0, num_targets=len(queries))
            trak.score(batch=queries.tensors, num_samples=len(queries))
            scored = np.asarray(trak.finalize_scores("queries")).T
            found[f"trak_{size}x{regularization:g}"] = scored.astype(np.float64)
    return found


def single(data: Data) -> Data:
    """Images in single precision, and their classes."""
    inputs, classes = data
    return inputs.float().reshape(-1, 1, 8, 8), classes


def scores(network: nn.Module, train: Data, queries: Data) -> Scores:
    """Those of every library, in single precision, from the weights that a network has."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = TensorDataset(*single(train)), TensorDataset(*single(queries))
        found = of_dattri(network.float(), *data) | of_trak(network, *data)
    shape = (len(queries[1]), len(train[1]))
    return {name: array.reshape(shape).astype(np.float64) for name, array in found.items()}


def suspicions(network: nn.Module, states: list[dict[str, torch.Tensor]], train: Data, held_out: Data) -> Scores:
    """dattri's scores of wrong labels, [examples], the larger the more suspect: what an example does to its own loss,
    and to held-out ones, from the last weights; TracIn's from all that are given. In single precision, since some of
    its methods take no other.
    """
    from dattri.algorithm import IFAttributorDataInf, IFAttributorExplicit, TracInAttributor, TRAKAttributor
    from dattri.task import AttributionTask

    loss, margin, probability = functions(network.float())
    states = [{name: values.float() for name, values in state.items()} for state in states]
    examples, asked = (DataLoader(TensorDataset(*single(data)), batch_size=len(data[1])) for data in (train, held_out))
    found: Scores = {}
    path = AttributionTask(loss_func=loss, model=network, checkpoints=states)
    tracin = TracInAttributor(task=path, weight_list=torch.ones(len(states)), normalized_grad=False)
    tracin.projector_kwargs = None
    found["dattri: TracIn, own loss"] = tracin.self_attribute(examples).numpy()
    # Descent on the example is ascent on what it harms.
    found["dattri: TracIn, held-out losses"] = -tracin.attribute(examples, asked).sum(1).numpy()
    last = AttributionTask(loss_func=loss, model=network, checkpoints=states[-1:])
    # All losses at once, since the Hessian is made for each call.
    both = TensorDataset(*(torch.cat(pair) for pair in zip(single(train), single(held_out), strict=True)))
    for damping in DAMPINGS:
        attributor = IFAttributorExplicit(task=last, regularization=damping)
        attributor.cache(examples)
        pairs = attributor.attribute(examples, DataLoader(both, batch_size=len(both))).detach().numpy()
        found[f"dattri: influence function, own loss = {damping:g}"] = pairs.diagonal()
        found[f"dattri: influence function, held-out losses = {damping:g}"] = -pairs[:, len(pairs) :].sum(1)
    # Its damping changes nothing here.
    inferred = IFAttributorDataInf(task=last, regularization=DAMPINGS[0])
    inferred.cache(examples)
    found["dattri: DataInf, own loss"] = inferred.self_attribute(examples).detach().numpy()
    ratio = AttributionTask(loss_func=margin, model=network, checkpoints=states[-1:])
    for size in PROJECTIONS:
        trak = TRAKAttributor(ratio, probability, projector_kwargs={"proj_dim": size}, regularization=1e-2)
        found[f"dattri: TRAK, itself = {size}"] = trak.self_attribute(examples).flatten().detach().numpy()
    return found
