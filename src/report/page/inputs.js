// Inputs: as pictures, as text, or as their first values.

// A part of a picture's pixels as a canvas.
function picture({ shape: [channels, height, width], pixels }, place, words) {
  const canvas = h("canvas", { class: "picture", width, height, role: "img", "aria-label": words });
  const own = part(pixels, place, channels * height * width);
  const image = new ImageData(width, height);
  for (let at = 0; at < width * height; at++) {
    for (let channel = 0; channel < 3; channel++) image.data[4 * at + channel] = own[at * channels + (channel % channels)];
    image.data[4 * at + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

// The tokens of a text.
function tokensOf({ words, tokens, starts }, place) {
  return Array.from(tokens.subarray(starts[place], starts[place + 1]), token => words[token]);
}

// A text; where it is known what each token's position contributed, in its colours.
function text(inputs, place, positions) {
  const tokens = tokensOf(inputs, place);
  if (!positions || positions.amounts.length !== tokens.length) return h("span", { class: "text" }, tokens.join("").trim());
  const largest = positions.largest || 1;
  const end = tokens.findLastIndex(token => token.trim()) + 1;
  const coloured = (token, at) => {
    const amount = positions.amounts[at],
      share = Math.min(1, Math.abs(amount) / largest);
    if (share < 0.02) return token;
    const way = wayClass(amount, positions.right);
    return h(
      "span",
      {
        class: `token ${way}`,
        style: { "--share": `${Math.round(15 + 60 * share)}%` },
        "data-tip": `${signed(amount)} from what it learned at position ${at}`,
      },
      token,
    );
  };
  return h("span", { class: "text" }, tokens.slice(0, end).map(coloured));
}

// The parts of a contribution as a strip, where no text shows them; `where` says where a part is from.
function strip({ amounts, largest: most, right }, words, where) {
  const largest = most || 1,
    each = amounts.length;
  const bars = Array.from(amounts, (amount, at) => {
    const size = 10 * Math.min(1, Math.abs(amount) / largest),
      y = amount < 0 ? 10 : 10 - size;
    return `<rect x="${at}" y="${y.toFixed(2)}" width="0.92" height="${size.toFixed(2)}" class="${wayClass(amount, right)}" data-tip="${escaped(signed(amount))} from ${where(at)}"/>`;
  });
  return drawing(
    `<svg class="strip" viewBox="0 0 ${each} 20" preserveAspectRatio="none" role="img" aria-label="${words}">${bars.join("")}</svg>`,
  );
}

function positionsStrip(positions) {
  return strip(positions, "what each position contributed", at => `position ${at}`);
}

function values({ each, of, values: all }, place) {
  const shown = Array.from(part(all, place, each), number).join(" ");
  return h("span", { class: "values" }, shown + (of > each ? " …" : ""));
}

// An input of queries or of examples, `positions` with what each of its positions contributed; null where it is not in the page.
function input(inputs, place, words, positions) {
  if (!inputs || place >= inputs.count) return positions ? positionsStrip(positions) : null;
  const own = { pictures: picture, texts: text, values }[inputs.kind](
    inputs,
    place,
    inputs.kind === "pictures" ? words : positions,
  );
  const coloured = own.querySelector?.(".token");
  return positions && !coloured ? h("span", {}, own, positionsStrip(positions)) : own;
}

function isPictures(inputs) {
  return inputs?.kind === "pictures";
}
