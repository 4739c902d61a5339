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

// The queries of a page that an example moved, or would move, most, by the kind that orders them.
function movedBy(example) {
  const known = EXAMPLES.moved[BY],
    found = [];
  if (known) {
    for (let at = known.starts[example]; at < known.starts[example + 1]; at++)
      found.push({ query: known.queries[at], amounts: amountsOf(known.amounts, array => array[at]) });
    return found;
  }
  for (let query = 0; query < DETAILS.count; query++) {
    const own = DETAILS.examples.subarray(DETAILS.starts[query], DETAILS.starts[query + 1]).indexOf(EXAMPLES.columns[example]);
    if (own < 0) continue;
    const amounts = amountsOf(DETAILS.amounts, array => of(array, DETAILS.starts[query] + own, firstQuestion(query)));
    if (Number.isFinite(amounts[BY])) found.push({ query, amounts });
  }
  return found.sort((a, b) => Math.abs(b.amounts[BY]) - Math.abs(a.amounts[BY]));
}

// The two sides of the queries: which way their amounts go, and what that means.
function movedSides(known) {
  if (BY === "influence")
    return [
      ["hurt", known ? "Worse without it" : "Lower without it"],
      ["helped", known ? "Better without it" : "Higher without it"],
    ];
  return [
    ["helped", known ? "It helped" : "It raised"],
    ["hurt", known ? "It hurt" : "It lowered"],
  ];
}

function movedSection(example) {
  if (!RUN.known.length) return null;
  const all = movedBy(example),
    right = ({ query }) => rightWay(query, firstQuestion(query)),
    way = own => wayClass(own.amounts[BY], right(own));
  const known = all.some(own => right(own) !== 0);
  const card = own =>
    queryCard(
      own.query,
      amountsSaid(own.amounts, right(own)),
      h("small", {}, meaningOf(own.query, firstQuestion(own.query)).subject),
    );
  const side = ([name, words]) => {
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
    ["query", "question", ...RUN.known.map(kind => KINDS[kind].column)],
    ...all.map(({ query, amounts }) => [
      QUERIES.numbers[query],
      meaningOf(query, firstQuestion(query)).subject,
      ...RUN.known.map(kind => amounts[kind]),
    ]),
  ];
  const whole =
    EXAMPLES.helped &&
    BY === "attribution" &&
    h(
      "p",
      {},
      `Over all ${count(DETAILS.count, "query", "queries")} of this page, each by the way that is right for it, what it gave `,
      EXAMPLES.helped[example] < 0 ? "hurt, by " : "helped, by ",
      h("b", { class: `amount ${wayClass(EXAMPLES.helped[example], 1)}` }, number(Math.abs(EXAMPLES.helped[example]))),
      ".",
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
    h("h3", {}, BY === "influence" ? "Which queries would change most without it" : "Which queries it moved most"),
    kindsSection("the value that is asked about", null),
    orderChoice(),
    whole || null,
    h(
      "p",
      { class: "note" },
      "By the question that each query's page asks first",
      RUN.compete && RUN.whole ? ": why what is read leads the class that is right, or else the next. " : ". ",
      from,
    ),
    h("div", { class: "sides" }, movedSides(known).map(side)),
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
            ? h("p", {}, `Every one of the ${count(RUN.steps, ...RUN.step)} took it.`)
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
    movedSection(example) ?? h("p", { class: "note" }, WITHOUT_CONTRIBUTIONS),
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
