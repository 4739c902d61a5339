// Numbers and names for people.

// A number in few characters.
function number(value) {
  const size = Math.abs(value);
  if (!Number.isFinite(value)) return "—";
  if (size === 0) return "0";
  const minus = value < 0 ? "−" : "";
  if (size < 1e-3 || size >= 1e5)
    return minus + size.toExponential(1).replace(".0e", "e").replace("e+", "e").replace("e-", "e−");
  const digits = size >= 999.5 ? 0 : size >= 9.995 ? 1 : size >= 0.0995 ? 2 : 4;
  const text = size.toFixed(digits);
  return minus + (digits ? text.replace(/\.?0+$/, "") : text);
}

function signed(value) {
  return value > 0 ? "+" + number(value) : number(value);
}

function percent(share) {
  const size = 100 * share;
  return (Math.abs(size) >= 99.95 ? size.toFixed(0) : number(size)) + "%";
}

function count(many, one, more) {
  return `${many.toLocaleString("en")} ${many === 1 ? one : more}`;
}

// A sentence with a capital letter.
function capital(sentence) {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}

function className(label) {
  if (label === NONE || label === null) return "no class";
  return (RUN.two_classes ? null : RUN.class_names?.[label]) ?? String(label);
}

// Of two classes that one output tells apart, the targets are 0 and 1.
function labelName(label) {
  if (label === NONE) return "no class";
  return RUN.two_classes ? `y = ${label}` : `class ${className(label)}`;
}

function queryName(query) {
  return `query ${QUERIES.numbers[query]}`;
}

// What a query is and what it is read as, in a line.
function queryFacts(query) {
  const facts = [];
  if (QUERIES.classes)
    facts.push(
      isWrong(query) ? `${className(classOf(query))} read as ${className(readAs(query))}` : labelName(classOf(query)),
    );
  else if (QUERIES.predicted) facts.push(`read as ${className(readAs(query))}`);
  if (QUERIES.answers?.[query]) facts.push(`asked for “${QUERIES.answers[query].trim()}”`);
  if (QUERIES.targets && !QUERIES.classes) facts.push(`y = ${targetsOf(query)}`);
  return facts.join(", ");
}

function targetsOf(query) {
  const { values, each, of } = QUERIES.targets;
  const shown = Array.from(part(values, query, each), number).join(" ");
  return shown + (of > each ? " …" : "");
}

// What people call an example, and what it is.
function exampleName(example) {
  if (!RUN.grouped) return `no. ${EXAMPLES.numbers[example]}`;
  const rows = EXAMPLES.rows ? `, ${count(EXAMPLES.rows[example], "row", "rows")}` : "";
  return `column ${EXAMPLES.numbers[example]}${rows}`;
}

function exampleFacts(example) {
  const facts = [];
  const label = EXAMPLES.labels?.[example];
  if (label !== undefined && label !== NONE) facts.push(labelName(label));
  if (EXAMPLES.groups?.[example] != null) facts.push(`group ${EXAMPLES.groups[example]}`);
  if (EXAMPLES.targets && !EXAMPLES.labels) facts.push(`y = ${number(EXAMPLES.targets[example])}`);
  return facts.join(", ");
}

function exampleLabel(example) {
  return [EXAMPLES.names?.[example], exampleFacts(example), exampleName(example)].filter(Boolean).join(", ");
}

// Which command answers what is not in the page.
function command(rest) {
  return `pathkernel top ${RUN.name} ${rest}`;
}
