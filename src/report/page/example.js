// A training example's own page, and the examples that did most to themselves.

// In how many steps the batch held it.
function seenCount(example) {
  return EXAMPLES.seen
    ? part(EXAMPLES.seen.counts, example, EXAMPLES.seen.windows).reduce((sum, many) => sum + many, 0)
    : null;
}

function seenWords(example) {
  const many = seenCount(example);
  return many === null ? "" : `; ${many} times in a batch`;
}

// Over the steps of training, how often the batches held it.
function seenStrip(example) {
  const { windows, counts } = EXAMPLES.seen,
    own = part(counts, example, windows),
    most = Math.max(1, ...own);
  const first = window => Math.ceil((window * RUN.steps) / windows);
  const bar = (many, window) =>
    `<rect x="${window}" y="${(10 - (10 * many) / most).toFixed(2)}" width="0.9" height="${((10 * many) / most).toFixed(2)}" data-tip="steps ${first(window)} to ${first(window + 1) - 1}: ${many} times in a batch"/>`;
  return drawing(
    `<svg class="when" viewBox="0 0 ${windows} 10" preserveAspectRatio="none" role="img" aria-label="in which steps its batches were">${Array.from(own, bar).join("")}</svg>`,
  );
}

// The queries of a page that an example moved: what it helped, and what it hurt.
function movedBy(example) {
  if (EXAMPLES.moved) {
    const { starts, queries, amounts } = EXAMPLES.moved,
      found = [];
    for (let at = starts[example]; at < starts[example + 1]; at++) found.push({ query: queries[at], amount: amounts[at] });
    return found;
  }
  const found = [],
    column = EXAMPLES.columns[example];
  for (let query = 0; query < DETAILS.count; query++) {
    const own = DETAILS.examples.subarray(DETAILS.starts[query], DETAILS.starts[query + 1]).indexOf(column);
    const amount = own < 0 ? NaN : of(DETAILS.amounts, DETAILS.starts[query] + own, firstQuestion(query));
    if (Number.isFinite(amount)) found.push({ query, amount });
  }
  return found.sort((a, b) => Math.abs(b.amount) - Math.abs(a.amount));
}

function movedSection(example) {
  if (!RUN.attribution && RUN.listed === null) return null;
  const all = movedBy(example),
    way = ({ query, amount }) => wayClass(amount, rightWay(query, firstQuestion(query)));
  const known = all.some(({ query }) => rightWay(query, firstQuestion(query)) !== 0);
  const card = own =>
    queryCard(
      own.query,
      h("b", { class: `amount ${way(own)}` }, signed(own.amount)),
      h("small", {}, meaningOf(own.query, firstQuestion(own.query)).subject),
    );
  const side = (name, words) => {
    const own = all.filter(one => way(one) === name);
    return h(
      "div",
      { class: "side" },
      h("h4", {}, h("i", { class: name }), words),
      own.length === 0
        ? h("p", {}, "No query.")
        : h("div", { class: isPictures(QUERIES.inputs) ? "cards small" : "cards wide" }, own.map(card)),
    );
  };
  const rows = () => [
    ["query", "question", "amount"],
    ...all.map(({ query, amount }) => [QUERIES.numbers[query], meaningOf(query, firstQuestion(query)).subject, amount]),
  ];
  const whole =
    EXAMPLES.helped &&
    h(
      "p",
      {},
      `To all ${count(DETAILS.count, "query", "queries")} of this page it did `,
      h("b", { class: `amount ${wayClass(EXAMPLES.helped[example], 1)}` }, signed(EXAMPLES.helped[example])),
      EXAMPLES.helped[example] < 0 ? ": in all it hurt." : ": in all it helped.",
    );
  const from =
    RUN.listed !== null
      ? "Known are the queries in whose lists it is."
      : DETAILS.count < RUN.queries
        ? `Of ${RUN.queries.toLocaleString("en")} queries, the ${DETAILS.count.toLocaleString("en")} worst were looked at.`
        : "";
  return h(
    "section",
    {},
    h("h3", {}, "Which queries it moved most"),
    whole || null,
    h(
      "p",
      { class: "note" },
      "By the question that each query's page asks first",
      RUN.compete && RUN.attribution ? ": why what is read leads the class that is right, or else the next. " : ". ",
      from,
    ),
    h(
      "div",
      { class: "sides" },
      side("helped", known ? "It helped" : "It raised"),
      side("hurt", known ? "It hurt" : "It lowered"),
    ),
    csvButton(`example_${EXAMPLES.numbers[example]}.csv`, rows),
  );
}

