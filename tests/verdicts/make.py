"""Write the paths of tests/program/verdict.rs: what people record, and what they leave unsaid of it.

    python make.py        (PyTorch, numpy, safetensors)

Each path is PyTorch's own, in float64: <case>.safetensors holds the weights before each step and after the last, stacked along a
first axis, or the folder <case>/ a file for each of them. The run file of the test says plain gradient descent of a network of
6 - 8 - 3 with the rate 0.2, or Adam with 0.02; what else was true of the training stands here alone.
"""

import copy
import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

HERE = Path(__file__).resolve().parent
STEPS = 16
torch.set_default_dtype(torch.float64)
torch.manual_seed(15)


def network(*middle):
    torch.manual_seed(3)
    return torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.Tanh(), *middle, torch.nn.Linear(8, 3))


X = torch.randn(24, 6)
Y = (X @ torch.randn(6, 3)).argmax(1)
Q = torch.randn(8, 6)
LOSS = torch.nn.CrossEntropyLoss()


def walk(model, optimizer, loss=lambda model, step: LOSS(model(X), Y), before=lambda step: None, keep=lambda: None):
    """Takes the steps; `keep` gives what is recorded, without it the model's weights."""
    path = []

    def record():
        state = keep() or model.state_dict()
        path.append({name: tensor.detach().clone() for name, tensor in state.items()})

    record()
    for step in range(STEPS):
        before(step)
        optimizer.zero_grad()
        loss(model, step).backward()
        optimizer.step()
        record()
    return path


def stack(name, path):
    path = [{own.replace("3.", "2."): tensor for own, tensor in point.items()} for point in path]
    save_file({own: torch.stack([point[own] for point in path]).contiguous() for own in path[0]}, HERE / f"{name}.safetensors")


def sgd(model, rate=0.2, **numbers):
    return torch.optim.SGD(model.parameters(), lr=rate, **numbers)


def simple(name, optimizer=sgd, **numbers):
    model = network()
    path = walk(model, optimizer(model, **numbers))
    stack(name, path)
    return path


def adam(model, **numbers):
    return torch.optim.Adam(model.parameters(), lr=0.02, **numbers)


def adamw(model, **numbers):
    return torch.optim.AdamW(model.parameters(), lr=0.02, **numbers)


plain = simple("plain")
simple("momentum", momentum=0.9)
simple("nesterov", momentum=0.9, nesterov=True)
simple("dampening", momentum=0.9, dampening=0.5)
simple("decay", weight_decay=0.05)
simple("momentum_decay", momentum=0.9, weight_decay=0.05)
simple("rate", rate=0.05)
simple("betas", adam, betas=(0.9, 0.95))
simple("adam_decay", adamw, weight_decay=0.1)

# What PyTorch had itself of the plain path: outputs of the queries in the end, losses on the way.
model, losses = network(), []
for point in plain:
    model.load_state_dict(point)
    losses.append(LOSS(model(X), Y).item())
np.save(HERE / "outputs.npy", model(Q).detach().numpy())
(HERE / "record.json").write_text(json.dumps({"losses": losses[:STEPS]}) + "\n")

# state_dict() without a copy: every checkpoint is the last one.
stack("still", [plain[-1]] * (STEPS + 1))

# The first layer is frozen.
model = network()
model[0].requires_grad_(False)
stack("frozen", walk(model, torch.optim.SGD(model[2].parameters(), lr=0.2)))

# It is frozen from step 6 on.
model = network()
stack("frozen_later", walk(model, sgd(model), before=lambda step: model[0].requires_grad_(step < 6)))

# One layer used twice, of 6 - 6 - 6 - 3, saved under both names.
torch.manual_seed(5)
shared = torch.nn.Linear(6, 6)
model = torch.nn.Sequential(shared, torch.nn.Tanh(), shared, torch.nn.Tanh(), torch.nn.Linear(6, 3))
path = walk(model, sgd(model))
save_file({own: torch.stack([point[own] for point in path]) for own in path[0]}, HERE / "tied.safetensors")

# The rate is a tenth from step 6 on.
model = network()
optimizer = sgd(model)


def drop(step):
    for group in optimizer.param_groups:
        group["lr"] = 0.2 if step < 6 else 0.02


stack("schedule", walk(model, optimizer, before=drop))

# Warmup over five steps.
model = network()
optimizer = sgd(model)


def warm(step):
    for group in optimizer.param_groups:
        group["lr"] = 0.2 * min(1.0, (step + 1) / 5)


stack("warmup", walk(model, optimizer, before=warm))

# The last layer has a rate of its own.
model = network()
groups = [{"params": model[0].parameters()}, {"params": model[2].parameters(), "lr": 0.02}]
stack("groups", walk(model, torch.optim.SGD(groups, lr=0.2)))

# Clipped to a norm of 0.2, which the first steps are beyond.
model = network()
optimizer = sgd(model)


def clipped(model, step):
    loss = LOSS(model(X), Y)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 0.2)
    gradients = [parameter.grad.clone() for parameter in model.parameters()]
    optimizer.zero_grad()
    # A loss whose gradient is the clipped one.
    return sum((parameter * gradient).sum() for parameter, gradient in zip(model.parameters(), gradients))


stack("clipped", walk(model, optimizer, clipped))

# Classes with weights; dropout; inputs on another scale.
weights = torch.tensor([1.0, 4.0, 0.5])
model = network()
weighted = torch.nn.CrossEntropyLoss(weight=weights)
stack("class_weights", walk(model, sgd(model), lambda model, step: weighted(model(X), Y)))
model = network(torch.nn.Dropout(0.3))
stack("dropout", walk(model, sgd(model)))
model = network()
stack("scale", walk(model, sgd(model), lambda model, step: LOSS(model(3 * X), Y)))

# A running average of the weights is saved in place of the weights.
model = network()
average = copy.deepcopy(model.state_dict())


def averaged():
    for name, tensor in model.state_dict().items():
        average[name] = 0.9 * average[name] + 0.1 * tensor
    return average


stack("average", walk(model, sgd(model), keep=averaged))

# Training went on for ten steps before the first checkpoint.
for name, make in [("resumed_momentum", lambda model: sgd(model, momentum=0.9)), ("resumed_adam", adam)]:
    model = network()
    optimizer = make(model)
    walk(model, optimizer)
    stack(name, walk(model, optimizer))

# One tensor of one checkpoint was changed.
tampered = copy.deepcopy(plain)
tampered[7]["2.weight"] *= 1.2
stack("tampered", tampered)

# The best checkpoint lies beside the numbered ones, and comes first by its name.
folder = HERE / "best"
folder.mkdir(exist_ok=True)
for number, point in enumerate(plain[:8]):
    save_file(point, folder / f"model_{number}.safetensors")
save_file(plain[14], folder / "best.safetensors")

# Pixels from 0 to 255.
generator = np.random.default_rng(12)
np.save(HERE / "pixels.npy", generator.integers(0, 256, (24, 6)).astype(np.float64))
np.save(HERE / "x.npy", X.numpy())
np.save(HERE / "y.npy", Y.numpy())
np.save(HERE / "q.npy", Q.numpy())
