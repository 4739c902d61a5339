"""The command `pathkernel`."""

from __future__ import annotations

import signal
import sys

from . import _pathkernel


def main() -> None:
    """Does what the words of the command line say, and ends with their exit code."""
    # The command has its own way to stop, or is ended at once.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(_pathkernel.main(sys.argv))


if __name__ == "__main__":
    main()
