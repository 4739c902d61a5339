// Which page is shown: #q=7 is a query, #q=7&a=5&b=9 a question to it, #q=7&with=12 two queries, #e=12 an example; with &by=influence
// ordered by what would be without an example.

function missing(what, number, rest) {
  return [
    h("nav", { class: "crumbs" }, h("a", { href: "#" }, "All queries")),
    h("h2", { tabindex: -1 }, h("span", {}, `${what} ${number} is not in this page`)),
    h("p", {}, `${command(rest)} says what is known of it.`),
  ];
}

function pageOf(asked) {
  orderBy(asked.get("by"));
  const number = key => (asked.has(key) ? +asked.get(key) : undefined);
  if (asked.has("e")) {
    const example = EXAMPLE_PLACES.get(number("e"));
    return example === undefined ? missing("Example", asked.get("e"), `--example ${asked.get("e")}`) : examplePage(example);
  }
  if (!asked.has("q")) return null;
  const query = QUERY_PLACES.get(number("q")),
    other = QUERY_PLACES.get(number("with"));
  if (query === undefined) return missing("Query", asked.get("q"), `--query ${asked.get("q")}`);
  return other === undefined ? queryPage(query, { a: number("a"), b: number("b") }) : comparePage(query, other);
}

let left = 0;

function show() {
  hideTip();
  const overview = document.getElementById("overview"),
    view = document.getElementById("view");
  const page = pageOf(new URLSearchParams(location.hash.slice(1)));
  if (!overview.hidden) left = scrollY;
  // What was chosen is drawn anew, and keeps the focus.
  const label = view.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
  overview.hidden = page !== null;
  view.hidden = page === null;
  view.replaceChildren(...[page ?? []].flat(9).filter(child => child));
  if (label) view.querySelector(`[aria-label="${CSS.escape(label)}"]`)?.focus({ preventScroll: true });
  document.title = `${view.querySelector("h2")?.innerText.replaceAll("\n", ": ") ?? "Path kernel"} · ${RUN.name}`;
}

function go() {
  show();
  if (document.getElementById("overview").hidden) {
    scrollTo(0, 0);
    document.querySelector("#view h2").focus({ preventScroll: true });
  } else if (location.hash === "#suspects") document.getElementById("suspects").scrollIntoView();
  else scrollTo(0, left);
}

// Left and right lead to the query before and the next one.
function follow(event) {
  const rel = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
  if (!rel || event.altKey || event.ctrlKey || event.metaKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName))
    return;
  document.querySelector(`#view [rel=${rel}]`)?.click();
}

load()
  .then(() => {
    watchTips();
    drawOverview();
    addEventListener("hashchange", go);
    addEventListener("keydown", follow);
    go();
    document.body.dataset.ready = "";
  })
  .catch(problem => {
    const words = `This browser cannot show the queries (${problem.message}): it has to be of 2023 or later.`;
    document.getElementById("overview").prepend(h("p", { class: "note" }, words));
    throw problem;
  });
