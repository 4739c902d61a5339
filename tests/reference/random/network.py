"""A network forwards and backwards, by hand, for many rows at once, each with an input and weights of its own.

Weights are one flat vector a row, [B, P]: layer by layer, the weight before the bias.
"""

import numpy as np

from affine import AvgPool, Conv2d, Flatten, Linear
from norm import LayerNorm, Norm, RmsNorm
from scalars import ACTIVATIONS, KINKED


class Add:
    """The layer before it plus another one."""

    def __init__(self, shape):
        self.shape, self.out, self.weight, self.bias = shape, shape, None, None


class Activation:
    """Entry by entry."""

    def __init__(self, shape, kind):
        self.shape, self.out, self.kind, self.weight, self.bias = shape, shape, kind, None, None
        self.straight, self.linear = KINKED.get(kind), kind in (*KINKED, "identity")


class MaxPool:
    """The largest of each window; of equal ones the first in row order."""

    def __init__(self, shape, kernel):
        self.shape, self.kernel, self.weight, self.bias = shape, kernel, None, None
        self.out = (shape[0], shape[1] // kernel, shape[2] // kernel)
        numbers = np.arange(int(np.prod(shape))).reshape(shape)
        _, h, w = self.out
        places = [(i, j) for i in range(kernel) for j in range(kernel)]
        seen = [numbers[:, i : h * kernel : kernel, j : w * kernel : kernel] for i, j in places]
        self.members = np.stack([s.ravel() for s in seen], axis=-1)  # [windows, k²], flat places in the input

    def windows(self, x):
        """[..., *shape] -> [..., windows, k²]"""
        return x.reshape(x.shape[:-3] + (-1,))[..., self.members]

    def winners(self, x):
        """[B, *shape] -> flat places [B, windows]"""
        first = np.argmax(self.windows(x), axis=-1)
        return self.members[np.arange(len(self.members)), first]

    def pick(self, places, x):
        """x [B, K, *shape] at the places [B, windows] -> [B, K, *out]"""
        flat = x.reshape(x.shape[:2] + (-1,))
        return np.take_along_axis(flat, places[:, None], axis=-1).reshape(x.shape[:2] + self.out)

    def put(self, places, delta):
        """The transpose of `pick`; windows have no place in common."""
        flat = np.zeros(delta.shape[:2] + (int(np.prod(self.shape)),), delta.dtype)
        shares = delta.reshape(delta.shape[:2] + (-1,))
        np.put_along_axis(flat, np.broadcast_to(places[:, None], shares.shape), shares, axis=-1)
        return flat.reshape(delta.shape[:2] + self.shape)


def build(kind, shape, options, precision):
    """The layer of a run file's table."""
    bias = options.get("bias", True)
    if kind == "linear":
        return Linear(shape, options["features"], bias)
    if kind == "conv2d":
        places = (options["kernel"], options.get("stride", 1), options.get("padding", 0))
        return Conv2d(shape, options["channels"], *places, bias)
    if kind == "avg_pool2d":
        return AvgPool(shape, options["kernel"])
    if kind == "max_pool2d":
        return MaxPool(shape, options["kernel"])
    if kind == "rms_norm":
        return RmsNorm(shape, precision)
    simple = {"flatten": Flatten, "layer_norm": LayerNorm, "add": Add}
    return simple[kind](shape) if kind in simple else Activation(shape, kind)


class Network:
    """Layers, where each reads, and where its weights lie in the flat vector; `precision` is the run's."""

    def __init__(self, shape, layers, precision="f64"):
        self.shape, self.layers, self.reads, self.spans, at = tuple(shape), [], [], [], 0
        for i, options in enumerate(layers):
            kind = options["type"]
            before = [i - 1, options["from"]] if kind == "add" else [options.get("from", i - 1)]
            inside = self.shape if before[0] < 0 else self.layers[before[0]].out
            layer = build(kind, inside, options, precision)
            sizes = [int(np.prod(s)) if s else 0 for s in (layer.weight, layer.bias)]
            self.spans.append((slice(at, at + sizes[0]), slice(at + sizes[0], at + sum(sizes))))
            self.layers.append(layer)
            self.reads.append(before)
            at += sum(sizes)
        self.size, self.outputs = at, int(np.prod(self.layers[-1].out))
        self.piecewise_linear = all(getattr(l, "linear", True) and not isinstance(l, Norm) for l in self.layers)

    def tensors(self):
        """(name, shape, slice of the flat vector) of each, in order."""
        for i, (layer, spans) in enumerate(zip(self.layers, self.spans)):
            for name, shape, span in zip(("weight", "bias"), (layer.weight, layer.bias), spans):
                if shape:
                    yield f"{i}.{name}", shape, span

    def cuts(self):
        """The slice of each layer that has weights."""
        return [slice(a.start, b.stop) for a, b in self.spans if b.stop > a.start]

    def depth(self):
        """Layers with weights on the longest way from the input to the end."""
        depths = {-1: 0}
        for i, (layer, before) in enumerate(zip(self.layers, self.reads)):
            depths[i] = max(depths[b] for b in before) + (layer.weight is not None)
        return depths[len(self.layers) - 1]

    def weight(self, i, w):
        """Layer i's weight of each row, or None."""
        layer = self.layers[i]
        return w[:, self.spans[i][0]].reshape((len(w),) + layer.weight) if layer.weight else None

    def bias(self, i, w):
        """Layer i's bias of each row, as it is added to outputs, or None."""
        return self.layers[i].spread(w[:, self.spans[i][1]]) if self.layers[i].bias else None

    def forward(self, w, x):
        """w [B, P], x [B, *shape] -> every layer's output, [B, *out]; key -1 is the input."""
        values = {-1: x}
        for i, layer in enumerate(self.layers):
            values[i] = self._one(i, layer, w, values)
        return values

    def _one(self, i, layer, w, values):
        v = values[self.reads[i][0]]
        if isinstance(layer, Add):
            return v + values[self.reads[i][1]]
        if isinstance(layer, Activation):
            return ACTIVATIONS[layer.kind][0](v)
        if isinstance(layer, MaxPool):
            return layer.pick(layer.winners(v), v[:, None])[:, 0]
        bias = self.bias(i, w)
        if isinstance(layer, Norm):
            out = layer.normed(v)[0] * layer.spread(self.weight(i, w))
        else:
            out = layer.map(self.weight(i, w), v[:, None])[:, 0]
        return out if bias is None else out + bias

    def final(self, values):
        """The outputs, [B, C]."""
        last = values[len(self.layers) - 1]
        return last.reshape(len(last), -1)

    def outputs_at(self, w, x):
        """[B, C]"""
        return self.final(self.forward(w, x))

    def patterns(self, values):
        """On which piece each unit of a kinked activation is, and who wins each max pool: {layer: array}."""
        found = {}
        for i, layer in enumerate(self.layers):
            v = values[self.reads[i][0]]
            if isinstance(layer, MaxPool):
                found[i] = layer.winners(v)
            elif getattr(layer, "straight", None):
                found[i] = layer.straight.pieces(v)
        return found

    def backward(self, w, values, seed):
        """Rows of a Jacobian: seed [B, R, C] -> [B, R, P]."""
        return self.backward_on(w, values, seed, self.patterns(values))

    def backward_on(self, w, values, seed, patterns):
        """As `backward`, on given pieces."""
        rows = np.zeros(seed.shape[:2] + (self.size,), seed.dtype)
        last = len(self.layers) - 1
        deltas = {last: seed.reshape(seed.shape[:2] + self.layers[last].out)}
        for i in range(last, -1, -1):
            if i not in deltas:
                continue
            delta, first = deltas.pop(i), self.reads[i][0]
            back = self._back(i, w, values[first], delta, rows, patterns)
            give(deltas, first, back)
            if isinstance(self.layers[i], Add):
                give(deltas, self.reads[i][1], delta)
        return rows

    def _back(self, i, w, x, delta, rows, patterns):
        """δ before layer i; fills in the layer's part of the rows."""
        layer, (weight, bias) = self.layers[i], self.spans[i]
        if isinstance(layer, Add):
            return delta
        if isinstance(layer, MaxPool):
            return layer.put(patterns[i], delta)
        if isinstance(layer, Activation):
            return delta * self._slope(i, layer, x, patterns)[:, None]
        if isinstance(layer, Norm):
            return self._back_norm(i, w, x, delta, rows)
        if layer.weight:
            of_weight, of_bias = layer.gradients(x, delta)
            rows[:, :, weight] = of_weight.reshape(rows.shape[:2] + (-1,))
            if layer.bias:
                rows[:, :, bias] = of_bias
        return layer.back(self.weight(i, w), delta)

    def _slope(self, i, layer, x, patterns):
        """The derivative of an activation; a kinked one's is its pattern's."""
        if layer.straight is None:
            return ACTIVATIONS[layer.kind][1](x)
        return layer.straight.slope(patterns[i], x.dtype)

    def _back_norm(self, i, w, x, delta, rows):
        layer, (weight, bias) = self.layers[i], self.spans[i]
        over_positions = lambda v: v.reshape(v.shape[:2] + (-1,) + layer.weight).sum(axis=2)
        rows[:, :, weight] = over_positions(delta * layer.normed(x)[0][:, None])
        if layer.bias:
            rows[:, :, bias] = over_positions(delta)
        return layer.back(x, delta * layer.spread(self.weight(i, w))[:, None])


def give(deltas, layer, delta):
    """Adds to what comes back to a layer; the input takes nothing."""
    if layer >= 0:
        deltas[layer] = deltas[layer] + delta if layer in deltas else delta
