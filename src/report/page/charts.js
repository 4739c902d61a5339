// Charts: curves over steps, points that should agree, and the kernel's map.

const WIDE = 430,
  HIGH = 250,
  ROOM = { left: 58, right: 14, top: 10, bottom: 42 };

// Round numbers within a span; where the axis holds exponents whole ones, if there are three.
function ticks(low, high, whole) {
  const rough = (high - low) / 5,
    power = 10 ** Math.floor(Math.log10(rough));
  let step = [1, 2, 5, 10].map(factor => factor * power).find(size => size >= rough) ?? 10 * power;
  if (whole) step = Math.ceil(step);
  const found = [];
  for (let at = Math.ceil(low / step); at <= Math.floor(high / step) && found.length < 12; at++) found.push(at * step);
  return whole && found.length < 3 ? [low, (low + high) / 2, high] : found;
}

function span(values) {
  let low = Infinity,
    high = -Infinity;
  for (const value of values) ((low = Math.min(low, value)), (high = Math.max(high, value)));
  const room = high > low ? 0 : 0.5 * Math.max(1e-12, Math.abs(low));
  return [low - room, high + room];
}

// A chart of points [x, y] that `draw` makes marks of; `say` words the point nearest to the pointer, and `go` follows it.
function chart({ across, up, logarithmic = false }, points, draw, say, go) {
  const shown = points
    .map(([x, y], at) => [x, logarithmic ? Math.log10(y) : y, at])
    .filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y));
  if (!shown.length)
    return h("p", { class: "note" }, `Nothing to show: no value is ${logarithmic ? "above zero" : "finite"}.`);
  const [left, right] = span(shown.map(point => point[0])),
    [low, high] = span(shown.map(point => point[1]));
  const x = value => ROOM.left + ((value - left) / (right - left)) * (WIDE - ROOM.left - ROOM.right);
  const y = value => HIGH - ROOM.bottom - ((value - low) / (high - low)) * (HIGH - ROOM.top - ROOM.bottom);
  const placed = shown.map(([a, b, at]) => [x(a), y(b), at]);
  const rows = ticks(low, high, logarithmic).map(
    tick => `<line class="grid" x1="${ROOM.left}" x2="${WIDE - ROOM.right}" y1="${y(tick)}" y2="${y(tick)}"/>
    <text class="up" x="${ROOM.left - 6}" y="${y(tick) + 4}">${number(logarithmic ? 10 ** tick : tick)}</text>`,
  );
  const columns = ticks(left, right, false).map(
    tick => `<line class="grid" x1="${x(tick)}" x2="${x(tick)}" y1="${ROOM.top}" y2="${HIGH - ROOM.bottom}"/>
    <text class="across" x="${x(tick)}" y="${HIGH - ROOM.bottom + 16}">${number(tick)}</text>`,
  );
  const middle = (HIGH - ROOM.bottom) / 2;
  const svg =
    drawing(`<svg viewBox="0 0 ${WIDE} ${HIGH}" role="img" aria-label="${escaped(up)} by ${escaped(across)}" data-own-tip="">
    ${rows.join("")}${columns.join("")}${draw(placed)}<circle class="near" r="4" hidden=""/>
    <text class="across name" x="${(ROOM.left + WIDE - ROOM.right) / 2}" y="${HIGH - 6}">${escaped(across)}</text>
    <text class="across name" transform="translate(12 ${middle}) rotate(-90)">${escaped(up)}</text></svg>`);
  followNearest(svg, placed, at => say(points[at], at), go);
  return svg;
}

function followNearest(svg, placed, say, go) {
  const mark = svg.querySelector(".near");
  let near = null;
  svg.addEventListener("pointermove", event => {
    const box = svg.getBoundingClientRect(),
      scale = WIDE / box.width;
    const x = (event.clientX - box.left) * scale,
      y = (event.clientY - box.top) * scale;
    const far = ([a, b]) => (a - x) ** 2 + ((b - y) / 4) ** 2;
    near = placed.reduce((best, point) => (far(point) < far(best) ? point : best));
    mark.removeAttribute("hidden");
    mark.setAttribute("cx", near[0]);
    mark.setAttribute("cy", near[1]);
    showTip(say(near[2]), event.clientX, event.clientY);
  });
  svg.addEventListener("pointerleave", () => (mark.setAttribute("hidden", ""), hideTip()));
  if (go) svg.addEventListener("click", () => near && go(near[2]));
}

const place = value => value.toFixed(1);

