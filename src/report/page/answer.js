// The answer to a question: bars that add up, and what they mean.

// Bars from the middle, of rows { name, amount, way, go, pressed, tip }.
function bars(rows, say = signed) {
  const largest = rows.reduce((most, row) => Math.max(most, Math.abs(row.amount)), Number.MIN_VALUE);
  const bar = ({ name, amount, way, go, pressed, tip, total }) => {
    const size = (50 * Math.abs(amount)) / largest,
      left = amount < 0 ? 50 - size : 50;
    const words = go
      ? h("button", { type: "button", class: "name", onclick: go, "aria-pressed": pressed ? "true" : "false" }, name)
      : h("span", { class: "name" }, name);
    return h(
      "li",
      { class: total ? "total" : "", "data-tip": tip },
      words,
      h(
        "span",
        { class: "track", "aria-hidden": true },
        h("span", { class: `fill ${way}`, style: { left: `${left}%`, width: `${size}%` } }),
      ),
      h("span", { class: `amount ${way}` }, say(amount)),
    );
  };
  return h("ul", { class: "bars" }, rows.map(bar));
}

// What the colours mean in an answer.
function legend({ above, below }, right) {
  const item = (way, words, verdict) => h("span", { class: "key" }, h("i", { class: way }), words, verdict);
  if (right === 0) return h("p", { class: "legend" }, item("hurt", below), item("helped", above));
  const verdict = way => (way > 0 ? ": helped" : ": hurt");
  return h(
    "p",
    { class: "legend" },
    item(wayClass(-1, right), below, verdict(-right)),
    item(wayClass(1, right), above, verdict(right)),
  );
}

// Bars of what the network says; the value that is asked about and the one that it is held against stand out.
function outputs(query, question, ask) {
  const own = array => part(array, query, DETAILS.kept),
    last = own(DETAILS.terms.prediction),
    first = own(DETAILS.terms.initial);
  const order = Array.from(last.keys());
  const label =
    DETAILS.kept === 1
      ? null
      : place => {
          const value = own(DETAILS.values)[place],
            tick = RUN.compete && classOf(query) === value ? " ✓" : "";
          return valueName(query, place) + tick;
        };
  if (!label) {
    const rows = [
      ["before training", first[0], "still"],
      ["after training", last[0], "chosen"],
    ];
    return bars(
      rows.map(([name, amount, way]) => ({ name, amount, way })),
      number,
    );
  }
  const rows = order.map(place => ({
    name: label(place),
    amount: last[place],
    way: place === question.value ? "chosen" : place === question.than ? "other" : "still",
    tip: `${number(first[place])} before training, ${number(last[place])} after`,
    pressed: place === question.value,
    go: () =>
      ask(
        RUN.compete && place !== question.value && RUN.whole
          ? { value: question.value, than: place }
          : { value: place, than: null },
      ),
  }));
  return [
    bars(rows, number),
    DETAILS.kept < RUN.values &&
      h("p", { class: "note" }, `Of ${RUN.values.toLocaleString("en")} values, ${DETAILS.kept} are in this page.`),
  ];
}

// The sentence that answers a question: of two classes who pulled most towards either, and else how much training changed.
function answer(query, question, parts) {
  const { subject } = meaningOf(query, question);
  const end = of(DETAILS.terms.prediction, query, question);
  const begin = of(DETAILS.terms.initial, query, question);
  const classes = parts.filter(own => own.kind === "class");
  const strongest = sign =>
    classes.reduce((best, own) => (sign * own.amount > sign * (best?.amount ?? 0) ? own : best), null);
  const [most, least] = [strongest(1), strongest(-1)];
  const bold = text => h("b", {}, text);
  const amount = value => h("b", { class: `amount ${wayClass(value, rightWay(query, question))}` }, signed(value));
  if (question.than === null || !most || !least) {
    const change = h("b", { class: "number" }, signed(end - begin));
    return h(
      "p",
      { class: "answer" },
      "Training changed ",
      bold(subject),
      " by ",
      change,
      `, from ${number(begin)} to ${number(end)}.`,
    );
  }
  const [name, than] = [valueName(query, question.value), valueName(query, question.than)];
  const pulls = [`The examples of ${most.name} pulled it `, amount(most.amount), " towards ", bold(name), ", and those of "];
  const back = [`${least.name} `, amount(least.amount), " towards ", bold(than), ". "];
  const rest = `All others, and where it began, make ${signed(end - most.amount - least.amount)}: `;
  const ahead =
    end === 0 ? [bold("neither is ahead")] : [bold(end > 0 ? name : than), " ends ahead by ", bold(number(Math.abs(end)))];
  return h("p", { class: "answer" }, pulls, back, rest, ahead, ".");
}

// The answer as parts that add up. A class chooses whose examples are listed.
function why(query, question, chosen, choose) {
  const parts = partsOf(query, question),
    right = rightWay(query, question),
    meaning = meaningOf(query, question);
  const end = of(DETAILS.terms.prediction, query, question);
  const rows = parts.map(({ name, amount, kind, label }) => ({
    name,
    amount,
    way: kind === "term" ? "still" : wayClass(amount, right),
    pressed: kind === "class" && label === chosen,
    go: kind === "class" && label !== NONE ? () => choose(label === chosen ? null : label) : null,
  }));
  rows.push({ name: `${meaning.subject} at the end`, amount: end, way: "chosen", total: true });
  return [
    answer(query, question, parts),
    legend(meaning, right),
    bars(rows),
    h(
      "p",
      { class: "note" },
      "The rows above the line add up to the one below it.",
      rows.some(row => row.go) && " A class shows its examples alone.",
    ),
  ];
}

// The question, as choices.
function questionChoice(query, question, ask) {
  const places = Array.from({ length: DETAILS.kept }, (_, place) => place),
    chosen = question.than === null ? "" : question.than;
  if (DETAILS.kept === 1)
    return h(
      "h3",
      {},
      `Why is ${meaningOf(query, question).subject} ${number(of(DETAILS.terms.prediction, query, question))}?`,
    );
  const option = place => [place, valueName(query, place)];
  const value = select("Why", places.map(option), question.value, place =>
    ask({ value: +place, than: question.than === +place ? null : question.than }),
  );
  if (!RUN.compete) return h("h3", { class: "question" }, value, "?");
  const others = [["", "nothing"], ...places.filter(place => place !== question.value).map(option)];
  return h(
    "h3",
    { class: "question" },
    value,
    select("rather than", others, chosen, place => ask({ value: question.value, than: place === "" ? null : +place })),
    "?",
  );
}
