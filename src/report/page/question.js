// Questions to a query: why a value is what it is, or why one leads another, by their places among those that are kept.

function firstQuestion(query) {
  const [value, than] = part(DETAILS.first, query, 2);
  return { value, than: than === NONE ? null : than };
}

function of(array, query, { value, than }) {
  const own = part(array, query, DETAILS.kept);
  return own[value] - (than === null ? 0 : own[than]);
}

// 1 where more of it is better, -1 where less is, 0 where nobody knows.
function rightWay(query, question) {
  return Math.sign(of(DETAILS.right, query, question)) * (question.than !== null && !differs(query, question) ? 0 : 1);
}

function differs(query, { value, than }) {
  const own = part(DETAILS.right, query, DETAILS.kept);
  return own[value] !== own[than];
}

// What helped is blue and what hurt is orange; where nobody knows, what raised and what lowered.
function wayClass(amount, right) {
  return amount === 0 || Number.isNaN(amount) ? "still" : (right < 0 ? -amount : amount) > 0 ? "helped" : "hurt";
}

function valueName(query, place) {
  return DETAILS.labels[part(DETAILS.values, query, DETAILS.kept)[place]];
}

// What all that are above zero add up to, and all below; not numbers where that is not known.
function sumsOf(query, { value, than }) {
  const all = part(DETAILS.sums, query, 2 * DETAILS.questions),
    pair = place => [all[2 * place], all[2 * place + 1]];
  if (than === null) return pair(value);
  if (!RUN.compete) return [NaN, NaN];
  const [low, high] = value < than ? [value, than] : [than, value];
  const before = low * DETAILS.kept - (low * (low + 1)) / 2;
  const [above, below] = pair(DETAILS.kept + before + high - low - 1);
  return value < than ? [above, below] : [-below, -above];
}

// What each class of examples contributed.
function classesOf(query, question) {
  if (!DETAILS.classes || !DETAILS.class_of.length) return [];
  return Array.from(part(DETAILS.class_of, query, DETAILS.classes), (label, place) => ({
    label,
    amount: of(DETAILS.class_sums, query * DETAILS.classes + place, question),
  }));
}

function layersOf(query, question) {
  return (DETAILS.layer_names ?? []).map((name, place) => ({
    name,
    amount: of(DETAILS.layers, query * DETAILS.layer_names.length + place, question),
  }));
}

// The examples of which the page knows amounts of a kind, the largest amount first.
function examplesOf(query, question, kind) {
  const found = [];
  for (let at = DETAILS.starts[query]; at < DETAILS.starts[query + 1]; at++) {
    const amounts = amountsOf(DETAILS.amounts, array => of(array, at, question)),
      amount = amounts[kind];
    if (Number.isFinite(amount) && amount !== 0) found.push({ column: DETAILS.examples[at], at, amounts, amount });
  }
  return found.sort((a, b) => b.amount - a.amount);
}

// Of an example that answers what is asked first, what each of its positions contributed.
function positionsOf(query, column, question) {
  // Of several rows the positions are summed, place by place.
  const several = EXAMPLES.rows?.[COLUMN_PLACES.get(column)] > 1;
  return several ? null : splitOf(DETAILS.positions, query, column, question);
}

// Of an example that answers what is asked first, the parts of what it contributed; null where they are not in the page.
function splitOf({ each, starts, examples, amounts }, query, column, question) {
  const first = firstQuestion(query);
  if (!each || question.value !== first.value || question.than !== first.than) return null;
  const own = amounts.subarray(starts[query] * each, starts[query + 1] * each);
  const place = examples.subarray(starts[query], starts[query + 1]).indexOf(column);
  if (place < 0) return null;
  return {
    amounts: part(own, place, each),
    largest: own.reduce((most, amount) => Math.max(most, Math.abs(amount)), 0),
    right: rightWay(query, question),
  };
}

const TERMS = [
  ["regularizer", "weight decay"],
  ["statistics", "running statistics"],
  ["earlier", "gradients before the first step"],
  ["unexplained", "unexplained"],
  ["residual", "residual"],
];

// Everything that makes up the answer, in parts that add up to it.
function partsOf(query, question) {
  const parts = [{ name: "where it began", kind: "term", amount: of(DETAILS.terms.initial, query, question) }];
  const classes = classesOf(query, question);
  const [above, below] = sumsOf(query, question);
  if (classes.length) {
    classes.sort((a, b) => Math.abs(b.amount) - Math.abs(a.amount));
    for (const { label, amount } of classes)
      parts.push({
        name: label === NONE ? "other examples" : labelName(label),
        kind: "class",
        label,
        amount,
      });
  } else if (Number.isFinite(above)) {
    parts.push(
      { name: "examples that raised it", kind: "examples", amount: above },
      { name: "examples that lowered it", kind: "examples", amount: below },
    );
  } else if (RUN.listed !== null) {
    const all = place => sumsOf(query, { value: place, than: null }).reduce((sum, own) => sum + own, 0);
    parts.push({ name: "all examples", kind: "examples", amount: all(question.value) - all(question.than) });
  }
  for (const [key, name] of TERMS) {
    if (DETAILS.terms[key]) parts.push({ name, kind: "term", amount: of(DETAILS.terms[key], query, question) });
  }
  return parts;
}

// What the question is about, and what it means that an amount is above zero, or below: of what was, and of what would be.
function meaningOf(query, { value, than }) {
  const name = valueName(query, value);
  if (than !== null)
    return {
      subject: `${name} over ${valueName(query, than)}`,
      above: `towards ${name}`,
      below: `towards ${valueName(query, than)}`,
      higher: `it would go towards ${name}`,
      lower: `it would go towards ${valueName(query, than)}`,
    };
  const subject = DETAILS.subjects[part(DETAILS.values, query, DETAILS.kept)[value]];
  return {
    subject,
    above: `raised ${subject}`,
    below: `lowered ${subject}`,
    higher: `${subject} would be higher`,
    lower: `${subject} would be lower`,
  };
}
