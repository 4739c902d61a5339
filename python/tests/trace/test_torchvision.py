"""Networks of torchvision, at small size: each is traced, and a step of the smaller ones is attributed, in evaluation and in training."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.models import DenseNet, MobileNetV2
from torchvision.models.resnet import BasicBlock, ResNet

import pathkernel as pk
from conftest import Same

IMAGES = (3, 3, 32, 32)


def resnet() -> nn.Module:
    """ResNet18 with one block in each of its four stages."""
    return ResNet(BasicBlock, [1, 1, 1, 1], num_classes=4)


def mobilenet() -> nn.Module:
    """MobileNetV2 with three of its blocks, without dropout."""
    blocks = [[1, 8, 1, 1], [6, 8, 1, 2], [6, 8, 1, 1]]
    return MobileNetV2(num_classes=4, width_mult=0.25, inverted_residual_setting=blocks, dropout=0.0)


def densenet() -> nn.Module:
    return DenseNet(growth_rate=4, block_config=(2, 2), num_init_features=8, num_classes=4)


def made(make: Callable[[], nn.Module]) -> nn.Module:
    """A network with running statistics off their starts."""
    torch.manual_seed(0)
    net = make()
    for norm in net.modules():
        if isinstance(norm, nn.modules.batchnorm._BatchNorm):
            assert norm.running_mean is not None and norm.running_var is not None
            norm.running_mean.normal_(0, 0.1)
            norm.running_var.uniform_(0.5, 2)
    return net


NETWORKS = [resnet, mobilenet, densenet]


@pytest.mark.parametrize("make", NETWORKS)
def test_a_network_is_traced(make: Callable[[], nn.Module], same: Same) -> None:
    same(made(make).eval(), torch.randn(*IMAGES))


# The ResNet's millions of weights would take minutes.
@pytest.mark.filterwarnings("ignore::pathkernel.VerdictWarning")
@pytest.mark.parametrize("is_training", [False, True])
@pytest.mark.parametrize("make", [mobilenet, densenet])
def test_a_step_of_it_is_attributed(make: Callable[[], nn.Module], is_training: bool) -> None:
    """The step is PyTorch's own, to roundings of double precision, and its contributions add up.

    In training its batch moves the running statistics as well, by a tenth at once: so far that relus switch on the way.
    """
    net = made(make).double().train(is_training)
    x, y = torch.randn(*IMAGES, dtype=torch.float64), torch.tensor([0, 3, 1])
    path = pk.train(net, x, y, loss="cross_entropy", optimizer=pk.SGD(1e-4), steps=1, progress=False)
    result = pk.attribute(path, x[:2], kernel="none", rule="gauss", nodes=3, progress=False)
    moved = np.abs(result.prediction - result.initial).max()
    assert moved > 0 and (is_training or np.abs(result.residual).max() <= 1e-4 * moved)
    with torch.no_grad():
        before = net(x) if not is_training else None
    optimizer = torch.optim.SGD(net.parameters(), 1e-4)
    nn.functional.cross_entropy(net(x), y).backward()
    optimizer.step()
    for name, value in net.state_dict().items():
        if value.is_floating_point():
            far = np.abs(path.final[name] - value.numpy()).max()
            assert far <= 1e-12 * max(value.abs().max().item(), 1.0), name
    if before is not None:
        np.testing.assert_allclose(result.initial, before[:2].numpy(), rtol=1e-10, atol=1e-12)
