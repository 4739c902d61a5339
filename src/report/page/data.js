// What the page knows: words as they are, numbers where they lie among the unpacked bytes.

const WORDS = JSON.parse(document.getElementById("words").textContent);
const RUN = WORDS.run;
// Stands for what there is not, among whole numbers.
const NONE = 0xffffffff;
const TYPES = { i1: Int8Array, u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, f4: Float32Array };

// Puts arrays in place of where they lie, in all that is given.
function withArrays(given, bytes) {
  if (Array.isArray(given)) {
    const [type, at, count] = given;
    if (given.length === 3 && typeof type === "string" && type in TYPES) return new TYPES[type](bytes, at, count);
    return given.map(one => withArrays(one, bytes));
  }
  if (given === null || typeof given !== "object") return given;
  return Object.fromEntries(Object.entries(given).map(([key, value]) => [key, withArrays(value, bytes)]));
}

async function unpack() {
  const letters = atob(document.getElementById("numbers").textContent);
  const packed = new Uint8Array(letters.length);
  for (let at = 0; at < letters.length; at++) packed[at] = letters.charCodeAt(at);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

let QUERIES, DETAILS, EXAMPLES, DATA;
// The places of queries and examples by the numbers that people know them by, and of examples by their columns.
const QUERY_PLACES = new Map(),
  EXAMPLE_PLACES = new Map(),
  COLUMN_PLACES = new Map();

async function load() {
  DATA = withArrays(WORDS, await unpack());
  ({ queries: QUERIES, details: DETAILS, examples: EXAMPLES } = DATA);
  QUERIES.numbers.forEach((number, place) => QUERY_PLACES.set(number, place));
  EXAMPLES.numbers.forEach((number, place) => EXAMPLE_PLACES.set(number, place));
  EXAMPLES.columns.forEach((column, place) => COLUMN_PLACES.set(column, place));
}

// A part of an array of parts of equal length.
function part(array, place, length) {
  return array.subarray(place * length, (place + 1) * length);
}

// A query's class, and the class that it is read as; null where that is not known.
function classOf(query) {
  return QUERIES.classes ? QUERIES.classes[query] : null;
}

function readAs(query) {
  return QUERIES.predicted ? QUERIES.predicted[query] : null;
}

function isWrong(query) {
  return QUERIES.classes !== null && QUERIES.predicted !== null && classOf(query) !== readAs(query);
}

// Whether what moved a query, or would move it, is in the page: of the first ones, the worst.
function hasDetail(query) {
  return query < DETAILS.count && RUN.known.length > 0;
}
