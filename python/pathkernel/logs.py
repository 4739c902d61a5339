"""What the engine logs, where the package knows better."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from .path import Path

#: How the engine begins what it says of masks that it cannot know.
_FOREIGN_MASKS = "trajectory.import: the network has dropout"


@contextmanager
def heard(path: Path) -> Iterator[None]:
    """Lets through what the engine logs of a path, but for doubts about masks that are its own."""
    if not path.is_drawn:
        yield
        return
    logger = logging.getLogger("pathkernel")
    logger.addFilter(_is_no_doubt)
    try:
        yield
    finally:
        logger.removeFilter(_is_no_doubt)


def _is_no_doubt(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith(_FOREIGN_MASKS)