function ownSection(example) {
  if (!EXAMPLES.own || !DATA.suspects) return null;
  const { median, rows, is_size } = DATA.suspects,
    own = EXAMPLES.own[example],
    rank = rows.findIndex(row => row[1] === EXAMPLES.columns[example]);
  const words = is_size ? "To its own values it added, in size, " : `To its own ${RUN.readout} it added `;
  return h(
    "section",
    {},
    h("h3", {}, "Self-influence"),
    h(
      "p",
      {},
      words,
      h("b", { class: "number" }, is_size ? number(own) : signed(own)),
      median > 0 ? `, ${number(Math.abs(own) / median)} times the median of all examples` : "",
      rank >= 0
        ? `: no. ${rank + 1} of the suspects. What the others do not teach has to teach itself, as a wrong label does.`
        : ".",
    ),
  );
}

function examplePage(example) {
  const seen = seenCount(example);
  return [
    h(
      "nav",
      { class: "crumbs" },
      h("a", { href: "#" }, "All queries"),
      DATA.suspects && h("a", { href: "#suspects" }, "Suspects"),
    ),
    h("h2", { tabindex: -1 }, h("small", {}, "training example"), h("span", {}, exampleLabel(example))),
    h(
      "div",
      { class: "asked" },
      h("div", { class: "own" }, input(EXAMPLES.inputs, example, exampleLabel(example))),
      h(
        "div",
        {},
        ownSection(example) ?? "",
        h(
          "section",
          {},
          h("h3", {}, "In training"),
          seen === null
            ? h("p", {}, `Every one of the ${RUN.steps.toLocaleString("en")} ${RUN.step}s took it.`)
            : [
                h(
                  "p",
                  {},
                  `The batches held it ${seen.toLocaleString("en")} times in ${RUN.steps.toLocaleString("en")} steps, from the first on the left to the last on the right:`,
                ),
                seenStrip(example),
              ],
          EXAMPLES.rows && h("p", {}, `It is ${count(EXAMPLES.rows[example], "row", "rows")} of the data.`),
        ),
      ),
    ),
    movedSection(example) ?? h("p", { class: "note" }, "kernel.attribution is off, so what it contributed is not known."),
  ];
}

function suspectCard([row, column, amount], at) {
  const place = COLUMN_PLACES.get(column),
    { median } = DATA.suspects;
  const times = median > 0 ? `${number(Math.abs(amount) / median)} × median` : signed(amount);
  if (place === undefined)
    return h("span", { class: "card wide" }, h("span", { class: "said" }, h("b", {}, times), h("small", {}, `no. ${row}`)));
  return h(
    "a",
    {
      class: `card ${isPictures(EXAMPLES.inputs) ? "" : "wide"}`,
      href: `#e=${EXAMPLES.numbers[place]}`,
      "data-tip": `${at + 1}. ${exampleLabel(place)}: ${signed(amount)} to its own ${RUN.readout}`,
    },
    input(EXAMPLES.inputs, place, exampleLabel(place)),
    h(
      "span",
      { class: "said" },
      EXAMPLES.names?.[place] && h("span", {}, EXAMPLES.names[place]),
      h("span", { class: "facts" }, exampleFacts(place)),
      h("b", {}, times),
      h("small", {}, `no. ${row}`),
    ),
  );
}

function suspectsSection() {
  const section = document.getElementById("suspects");
  if (!DATA.suspects) return;
  const { rows, all } = DATA.suspects;
  const table = () => [
    ["rank", "example", "class", "self_influence"],
    ...rows.map(([row, column, amount], at) => [
      at + 1,
      row,
      EXAMPLES.labels ? className(EXAMPLES.labels[COLUMN_PLACES.get(column)]) : "",
      amount,
    ]),
  ];
  section.hidden = false;
  section.append(
    h(
      "p",
      {},
      `The training examples that did most to themselves, of ${all.toLocaleString("en")}: what no other example teaches. Look for wrong labels here first. `,
      csvButton("suspects.csv", table),
    ),
    growing(
      h("div", { class: isPictures(EXAMPLES.inputs) ? "cards small" : "cards wide" }),
      rows.map((row, at) => [row, at]),
      12,
      ([row, at]) => suspectCard(row, at),
    ),
  );
}
