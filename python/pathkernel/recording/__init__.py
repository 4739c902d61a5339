"""Recording of training loops that exist, in PyTorch.

>>> rec = record(net, optimizer, "runs/mine")             # doctest: +SKIP
>>> for xb, yb in rec.watch(loader): ...                  # doctest: +SKIP
>>> path = rec.close(loss="cross_entropy")                # doctest: +SKIP
"""

from .recorder import Recorder, record

__all__ = ["Recorder", "record"]
