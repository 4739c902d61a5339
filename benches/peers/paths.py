"""What comparisons with ExPLAIND share: its explainer, and data sets as it wants them. Imported inside the environment alone."""

import contextlib
import os

import torch
from explaind.epk_model import ExactPathKernelModel

MIDPOINTS = 100  # "1/eps = 1/0.01 = 100 integral steps" in ExPLAIND's README, and in the scripts of its experiments


class Explainer(ExactPathKernelModel):
    """ExPLAIND's, at its README's setting."""

    def __init__(self, model, optimizer, data, midpoints=MIDPOINTS):
        super().__init__(
            model=model,
            optimizer=optimizer,
            loss_fn=torch.nn.CrossEntropyLoss(),
            data_path=data,
            integral_eps=1 / midpoints,
            early_integral_eps=1 / midpoints,
            early_steps=0,  # else the first four steps take 1,000 midpoints
            device="cpu",
            evaluate_predictions=True,
        )

    def exact_path_kernel_step_test(self, *arguments, prev_eval=None, **named):
        # Kernels by parameter would need 100 GB for the digits. Without them version 0.0.2 fails on a None at its first step.
        return super().exact_path_kernel_step_test(*arguments, prev_eval=prev_eval or {}, **named)

    def explain(self, queries):
        """What it predicts, without what it prints: prediction, initial prediction, kernels by tensor."""
        with open(os.devnull, "w") as nothing, contextlib.redirect_stdout(nothing), contextlib.redirect_stderr(nothing):
            return self.predict(queries, keep_kernel_matrices=True)[:3]


class Examples(torch.utils.data.Dataset):
    """Training examples; ExPLAIND writes each one's index into `targets`."""

    def __init__(self, inputs, targets):
        self.inputs = torch.from_numpy(inputs)
        self.targets = [int(target) for target in targets]

    def __len__(self):
        return len(self.inputs)

    def __getitem__(self, index):
        return self.inputs[index], self.targets[index]


def attributions(kernels, batch):
    """What each example adds to each log-probability, [queries, examples, classes], of the kernels of batches of one size."""
    return sum(kernels.values())[:, 0].permute(0, 2, 1).numpy() / batch
