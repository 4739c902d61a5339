"""Kernels and attributions in plain PyTorch, each written for one network with tanh: gradients stay in factors, and the products are
as few as they can be. Layers are pairs of a weight [out, in] and a bias. Imported inside the environment alone."""

import numpy as np
import torch
import torch.nn.functional as F


def with_ones(x):
    """Rows with a 1 behind them, which meets the bias."""
    return torch.cat([x, torch.ones(len(x), 1)], 1)


def kernel(layers, queries, examples):
    """The full tangent kernel of three layers, [n, m, C, C]."""
    (w1, b1), (w2, b2), (w3, b3) = layers

    def factors(x):
        a1 = torch.tanh(torch.addmm(b1, x, w1.T))
        a2 = torch.tanh(torch.addmm(b2, a1, w2.T))
        # One row for each output and input, outputs outermost.
        d2 = w3[:, None, :] * (1 - a2 * a2)
        d1 = (d2.reshape(-1, len(w2)) @ w2).reshape(len(w3), len(x), -1) * (1 - a1 * a1)
        return (with_ones(x), with_ones(a1), with_ones(a2)), (d1.reshape(-1, d1.shape[-1]), d2.reshape(-1, d2.shape[-1]))

    (x, a1, a2), (d1, d2) = factors(queries)
    (y, c1, c2), (e1, e2) = factors(examples)
    n, m, outputs = len(x), len(y), len(w3)
    out = (d1 @ e1.T).view(outputs, n, outputs, m).mul_((x @ y.T)[None, :, None, :])
    out.addcmul_((d2 @ e2.T).view(outputs, n, outputs, m), (a1 @ c1.T)[None, :, None, :])
    out.diagonal(dim1=0, dim2=2).add_((a2 @ c2.T)[..., None])
    return out.permute(1, 3, 0, 2)


def gauss(nodes):
    """Gauss-Legendre nodes and weights on [0, 1]."""
    places, weights = np.polynomial.legendre.leggauss(nodes)
    return [(float(place), float(weight)) for place, weight in zip((places + 1) / 2, weights / 2)]


def back(layers, x):
    """The hidden layer's values, and outputs, of two layers."""
    (w1, b1), (w2, b2) = layers
    a = torch.tanh(torch.addmm(b1, x, w1.T))
    return a, torch.addmm(b2, a, w2.T)


def loss_gradients(layers, x, y):
    """Of two layers: hidden values, δ of the outputs and of the hidden layer, of the sum of cross-entropies."""
    a, out = back(layers, x)
    delta = torch.softmax(out, 1) - F.one_hot(y, out.shape[1])
    return a, delta, (delta @ layers[1][0]) * (1 - a * a)


def query_means(layers, moved, queries, nodes):
    """Hidden values with ones, [n, h + 1], and δ of the hidden layer for each output, [C, n, h], averaged along the step."""
    values, deltas = 0, 0
    for place, weight in gauss(nodes):
        at = [(w + place * dw, b + place * db) for (w, b), (dw, db) in zip(layers, moved)]
        a, _ = back(at, queries)
        values = values + weight * with_ones(a)
        deltas = deltas + weight * at[1][0][:, None, :] * (1 - a * a)
    return values, deltas


def gradient(x, a, delta, hidden):
    """The mean gradient, from the factors of all examples."""
    return [(hidden.T @ x / len(x), hidden.mean(0)), (delta.T @ a / len(x), delta.mean(0))]


