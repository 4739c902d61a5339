"""Linear layers, products of matrices and tables of rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import fx

from ..layout import Layout, Mixed
from ..program import Kind
from ..tensors import View
from ..translate import Translator, Unsupported, handles


@handles("linear")
def linear(t: Translator, node: fx.Node, input: fx.Node, weight: fx.Node, bias: fx.Node | None = None) -> str:
    last_is_free(t, input)
    view = t.view(weight)
    if view is not None and len(view.shape) == 2 and t.tensors.fits(view):
        return with_weight(t, t.read(input), view, bias)
    turned = t.network.permute(t.read(weight), [1, 0])
    return plus(t, rows_times(t, t.read(input), turned), bias)


def last_is_free(t: Translator, node: fx.Node) -> None:
    """Fails where a product would add up over the examples of a batch."""
    own = t.layout(node)
    if own.batch is not None and own.batch == len(own.whole) - 1:
        raise Mixed()


def with_weight(t: Translator, value: str, view: View, bias: fx.Node | None) -> str:
    """A layer `linear` whose weight is a view [outputs, inputs], and whose bias is a tensor if it may be."""
    own = t.view(bias) if bias is not None else None
    has_bias = own is not None and own.tensor != view.tensor and t.tensors.fits(own)
    views = {"weight": view} | ({"bias": own} if has_bias and own else {})
    layer = t.tensors.layer_name(view, "weight")
    ties = t.tensors.attach(layer, views)
    shape = (*t.network.shapes[value][:-1], view.shape[0])
    keys = {} if has_bias else {"bias": False}
    result = t.network.add("linear", [value], shape, name=layer, features=view.shape[0], **keys, **ties)
    return result if has_bias else plus(t, result, bias)


def plus(t: Translator, value: str, bias: fx.Node | None) -> str:
    """A value plus a bias that is no tensor of its layer."""
    return value if bias is None else t.network.total([value, t.read(bias)])


def rows_times(t: Translator, value: str, matrix: str) -> str:
    """Each row of a value times a matrix [inputs, outputs]."""
    shape = t.network.shapes[value]
    rows = t.network.reshape(value, (math.prod(shape[:-1]), shape[-1]))
    product = t.network.matmul(rows, matrix)
    return t.network.reshape(product, (*shape[:-1], t.network.shapes[matrix][1]))


@handles("matmul", "mm", "bmm", "mv", "dot", "vdot")
def matmul(t: Translator, node: fx.Node, **factors: fx.Node) -> str:
    left, right = list(factors.values())[:2]
    return product(t, node, left, right)


@handles("addmm")
def addmm(
    t: Translator, node: fx.Node, self: fx.Node, mat1: fx.Node, mat2: fx.Node, beta: float = 1, alpha: float = 1
) -> str:
    view = t.view(mat2)
    if view is not None and (beta, alpha) == (1, 1) and t.kind(mat1) is not Kind.PARAMETERS:
        last_is_free(t, mat1)
        outputs = turned(t, view)
        if outputs is not None and t.tensors.fits(outputs):
            return with_weight(t, t.read(mat1), outputs, self)
    value = t.network.scale(product(t, node, mat1, mat2), alpha)
    return t.network.total([value, t.network.scale(t.aligned(self, t.layout(node)), beta)])


@handles("addbmm", "baddbmm")
def baddbmm(
    t: Translator, node: fx.Node, self: fx.Node, batch1: fx.Node, batch2: fx.Node, beta: float = 1, alpha: float = 1
) -> str:
    if "addbmm" in str(node.target) and "baddbmm" not in str(node.target):
        raise Unsupported("baddbmm is the nearest")
    value = t.network.scale(product(t, node, batch1, batch2), alpha)
    if beta == 0:
        return value
    return t.network.total([value, t.network.scale(t.aligned(self, t.layout(node)), beta)])


def turned(t: Translator, view: View) -> View | None:
    """A view with its two axes exchanged, if it is a whole matrix."""
    own = tuple(t.tensors.state[view.tensor].shape)
    if (
        len(own) == 2
        and view.shape in (own, own[::-1])
        and (own[0] == own[1] or (view.shape == own) != view.transposed)
    ):
        return View(view.tensor, not view.transposed, view.shape[::-1])
    return None


def product(t: Translator, node: fx.Node, left: fx.Node, right: fx.Node) -> str:
    """A product of matrices, as torch.matmul makes it."""
    view = t.view(right)
    if view is not None and len(view.shape) == 2 and t.kind(left) is not Kind.PARAMETERS:
        outputs = turned(t, view)
        if outputs is not None and t.tensors.fits(outputs):
            last_is_free(t, left)
            return with_weight(t, t.read(left), outputs, None)
    a, b = t.layout(left), t.layout(right)
    if contracts_batch(a, -1) or contracts_batch(b, -2 if len(b.whole) > 1 else -1):
        raise Mixed()
    first = matrices(t, left, a, is_left=True)
    second = matrices(t, right, b, is_left=False)
    first, second = same_rank(t, first, second)
    return t.shaped(t.network.matmul(first, second), node)


def contracts_batch(layout: Layout, axis: int) -> bool:
    return layout.batch is not None and layout.batch == len(layout.whole) + axis


def matrices(t: Translator, node: fx.Node, layout: Layout, is_left: bool) -> str:
    """A factor as matrices. Examples keep their axis, of length 1, so that all else falls into place."""
    sides = layout.whole
    if len(sides) == 1:
        sides = (1, *sides) if is_left else (*sides, 1)
    return t.network.reshape(t.read(node), sides)


def same_rank(t: Translator, first: str, second: str) -> tuple[str, str]:
    """Two factors without the axes of length 1 that both begin with, and with as many axes each."""
    a, b = t.network.shapes[first], t.network.shapes[second]
    rank = max(len(a), len(b))
    a, b = (1,) * (rank - len(a)) + a, (1,) * (rank - len(b)) + b
    while len(a) > 2 and a[0] == b[0] == 1:
        a, b = a[1:], b[1:]
    return t.network.reshape(first, a), t.network.reshape(second, b)


@handles("outer", "ger")
def outer(t: Translator, node: fx.Node, self: fx.Node, vec2: fx.Node) -> str:
    (a,), (b,) = t.shape(self), t.shape(vec2)
    return t.shaped(
        t.network.product([t.network.reshape(t.read(self), (a, 1)), t.network.reshape(t.read(vec2), (1, b))]), node
    )


@handles("bilinear")
def bilinear(
    t: Translator, node: fx.Node, input1: fx.Node, input2: fx.Node, weight: fx.Node, bias: fx.Node | None = None
) -> str:
    """Σ_ij x_i W_oij y_j: W times x's numbers times y's, as one matrix."""
    outputs, first, second = t.shape(weight)
    x, y = t.read(input1), t.read(input2)
    rows = t.network.shapes[x][:-1]
    pairs = t.network.product([t.network.reshape(x, (*rows, first, 1)), t.network.reshape(y, (*rows, 1, second))])
    pairs = t.network.reshape(pairs, (*rows, first * second))
    view = t.view(weight)
    whole = View(view.tensor, view.transposed, (outputs, first * second)) if view else None
    if whole is not None and t.tensors.fits(whole):
        return with_weight(t, pairs, whole, bias)
    matrix = t.network.permute(t.network.reshape(t.read(weight), (outputs, first * second)), [1, 0])
    return plus(t, rows_times(t, pairs, matrix), bias)


@handles("einsum")
def einsum(t: Translator, node: fx.Node, equation: str, tensors: Sequence[fx.Node], **_: Any) -> str:
    terms, wanted = parsed(equation, [len(t.layout(tensor).whole) for tensor in tensors])
    out = t.layout(node)
    batch = batch_letter(t, terms, tensors)
    if batch and batch not in wanted:
        raise Mixed()
    if any(t.layout(tensor).is_merged for tensor in tensors):
        raise Unsupported("einsum over an axis that holds the examples and another; reshape before it")
    letters = [
        term.replace(batch, "") if t.layout(tensor).batch is not None else term
        for term, tensor in zip(terms, tensors, strict=True)
    ]
    result = wanted.replace(batch, "") if out.batch is not None else wanted
    direct = as_linear(t, letters, result, tensors)
    if direct is not None:
        return t.shaped(direct, node)
    value, own = t.read(tensors[0]), letters[0]
    value, own = without_repeats(t, value, own)
    for at, (tensor, term) in enumerate(zip(tensors[1:], letters[1:], strict=True), start=1):
        later = set(result).union(*letters[at + 1 :])
        other, term = without_repeats(t, t.read(tensor), term)
        value, own = contracted(t, value, own, other, term, later)
    return t.shaped(arranged(t, value, own, result), node)


def parsed(equation: str, ranks: Sequence[int]) -> tuple[list[str], str]:
    """The letters of each factor and of the result; an ellipsis becomes capital letters."""
    given, _, wanted = equation.replace(" ", "").partition("->")
    terms = given.split(",")
    spare = [letter for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if letter not in equation]
    count = max((rank - len(term) + 3 for term, rank in zip(terms, ranks, strict=True) if "..." in term), default=0)
    dots = "".join(spare[:count])
    filled = [
        term.replace("...", dots[count - (rank - len(term) + 3) :] if "..." in term else "")
        for term, rank in zip(terms, ranks, strict=True)
    ]
    if "->" not in equation:
        every = "".join(filled)
        wanted = dots + "".join(sorted(letter for letter in set(every) - set(dots) if every.count(letter) == 1))
    return filled, wanted.replace("...", dots)


def batch_letter(t: Translator, terms: Sequence[str], tensors: Sequence[fx.Node]) -> str:
    """The letter that the examples have."""
    found = {
        term[batch]
        for term, tensor in zip(terms, tensors, strict=True)
        if (batch := t.layout(tensor).batch) is not None
    }
    if len(found) > 1:
        raise Mixed()
    return found.pop() if found else ""


def as_linear(t: Translator, letters: Sequence[str], result: str, tensors: Sequence[fx.Node]) -> str | None:
    """A product with a tensor that a layer `linear` has: [new axes, summed axes], or a matrix the other way round."""
    if len(tensors) != 2:
        return None
    for weight, other in ((0, 1), (1, 0)):
        view, term, rest = t.view(tensors[weight]), letters[weight], letters[other]
        if view is None or t.kind(tensors[other]) is Kind.PARAMETERS or set(term) & set(rest) & set(result):
            continue
        summed = "".join(letter for letter in term if letter not in result)
        new = "".join(letter for letter in term if letter in result)
        if (
            not new
            or not set(summed) <= set(rest)
            or set(rest) - set(summed) - set(result)
            or len(set(rest)) != len(rest)
        ):
            continue
        sides = {letter: side for letter, side in zip(term, view.shape, strict=True)}
        shape = (math.prod(sides[letter] for letter in new), math.prod(sides[letter] for letter in summed))
        if not summed:
            continue
        if term == new + summed:
            layer = View(view.tensor, view.transposed, shape) if len(term) != 2 else view
        elif term == summed + new and len(term) == 2:
            maybe = turned(t, view)
            if maybe is None:
                continue
            layer = maybe
        else:
            continue
        if not t.tensors.fits(layer):
            continue
        kept = "".join(letter for letter in rest if letter not in summed)
        value = t.read(tensors[other])
        own = dict(zip(rest, t.network.shapes[value], strict=True))
        value = t.network.permute(value, [rest.index(letter) for letter in kept + summed])
        value = t.network.reshape(value, (*(own[letter] for letter in kept), shape[1]))
        value = with_weight(t, value, layer, None)
        value = t.network.reshape(value, (*(own[letter] for letter in kept), *(sides[letter] for letter in new)))
        return arranged(t, value, kept + new, result)
    return None


def without_repeats(t: Translator, value: str, letters: str) -> tuple[str, str]:
    if len(set(letters)) != len(letters):
        raise Unsupported("einsum along a diagonal")
    return value, letters


def contracted(t: Translator, left: str, a: str, right: str, b: str, later: set[str]) -> tuple[str, str]:
    """Two factors as one, summed over what nothing later has."""
    left, a = summed_alone(t, left, a, set(b) | later)
    right, b = summed_alone(t, right, b, set(a) | later)
    shared = [letter for letter in a if letter in b and letter in later]
    summed = [letter for letter in a if letter in b and letter not in later]
    first = [letter for letter in a if letter not in b]
    second = [letter for letter in b if letter not in a]
    sides = {
        letter: side
        for letters, name in ((a, left), (b, right))
        for letter, side in zip(letters, t.network.shapes[name], strict=True)
    }

    def size(letters: Sequence[str]) -> int:
        return math.prod(sides[letter] for letter in letters)

    batch = tuple(sides[letter] for letter in shared)
    one = t.network.reshape(arranged(t, left, a, "".join(shared + first + summed)), (*batch, size(first), size(summed)))
    two = t.network.reshape(
        arranged(t, right, b, "".join(shared + summed + second)), (*batch, size(summed), size(second))
    )
    letters = "".join(shared + first + second)
    shape = tuple(sides[letter] for letter in letters) or (1,)
    return t.network.reshape(t.network.matmul(one, two), shape), letters


def summed_alone(t: Translator, value: str, letters: str, kept: set[str]) -> tuple[str, str]:
    """Summed over the axes that nothing else has."""
    axes = [axis for axis, letter in enumerate(letters) if letter not in kept]
    return t.network.reduce("sum", value, axes), "".join(letter for letter in letters if letter in kept)


def arranged(t: Translator, value: str, letters: str, wanted: str) -> str:
    """The axes in the order of the wanted letters; others are summed over."""
    value, letters = summed_alone(t, value, letters, set(wanted))
    return t.network.permute(value, [letters.index(letter) for letter in wanted]) if letters else value


@handles("embedding")
def embedding(t: Translator, node: fx.Node, weight: fx.Node, indices: fx.Node, padding_idx: int = -1, **_: Any) -> str:
    places = t.array(indices)
    view = t.view(weight)
    if places is not None:
        return rows_of(t, node, weight, places)
    if t.kind(indices) is not Kind.INPUTS:
        raise Unsupported("rows by numbers that depend on trained values")
    if view is None or view != t.tensors.whole(view.tensor) or not t.tensors.fits(view):
        return by_one_hot(t, node, weight, indices)
    count, features = view.shape
    own = {"padding_idx": int(padding_idx)} if padding_idx >= 0 else {}
    layer = t.tensors.layer_name(view, "weight")
    ties = t.tensors.attach(layer, {"weight": view})
    tokens = t.read(indices)
    shape = (*t.layout(indices).shape, features)
    value = t.network.add(
        "embedding",
        [tokens],
        (*t.network.shapes[tokens], features),
        name=layer,
        count=count,
        features=features,
        **own,
        **ties,
    )
    return t.shaped(t.network.reshape(value, shape), node)


def by_one_hot(t: Translator, node: fx.Node, weight: fx.Node, indices: fx.Node) -> str:
    """Rows of a computed table, by an identity matrix's rows."""
    count = t.shape(weight)[0]
    layer = t.network.constant(np.eye(count))
    raise Unsupported(f"a table that is computed; a tensor of its own is the nearest ({layer})")


def rows_of(t: Translator, node: fx.Node, table: fx.Node, places: np.ndarray) -> str:
    """Rows of a table by numbers that are the same for every example."""
    flat = places.reshape(-1)
    value = t.read(table)
    steps = set(np.diff(flat).tolist())
    if flat.size and len(steps) <= 1 and min(steps or {1}) > 0:
        step = int(steps.pop()) if steps else 1
        value = t.network.slice(value, 0, int(flat[0]), int(flat[-1]) + 1, step)
    else:
        value = t.network.along(value, 0, np.eye(t.network.shapes[value][0])[flat])
    return t.shaped(value, node)


@handles("_weight_norm", "_weight_norm_interface")
def weight_norm(t: Translator, node: fx.Node, v: fx.Node, g: fx.Node, dim: int = 0) -> Any:
    """v g / |v|, the norm over all axes but one."""
    value, shape = t.read(v), t.shape(v)
    axes = [axis for axis in range(len(shape)) if axis != dim % len(shape)]
    squares = t.network.reduce("sum", t.network.product([value, value]), axes)
    size = t.network.reshape(t.network.pointwise("rsqrt", squares), t.shape(g))
    result = t.network.product([value, t.read(g), size])
    return {0: result} if "interface" in str(node.target) else result
