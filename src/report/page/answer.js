// The answer to a question: bars that add up, and what they mean.

// Bars from the middle, of rows { name, amount, way, go, pressed, tip }.
function bars(rows) {
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
      h("span", { class: `amount ${way}` }, signed(amount)),
    );
  };
  return h("ul", { class: "bars" }, rows.map(bar));
}

// What the colours mean in an answer.
function legend({ above, below }, right) {
  const item = (way, words, verdict) => h("span", { class: "key" }, h("i", { class: way }), words, verdict);
  if (right === 0) return h("p", { class: "legend" }, item("helped", above), item("hurt", below));
  const words = right > 0 ? [above, below] : [below, above];
  return h("p", { class: "legend" }, item("helped", words[0], ": helped"), item("hurt", words[1], ": hurt"));
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
  if (!label)
    return bars([
      { name: "before training", amount: first[0], way: "still" },
      { name: "after", amount: last[0], way: "chosen" },
    ]);
  const rows = order.map(place => ({
    name: label(place),
    amount: last[place],
    way: place === question.value ? "chosen" : place === question.than ? "other" : "still",
    tip: `${number(first[place])} before training, ${number(last[place])} after`,
    pressed: place === question.value,
    go: () =>
      ask(
        RUN.compete && place !== question.value && RUN.attribution
          ? { value: question.value, than: place }
          : { value: place, than: null },
      ),
  }));
  return [
    bars(rows),
    DETAILS.kept < RUN.values &&
      h("p", { class: "note" }, `Of ${RUN.values.toLocaleString("en")} values, ${DETAILS.kept} are in this page.`),
  ];
}

// The sentence that answers a question between two classes.
function answer(query, question, parts) {
  const { subject } = meaningOf(query, question),
    end = of(DETAILS.terms.prediction, query, question),
    begin = parts[0].amount;
  const classes = parts.filter(own => own.kind === "class");
  const name = question.than === null ? null : [valueName(query, question.value), valueName(query, question.than)];
  const strongest = sign =>
    classes.filter(own => own.amount * sign > 0).sort((a, b) => sign * (b.amount - a.amount))[0];
  const [most, least] = [strongest(1), strongest(-1)];
  const said = own => [`${own.name} `, h("b", { class: "number" }, signed(own.amount))];
  if (name && most && least) {
    const ahead = end === 0 ? "neither is ahead" : `${name[end > 0 ? 0 : 1]} is ahead by ${number(Math.abs(end))}`;
    return h(
      "p",
      { class: "answer" },
      "Most towards ",
      h("b", {}, name[0]),
      ": ",
      said(most),
      ". Most towards ",
      h("b", {}, name[1]),
      ": ",
      said(least),
      `. With all others, and from ${signed(begin)} where it began, `,
      h("b", {}, ahead),
      ".",
    );
  }
  return h(
    "p",
    { class: "answer" },
    "Training changed ",
    h("b", {}, subject),
    " by ",
    h("b", { class: "number" }, signed(end - begin)),
    `, from ${number(begin)} to ${number(end)}.`,
  );
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
    way: kind === "class" || name.startsWith("examples") || name === "all examples" ? wayClass(amount, right) : "still",
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
  if (DETAILS.kept === 1) return h("h3", {}, `Why is ${meaningOf(query, question).subject} what it is?`);
  const option = place => [place, valueName(query, place)];
  const value = select("Why", places.map(option), question.value, place =>
    ask({ value: +place, than: question.than === +place ? null : question.than }),
  );
  if (!RUN.compete) return h("h3", { class: "question" }, value, "?");
  const others = [["", "nothing: its own value"], ...places.filter(place => place !== question.value).map(option)];
  return h(
    "h3",
    { class: "question" },
    value,
    select("rather than", others, chosen, place => ask({ value: question.value, than: place === "" ? null : +place })),
    "?",
  );
}
