"""Does every study small, whose asserts hold what its page says, and looks at the pages.

    python tests/studies/check.py [alignment …]

Each page has a script and a picture of its name. Its numbers stand in places that the script fills, under the heads
that the script has now; outside them there are none. Needs requirements.txt beside this file, and the package.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPTS, PAGES = ROOT / "examples/studies", ROOT / "docs/studies"
#: What the scripts share.
SHARED = "study"
#: The largest picture in bytes.
PICTURE = 100_000
NUMBERS = re.compile(r"<!-- numbers: (.*?) -->\n(.*?)<!-- end of numbers -->", re.DOTALL)


def main() -> int:
    told = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    told.add_argument("names", nargs="*", help="studies; none: all")
    every = sorted(script.stem for script in SCRIPTS.glob("*.py") if script.stem != SHARED)
    names = told.parse_args().names or every
    if unknown := set(names) - set(every):
        raise SystemExit(f"there is no study {', '.join(sorted(unknown))}; there are {', '.join(every)}")
    failed = [f"{page.stem}: has no script" for page in PAGES.glob("*.md") if page.stem not in (*every, "README")]
    for name in names:
        begun = time.monotonic()
        done = subprocess.run(
            [sys.executable, SCRIPTS / f"{name}.py", "--small"], capture_output=True, text=True, check=False
        )
        wrong = [done.stderr.strip() or done.stdout.strip()] if done.returncode else faults(name, done.stdout)
        failed += [f"{name}: {words}" for words in wrong]
        print(f"{name}: {'failed' if wrong else 'holds'}, {time.monotonic() - begun:.0f} s", flush=True)
    print("\n".join(failed), file=sys.stderr)
    return 1 if failed else 0


def faults(name: str, printed: str) -> list[str]:
    """What is wrong with a page whose script has printed its tables."""
    page, picture = PAGES / f"{name}.md", PAGES / f"{name}.svg"
    text = page.read_text(encoding="utf-8")
    found = []
    if not picture.is_file() or picture.stat().st_size > PICTURE or f"]({picture.name})" not in text:
        found.append(f"needs a picture {picture.name} of at most {PICTURE} bytes, shown on its page")
    if f"]({page.name})" not in (PAGES / "README.md").read_text(encoding="utf-8"):
        found.append("is not named in README.md")
    places = dict(NUMBERS.findall(text))
    for title, table in places.items():
        if not table.strip():
            found.append(f"the numbers {title!r} are not there; run the script whole")
        elif names_of(table) != names_of(printed.partition(f"{title}\n\n")[2]):
            found.append(f"the numbers {title!r} are those of another script; run it whole")
    if typed := re.findall(r".*\d\.\d.*", NUMBERS.sub("", text)):
        found.append(f"has numbers that no script made: {typed[0].strip()}")
    return found


def names_of(table: str) -> list[str]:
    """The heads of a table's columns."""
    return [cell.strip() for cell in table.strip().partition("\n")[0].strip("|").split("|")]


if __name__ == "__main__":
    sys.exit(main())
