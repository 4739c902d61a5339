// The list of all queries: searched, sorted and cut.

const LIST = { search: "", sort: "worst", only: "all", class: "", read: "" };
const AT_ONCE = 48;

function searchText(query) {
  if (!searchText.known) searchText.known = new Map();
  if (!searchText.known.has(query)) {
    const own =
      QUERIES.inputs?.kind === "texts" && query < QUERIES.inputs.count ? tokensOf(QUERIES.inputs, query).join("") : "";
    const words = [QUERIES.names?.[query], queryFacts(query), QUERIES.answers?.[query], own];
    searchText.known.set(query, words.filter(Boolean).join(" ").toLowerCase());
  }
  return searchText.known.get(query);
}

// A number finds the query that it counts; words find names, classes and texts.
function isFound(query) {
  const words = LIST.search.toLowerCase().split(/\s+/).filter(Boolean);
  return words.every(word =>
    /^\d+$/.test(word) ? String(QUERIES.numbers[query]) === word : searchText(query).includes(word),
  );
}

function isShown(query) {
  if (LIST.only === "wrong" && !isWrong(query)) return false;
  if (LIST.only === "right" && isWrong(query)) return false;
  if (LIST.class !== "" && classOf(query) !== +LIST.class) return false;
  if (LIST.read !== "" && readAs(query) !== +LIST.read) return false;
  return isFound(query);
}

// Queries lie in the page with the worst first.
const SORTS = {
  worst: () => 0,
  best: (a, b) => b - a,
  class: (a, b) => classOf(a) - classOf(b) || a - b,
  read: (a, b) => readAs(a) - readAs(b) || a - b,
  number: (a, b) => QUERIES.numbers[a] - QUERIES.numbers[b],
};

function sortNames() {
  const { score } = QUERIES,
    names = [];
  if (score) {
    const least = score.largest ? "largest" : "smallest",
      most = score.largest ? "smallest" : "largest";
    names.push(["worst", `${least} ${score.noun} first`], ["best", `${most} ${score.noun} first`]);
  }
  names.push(["number", "number"]);
  if (QUERIES.classes) names.push(["class", "class"]);
  if (QUERIES.predicted) names.push(["read", "what it is read as"]);
  return names;
}

function shownQueries() {
  const all = Array.from({ length: QUERIES.count }, (_, place) => place);
  return all.filter(isShown).sort(SORTS[LIST.sort]);
}

// A query in a list: what it is, and what it is read as; `more` stands below.
function queryCard(query, ...more) {
  const wrong = isWrong(query),
    score = QUERIES.score;
  return h(
    "a",
    {
      class: `card ${wrong ? "wrong" : ""} ${isPictures(QUERIES.inputs) ? "" : "wide"}`,
      href: queryLink(query),
    },
    input(QUERIES.inputs, query, queryName(query)),
    h(
      "span",
      { class: "said" },
      QUERIES.names?.[query] && h("b", {}, QUERIES.names[query]),
      h(
        "span",
        {},
        h("span", { class: "facts" }, queryFacts(query) || queryName(query)),
        wrong && h("span", { class: "badge" }, "wrong"),
      ),
      h("small", {}, queryName(query), score && !more.length ? `, ${score.noun} ${number(score.values[query])}` : ""),
      more,
    ),
  );
}

function classChoice(label, key, known) {
  const labels = [...new Set(known)].sort((a, b) => a - b);
  return select(
    label,
    [["", "any"], ...labels.map(own => [own, className(own)])],
    LIST[key],
    value => ((LIST[key] = value), drawQueries()),
  );
}

// Which classes are read as which others, the most frequent first.
function confusions() {
  const counts = new Map();
  for (let query = 0; query < QUERIES.count; query++) {
    if (isWrong(query))
      counts.set(`${classOf(query)} ${readAs(query)}`, (counts.get(`${classOf(query)} ${readAs(query)}`) ?? 0) + 1);
  }
  const most = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 8);
  return most.map(([pair, many]) => {
    const [is, read] = pair.split(" ");
    const choose = () => (Object.assign(LIST, { search: "", only: "wrong", class: is, read }), drawToolbar(), drawQueries());
    return h(
      "button",
      { type: "button", class: "chip", onclick: choose },
      `${className(+is)} read as ${className(+read)}`,
      h("b", {}, many),
    );
  });
}

function drawToolbar() {
  const again = (key, value) => ((LIST[key] = value), drawQueries());
  const tools = h(
    "form",
    { class: "tools", role: "search", onsubmit: event => event.preventDefault() },
    h(
      "label",
      { class: "choice" },
      h("span", {}, "Search"),
      h("input", {
        type: "search",
        id: "search",
        placeholder: "number, name, text",
        value: LIST.search,
        oninput: event => again("search", event.target.value),
      }),
    ),
    select("Sort by", sortNames(), LIST.sort, value => again("sort", value)),
    QUERIES.classes &&
      QUERIES.predicted &&
      select(
        "Show",
        [
          ["all", "all"],
          ["wrong", "wrong ones"],
          ["right", "right ones"],
        ],
        LIST.only,
        value => again("only", value),
      ),
    QUERIES.classes && classChoice("Class", "class", QUERIES.classes),
    QUERIES.predicted && classChoice("Read as", "read", QUERIES.predicted),
  );
  const chips = QUERIES.classes && QUERIES.predicted ? confusions() : [];
  document
    .getElementById("tools")
    .replaceChildren(tools, ...(chips.length ? [h("p", { class: "chips" }, "Mistakes: ", chips)] : []));
}

function drawQueries() {
  const found = shownQueries();
  const rows = () => [
    ["query", "name", "class", "read_as", QUERIES.score?.noun ?? "score"],
    ...found.map(query => [
      QUERIES.numbers[query],
      QUERIES.names?.[query],
      QUERIES.classes && className(classOf(query)),
      QUERIES.predicted && className(readAs(query)),
      QUERIES.score?.values[query],
    ]),
  ];
  const wrong = QUERIES.predicted && QUERIES.classes ? `, ${found.filter(isWrong).length} wrong` : "";
  document.getElementById("found").replaceChildren(
    h(
      "p",
      { class: "count", "aria-live": "polite" },
      `${count(found.length, "query", "queries")}${wrong}`,
      " ",
      found.length > 0 && csvButton("queries.csv", rows),
    ),
    growing(h("div", { class: isPictures(QUERIES.inputs) ? "cards" : "cards wide" }), found, AT_ONCE, query =>
      queryCard(query),
    ),
  );
}

function queriesSection() {
  const section = document.getElementById("queries");
  if (!QUERIES.score) LIST.sort = "number";
  const left = RUN.queries - QUERIES.count,
    without = QUERIES.count - DETAILS.count;
  const notes = [];
  if (left > 0)
    notes.push(
      `Of ${RUN.queries.toLocaleString("en")} queries the ${QUERIES.count.toLocaleString("en")} worst are in this page.`,
    );
  if (without > 0 && RUN.known.length > 0)
    notes.push(
      `What moved them is in it of the ${DETAILS.count.toLocaleString("en")} worst; ${command("--query N")} tells it of any.`,
    );
  section.append(
    h("p", { class: "lead" }, "Open a query to see why the network says what it says."),
    h("div", { id: "tools" }),
    ...notes.map(note => h("p", { class: "note" }, note)),
    h("div", { id: "found" }),
  );
  drawToolbar();
  drawQueries();
}
