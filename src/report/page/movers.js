// Who made an answer: examples, layers, and when.

// Examples of one direction.
function movers(query, question, list, sign, chosen) {
  const right = rightWay(query, question),
    meaning = meaningOf(query, question);
  const own = list.filter(one => one.amount * sign > 0);
  if (sign < 0) own.reverse();
  const sum = own.slice(0, DETAILS.each).reduce((all, one) => all + one.amount, 0);
  const whole = chosen === null ? sumsOf(query, question)[sign > 0 ? 0 : 1] : NaN;
  const shown = Math.min(own.length, DETAILS.each),
    words = sign > 0 ? meaning.above : meaning.below;
  const share =
    Number.isFinite(whole) && whole !== 0 ? `: ${percent(sum / whole)} of the ${signed(whole)} of all that did` : "";
  const example = one => {
    const place = COLUMN_PLACES.get(one.column),
      positions = positionsOf(query, one.column, question);
    const inputs = EXAMPLES.inputs,
      amount = h("b", { class: `amount ${wayClass(one.amount, right)}` }, signed(one.amount));
    if (place === undefined)
      return h("span", { class: "card wide" }, h("span", { class: "said" }, amount, h("small", {}, `column ${one.column}`)));
    return h(
      "a",
      {
        class: `card ${isPictures(inputs) ? "" : "wide"}`,
        href: `#e=${EXAMPLES.numbers[place]}`,
        "data-tip": `${exampleLabel(place)}: ${signed(one.amount)}${seenWords(place)}`,
      },
      input(inputs, place, exampleLabel(place), positions),
      h(
        "span",
        { class: "said" },
        amount,
        EXAMPLES.names?.[place] && h("span", {}, EXAMPLES.names[place]),
        h("span", { class: "facts" }, exampleFacts(place)),
        h("small", {}, exampleName(place)),
      ),
    );
  };
  const of_class = chosen === null ? "" : ` of ${labelName(chosen)}`;
  return h(
    "div",
    { class: "side" },
    h(
      "h4",
      {},
      h("i", { class: sign * (right || 1) > 0 ? "helped" : "hurt" }),
      `What ${words.startsWith("towards") ? "pulled it " : ""}${words}`,
    ),
    h(
      "p",
      { class: "cover" },
      own.length === 0
        ? `No example${of_class}.`
        : `The ${shown === 1 ? "largest" : `${shown} largest`}${of_class} make up ${signed(sum)}${share}.`,
    ),
    own.length > 0 &&
      growing(h("div", { class: isPictures(EXAMPLES.inputs) ? "cards small" : "cards wide" }), own, DETAILS.each, example),
  );
}

function examplesSection(query, question, chosen, choose) {
  let list = examplesOf(query, question);
  if (chosen !== null) list = list.filter(({ column }) => EXAMPLES.labels[COLUMN_PLACES.get(column)] === chosen);
  const known = Math.min(RUN.examples, DETAILS.starts[query + 1] - DETAILS.starts[query]);
  const rows = () => [
    ["example", "name", "class", "amount", ...(question.than === null ? [] : ["of_first", "of_second"])],
    ...list.map(({ column, at, amount }) => {
      const place = COLUMN_PLACES.get(column),
        pair = part(DETAILS.amounts, at, DETAILS.kept);
      const label = EXAMPLES.labels?.[place];
      return [
        place === undefined ? column : EXAMPLES.numbers[place],
        EXAMPLES.names?.[place],
        label === undefined ? "" : className(label),
        amount,
        ...(question.than === null ? [] : [pair[question.value], pair[question.than]]),
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
    h("h3", {}, "Which examples did it", chosen === null ? null : `, of ${labelName(chosen)}`),
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
    h("div", { class: "sides" }, movers(query, question, list, 1, chosen), movers(query, question, list, -1, chosen)),
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

function seenSection(query, question) {
  const some = examplesOf(query, question),
    best = [...some.slice(0, 5), ...some.slice(-5).reverse()].filter(
      (one, at, all) => all.findIndex(own => own.column === one.column) === at,
    );
  const words = h(
    "p",
    {},
    `An amount is a sum over all ${RUN.steps.toLocaleString("en")} ${RUN.step}s: how much of it came when is not in the run directory.`,
    EXAMPLES.seen
      ? " The batches are: an example acts in the steps whose batch holds it, and with momentum also in those after."
      : " Every batch held every example.",
  );
  const row = one => {
    const place = COLUMN_PLACES.get(one.column);
    return place === undefined
      ? null
      : h(
          "tr",
          {},
          h("td", {}, h("a", { href: `#e=${EXAMPLES.numbers[place]}` }, exampleLabel(place))),
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
