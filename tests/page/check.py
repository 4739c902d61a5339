"""Reports in a browser: every number held against the arrays of the run, clicks, widths, light and dark.

    python tests/page/check.py DIRECTORY... [--shots FOLDER]

DIRECTORY is a finished run, such as one of `runs.py`. `requirements.txt` names what this needs beside Chromium, which the variable
CHROMIUM or the path has.
"""

import argparse
import csv
import math
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, Locator, Page, sync_playwright

from expected import Run

WIDTHS = {"wide": 1400, "phone": 390}


def number(text: str) -> float:
    """A number as the page writes it."""
    plain = text.strip().replace("−", "-").replace(",", "")
    assert re.fullmatch(r"[+-]?\d+(\.\d+)?(e-?\d+)?%?", plain), f"{text!r} is no number"
    return float(plain.rstrip("%")) / (100 if plain.endswith("%") else 1)


def rounding(value: float) -> float:
    """Half of the last digit that the page gives a number of this size."""
    size = abs(value)
    if size and not 1e-3 <= size < 1e5:
        return 0.051 * 10.0 ** math.floor(math.log10(size))
    digits = 0 if size >= 999.5 else 1 if size >= 9.995 else 2 if size >= 0.0995 else 4
    return 0.51 * 10.0**-digits


def holds(text: str, value: float, what: str) -> None:
    scale = 100 if text.endswith("%") else 1
    # Beside its digits: the page holds single precision, and sums of single precision.
    slack = rounding(scale * value) / scale + 1e-5 * abs(value) + 5e-6
    assert abs(number(text) - value) <= slack, f"{what}: the page says {text}, and the arrays {value:.6g}"


def count(text: str) -> int:
    found = re.search(r"[\d,]+", text)
    assert found, f"{text!r} has no number"
    return int(found[0].replace(",", ""))


class Report:
    """An open report, and the run that it is of."""

    def __init__(self, page: Page, run: Run):
        self.page, self.run = page, run

    def at(self, place: str) -> None:
        self.page.evaluate("place => { location.hash = place; }", place)
        self.page.wait_for_function("place => location.hash.slice(1) === place", arg=place)
        self.page.wait_for_timeout(30)

    def texts(self, selector: str) -> list[str]:
        return [text.strip() for text in self.page.locator(selector).all_inner_texts()]

    def has_detail(self) -> bool:
        return self.page.locator("#why").count() > 0

    def fits(self, what: str) -> None:
        wide, room = self.page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        assert wide <= room, f"{what} is {wide} pixels wide, and the window {room}"


def check_overview(report: Report) -> None:
    run, page = report.run, report.page
    title = {"exact": "Exact", "inexact": "Inexact", "unexplained": "Unexplained"}[run.summary["verdict"]]
    influence = [f"Influence: {run.summary['influence']['verdict']}"] if "influence" in run.summary else []
    assert report.texts(".verdict b") == [title, *influence]
    assert count(report.texts("#found .count")[0]) == run.queries
    assert page.locator("#queries").bounding_box()["y"] < page.locator("[data-chart=loss]").bounding_box()["y"]
    assert page.locator("[data-chart=loss] svg polyline").count() == 1
    page.locator("[data-chart=loss] svg").hover(position={"x": 200, "y": 100})
    assert re.fullmatch(r"step \d+: loss .*", report.texts("#tip")[0]), report.texts("#tip")


def check_list(report: Report) -> None:
    """Search, sorting and cuts."""
    run, page = report.run, report.page
    report.at("")
    page.fill("#search", str(run.queries - 1))
    assert count(report.texts("#found .count")[0]) == 1 and f"query {run.queries - 1}" in report.texts("#found .card")[0]
    page.fill("#search", "nothing is called so")
    assert count(report.texts("#found .count")[0]) == 0
    page.fill("#search", "")
    page.get_by_label("Sort by").select_option("number")
    assert re.search(r"query 0\b", report.texts("#found .card")[0])
    if not run.compete:
        return
    wrong = [query for query in range(run.queries) if run.is_wrong(query)]
    page.get_by_label("Show", exact=True).select_option("wrong")
    assert count(report.texts("#found .count")[0]) == len(wrong)
    page.get_by_label("Show", exact=True).select_option("all")
    some = int(run.classes[0])
    page.get_by_label("Class", exact=True).select_option(str(some))
    assert count(report.texts("#found .count")[0]) == int((run.classes == some).sum())
    page.get_by_label("Class", exact=True).select_option("")
    page.get_by_label("Sort by").select_option("worst")
    own = run.prediction.astype(float).copy()
    true = own[np.arange(run.queries), run.classes].copy()
    own[np.arange(run.queries), run.classes] = -np.inf
    worst = int((true - own.max(1)).argmin())
    assert re.search(rf"query {worst}\b", report.texts("#found .card")[0]), (worst, report.texts("#found .card")[0])


