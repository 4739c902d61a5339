"""The package as it is imported, and the examples of its documentation."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import subprocess
import sys
from typing import Any

import pytest

import pathkernel as pk

#: What is imported when it is used, and not before.
HEAVY = ("torch", "pandas", "xarray", "matplotlib", "sklearn", "tqdm", "safetensors")
#: Modules that need a library of their own.
NEEDY = ("pathkernel.interop.of_quanda",)
MODULES = [
    found.name
    for found in pkgutil.walk_packages(pk.__path__, "pathkernel.")
    if found.name not in NEEDY and not found.name.startswith("pathkernel._")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_the_documentation(name: str) -> None:
    failed, tried = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert failed == 0, f"{failed} of {tried} examples of {name}"


def test_all_names_are_there() -> None:
    for name in pk.__all__:
        assert getattr(pk, name) is not None and name in dir(pk)
    with pytest.raises(AttributeError, match="no attribute 'atribute'"):
        _ = pk.atribute


def test_no_module_has_the_name_of_a_call() -> None:
    """A module that is imported becomes an attribute of the package, in place of a call of its name."""
    assert not {name.removeprefix("pathkernel.") for name in MODULES} & set(pk.__all__)


def test_nothing_heavy_is_imported_until_it_is_used() -> None:
    program = f"""
import sys, pathkernel as pk
pk.attribute, pk.train, pk.open, pk.SGD, pk.machine, pk.spectrum, pk.landmarks
net = [{{"type": "linear", "features": 2}}]
path = pk.train(net, [[1.0], [2.0]], [0, 1], loss="cross_entropy", optimizer=pk.SGD(0.1), steps=1, progress=False)
assert pk.attribute(path, progress=False).attribution.shape == (2, 2, 2)
print([name for name in {HEAVY!r} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_library_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    path: Any = pk.train(
        [{"type": "linear", "features": 2}],
        [[1.0], [2.0]],
        [0, 1],
        loss="cross_entropy",
        optimizer=pk.SGD(0.1),
        steps=1,
    )
    result = pk.attribute(path)
    for name, call in (
        ("matplotlib.pyplot", lambda: result.plot(0)),
        ("xarray", result.xarray),
        ("torch", result.torch),
        ("torch", path.state_dict),
    ):
        with monkeypatch.context() as missing:
            missing.setitem(sys.modules, name, None)
            with pytest.raises(pk.PathkernelError, match=f"pip install {name.split('.')[0]}"):
                call()
