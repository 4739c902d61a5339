"""Draws a case folder from a seed: run.toml and the files that it names."""

import numpy as np

from case import Case
from chance import Chance
from draw_data import inputs, targets, write
from draw_path import batches, optimizer, record, schedule, write_weights
from heads import SINGLE
from network import Network
from norm import Norm
from themes import plan as draw_plan
from themes import start
from training import follow
from ways import draw_ways

READOUT_LOSSES = {"probabilities": ("cross_entropy", "logistic"), "target": ("cross_entropy",), "margin": ("cross_entropy",)}


def draw(folder, seed, number, attempt):
    """Writes a case into an empty folder -> (what it is, ways to run it)."""
    chance = Chance(seed, number, attempt)
    plan = draw_plan(chance)
    net = Network(plan.shape, plan.layers)
    fixed = dict(plan.training)
    m, n = fixed.pop("m", None) or chance.whole(1, 8), chance.whole(1, 5)
    readout = chance.weighted({k: v for k, v in plan.readouts.items() if plan.loss in READOUT_LOSSES.get(k, (plan.loss,))})
    single_row = readout in SINGLE
    x, y = inputs(chance, m, plan.shape, plan.scale), targets(chance, plan.loss, m, plan.outputs)
    if plan.tune_data:
        plan.tune_data(x, y)
    data = {"train": {"inputs": write(chance, folder, "train_x", x), "targets": write(chance, folder, "train_y", y)}}
    if chance.yes(0.85):
        data["query"] = query(chance, folder, plan, x, n, single_row)
    training = {"loss": plan.loss, "reduction": chance.one("mean", "mean", "sum"), "steps": plan.steps}
    training |= given_batches(chance, folder, m, plan.steps)
    training["optimizer"] = optimizer(chance, plan.rate, plan.mix)
    training |= schedule(chance, plan.steps)
    if "learning_rates" in fixed:
        training.pop("schedule", None)
    training |= fixed
    run = {
        "run": {"directory": "out", "device": "cpu", "precision": plan.precision},
        "data": data,
        "model": {"input": plan.shape, "layers": plan.layers},
        "training": training,
        "trajectory": {},
        "kernel": dict(plan.rule) | {"readout": readout},
    }
    weights_or_path(chance, folder, net, plan, run)
    plain = training["optimizer"]["type"] == "sgd" and not training["optimizer"].get("momentum", 0)
    run["kernel"] |= asked(chance, plain, single_row)
    run["kernel"] |= contraction(chance, net, plan, run)
    (folder / "run.toml").write_text(toml(run))
    if plan.retraced:
        retrace(folder, chance, net, plan, run)
    return f"{plan.theme} {plan.precision} {plan.rule['rule']} {readout}", draw_ways(chance)


def query(chance, folder, plan, x, n, with_targets):
    """[data.query]; a query may be one of the examples."""
    xq = inputs(chance, n, plan.shape, plan.scale)
    if chance.yes(0.2):
        xq[0] = x[chance.whole(0, len(x) - 1)]
    table = {"inputs": write(chance, folder, "query_x", xq)}
    if with_targets or chance.yes(0.2):
        table["targets"] = write(chance, folder, "query_y", targets(chance, plan.loss, n, plan.outputs))
    return table


def given_batches(chance, folder, m, steps):
    """training.batches as lists or as a file, or nothing."""
    drawn = batches(chance, m, steps)
    if drawn is None:
        return {}
    if isinstance(drawn, np.ndarray) and chance.yes(0.7):
        np.save(folder / "batches.npy", drawn.astype(chance.one("i8", "i4", "u1")))
        return {"batches": "batches.npy"}
    return {"batches": [list(map(int, b)) for b in drawn]}


def weights_or_path(chance, folder, net, plan, run):
    """The first weights alone, or a recorded path."""
    w = start(chance, net, plan)
    if plan.path is None:
        path = w[None].copy()
    else:
        path = plan.path(chance, w, plan.steps, plan.jump)
    if plan.tune_path:
        plan.tune_path(net, path)
    if plan.path is None:
        run["model"]["weights"] = write_weights(folder, chance, net, path[0], plan.precision)
        if chance.yes(0.2):
            run["trajectory"]["every"] = chance.whole(2, 4)
    else:
        run["trajectory"]["import"] = record(folder, chance, net, path, plan.precision)


def retrace(folder, chance, net, plan, run):
    """Trains the case that was written, and makes its path a recorded one: the optimizer's own, but for rounding."""
    with np.errstate(all="ignore"):
        path = follow(Case(folder, np.float64)).weights
    del run["model"]["weights"]
    run["trajectory"] = {"import": record(folder, chance, net, path, plan.precision)}
    (folder / "run.toml").write_text(toml(run))


def asked(chance, plain, single_row):
    """What is to be computed beside the attribution."""
    keys = {"layers": True} if chance.yes(0.4) else {}
    if plain and chance.yes(0.5):
        keys["kernel"] = "full" if single_row else chance.one("trace", "diagonal", "full")
        if keys["kernel"] != "trace" and chance.yes(0.5):
            keys["coefficients"] = True
        if chance.yes(0.4):
            keys["tangent"] = True
    return keys


def contraction(chance, net, plan, run):
    """Now and then a way to contract each layer that is always possible."""
    options = run["training"]["optimizer"]
    factors = options["type"] == "sgd" and not options.get("nesterov", False)
    if not (plan.factored and factors) and chance.yes(0.8):
        return {}
    words = ("factored",) if plan.factored and factors else ("materialised", "half") + (("factored",) if factors else ())
    layers = [layer for layer in net.layers if layer.weight]
    return {"contraction": ["materialised" if isinstance(layer, Norm) else chance.one(*words) for layer in layers]}


def toml(run):
    """A run file's text."""
    lines = []
    for section, table in run.items():
        nested = {k: v for k, v in table.items() if section == "data" and isinstance(v, dict)}
        for name, inner in nested.items():
            lines += [f"[{section}.{name}]"] + [f"{k} = {value(v)}" for k, v in inner.items()]
        if not nested:
            lines += [f"[{section}]"] + [f"{k} = {value(v)}" for k, v in table.items()]
    return "\n".join(lines) + "\n"


def value(v):
    """One TOML value."""
    if isinstance(v, bool):
        return str(v).lower()
    if isinstance(v, dict):
        return "{ " + ", ".join(f"{k} = {value(w)}" for k, w in v.items()) + " }"
    if isinstance(v, list):
        return "[" + ", ".join(value(w) for w in v) + "]"
    return f'"{v}"' if isinstance(v, str) else repr(v)