def check_parts(report: Report, query: int, question: tuple[int, int | None]) -> None:
    """The bars of an answer, which add up."""
    run = report.run
    rows = dict(zip(report.texts("#why .bars .name"), report.texts("#why .bars .amount"), strict=True))
    amounts = [number(text) for text in rows.values()]
    holds(rows["where it began"], run.of(run.initial[query], question), f"query {query}, the beginning")
    holds(list(rows.values())[-1], run.of(run.prediction[query], question), f"query {query}, the end")
    slack = sum(rounding(value) for value in amounts) + 1e-5 * max(map(abs, amounts))
    assert abs(sum(amounts[:-1]) - amounts[-1]) <= slack, rows
    if run.attribution is None:
        return
    own = run.amounts(query, question)
    if run.labels is None:
        holds(rows["examples that raised it"], own[own > 0].sum(), f"query {query}, raised")
        holds(rows["examples that lowered it"], own[own < 0].sum(), f"query {query}, lowered")
        return
    labels = np.unique(run.labels[run.labels >= 0])
    names_of = run.config.get("report", {}).get("class_names") or [str(label) for label in range(labels.max() + 1)]
    kind = "class" if run.two is None else "y ="
    known = {label: rows.get(f"{kind} {names_of[label]}") for label in labels}
    assert sum(text is not None for text in known.values()) == (len(labels) if len(labels) <= 32 else 24), rows
    for label, text in known.items():
        if text is not None:
            holds(text, own[run.labels == label].sum(), f"query {query}, class {label}")


def holds_each(card: Locator, example: int, amounts: dict[str, np.ndarray], what: str) -> None:
    """The amounts of a card: of every kind that the run knows, a dash where the run's lists do not have it."""
    shown = card.locator(".amount")
    assert shown.count() == len(amounts), what
    for kind, own in amounts.items():
        text = card.locator(f".amount[data-kind={kind}]").inner_text()
        if math.isnan(own[example]):
            assert text == "—", f"{what}, {kind}: the page says {text}, and the run does not know it"
        else:
            holds(text, own[example], f"{what}, {kind}")


def check_examples(report: Report, query: int, question: tuple[int, int | None], by: str = "attribution") -> None:
    """The lists of examples: the largest of all, in order, with what they cover. Those that speak for the value come first."""
    run, page = report.run, report.page
    amounts = {kind: run.amounts(query, question, kind) for kind in run.kinds}
    own = amounts[by]
    for side, sign in zip(page.locator("#movers .side").all(), (1, -1) if by == "attribution" else (-1, 1), strict=True):
        cards, cover = side.locator(".card"), side.locator(".cover").inner_text()
        order = np.argsort(-sign * own, kind="stable")
        order = order[sign * own[order] > 0]
        shown = int(re.search(r"The (\d+ )?largest", cover).group(1) or 1) if len(order) else 0
        assert shown <= cards.count() or shown == 0
        for place, card in enumerate(cards.all()[:shown]):
            example = int(re.search(r"(?:no\.|column) (\d+)", card.inner_text())[1])
            holds_each(card, example, amounts, f"query {query}, example {example}")
            assert math.isclose(own[example], own[order[place]], rel_tol=1e-5, abs_tol=1e-9), (query, example, order[place])
            check_windows(report, query, question, example, card)
        if by == "influence":
            # They add up to nothing, and the page does not pretend it.
            assert not shown or cover.endswith("each left out alone."), cover
        elif shown:
            sum_of, of_all = own[order[:shown]].sum(), run.sums(query, question)[0 if sign > 0 else 1]
            said = re.search(r"make up (\S+): (\S+) of the (\S+) of all", cover)
            for text, value in zip(said.groups(), (sum_of, sum_of / of_all, of_all), strict=True):
                holds(text, value, f"query {query}, cover")


