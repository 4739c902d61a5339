// A query's own page: what it is, what the network says, and why.

// What stands at the top of a query's page: how it is read, or what it is called.
function queryTitle(query) {
  if (!QUERIES.predicted || !QUERIES.classes) return queryFacts(query) || queryName(query);
  const read = ["Read as ", h("b", {}, className(readAs(query)))];
  const is = isWrong(query) ? [", is ", h("b", {}, className(classOf(query)))] : ", rightly";
  return [read, is, isWrong(query) && h("span", { class: "badge" }, "wrong")];
}

function queryHead(query) {
  const all = shownQueries(),
    place = all.indexOf(query);
  const step = (to, words) =>
    all[to] === undefined || place < 0
      ? null
      : h("a", { href: queryLink(all[to]), rel: words }, words === "prev" ? "‹ before" : "next ›");
  return [
    h(
      "nav",
      { class: "crumbs", "aria-label": "queries" },
      h("a", { href: "#" }, "All queries"),
      h("span", {}, step(place - 1, "prev"), " ", step(place + 1, "next")),
    ),
    h(
      "h2",
      { tabindex: -1 },
      h("small", {}, queryFacts(query) ? [QUERIES.names?.[query], queryName(query)].filter(Boolean).join(", ") : "query"),
      h("span", {}, queryTitle(query)),
    ),
  ];
}

function compareChoice(query) {
  const go = event => {
    event.preventDefault();
    const other = event.target.elements.with.value.trim();
    if (QUERY_PLACES.has(+other) && other !== "") location.hash = `q=${QUERIES.numbers[query]}&with=${+other}`;
    else (event.target.elements.with.setCustomValidity(`There is no query ${other}.`), event.target.reportValidity());
  };
  const clear = event => event.target.setCustomValidity("");
  return h(
    "form",
    { class: "tools", onsubmit: go },
    h(
      "label",
      { class: "choice" },
      h("span", {}, "Compare with query"),
      h("input", { name: "with", inputmode: "numeric", size: 6, required: true, oninput: clear }),
    ),
    h("button", { type: "submit" }, "Compare"),
  );
}

// The page of a query; `asked` has the numbers of the values that are asked about.
function queryPage(query, asked) {
  if (!hasDetail(query)) return withoutDetail(query);
  const numbers = Array.from(part(DETAILS.values, query, DETAILS.kept)),
    first = firstQuestion(query);
  const value = asked.a === undefined ? first.value : numbers.indexOf(asked.a),
    than = asked.a === undefined ? first.than : asked.b === undefined ? null : numbers.indexOf(asked.b);
  const question = value < 0 || than === -1 || than === value ? first : { value, than };
  const ask = ({ value, than }) => {
    const asked = { a: numbers[value], b: than === null ? undefined : numbers[than] };
    history.replaceState(null, "", queryLink(query, asked));
    show();
  };
  const body = h("div", {});
  const choose = label => draw(label);
  const draw = chosen =>
    body.replaceChildren(
      ...(knows("attribution")
        ? [
            h("section", { id: "why" }, questionChoice(query, question, ask), why(query, question, chosen, choose)),
            examplesSection(query, question, chosen, choose),
            layersSection(query, question) ?? "",
            seenSection(query, question),
          ]
        : [
            h("section", {}, questionChoice(query, question, ask), h("p", { class: "note" }, WITHOUT_CONTRIBUTIONS)),
            examplesSection(query, question, chosen, choose),
          ]),
    );
  draw(null);
  return [
    queryHead(query),
    h(
      "div",
      { class: "asked" },
      h("div", { class: "own" }, input(QUERIES.inputs, query, queryName(query)), h("p", {}, queryFacts(query))),
      h(
        "div",
        { class: "says" },
        h("h3", {}, "What the network says", h("small", {}, RUN.readout)),
        outputs(query, question, ask),
      ),
    ),
    body,
    knows("attribution") && compareChoice(query),
  ];
}

const WITHOUT_CONTRIBUTIONS = "kernel.attribution is off, so what each example contributed is not known.";

// A query of which the page does not know what moved it.
function withoutDetail(query) {
  const why =
    RUN.known.length > 0
      ? `There is no room in this page for what moved it. ${command(`--query ${QUERIES.numbers[query]}`)} tells it.`
      : WITHOUT_CONTRIBUTIONS;
  const known = query < DETAILS.count && RUN.known.length === 0;
  return [
    queryHead(query),
    h(
      "div",
      { class: "asked" },
      h("div", { class: "own" }, input(QUERIES.inputs, query, queryName(query)), h("p", {}, queryFacts(query))),
      known &&
        h(
          "div",
          { class: "says" },
          h("h3", {}, "What the network says", h("small", {}, RUN.readout)),
          outputs(query, firstQuestion(query), () => {}),
        ),
    ),
    h("p", { class: "note" }, why),
  ];
}
