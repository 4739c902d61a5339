// When in training examples acted.

// What a window of training is called.
function windowName(window) {
  const first = DETAILS.window_borders[window],
    next = DETAILS.window_borders[window + 1];
  if (next === first + 1) return `step ${first}`;
  return next > first ? `steps ${first} to ${next - 1}` : "a window without a step";
}

// What is drawn of windows; null where the run has none.
function windowWords() {
  if (!DETAILS.windows.each) return null;
  const { each } = DETAILS.windows,
    parts = RUN.windows > each ? `${each} parts of training, in which neighbours of ${RUN.windows} windows are added up,` : `${each} windows of training`;
  return [
    `Below each example, what its loss in each of ${parts} gave, from the first on the left to the last on the right, `,
    "whenever these gradients acted; over the windows they add up to what it gave. ",
    "The page has them of the largest for the question that it asks first.",
  ];
}

// What each window of training gave, of an example that answers what is asked first; null where that is not in the page.
function windowsStrip(query, column, question) {
  const own = splitOf(DETAILS.windows, query, column, question);
  return own && strip(own, "what each window of training gave", windowName);
}

function seenSection(query, question) {
  const some = examplesOf(query, question, "attribution"),
    best = [...some.slice(0, 5), ...some.slice(-5).reverse()].filter(
      (one, at, all) => all.findIndex(own => own.column === one.column) === at,
    );
  const when = DETAILS.windows.each
    ? "how much of it came when is drawn below the examples."
    : "how much of it came when is not in the run directory.";
  const words = h(
    "p",
    {},
    `An amount is a sum over all ${count(RUN.steps, ...RUN.step)}: ${when}`,
    EXAMPLES.seen
      ? " The batches are: an example acts in the steps whose batch holds it, and with momentum also in those after."
      : " Every step is of all examples.",
  );
  const row = one => {
    const place = COLUMN_PLACES.get(one.column);
    return place === undefined
      ? null
      : h(
          "tr",
          {},
          h("td", {}, h("a", { href: exampleLink(place) }, exampleLabel(place))),
          h("td", { class: "wide" }, seenStrip(place)),
          h("td", { class: "number" }, signed(one.amount)),
        );
  };
  return h(
    "section",
    {},
    h(
      "details",
      {},
      h("summary", {}, "When in training they acted"),
      words,
      EXAMPLES.seen && h("table", { class: "seen" }, best.map(row)),
    ),
  );
}