def check_windows(report: Report, query: int, question: tuple[int, int | None], example: int, card: Locator) -> None:
    """What an example gave by window of training, where the run has windows: every step once, and together the whole."""
    run = report.run
    strip = card.locator(".strip[aria-label='what each window of training gave']")
    if run.windows is None or question != run.first(query):
        assert strip.count() == 0
        return
    tips = strip.locator("rect").evaluate_all("all => all.map(own => own.dataset.tip)")
    found = [re.fullmatch(r"(\S+) from steps? (\d+)(?: to (\d+))?", tip).groups() for tip in tips]
    steps = [(int(first), int(last or first)) for _, first, last in found]
    assert steps[0][0] == 0 and steps[-1][1] == run.borders[-1] - 1
    assert all(before[1] + 1 == after[0] for before, after in zip(steps, steps[1:]))
    assert len(steps) == min(len(run.windows), 24)
    for (text, *_), of_window in zip(found, steps):
        holds(text, run.in_steps(query, question, example, of_window), f"query {query}, example {example}, steps {of_window}")


def check_kinds(report: Report, query: int) -> None:
    """Every number is said what it is; influences with how far they are right."""
    run = report.run
    said = dict(zip(report.texts("#movers .kinds dt"), report.texts("#movers .kinds dd"), strict=True))
    if "influence" not in run.kinds:
        assert not any("Without it" in name for name in said)
        return
    certified = run.summary["influence"]
    (name,) = [name for name in said if name.startswith("Without it")]
    assert name.split()[-1] == certified["verdict"] and certified["because"] in said[name], said
    assert "does not add up" in said[name]
    word = {"exact": "Checked", "uncertain": "Not confirmed", "inexact": "Not to be relied on"}[certified["verdict"]]
    assert f"{word}: " in said[name]
    for item in report.page.locator("#movers .kinds li").all():
        assert item.text_content().rstrip(".").lower() in [warning.lower() for warning in certified["warnings"]]
    assert report.page.locator("#movers .kinds li").count() == len(certified["warnings"])
    assert ("at weight 0.5" in said[name]) == (certified["weight"] == 0.5)
    assert ("What it gave" in said) == ("attribution" in run.kinds)


def check_orders(report: Report, query: int, question: tuple[int, int | None]) -> None:
    """The examples by what they gave and by what would be without them; the address says by which, and keeps it."""
    run, page = report.run, report.page
    check_kinds(report, query)
    if len(run.kinds) < 2:
        assert page.get_by_label("Order by").count() == 0
        for kind in run.kinds:
            check_examples(report, query, question, kind)
        return
    check_examples(report, query, question, "attribution")
    page.get_by_label("Order by").select_option("influence")
    assert page.url.endswith("&by=influence")
    check_examples(report, query, question, "influence")
    page.reload()
    page.wait_for_selector("body[data-ready]")
    check_examples(report, query, question, "influence")
    for link in page.locator("#movers a.card, .crumbs [rel]").all():
        assert link.get_attribute("href").endswith("&by=influence")
    page.get_by_label("Order by").select_option("attribution")
    assert "by=" not in page.url
    check_examples(report, query, question, "attribution")


def check_query(report: Report, query: int) -> None:
    run, page = report.run, report.page
    report.at(f"q={query}")
    assert f"query {query}" in report.texts("#view h2")[0]
    assert page.locator("#view .badge").count() == int(run.is_wrong(query))
    assert report.has_detail() == run.config["kernel"]["attribution"]
    question = run.first(query)
    if report.has_detail():
        check_parts(report, query, question)
    if run.kinds:
        check_orders(report, query, question)
    if run.attribution is not None and run.compete and run.values <= 16:
        # Another pair, and a value alone, by the choices.
        others = [value for value in range(run.values) if value != question[0]]
        page.get_by_label("rather than").select_option(str(others[-1]))
        check_parts(report, query, (question[0], others[-1]))
        check_orders(report, query, (question[0], others[-1]))
        assert page.url.endswith(f"#q={query}&a={question[0]}&b={others[-1]}")
        page.get_by_label("rather than").select_option("")
        check_parts(report, query, (question[0], None))
        check_orders(report, query, (question[0], None))
        page.reload()
        page.wait_for_selector("body[data-ready]")
        check_parts(report, query, (question[0], None))


