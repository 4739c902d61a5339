"""Prints the tables of docs/recipes.md: digits with faults that are known, what runs of pathkernel say of them, and simple
baselines beside. `python examples/recipes.py target/release/pathkernel` prints all; names of recipes behind the program, those
alone. Three minutes of processor time (pip install numpy)."""

import argparse
import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np

SEEDS = range(5)
TRAIN, VALIDATION = 1000, 300  # of 1,797 digits; the others are for tests
CLASSES = 10
ARRAYS = ("attribution", "initial", "prediction", "regularizer", "residual", "tangent_final")

EARLY = SimpleNamespace(width=32, optimizer='{ type = "sgd", learning_rate = 0.5 }', steps=300)
BY_HEART = SimpleNamespace(width=64, optimizer='{ type = "sgd", learning_rate = 0.5, momentum = 0.9 }', steps=600)

RUN_FILE = """
[run]
directory = "run"
device = "cpu"
seed = {seed}
[data.train]
inputs = "data.npz:train_x"
targets = "data.npz:train_y"
[data.query]
inputs = "data.npz:query_x"
targets = "data.npz:query_y"
[model]
input = [{pixels}]
layers = [
  {{ type = "linear", features = {width} }},
  {{ type = "tanh" }},
  {{ type = "linear", features = 10 }},
]
[training]
loss = "cross_entropy"
optimizer = {optimizer}
batch_size = 128
steps = {steps}
[kernel]
{kernel}
"""

here = Path(__file__).parent
program = "pathkernel"
residuals = []


def digits(seed):
    """All digits in an order of the seed's, cut into sets for training, validation and tests."""
    data = np.load(here / "data/digits.npz")
    x = np.concatenate([data["train_x"], data["query_x"]]).reshape(-1, 64).astype(np.float32)
    y = np.concatenate([data["train_y"], data["query_y"]]).astype(int)
    order = np.random.default_rng(seed).permutation(len(y))
    cuts = [TRAIN, TRAIN + VALIDATION]
    return [SimpleNamespace(x=x[part], y=y[part]) for part in np.split(order, cuts)]


def together(*sets):
    return SimpleNamespace(x=np.concatenate([s.x for s in sets]), y=np.concatenate([s.y for s in sets]))


def rows(data, chosen):
    return SimpleNamespace(x=data.x[chosen], y=data.y[chosen])


def flipped(data, share, seed):
    """The same examples, a share of them with a wrong label, and which those are."""
    random = np.random.default_rng([seed, 1])
    wrong = np.zeros(len(data.y), bool)
    wrong[random.choice(len(data.y), round(share * len(data.y)), replace=False)] = True
    labels = np.where(wrong, (data.y + random.integers(1, CLASSES, len(data.y))) % CLASSES, data.y)
    return SimpleNamespace(x=data.x, y=labels), wrong


def with_noise(data, random):
    """Three pixels of noise, from -0.5 to 0.5, beside each of the digit's."""
    return SimpleNamespace(x=np.concatenate([data.x, random.random((len(data.x), 192), np.float32) - 0.5], 1), y=data.y)


