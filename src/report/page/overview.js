// What is drawn of the whole run: the weights and the kernel.

function shares(list) {
  const card = ([column, share]) => {
    const place = COLUMN_PLACES.get(column),
      amount = h("b", { class: "number" }, percent(share));
    if (place === undefined)
      return h("span", { class: "card wide" }, h("span", { class: "said" }, amount, h("small", {}, `column ${column}`)));
    return h(
      "a",
      { class: `card ${isPictures(EXAMPLES.inputs) ? "" : "wide"}`, href: `#e=${EXAMPLES.numbers[place]}` },
      input(EXAMPLES.inputs, place, exampleLabel(place)),
      h(
        "span",
        { class: "said" },
        amount,
        h("span", { class: "facts" }, exampleFacts(place)),
        h("small", {}, exampleName(place)),
      ),
    );
  };
  return h("div", { class: isPictures(EXAMPLES.inputs) ? "cards small" : "cards wide" }, list.map(card));
}

function weightsSection() {
  const section = document.getElementById("weights");
  if (!section || !DATA.weights) return;
  const layer = ({ name, sum, half, longest, along, against }) => {
    const facts = [
      sum === null ? "no shares: it hardly moved, and its change is mostly rounding" : `all shares: ${percent(sum)}`,
    ];
    if (half !== null) facts.push(`half of the change: the ${half > 1 ? `${half} largest` : "largest alone"}`);
    facts.push(`longest part: ${number(longest)}`);
    return h(
      "article",
      { class: "layer" },
      h(
        "p",
        {},
        h("b", {}, name),
        facts.map(fact => [h("br"), fact]),
      ),
      h("div", {}, shares(along), shares(against)),
    );
  };
  section.append(...DATA.weights.map(layer));
}

function drawOverview() {
  queriesSection();
  suspectsSection();
  drawCharts();
  weightsSection();
  if (DATA.heat) document.getElementById("kernel").append(...kernelMap().flat());
}
