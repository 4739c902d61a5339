"""Write new_optimizer.pt: the state of an optimizer that has not stepped.

    python new_optimizer.py        (PyTorch)
"""

from pathlib import Path

import torch

model = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.Tanh(), torch.nn.Linear(5, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
torch.save(optimizer.state_dict(), Path(__file__).resolve().parent / "new_optimizer.pt")