def pathkernel(train, queries, network, seed, kernel):
    """The arrays of a run, and the weights of every tenth step."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        np.savez(folder / "data.npz", train_x=train.x, train_y=train.y, query_x=queries.x, query_y=queries.y)
        (folder / "run.toml").write_text(RUN_FILE.format(seed=seed, kernel=kernel, pixels=train.x.shape[1], **vars(network)))
        subprocess.run([program, "--quiet", "run", folder / "run.toml"], check=True, stdout=subprocess.DEVNULL)
        run = folder / "run"
        found = {name: np.load(run / f"{name}.npy") for name in ARRAYS if (run / f"{name}.npy").exists()}
        layout = json.loads((run / "trajectory/layout.json").read_text())
        path = np.load(run / "trajectory/weights.npy")[::10]
    if 'rule = "left"' not in kernel:
        residuals.append(abs(found["residual"]).max() / abs(found["prediction"] - found["initial"]).max())
    tensors = {name: path[:, t["offset"]:][:, :np.prod(t["shape"])].reshape(-1, *t["shape"]) for name, t in layout.items()}
    return SimpleNamespace(**found, path=tensors)


def hidden(run, step, x):
    return np.tanh(x @ run.path["0.weight"][step].T + run.path["0.bias"][step])


def outputs(run, step, x):
    return hidden(run, step, x) @ run.path["2.weight"][step].T + run.path["2.bias"][step]


def losses(run, step, data):
    f = outputs(run, step, data.x)
    f -= f.max(1, keepdims=True)
    return np.log(np.exp(f).sum(1)) - f[np.arange(len(f)), data.y]


def accuracy(run, data):
    return (outputs(run, -1, data.x).argmax(1) == data.y).mean()


def distances(a, b):
    return (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T


def precision(score, wrong):
    """How many of the highest scores are wrong examples, of as many as there are."""
    return wrong[np.argsort(-score, kind="stable")[:wrong.sum()]].mean()


def area(score, wrong):
    """Area under the ROC curve: how often a wrong example scores above a right one."""
    high, low = score[wrong][:, None], score[~wrong]
    return (high > low).mean() + (high == low).mean() / 2


def within(labels, score):
    """The same scores as ranks among the examples of a label, from 0 to 1."""
    ranks = np.empty(len(score))
    for label in range(CLASSES):
        these = labels == label
        ranks[these] = (score[these].argsort().argsort() + 0.5) / these.sum()
    return ranks


def cell(values, digits=2):
    values = np.asarray(values, float)
    return f"{values.mean():.{digits}f} ± {values.std(ddof=1) / len(values) ** 0.5:.{digits}f}"


def table(head, lines):
    print("|", " | ".join(head), "|\n|" + "---|" * len(head))
    for line in lines:
        print("|", " | ".join(line), "|")
    print(flush=True)


def trained(train, network, seed):
    """The network alone: the cheapest account, of one query."""
    return pathkernel(train, rows(train, slice(0, 1)), network, seed, 'readout = "loss"\nrule = "left"')


def held_out_losses(train, network, seed):
    """Each example's loss in a network that was trained without its fifth of the data."""
    fold = np.random.default_rng([seed, 2]).permutation(len(train.y)) % 5
    found = np.empty(len(train.y))
    for out in range(5):
        found[fold == out] = losses(trained(rows(train, fold != out), network, seed), -1, rows(train, fold == out))
    return found


def other_labels_nearby(train):
    """How many of an example's ten nearest neighbours have another label."""
    apart = distances(train.x, train.x)
    np.fill_diagonal(apart, np.inf)
    return (train.y[apart.argsort(1)[:, :10]] != train.y[:, None]).mean(1)


def mislabelled_scores(train, validation, network, seed):
    m = len(train.y)
    run = pathkernel(train, together(train, validation), network, seed, 'readout = "loss"')
    among, on_validation = np.split(run.attribution[:, :, 0], [m])
    own = among.diagonal()
    path = [losses(run, step, train) for step in range(len(run.path["2.bias"]))]
    return {
        "what it did to its own loss": -own,
        "what the others did to its loss": among.sum(1) - own,
        "what it did to the others' losses": among.sum(0) - own,
        "what it did to a validation set's losses": on_validation.sum(0),
        "the same, ranked within its label": within(train.y, on_validation.sum(0)),
        "*its loss, averaged over training*": np.mean(path, 0),
        "*its loss at the end*": path[-1],
        "*its loss when held out (five trainings)*": held_out_losses(train, network, seed),
        "*its ten nearest neighbours' labels*": other_labels_nearby(train),
        "*random*": np.random.default_rng([seed, 3]).random(m),
    }, path[-1] < np.log(2)


