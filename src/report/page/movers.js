// Who made an answer: examples and layers.

// Examples of one direction, by what is shown of the kind that orders them.
function movers(query, question, list, sign, chosen) {
  const right = rightWay(query, question),
    meaning = meaningOf(query, question);
  const own = list.filter(one => one.amount * sign > 0);
  if (sign < 0) own.reverse();
  const example = one => {
    const place = COLUMN_PLACES.get(one.column),
      positions = positionsOf(query, one.column, question);
    const inputs = EXAMPLES.inputs,
      amounts = [amountsSaid(one.amounts, right), windowsStrip(query, one.column, question)];
    if (place === undefined)
      return h("span", { class: "card wide" }, h("span", { class: "said" }, amounts, h("small", {}, `column ${one.column}`)));
    return h(
      "a",
      {
        class: `card ${isPictures(inputs) ? "" : "wide"}`,
        href: exampleLink(place),
        "data-tip": `${exampleLabel(place)}: ${amountsTold(one.amounts)}${seenWords(place)}`,
      },
      input(inputs, place, exampleLabel(place), positions),
      h(
        "span",
        { class: "said" },
        amounts,
        EXAMPLES.names?.[place] && h("span", {}, EXAMPLES.names[place]),
        h("span", { class: "facts" }, exampleFacts(place)),
        h("small", {}, exampleName(place)),
      ),
    );
  };
  return h(
    "div",
    { class: "side" },
    h("h4", {}, h("i", { class: sign * (right || 1) > 0 ? "helped" : "hurt" }), sideName(meaning, sign)),
    h("p", { class: "cover" }, cover(query, question, own, sign, chosen)),
    own.length > 0 &&
      growing(h("div", { class: isPictures(EXAMPLES.inputs) ? "cards small" : "cards wide" }), own, DETAILS.each, example),
  );
}

// What the examples of a side did, or what would be without one of them.
function sideName({ above, below, higher, lower }, sign) {
  const words = sign > 0 ? above : below;
  return BY === "influence"
    ? `Without one of these, ${sign > 0 ? higher : lower}`
    : `What ${words.startsWith("towards") ? "pulled it " : ""}${words}`;
}

// How much of the whole those that are shown make up; influences make up no whole.
function cover(query, question, own, sign, chosen) {
  const shown = own.slice(0, DETAILS.each),
    of_class = chosen === null ? "" : ` of ${labelName(chosen)}`;
  if (!shown.length) return `No example${of_class}.`;
  const largest = `The ${shown.length === 1 ? "largest" : `${shown.length} largest`}${of_class}`;
  if (BY === "influence") return `${largest}, each left out alone.`;
  const sum = shown.reduce((all, one) => all + one.amount, 0),
    whole = chosen === null ? sumsOf(query, question)[sign > 0 ? 0 : 1] : NaN;
  const share =
    Number.isFinite(whole) && whole !== 0 ? `: ${percent(sum / whole)} of the ${signed(whole)} of all that did` : "";
  return `${largest} make up ${signed(sum)}${share}.`;
}

function examplesSection(query, question, chosen, choose) {
  let list = examplesOf(query, question, BY);
  if (chosen !== null) list = list.filter(({ column }) => EXAMPLES.labels[COLUMN_PLACES.get(column)] === chosen);
  const known = Math.min(RUN.examples, DETAILS.starts[query + 1] - DETAILS.starts[query]);
  const pairs = question.than !== null && knows("attribution");
  const rows = () => [
    ["example", "name", "class", ...RUN.known.map(kind => KINDS[kind].column), ...(pairs ? ["of_first", "of_second"] : [])],
    ...list.map(({ column, at, amounts }) => {
      const place = COLUMN_PLACES.get(column),
        pair = pairs && part(DETAILS.amounts.attribution, at, DETAILS.kept);
      const label = EXAMPLES.labels?.[place];
      return [
        place === undefined ? column : EXAMPLES.numbers[place],
        EXAMPLES.names?.[place],
        label === undefined ? "" : className(label),
        ...RUN.known.map(kind => amounts[kind]),
        ...(pairs ? [pair[question.value], pair[question.than]] : []),
      ];
    }),
  ];
  const notes = [];
  if (RUN.listed !== null) {
    notes.push(
      question.than === null
        ? `The run kept the ${RUN.listed} largest of either sign of each value.`
        : "The run kept lists of each value alone: shown are examples that are in the lists of both.",
    );
    if (RUN.known.length > 1) notes.push("A dash stands where an example is in the lists of the other kind alone.");
  } else if (chosen !== null) {
    notes.push(
      `The page knows the ${known} of ${RUN.examples.toLocaleString("en")} examples that are among the ${DETAILS.each} largest of some question to this query: of a class there may be others.`,
    );
  } else if (known < RUN.examples) {
    notes.push(
      `The first ${DETAILS.each} of each side are the largest of all ${RUN.examples.toLocaleString("en")}; after them the page knows those alone that answer other questions to this query.`,
    );
  }
  return h(
    "section",
    { id: "movers" },
    h(
      "h3",
      {},
      BY === "influence" ? "Without which examples it would differ" : "Which examples did it",
      chosen === null ? null : `, of ${labelName(chosen)}`,
    ),
    kindsSection(meaningOf(query, question).subject, windowWords()),
    orderChoice(),
    chosen !== null &&
      h(
        "p",
        {},
        h(
          "button",
          { type: "button", class: "chip", onclick: () => choose(null) },
          `${labelName(chosen)} alone`,
          h("b", {}, "×"),
        ),
      ),
    h(
      "div",
      { class: "sides" },
      // First those that speak for it: without them it would be lower.
      [KINDS[BY].sign, -KINDS[BY].sign].map(sign => movers(query, question, list, sign, chosen)),
    ),
    notes.map(note => h("p", { class: "note" }, note)),
    csvButton(`query_${QUERIES.numbers[query]}.csv`, rows),
  );
}

function layersSection(query, question) {
  const layers = layersOf(query, question),
    right = rightWay(query, question);
  if (!layers.length) return null;
  return h(
    "section",
    {},
    h("h3", {}, "Through which layers"),
    h("p", {}, "What all examples contributed through each layer's weights; the layers add up to the examples."),
    bars(layers.map(({ name, amount }) => ({ name, amount, way: wayClass(amount, right) }))),
  );
}
