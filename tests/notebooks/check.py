"""Runs the notebooks of docs/notebooks, each in its folder, and fails where a cell does.

    python tests/notebooks/check.py [--write] [digits record …]

A notebook's own asserts hold the figures that it names. With `--write` the outputs are kept in the notebook, but for what differs
from machine to machine: times, what is written on stderr, and the version of the interpreter. Needs requirements.txt beside this
file, and the package.
"""

from __future__ import annotations

import argparse
import base64
import re
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[2] / "docs" / "notebooks"
#: The largest picture in bytes, and the longest notebook in characters.
PICTURE, WHOLE = 60_000, 400_000
#: Places of one machine, which no output should show.
PLACES = re.compile(r"(?<![\w.])/(?:home|tmp|root|Users|usr|opt)/")


def main() -> int:
    told = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    told.add_argument("--write", action="store_true", help="keep the outputs")
    told.add_argument("names", nargs="*", help="notebooks without .ipynb; none: all")
    given = told.parse_args()
    files = [FOLDER / f"{name}.ipynb" for name in given.names] or sorted(FOLDER.glob("*.ipynb"))
    failed = []
    for file in files:
        begun = time.monotonic()
        notebook = nbformat.read(file, as_version=4)
        wrong = run(notebook)
        wrong += [] if wrong else faults(cleaned(notebook))
        if given.write and not wrong:
            file.write_text(nbformat.writes(notebook, indent=1) + "\n", encoding="utf-8")
        failed += [f"{file.name}: {words}" for words in wrong]
        print(f"{file.name}: {'failed' if wrong else 'runs'}, {time.monotonic() - begun:.0f} s", flush=True)
    print("\n".join(failed), file=sys.stderr)
    return 1 if failed else 0


def run(notebook: Any) -> list[str]:
    """Runs all cells; what was wrong."""
    try:
        NotebookClient(notebook, timeout=900, kernel_name="python3", resources={"metadata": {"path": str(FOLDER)}}).execute()
    except Exception as error:  # whatever a cell, or its kernel, fails with
        return [str(error)]
    return [] if any("assert" in cell.source for cell in notebook.cells if cell.cell_type == "code") else ["asserts nothing"]


def cleaned(notebook: Any) -> Any:
    """The notebook without what differs from machine to machine."""
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        cell.metadata = {}
        if cell.cell_type == "code":
            cell.outputs = [one for one in cell.outputs if one.get("name") != "stderr" and not is_bar(one)]
    return notebook


def is_bar(output: Any) -> bool:
    """Whether an output is a bar of progress."""
    return "application/vnd.jupyter.widget-view+json" in output.get("data", {})


def faults(notebook: Any) -> list[str]:
    """What should not stand in a notebook that is kept."""
    found = []
    for number, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", []):
            picture = output.get("data", {}).get("image/png", "")
            size = len(base64.b64decode(picture))
            found += [f"cell {number}: a picture of {size} bytes, beyond {PICTURE}"] if size > PICTURE else []
            text = output.get("text", "") + "".join(str(v) for kind, v in output.get("data", {}).items() if kind.startswith("text/"))
            found += [f"cell {number}: shows a place of this machine, {place.group()}"] if (place := PLACES.search(text)) else []
    size = len(nbformat.writes(notebook))
    return found + ([f"is {size} characters long, beyond {WHOLE}"] if size > WHOLE else [])


if __name__ == "__main__":
    sys.exit(main())