def mislabelled():
    kinds = ("early", "by heart", "in noise")
    found, learned = {}, [[] for _ in kinds]
    for seed in SEEDS:
        train, validation, _ = digits(seed)
        train, wrong = flipped(train, 0.1, seed)
        noise = np.random.default_rng([seed, 4])
        noisy = [with_noise(part, noise) for part in (train, validation)]
        cases = ((train, validation, EARLY), (train, validation, BY_HEART), (*noisy, EARLY))
        for place, case in enumerate(cases):
            scores, known = mislabelled_scores(*case, seed)
            learned[place].append(known[wrong].mean())
            for name, score in scores.items():
                columns = found.setdefault(name, [[] for _ in 2 * kinds])
                columns[place].append(precision(score, wrong))
                columns[3 + place].append(area(score, wrong))
    print("Wrong labels learned:", ", ".join(f"{kind} {cell(values)}" for kind, values in zip(kinds, learned)), "\n")
    table(["score", *(f"precision, {kind}" for kind in kinds), *(f"area, {kind}" for kind in kinds)],
          [[name, *(cell(c) for c in columns[:3]), *(cell(c, 3) for c in columns[3:])] for name, columns in found.items()])


def copies(train, twins, random):
    """Copies of some examples, changed more and more."""
    original = train.x[twins]
    found = {f"noise of {size}": original + size * random.standard_normal(original.shape) for size in (0.1, 0.2, 0.4)}
    moved = np.roll(original.reshape(-1, 8, 8), 1, 2).reshape(-1, 64)
    return {"the same": original, **found, "moved by a pixel": moved}


def leaked():
    found = {}
    for seed in SEEDS:
        train, _, _ = digits(seed)
        random = np.random.default_rng([seed, 5])
        twins = random.choice(len(train.y), 100, replace=False)
        changed = {name: x.astype(np.float32) for name, x in copies(train, twins, random).items()}
        queries = together(*(SimpleNamespace(x=x, y=train.y[twins]) for x in changed.values()))
        run = pathkernel(train, queries, EARLY, seed, 'readout = "target"')
        kernel = 'attribution = false\nkernel = "trace"\ntangent = true'
        tangent = pathkernel(train, together(queries, train), EARLY, seed, kernel).tangent_final
        size = np.sqrt(tangent[len(queries.y):].diagonal())
        scores = {
            "the largest contribution": run.attribution[:, :, 0],
            "the largest tangent kernel, by the example's size": tangent[:len(queries.y)] / size,
            "*the nearest in pixels*": -distances(queries.x, train.x),
            "*the nearest in hidden units*": -distances(hidden(run, -1, queries.x), hidden(run, -1, train.x)),
        }
        right = np.tile(twins, len(changed))
        places = np.arange(len(right))
        lines = {name: score.argmax(1) == right for name, score in scores.items()}
        lines["what the twin contributed"] = run.attribution[places, right, 0]
        lines["the largest contribution of all"] = run.attribution[:, :, 0].max(1)
        lines["what all contributed"] = (run.prediction - run.initial)[:, 0]
        for name, values in lines.items():
            found.setdefault(name, []).append(values.reshape(len(changed), -1).mean(1))
    table(["found by", *changed], [[name, *(cell(c) for c in np.transpose(values))] for name, values in found.items()])


def sums_by_class(attribution, labels):
    return np.stack([attribution[:, labels == c].sum(1) for c in range(CLASSES)], 1)


def five_or_nine():
    found = {5: [], 9: []}
    for seed in SEEDS:
        train, _, test = digits(seed)
        queries = rows(test, np.isin(test.y, (5, 9)))
        run = pathkernel(train, queries, EARLY, seed, 'readout = { type = "difference", classes = [5, 9] }')
        sums = sums_by_class(run.attribution[:, :, 0], train.y)
        others = sums.sum(1) - sums[:, 5] - sums[:, 9]
        parts = np.stack([run.initial[:, 0], sums[:, 5], sums[:, 9], others, run.residual[:, 0], run.prediction[:, 0]], 1)
        for digit, values in found.items():
            values.append(parts[queries.y == digit].mean(0))
    lines = {"5s": np.array(found[5]), "9s": np.array(found[9])}
    lines["5s less 9s"] = lines["5s"] - lines["9s"]
    table(["f5 - f9 of", "initial", "fives", "nines", "the other eight", "residual", "prediction"],
          [[name, *(cell(c, 1) for c in values.T)] for name, values in lines.items()])


