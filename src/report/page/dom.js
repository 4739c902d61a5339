// Elements, tooltips, and files to keep.

// An element with attributes and children: text stays text.
function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") Object.entries(value).forEach(([key, own]) => element.style.setProperty(key, own));
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat(9).filter(child => child != null && child !== false));
  return element;
}

function escaped(text) {
  return String(text).replace(/[&<>"]/g, letter => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[letter]);
}

// A drawing: the parser knows what an SVG is.
function drawing(text) {
  const holder = document.createElement("template");
  holder.innerHTML = text;
  return holder.content.firstElementChild;
}

const TIP = h("div", { id: "tip", role: "tooltip", hidden: true });

function showTip(text, x, y) {
  TIP.textContent = text;
  TIP.hidden = false;
  const { width, height } = TIP.getBoundingClientRect();
  const left = Math.max(6, Math.min(x - width / 2, document.documentElement.clientWidth - width - 6));
  const top = y - height - 14 < 6 ? y + 18 : y - height - 14;
  Object.assign(TIP.style, { left: `${left}px`, top: `${top}px` });
}

function hideTip() {
  TIP.hidden = true;
}

// Shows the tip of what has the focus.
function tipOfFocus() {
  const own = document.activeElement?.closest("[data-tip]");
  if (!own) return hideTip();
  const { left, top, width } = own.getBoundingClientRect();
  showTip(own.dataset.tip, left + width / 2, top);
}

// Whatever has `data-tip` says it to the pointer and to the keyboard.
function watchTips() {
  document.body.append(TIP);
  document.addEventListener("pointermove", event => {
    const own = event.target.closest?.("[data-tip]");
    if (own) showTip(own.dataset.tip, event.clientX, event.clientY);
    else if (!event.target.closest?.("[data-own-tip]")) hideTip();
  });
  document.addEventListener("focusin", tipOfFocus);
  document.addEventListener("keydown", event => event.key === "Escape" && hideTip());
  // What has the focus may have been scrolled to.
  document.addEventListener("scroll", () => TIP.hidden || tipOfFocus(), { passive: true });
}

// Rows of a table as a file: the first is of names. What is not known is empty.
function csv(rows) {
  const cell = value => {
    const text = String(Number.isNaN(value) ? "" : (value ?? ""));
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return rows.map(row => row.map(cell).join(",")).join("\n") + "\n";
}

function csvButton(name, rows) {
  const save = () => {
    const link = h("a", { href: URL.createObjectURL(new Blob([csv(rows())], { type: "text/csv" })), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };
  return h("button", { type: "button", class: "quiet", onclick: save }, "Download as CSV");
}

// A list that shows some of its items, and more when it is asked.
function growing(holder, items, size, draw) {
  let shown = 0;
  const more = h("button", { type: "button", class: "quiet more" });
  const grow = () => {
    more.remove();
    holder.append(...items.slice(shown, shown + size).map(draw));
    shown = Math.min(items.length, shown + size);
    if (shown < items.length) {
      const rest = items.length - shown;
      more.textContent = rest > size ? `Show ${size} more of ${rest}` : `Show the other ${rest}`;
      (holder.closest("table") ?? holder).after(more);
    }
  };
  more.addEventListener("click", grow);
  // A button stands after its list once the list stands somewhere.
  queueMicrotask(grow);
  return holder;
}

function select(label, options, chosen, onchange) {
  const own = options.map(([value, text]) => h("option", { value, selected: String(value) === String(chosen) }, text));
  return h(
    "label",
    { class: "choice" },
    h("span", {}, label),
    h("select", { "aria-label": label, onchange: event => onchange(event.target.value) }, own),
  );
}
