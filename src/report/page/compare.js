// Two queries side by side.

function comparePage(a, b) {
  if (!hasDetail(a) || !hasDetail(b) || !knows("attribution"))
    return [queryHead(a), h("p", { class: "note" }, "What moved one of the two is not in this page.")];
  const both = [a, b],
    questions = both.map(firstQuestion);
  const head = query =>
    h(
      "div",
      { class: "own" },
      h(
        "a",
        { href: `#q=${QUERIES.numbers[query]}` },
        input(QUERIES.inputs, query, queryName(query)),
        h("b", {}, queryName(query)),
      ),
      h("p", {}, queryFacts(query)),
    );
  return [
    h(
      "nav",
      { class: "crumbs" },
      h("a", { href: "#" }, "All queries"),
      h("a", { href: `#q=${QUERIES.numbers[b]}&with=${QUERIES.numbers[a]}` }, "swap"),
    ),
    h("h2", { tabindex: -1 }, h("span", {}, `${queryName(a)} and ${queryName(b)}`)),
    h(
      "div",
      { class: "sides" },
      both.map((query, at) =>
        h(
          "div",
          { class: "side" },
          head(query),
          h("h3", {}, `Why ${meaningOf(query, questions[at]).subject}?`),
          why(query, questions[at], null, () => (location.hash = `q=${QUERIES.numbers[query]}`)),
        ),
      ),
    ),
    sharedSection(both, questions),
  ];
}

// The examples that are among the largest of both, the largest first.
function sharedSection(both, questions) {
  const [mine, other] = both.map(
    (query, at) => new Map(examplesOf(query, questions[at], "attribution").map(one => [one.column, one.amount])),
  );
  const size = column => Math.abs(mine.get(column)) + Math.abs(other.get(column));
  const shared = [...mine.keys()].filter(column => other.has(column)).sort((x, y) => size(y) - size(x));
  const same = shared.filter(column => helps(0, mine.get(column)) === helps(1, other.get(column))).length;
  function helps(at, amount) {
    return wayClass(amount, rightWay(both[at], questions[at]));
  }
  const row = column => {
    const place = COLUMN_PLACES.get(column),
      amounts = [mine.get(column), other.get(column)];
    return h(
      "tr",
      {},
      h(
        "td",
        {},
        place === undefined
          ? `column ${column}`
          : h(
              "a",
              { class: "inline", href: `#e=${EXAMPLES.numbers[place]}` },
              input(EXAMPLES.inputs, place, ""),
              h("span", {}, exampleLabel(place)),
            ),
      ),
      amounts.map((amount, at) => h("td", { class: `amount ${helps(at, amount)}` }, signed(amount))),
    );
  };
  const rows = () => [
    ["example", queryName(both[0]), queryName(both[1])],
    ...shared.map(column => [EXAMPLES.numbers[COLUMN_PLACES.get(column)] ?? column, mine.get(column), other.get(column)]),
  ];
  return h(
    "section",
    {},
    h("h3", {}, "Examples that both have to do with"),
    h(
      "p",
      {},
      shared.length
        ? `The page knows ${count(shared.length, "example", "examples")} that are among the largest of both; ${same} did the same to both: helped, or hurt.`
        : "No example is among the largest of both.",
    ),
    h(
      "div",
      { class: "scroll" },
      h(
        "table",
        { class: "shared" },
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            h("th", {}, "example"),
            both.map((query, at) =>
              h("th", { class: "number" }, queryName(query), h("small", {}, meaningOf(query, questions[at]).subject)),
            ),
          ),
        ),
        growing(h("tbody", {}), shared, 20, row),
      ),
    ),
    csvButton(`queries_${QUERIES.numbers[both[0]]}_${QUERIES.numbers[both[1]]}.csv`, rows),
  );
}