def sgd(layers, x, y, queries, steps, nodes, learning_rate, momentum=0.0):
    """Attributions [n, m, C] of full-batch SGD. With momentum, what an example's gradient of a step still does later is ψ, backwards
    in time: means of factors, since the first layer's input and the last layer's δ are constant."""
    layers = [(w.clone(), b.clone()) for w, b in layers]
    inputs, outputs = with_ones(queries) @ with_ones(x).T, len(layers[1][0])
    seen, velocity = [], None
    for _ in range(steps):
        a, delta, hidden = loss_gradients(layers, x, y)
        own = gradient(x, a, delta, hidden)
        velocity = own if velocity is None else [
            (momentum * v + g, momentum * u + f) for (v, u), (g, f) in zip(velocity, own)
        ]
        moved = [(-learning_rate * w, -learning_rate * b) for w, b in velocity]
        seen.append((with_ones(a), delta, hidden, query_means(layers, moved, queries, nodes)))
        layers = [(w + dw, b + db) for (w, b), (dw, db) in zip(layers, moved)]
    out = torch.zeros(outputs, len(queries), len(x))
    values, deltas = 0, 0
    for a, delta, hidden, (own_values, own_deltas) in reversed(seen):
        values, deltas = momentum * values + own_values, momentum * deltas + own_deltas
        out.addcmul_((deltas.view(-1, hidden.shape[1]) @ hidden.T).view_as(out), inputs, value=-learning_rate / len(x))
        out.addcmul_((values @ a.T)[None], delta.T[:, None, :], value=-learning_rate / len(x))
    return out.permute(1, 2, 0)


def adamw(layers, x, y, queries, steps, nodes, learning_rate, weight_decay, betas=(0.9, 0.999), eps=1e-8):
    """Attributions [n, m, C] of full-batch AdamW, forwards in time: an example's momentum is a number for each hidden unit where its
    input is constant, and a row for each output in the last layer."""
    layers = [(w.clone(), b.clone()) for w, b in layers]
    rows, ours = with_ones(x), with_ones(queries)
    outputs = len(layers[1][0])
    first = torch.zeros(len(x), len(layers[0][0]))
    last = torch.zeros(outputs, len(x), first.shape[1] + 1)
    means, squares = ([(torch.zeros_like(w), torch.zeros_like(b)) for w, b in layers] for _ in range(2))
    out = torch.zeros(len(queries), outputs, len(x))
    for step in range(1, steps + 1):
        a, delta, hidden = loss_gradients(layers, x, y)
        first.mul_(betas[0]).add_(hidden)
        last.mul_(betas[0]).addcmul_(with_ones(a)[None], delta.T[:, :, None])
        moved, scaled = [], []
        pace = learning_rate / (1 - betas[0] ** step)
        for layer, mean, square, own in zip(layers, means, squares, gradient(x, a, delta, hidden)):
            change, factors = [], []
            for value, m, v, g in zip(layer, mean, square, own):
                m.mul_(betas[0]).add_(g, alpha=1 - betas[0])
                v.mul_(betas[1]).addcmul_(g, g, value=1 - betas[1])
                factors.append(1 / ((v / (1 - betas[1] ** step)).sqrt() + eps))
                change.append(-pace * factors[-1] * m - learning_rate * weight_decay * value)
            moved.append(change)
            scaled.append(torch.cat([factors[0], factors[1][:, None]], 1))
        values, deltas = query_means(layers, moved, queries, nodes)
        share = -pace * (1 - betas[0]) / len(x)
        for query in range(len(queries)):
            met = rows @ (scaled[0] * ours[query]).T
            out[query].addmm_(deltas[:, query], met.mul_(first).T, alpha=share)
        out.add_(torch.bmm(scaled[1][:, None, :] * values, last.transpose(1, 2)).transpose(0, 1), alpha=share)
        layers = [(w + dw, b + db) for (w, b), (dw, db) in zip(layers, moved)]
    return out.transpose(1, 2)


def tracin(layers, x, y, queries, wanted, learning_rate, at_once=4096):
    """Attributions [n, m] of the queries' losses, of one step of full-batch SGD at these weights."""
    a, delta, hidden = loss_gradients(layers, queries, wanted)
    ours, values = with_ones(queries), with_ones(a)
    out = torch.empty(len(queries), len(x))
    for begin in range(0, len(x), at_once):
        part = slice(begin, begin + at_once)
        own, own_delta, own_hidden = loss_gradients(layers, x[part], y[part])
        met = (ours @ with_ones(x[part]).T).mul_(hidden @ own_hidden.T)
        met.addcmul_(values @ with_ones(own).T, delta @ own_delta.T)
        torch.mul(met, -learning_rate / len(x), out=out[:, part])
    return out