def check_class(report: Report, query: int) -> None:
    """A class shows its examples alone."""
    run, page = report.run, report.page
    report.at(f"q={query}")
    button = page.locator("#why .bars button").first
    words = button.inner_text()
    button.click()
    assert page.locator("#why .bars button[aria-pressed=true]").inner_text() == words
    facts = {text.split(", group")[0] for text in report.texts("#movers .card .facts")}
    assert facts == {words}, facts
    page.locator("#movers .chip").click()
    assert len(set(report.texts("#movers .card .facts"))) > 1


def check_file(report: Report, query: int, folder: Path) -> None:
    """The table that is saved, to single precision."""
    run, page = report.run, report.page
    report.at(f"q={query}")
    with page.expect_download() as download:
        page.locator("#movers button", has_text="CSV").click()
    download.value.save_as(folder / "query.csv")
    rows = list(csv.DictReader((folder / "query.csv").open()))
    own = {kind: run.amounts(query, run.first(query), kind) for kind in run.kinds}
    assert len(rows) >= min(10, run.examples)
    for row in rows:
        for kind, column in (("attribution", "amount"), ("influence", "without_it")):
            assert (column in row) == (kind in own)
            if column in row:
                said, value = row[column], own[kind][int(row["example"])]
                alike = said == "" if math.isnan(value) else math.isclose(float(said), value, rel_tol=1e-5, abs_tol=1e-5)
                assert alike, (column, row, value)


def check_moved(report: Report, example: int, by: str) -> None:
    """The queries that an example moved, or would move, most, by their first questions; those that it speaks for come first."""
    run = report.run
    asked = [run.first(query) for query in range(run.queries)]
    of_kind = lambda kind: np.array([run.amounts(query, asked[query], kind)[example] for query in range(run.queries)])
    amounts = {kind: of_kind(kind) for kind in run.kinds}
    ways = amounts[by] * np.array([run.right(query, asked[query]) or 1 for query in range(run.queries)])
    signs = (1, -1) if by == "attribution" else (-1, 1)
    for side, sign in zip(report.page.locator("#view .sides .side").all(), signs, strict=True):
        best, before = np.sort(sign * ways[~np.isnan(ways)])[::-1], math.inf
        for place, card in enumerate(side.locator(".card").all()):
            query = int(re.search(r"query (\d+)", card.inner_text())[1])
            holds_each(card, query, amounts, f"example {example}, query {query}")
            if run.whole:
                assert math.isclose(sign * ways[query], best[place], rel_tol=1e-4, abs_tol=1e-6), (example, query)
            # Of lists the page has the largest: those that it shows are in order.
            assert sign * ways[query] <= before * (1 + 1e-4) + 1e-6, (example, query)
            before = sign * ways[query]


def check_example(report: Report, example: int) -> None:
    run, page = report.run, report.page
    report.at(f"e={example}")
    assert f" {example}" in report.texts("#view h2")[0]
    if not run.kinds:
        return
    check_moved(report, example, list(run.kinds)[0])
    if len(run.kinds) > 1:
        page.get_by_label("Order by").select_option("influence")
        assert page.url.endswith(f"#e={example}&by=influence")
        check_moved(report, example, "influence")
    if run.own is not None and run.labels is not None:
        own = float(run.own[example, run.labels[example] if run.values > 1 else 0])
        said = page.locator("section", has_text="Self-influence").last.locator("b.number").inner_text()
        holds(said, own, f"example {example}, itself")


def check_suspects(report: Report) -> None:
    run = report.run
    report.at("")
    if run.own is None or run.labels is None:
        return
    own = np.abs(np.asarray(run.own, float)[np.arange(run.examples), run.labels if run.values > 1 else 0])
    shown = [int(re.search(r"no\. (\d+)", text)[1]) for text in report.texts("#suspects .card")]
    assert len(shown) == 12 and np.allclose(own[shown], np.sort(own)[::-1][:12])


