"""The crate's public interface as text: every public item with its declaration and its own methods, from the pages of `cargo doc`.

    cargo doc --no-deps
    python3 tests/api/list.py            # writes tests/api/public.txt
    python3 tests/api/list.py --check    # fails, and shows the difference, where the file is not what the pages say

A change of the interface is then a change of tests/api/public.txt, and is seen in review.
"""

import difflib
import html
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "target/doc/pathkernel"
LISTING = Path(__file__).resolve().parent / "public.txt"

# A page of one item: its kind is in its name.
ITEM = re.compile(r"^(struct|enum|trait|fn|type|constant|macro|static|union)\.\w+\.html$")
DECLARATION = re.compile(r'<pre class="rust item-decl"><code>(.*?)</code></pre>', re.DOTALL)
# The item's own methods come under this heading, those of traits and of what it dereferences to under later ones.
METHODS = re.compile(r'<h2 id="implementations".*?(?=<h2 |\Z)', re.DOTALL)
METHOD = re.compile(r'<h4 class="code-header">(pub .*?)</h4>', re.DOTALL)


def text(markup: str) -> str:
    """Markup as one line of text."""
    plain = html.unescape(re.sub(r"<[^>]+>", "", markup))
    return re.sub(r"\s+", " ", plain).strip()


def item(page: Path) -> list[str]:
    """The lines of one item: where it is and what it declares, then its own methods. None for a page that leads to another."""
    source = page.read_text()
    declaration = DECLARATION.search(source)
    if not declaration:
        return []
    module = "::".join(("pathkernel", *page.parent.relative_to(PAGES).parts))
    own = METHODS.search(source)
    methods = sorted({text(method) for method in METHOD.findall(own.group() if own else "")})
    return [f"{module}: {text(declaration.group(1))}", *(f"    {method}" for method in methods)]


def listing() -> str:
    pages = sorted(page for page in PAGES.rglob("*.html") if ITEM.match(page.name))
    if not pages:
        sys.exit(f"{PAGES} holds no pages; run `cargo doc --no-deps` first")
    return "\n".join(line for page in pages for line in item(page)) + "\n"


def check(found: str) -> None:
    known = LISTING.read_text()
    if found == known:
        return
    changes = difflib.unified_diff(known.splitlines(), found.splitlines(), "public.txt", "cargo doc", lineterm="", n=0)
    print("\n".join(changes))
    sys.exit("The public interface has changed. If that is meant, run tests/api/list.py and commit tests/api/public.txt.")


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        check(listing())
    elif sys.argv[1:]:
        sys.exit(__doc__)
    else:
        LISTING.write_text(listing())