def misread():
    lines, pushed, furthest, near, usual = [], [], [], [], []
    for seed in SEEDS:
        train, _, test = digits(seed)
        run = pathkernel(train, test, EARLY, seed, "")
        read = run.prediction.argmax(1)
        sums = sums_by_class(run.attribution, train.y)
        nearest = train.y[distances(test.x, train.x).argmin(1)]
        for query in np.flatnonzero(read != test.y):
            this, other = test.y[query], read[query]
            by_class = sums[:, :, other] - sums[:, :, this]
            lead = run.prediction[:, other] - run.prediction[:, this]
            right = (test.y == this) & (read == this)
            odd = by_class[query] - by_class[right].mean(0)
            pushed.append(by_class[query].argmax() == other)
            usual.append((by_class[right].argmax(1) == other).mean())
            furthest.append("read" if odd.argmax() == other else "true" if odd.argmax() == this else "third")
            near.append(nearest[query] == other)
            if seed == 0:
                ends = (lead[query], lead[right].mean())
                lines.append([str(this), str(other), *(f"{v:.1f}" for v in ends), *(f"{v:+.1f}" for v in odd)])
    table(["is", "read as", "lead", "usual lead", *(f"{c}s" for c in range(CLASSES))], lines)
    print(len(furthest), "misread. Examples of the class read raised its lead the most:", sum(pushed), "of them, and",
          f"{np.mean(usual):.0%} of the digits read right. Furthest above the usual: the class read {furthest.count('read')},",
          f"the true class {furthest.count('true')}, a third {furthest.count('third')}.",
          f"The nearest in pixels is of the class read: {sum(near)}\n")


def by_class():
    five_or_nine()
    misread()


def pruning_scores(train, validation, seed):
    m = len(train.y)
    run = pathkernel(train, together(train, validation), EARLY, seed, 'readout = "loss"')
    among, on_validation = np.split(run.attribution[:, :, 0], [m])
    return {
        "did the most to its own loss": -among.diagonal(),
        "did the least to its own loss": among.diagonal(),
        "raised a validation set's losses the most": on_validation.sum(0),
        "the same, ranked within its label": within(train.y, on_validation.sum(0)),
        "moved a validation set's losses the least": -abs(on_validation).sum(0),
        "*highest loss at the end*": losses(run, -1, train),
        "*lowest loss at the end*": -losses(run, -1, train),
        "*most neighbours with another label*": other_labels_nearby(train),
        "*random*": np.random.default_rng([seed, 6]).random(m),
    }


def pruning():
    found = {}
    for seed in SEEDS:
        clean, validation, test = digits(seed)
        for place, train in enumerate((clean, flipped(clean, 0.2, seed)[0])):
            scores = pruning_scores(train, validation, seed)
            whole = accuracy(trained(train, EARLY, seed), test)
            for name, score in scores.items():
                columns = found.setdefault(name, [[] for _ in range(4)])
                for at, share in enumerate((0.2, 0.5)):
                    kept = np.sort(np.argsort(-score, kind="stable")[round(share * len(score)):])
                    columns[2 * place + at].append(100 * accuracy(trained(rows(train, kept), EARLY, seed), test))
            columns = found.setdefault("*nothing dropped*", [[] for _ in range(4)])
            for at in range(2):
                columns[2 * place + at].append(100 * whole)
    table(["dropped first", "clean, 20%", "clean, 50%", "a fifth mislabelled, 20%", "a fifth mislabelled, 50%"],
          [[name, *(cell(c, 1) for c in columns)] for name, columns in found.items()])


RECIPES = {"mislabelled": mislabelled, "leaked": leaked, "by_class": by_class, "pruning": pruning}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", nargs="?", default=program)
    parser.add_argument("recipes", nargs="*", help=f"of {', '.join(RECIPES)}")
    given = parser.parse_args()
    program = shutil.which(given.program) or parser.error(f"there is no program {given.program}")
    for unknown in set(given.recipes) - set(RECIPES):
        parser.error(f"{unknown} is none of {', '.join(RECIPES)}")
    for name in given.recipes or RECIPES:
        print(f"## {name}\n")
        RECIPES[name]()
    print(f"The largest residual is {max(residuals):.0e} of its run's largest change.")
