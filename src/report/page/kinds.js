// The two kinds of amounts: what an example gave, which is its contribution, and what would be without it, which is minus its
// influence.

const KINDS = {
  attribution: { name: "what it gave", short: "gave", sign: 1, column: "amount" },
  influence: { name: "without it", short: "without it", sign: -1, column: "without_it" },
};
const VERDICTS = { exact: "Checked", uncertain: "Not confirmed", inexact: "Not to be relied on" };

// By which kind examples and queries are ordered; the address says it where it is not the first one that the run knows.
let BY = RUN.known[0];

function orderBy(kind) {
  BY = RUN.known.includes(kind) ? kind : RUN.known[0];
}

function knows(kind) {
  return RUN.known.includes(kind);
}

// The address of a query, of a question to it, and of an example.
function queryLink(query, asked = {}) {
  return address({ q: QUERIES.numbers[query], a: asked.a, b: asked.b });
}

function exampleLink(example) {
  return address({ e: EXAMPLES.numbers[example] });
}

function address(parts) {
  const known = Object.entries({ ...parts, by: BY === RUN.known[0] ? undefined : BY }).filter(([, own]) => own !== undefined);
  return `#${known.map(([key, own]) => `${key}=${own}`).join("&")}`;
}

// The amounts of each kind that stand at a place of arrays, as they are shown; `answer` reads one of an array.
function amountsOf(arrays, answer) {
  return Object.fromEntries(RUN.known.map(kind => [kind, KINDS[kind].sign * answer(arrays[kind])]));
}

// Amounts in a card: contributions alone as they are, and of two kinds each with its name.
function amountsSaid(amounts, right) {
  const said = kind =>
    h("b", { class: `amount ${wayClass(amounts[kind], right)}`, "data-kind": kind }, signed(amounts[kind]));
  if (!knows("influence")) return said(BY);
  return h(
    "span",
    { class: "both" },
    RUN.known.map(kind => h("span", {}, h("small", {}, KINDS[kind].short), said(kind))),
  );
}

function amountsTold(amounts) {
  if (!knows("influence")) return signed(amounts[BY]);
  return RUN.known.map(kind => `${KINDS[kind].short} ${signed(amounts[kind])}`).join(", ");
}

// How far the influences are right, as a mark.
function mark() {
  return RUN.influence && h("span", { class: `mark ${RUN.influence.certainty}` }, RUN.influence.certainty);
}

function influenceWords(subject) {
  const path =
    RUN.influence_weight === 1 ? "" : ` It is taken along another path, trained with all examples at weight ${number(RUN.influence_weight)}.`;
  const checked = RUN.influence
    ? `${VERDICTS[RUN.influence.certainty]}: ${RUN.influence.because}.`
    : "The run does not say how far it is right.";
  return [
    `How much ${subject} would change if the example were left out of the training, to first order: minus the derivative by its weight. `,
    `Below zero, ${subject} would be lower without it. It is a derivative of what would have been, right for small removals, and does not add up.`,
    path,
    " ",
    h("span", { class: "checked" }, checked),
    RUN.influence?.warnings.length > 0 &&
      h(
        "details",
        {},
        h("summary", {}, "What to know of it"),
        h(
          "ul",
          {},
          RUN.influence.warnings.map(warning => h("li", {}, `${capital(warning)}.`)),
        ),
      ),
  ];
}

// What each number is, in a sentence; `windows` says what stands below them, where that is so.
function kindsSection(subject, windows) {
  const items = [
    knows("attribution") && [
      ["What it gave"],
      `What the example's share in the training added to ${subject}: an account of the path that was taken. Over all examples${RUN.more} it makes up the change.`,
    ],
    knows("influence") && [["Without it ", mark()], influenceWords(subject)],
    windows && [["When"], windows],
  ].filter(Boolean);
  if (!knows("influence") && !windows) return null;
  return h(
    "dl",
    { class: "kinds" },
    items.map(([name, words]) => [h("dt", {}, name), h("dd", {}, words)]),
  );
}

// By which kind the examples, or the queries, are ordered.
function orderChoice() {
  if (RUN.known.length < 2) return null;
  const choose = kind => {
    orderBy(kind);
    const { q, a, b, e } = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
    history.replaceState(null, "", address({ q, a, b, e }));
    show();
  };
  return h(
    "div",
    { class: "tools" },
    select(
      "Order by",
      RUN.known.map(kind => [kind, KINDS[kind].name]),
      BY,
      choose,
    ),
  );
}