def check_compare(report: Report) -> None:
    run, page = report.run, report.page
    report.at("q=0")
    page.fill("input[name=with]", "1")
    page.locator("button", has_text="Compare").click()
    page.wait_for_function("location.hash === '#q=0&with=1'")
    ends = [side.locator(".bars .total .amount").inner_text() for side in page.locator("#view > .sides > .side").all()]
    for query, text in enumerate(ends):
        holds(text, run.of(run.prediction[query], run.first(query)), f"query {query}, compared")


def check_keys(report: Report) -> None:
    """Without a pointer: the first query by Tab and Enter, the next one by an arrow, another order, a tooltip by focus."""
    page = report.page
    report.at("")
    page.locator("#found .card").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#view h2")
    first = report.texts("#view h2")
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(50)
    assert report.texts("#view h2") != first
    page.keyboard.press("ArrowLeft")
    page.wait_for_timeout(50)
    assert report.texts("#view h2") == first
    if page.get_by_label("Order by").count():
        page.get_by_label("Order by").focus()
        page.keyboard.press("ArrowDown")
        page.wait_for_function("location.hash.endsWith('&by=influence')")
        # What was chosen is drawn anew, and the next key still goes there.
        page.keyboard.press("ArrowUp")
        page.wait_for_function("!location.hash.includes('by=')")
    if page.locator("#movers a.card").count():
        page.locator("#movers a.card").first.focus()
        assert page.locator("#tip").is_visible()


def check_without_scripts(browser: Browser, run: Run, url: str) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(url)
    words = page.inner_text("body")
    assert run.summary["because"][1:40] in words and "runs no scripts" in words
    page.context.close()


@contextmanager
def opened(browser: Browser, run: Run, width: int, scheme: str) -> Iterator[Report]:
    """A report in a window, which must complain of nothing and ask for nothing."""
    page = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, has_touch=width < 500).new_page()
    page.set_default_timeout(8000)
    problems: list[str] = []
    page.on("console", lambda message: message.type in ("error", "warning") and problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: request.url.startswith(("file:", "data:", "blob:")) or problems.append(request.url))
    page.goto((run.directory / "report.html").as_uri())
    page.wait_for_selector("body[data-ready]")
    yield Report(page, run)
    assert not problems, problems
    page.context.close()


def some(run: Run) -> list[int]:
    """A few queries: the first and the last, and some that are wrong."""
    wrong = [query for query in range(run.queries) if run.is_wrong(query)]
    return sorted({0, run.queries // 2, run.queries - 1, *wrong[:3]})


def views(run: Run) -> dict[str, str]:
    query = next((query for query in some(run) if run.is_wrong(query)), 0)
    found = {"overview": "", "query": f"q={query}", "compare": f"q={query}&with={run.queries - 1}", "example": "e=0"}
    if len(run.kinds) > 1:
        found |= {"query_without": f"q={query}&by=influence", "example_without": "e=0&by=influence"}
    return found


def check(browser: Browser, run: Run, shots: Path | None, scratch: Path) -> None:
    with opened(browser, run, WIDTHS["wide"], "light") as report:
        check_overview(report)
        check_list(report)
        for query in some(run):
            check_query(report, query)
        check_suspects(report)
        check_keys(report)
        check_example(report, 0)
        check_example(report, run.examples - 1)
        if run.kinds:
            check_file(report, some(run)[-1], scratch)
        if run.attribution is not None:
            check_compare(report)
            if run.labels is not None:
                check_class(report, some(run)[-1])
    for size, width in WIDTHS.items():
        for scheme in ("light", "dark"):
            with opened(browser, run, width, scheme) as report:
                for view, place in views(run).items():
                    report.at(place)
                    report.fits(f"{run.directory.name}: {view}, {size}")
                    if shots:
                        name = f"{run.directory.name}_{view}_{size}_{scheme}.png"
                        report.page.screenshot(path=shots / name, full_page=True)
    check_without_scripts(browser, run, (run.directory / "report.html").as_uri())


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("directories", nargs="+", type=Path)
    arguments.add_argument("--shots", type=Path)
    given = arguments.parse_args()
    program = os.environ.get("CHROMIUM") or shutil.which("chromium")
    assert program, "no Chromium: install it, or name it by CHROMIUM"
    if given.shots:
        given.shots.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as scratch:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for directory in given.directories:
            check(browser, Run(directory.resolve()), given.shots, Path(scratch))
            print(f"{directory.name}: as its arrays")
        browser.close()


if __name__ == "__main__":
    main()