function line(points) {
  return `<polyline class="line" points="${points.map(([x, y]) => `${place(x)},${place(y)}`).join(" ")}"/>`;
}

function dots(points) {
  // Few points would hardly be seen.
  const radius = points.length < 50 ? 3.5 : 2;
  return points.map(([x, y]) => `<circle class="dot" cx="${place(x)}" cy="${place(y)}" r="${radius}"/>`).join("");
}

function curve(name) {
  const { steps, of } = DATA.curves,
    own = of[name];
  if (!own) return null;
  const points = Array.from(steps, (step, at) => [step, own[at]]);
  const axes = { across: RUN.step[0], up: name, logarithmic: name === "residual" || name === "unexplained" };
  return chart(axes, points, line, ([step, value]) => `step ${step}: ${name} ${number(value)}`);
}

function agreement() {
  const { sums, network, queries } = DATA.agreement;
  const points = Array.from(network, (value, at) => [value, sums[at]]);
  const axes = { across: `${RUN.readout} by the network`, up: `${RUN.readout} by the sum` };
  const say = ([value, sum], at) => `query ${queries[at]}: ${number(value)} by the network, ${number(sum)} by the sum`;
  return chart(axes, points, dots, say, at => (location.hash = `q=${queries[at]}`));
}

// From blue below zero through the page's own ground to orange above.
function shade(share) {
  const [red, green, blue] = share < 0 ? [38, 98, 160] : [190, 84, 10];
  return [red, green, blue, Math.round(255 * Math.min(1, Math.abs(share)))];
}

function kernelMap() {
  const { white, full, values, queries, examples, query_classes: down, example_classes: across } = DATA.heat;
  const [width, height] = [examples.length, queries.length];
  const canvas = h("canvas", {
    width,
    height,
    role: "img",
    tabindex: 0,
    "aria-label": "the kernel of queries and examples",
    "data-own-tip": "",
  });
  const image = new ImageData(width, height);
  for (let at = 0; at < values.length; at++) image.data.set(shade((values[at] - white) / (full - white)), 4 * at);
  canvas.getContext("2d").putImageData(image, 0, 0);
  const under = event => {
    const box = canvas.getBoundingClientRect();
    const column = Math.floor(((event.clientX - box.left) / box.width) * width),
      row = Math.floor(((event.clientY - box.top) / box.height) * height);
    return row >= 0 && row < height && column >= 0 && column < width ? [row, column] : null;
  };
  const label = (classes, at) => (classes ? ` (${labelName(classes[at])})` : "");
  canvas.addEventListener("pointermove", event => {
    const at = under(event);
    if (!at) return hideTip();
    const [row, column] = at,
      example = COLUMN_PLACES.get(examples[column]);
    const named = example === undefined ? `example ${examples[column]}` : exampleName(example);
    showTip(
      `query ${queries[row]}${label(down, row)}, ${named}${label(across, column)}: ${number(values[row * width + column])}`,
      event.clientX,
      event.clientY,
    );
  });
  canvas.addEventListener("pointerleave", hideTip);
  canvas.addEventListener("click", event => under(event) && (location.hash = `q=${queries[under(event)[0]]}`));
  const sides = h("div", { class: "map" }, classMarks(down, "down"), h("div", {}, classMarks(across, "over"), canvas));
  const ends = white === 0 ? [-full, 0, full] : [white, (white + full) / 2, full];
  return [
    sides,
    h(
      "p",
      { class: "legend scale" },
      h("span", { class: white === 0 ? "bar both" : "bar" }),
      ends.map(end => h("span", {}, number(end))),
    ),
    h(
      "p",
      { class: "note" },
      `Rows are queries and columns are training examples${across ? ", each by class" : ""}; a click opens the query.`,
    ),
  ];
}

// The classes along a side of the map, where there are not too many.
function classMarks(classes, way) {
  if (!classes) return null;
  const runs = [];
  for (const label of classes) {
    if (runs.at(-1)?.label === label) runs.at(-1).size++;
    else runs.push({ label, size: 1 });
  }
  if (runs.length > 24) return null;
  return h(
    "div",
    { class: `marks ${way}`, "aria-hidden": true },
    runs.map(({ label, size }) => h("span", { style: { "flex-grow": size } }, h("span", {}, className(label)))),
  );
}

function drawCharts() {
  for (const figure of document.querySelectorAll("[data-chart]")) {
    const name = figure.dataset.chart,
      own = name === "agreement" ? agreement() : curve(name);
    if (own) figure.prepend(own);
  }
}
