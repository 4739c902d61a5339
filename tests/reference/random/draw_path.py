"""Optimizers, rates, batches and recorded paths at random."""

import numpy as np
from safetensors.numpy import save_file


def sgd(chance, rate, momentum):
    """With the options that PyTorch allows together."""
    options = {"type": "sgd", "learning_rate": rate}
    if momentum:
        options["momentum"] = momentum
        extra = chance.weighted({"": 3, "nesterov": 1, "dampening": 1})
        if extra:
            options[extra] = True if extra == "nesterov" else chance.one(0.1, 0.5, 0.9)
    return options


def adam(chance, rate):
    options = {"type": chance.one("adam", "adamw"), "learning_rate": rate}
    if chance.yes(0.4):
        options["betas"] = [chance.one(0.0, 0.5, 0.9), chance.one(0.5, 0.99, 0.999)]
    if chance.yes(0.3):
        options["eps"] = chance.one(1e-8, 1e-4, 1e-2)
    return options


def optimizer(chance, rate, mix):
    """mix: {"plain", "momentum", "adam": weight}"""
    kind = chance.weighted(mix)
    if kind == "adam":
        options = adam(chance, chance.one(0.1, 0.3) * rate)
    else:
        options = sgd(chance, rate, chance.one(0.1, 0.3, 0.5, 0.9, 0.99) if kind == "momentum" else 0.0)
    if chance.yes(0.25):
        options["weight_decay"] = chance.orders(1e-3, 0.3)
    return options


def schedule(chance, steps):
    """Keys of [training] for the rates, beside the optimizer's."""
    kind = chance.weighted({"": 5, "constant": 1, "step": 2, "cosine": 2, "list": 2, "spike": 2})
    if kind == "":
        return {}
    if kind == "list":
        return {"learning_rates": [chance.orders(1e-6, 0.5) for _ in range(steps)]}
    if kind == "spike":
        rates = [chance.orders(0.01, 0.1)] * steps
        rates[steps // 2] *= chance.one(10, 30, 100)
        return {"learning_rates": rates}
    table = {"type": kind}
    if kind == "step":
        table |= {"every": chance.whole(1, 3), "factor": chance.one(0.1, 0.5, 2.0)}
    if kind == "cosine" and chance.yes(0.5):
        table["final"] = 0.01
    if chance.yes(0.4):
        table["warmup"] = chance.whole(1, max(steps - 1, 1))
    return {"schedule": table}


def batches(chance, m, steps):
    """An array [steps, batch], lists of different lengths, or None for the full batch; examples may repeat."""
    kind = chance.weighted({"full": 5, "array": 3, "lists": 2})
    if kind == "full":
        return None
    if kind == "array":
        return chance.random.integers(0, m, (steps, chance.whole(1, m + 1)))
    return [chance.random.integers(0, m, chance.whole(1, m + 1)).tolist() for _ in range(steps)]


def wander(chance, start, steps, size):
    """A path of random jumps, [steps + 1, P]; some steps move little, some tensors' entries not at all."""
    jumps = size * chance.normal(steps, len(start)) * np.sqrt(np.mean(start**2))
    for jump in jumps:
        jump *= chance.weighted({1.0: 6, 0.1: 2, 1e-3: 1, 3.0: 1})
        if chance.yes(0.1):
            jump[chance.random.random(len(start)) < 0.5] = 0
    return np.concatenate([start[None], start + np.cumsum(jumps, axis=0)])


def there_and_back(chance, start, steps, size):
    """Small steps, with one bad checkpoint far away."""
    path = wander(chance, start, steps, 0.05)
    path[chance.whole(min(1, steps), max(steps - 1, 1))] += size * chance.normal(len(start))
    return path


def mirrored(chance, start, steps, size):
    """Every other checkpoint is the negative of what was there: what is even along the way cancels."""
    path = wander(chance, start, steps, 0.1 * size)
    path[1::2] *= -1
    return path


def record(folder, chance, net, path, precision):
    """Writes checkpoints, in one file or in one for each step -> trajectory.import."""
    kind = np.float32 if precision == "f32" or chance.yes(0.3) else np.float64
    tensor = lambda shape, cut: np.ascontiguousarray(path[:, cut].reshape((-1,) + shape).astype(kind))
    stack = {name: tensor(shape, cut) for name, shape, cut in net.tensors()}
    at = folder / "checkpoints"
    at.mkdir()
    form = chance.one("safetensors", "npz", "each")
    if form == "safetensors":
        save_file(stack, at / "all.safetensors")
        return "checkpoints/all.safetensors"
    if form == "npz":
        np.savez(at / "all.npz", **stack)
        return "checkpoints/all.npz"
    for s in range(len(path)):
        save_file({name: np.ascontiguousarray(v[s]) for name, v in stack.items()}, at / f"step_{s}.safetensors")
    return "checkpoints/*.safetensors"


def write_weights(folder, chance, net, w, precision):
    """The initial weights -> model.weights."""
    kind = np.float32 if precision == "f32" or chance.yes(0.5) else np.float64
    tensors = {name: np.ascontiguousarray(w[cut].reshape(shape).astype(kind)) for name, shape, cut in net.tensors()}
    save_file(tensors, folder / "w0.safetensors")
    return "w0.safetensors"
