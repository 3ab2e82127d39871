// Sorting, filtering, and the view of a clip. The pages can be read without any of it.
"use strict";

/** What the scripts in data/ hand over: answers and rolls. */
const smerBench = {};

const QUADRANTS = ["Q1", "Q2", "Q3", "Q4"];

/** A new element with attributes and children, which are elements or texts. */
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

function draw(name, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

// Sorting

/** What a cell is sorted by; null where it holds nothing, which comes last either way. */
function keyOf(cell, numeric) {
  const text = cell.dataset.key ?? cell.textContent;
  if (text === "" || text === "–") return null;
  if (!numeric) return text;
  const number = Number(text.replaceAll(",", "").replace("−", "-"));
  return Number.isNaN(number) ? null : number;
}

function compare(a, b) {
  return typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true });
}

function sortBy(table, heading, direction) {
  const sign = direction === "ascending" ? 1 : -1;
  const numeric = heading.classList.contains("num");
  const body = table.tBodies[0];
  const keyed = [...body.rows].map((row) => [keyOf(row.cells[heading.cellIndex], numeric), row]);
  keyed.sort(([a], [b]) => {
    if (a === null || b === null) return (a === null) - (b === null);
    return sign * compare(a, b);
  });
  body.append(...keyed.map(([, row]) => row));
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", direction);
}

function makeSortable(table) {
  for (const heading of table.tHead.rows[0].cells) {
    const arrow = make("span", { class: "arrow", "aria-hidden": "true" });
    const unit = heading.querySelector(".unit");
    const button = make("button", { type: "button" }, ...heading.childNodes);
    const hangs = heading.matches(".num:not(.drawn)"); // before the title; else it follows it
    button.insertBefore(arrow, hangs ? button.firstChild : unit);
    heading.append(button);
    button.addEventListener("click", () => {
      const now = heading.getAttribute("aria-sort");
      const first = heading.classList.contains("num") ? "descending" : "ascending";
      const second = first === "ascending" ? "descending" : "ascending";
      sortBy(table, heading, now === first ? second : first);
    });
  }
}

// Filtering

function makeFilter(block) {
  const what = block.dataset.filter;
  const rows = [...block.querySelectorAll("tbody tr")];
  const search = make("input", { type: "search", autocomplete: "off", spellcheck: "false" });
  const output = make("output");
  const tools = make("div", { class: "tools" }, make("label", {}, `Filter ${what}`, search));
  const tests = [
    (row) => {
      const words = search.value.toLowerCase().split(/\s+/);
      const text = row.textContent.toLowerCase();
      return words.every((word) => text.includes(word));
    },
  ];
  if (what === "clips") tests.push(...clipFilters(block, tools));
  tools.append(output);
  const apply = () => {
    let shown = 0;
    for (const row of rows) {
      row.hidden = !tests.every((test) => test(row));
      shown += !row.hidden;
    }
    output.textContent = `${shown.toLocaleString("en")} of ${rows.length.toLocaleString("en")}`;
  };
  tools.addEventListener("input", apply);
  apply();
  block.prepend(tools);
}

function columnOf(block, title) {
  const headings = [...block.querySelectorAll("thead th")];
  return headings.findIndex((heading) => heading.textContent.startsWith(title));
}

/** Choices that only clips have: their true quadrant, and how many methods are right. */
function clipFilters(block, tools) {
  const truth = columnOf(block, "True");
  const right = columnOf(block, "Right");
  const total = smerBench.answers.methods.length;
  const quadrant = make("select", {}, make("option", { value: "" }, "any"));
  quadrant.append(...QUADRANTS.map((name) => make("option", {}, name)));
  const wrong = make("select", {}, make("option", { value: "" }, "any number"));
  wrong.append(make("option", { value: "0" }, "no method"), make("option", { value: total }, "every method"));
  tools.append(make("label", {}, "True quadrant", quadrant), make("label", {}, "Right by", wrong));
  return [
    (row) => !quadrant.value || row.cells[truth].textContent === quadrant.value,
    (row) => !wrong.value || row.cells[right].textContent === wrong.value,
  ];
}

// Clips

function setUpClips(place) {
  const { answers } = smerBench;
  const rows = [...place.querySelectorAll("tbody tr")];
  const dialog = document.getElementById("clip");
  const title = document.getElementById("clip-title");
  const body = dialog.querySelector(".body");
  const [previous, next] = dialog.querySelectorAll("[data-go]");
  const numbers = new Map(rows.map((row, i) => [row, i])); // rows come in the order of the answers
  let current = null;

  const neighbour = (step) => {
    const shown = [...place.querySelectorAll("tbody tr:not([hidden])")];
    return shown[shown.indexOf(current) + step];
  };

  const show = (row) => {
    current = row;
    const number = numbers.get(row);
    title.textContent = answers.clips[number];
    const pressed = document.activeElement;
    for (const button of [previous, next]) button.disabled = !neighbour(Number(button.dataset.go));
    // A button that is disabled loses the focus, and with it the dialog hears no more keys.
    if (pressed.disabled) dialog.querySelector("[data-go]:enabled, [data-close]").focus();
    history.replaceState(null, "", `#${encodeURIComponent(answers.clips[number])}`);
    if (!dialog.open) dialog.showModal();
    body.replaceChildren(facts(place, row), roll(place, answers.clips[number]), verdicts(number));
    dialog.scrollTop = 0;
  };

  for (const row of rows) {
    const heading = row.cells[0];
    const button = make("button", { type: "button" }, ...heading.childNodes);
    button.addEventListener("click", () => show(row));
    heading.append(button);
  }
  dialog.addEventListener("click", (event) => {
    const { go } = event.target.dataset;
    if (go) show(neighbour(Number(go)));
    else if (event.target === dialog || "close" in event.target.dataset) dialog.close();
  });
  dialog.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const scrolls = event.target.closest(".scroll");
    if (step && !scrolls && neighbour(step)) show(neighbour(step));
  });
  dialog.addEventListener("close", () => {
    history.replaceState(null, "", location.pathname);
    current.querySelector("button").focus();
  });

  const open = () => {
    const named = location.hash.slice(1);
    const wanted = answers.clips.findIndex((clip) => [clip, encodeURIComponent(clip)].includes(named));
    if (wanted >= 0) show(rows[wanted]);
  };
  window.addEventListener("hashchange", open);
  open();
}

function facts(place, row) {
  const list = make("dl", { class: "facts" });
  for (const title of ["Song", "Key", "Notes", "True", "Right"]) {
    const at = columnOf(place, title);
    const of = title === "Right" ? ` of ${smerBench.answers.methods.length} methods` : "";
    list.append(make("div", {}, make("dt", {}, title), make("dd", {}, row.cells[at].textContent + of)));
  }
  return list;
}

/** Each method's mean probabilities of one clip, as a table. */
function verdicts(number) {
  const { answers } = smerBench;
  const label = answers.labels[number];
  const head = make("tr", {}, make("th", { scope: "col" }, "Method"), make("th", { scope: "col" }, "Answer"));
  QUADRANTS.forEach((name, q) => {
    const true_ = q === label ? "%, true" : "%";
    head.append(make("th", { scope: "col", class: "num" }, name, make("span", { class: "unit" }, true_)));
  });
  head.append(make("th", { scope: "col", class: "num" }, "Right", make("span", { class: "unit" }, "runs")));
  const body = make("tbody");
  answers.methods.forEach((method, m) => {
    const p = answers.p[number].slice(4 * m, 4 * m + 4);
    const asked = p[0] >= 0;
    const answer = asked ? answers.a[number][m] : -1;
    const verdict = answer === label ? " right" : " wrong";
    const row = make("tr", {}, make("th", { scope: "row" }, method));
    row.append(make("td", {}, asked ? QUADRANTS[answer] + verdict : "–"));
    p.forEach((share, q) => {
      const marks = `num heat h${Math.max(0, Math.round(share / 100))}${q === label ? " truth" : ""}${q === answer ? " answer" : ""}`;
      row.append(make("td", { class: marks }, asked ? (share / 10).toFixed(1) : "–"));
    });
    row.append(make("td", { class: "num" }, `${answers.right[number][m]} of ${answers.runs[m]}`));
    body.append(row);
  });
  const table = make("table", {}, make("caption", { class: "unseen" }, "Probabilities by method"), make("thead", {}, head), body);
  const scroll = make("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": "Probabilities by method" }, table);
  return make("section", {}, make("h3", {}, "Probabilities, mean over seeds"), make("div", { class: "table" }, scroll));
}

let loading = null; // the rolls of the dataset, read when a clip is first opened

function loadRolls(file) {
  loading ??= new Promise((done, failed) => {
    const script = make("script", { src: file });
    script.addEventListener("load", done);
    script.addEventListener("error", failed);
    document.head.append(script);
  });
  return loading;
}

function roll(place, clip) {
  const section = make("section", {}, make("h3", {}, "Piano roll"));
  const { rolls, noRolls } = place.dataset;
  if (!rolls) {
    section.append(make("p", { class: "about" }, noRolls));
    return section;
  }
  loadRolls(rolls).then(
    () => section.append(...pianoRoll(smerBench.rolls[clip] ?? [], section.clientWidth)),
    () => section.append(make("p", { class: "about" }, `${rolls} cannot be read.`)),
  );
  return section;
}

/** Notes as an SVG: time to the right in seconds, pitch upwards, louder notes fuller. */
function pianoRoll(numbers, space) {
  if (!numbers.length) return [make("p", { class: "about" }, "This clip has no notes.")];
  const notes = [];
  for (let i = 0, time = 0; i < numbers.length; i += 4) {
    time += numbers[i];
    notes.push({ begin: time / 100, length: numbers[i + 1] / 100, pitch: numbers[i + 2], velocity: numbers[i + 3] });
  }
  const pitches = notes.map((note) => note.pitch);
  const low = Math.floor((Math.min(...pitches) - 1) / 12) * 12;
  const high = Math.ceil((Math.max(...pitches) + 2) / 12) * 12;
  const end = Math.max(...notes.map((note) => note.begin + note.length), 0.1);
  const [left, top, right, bottom] = [34, 6, 12, 34];
  const width = Math.max(space, 200) - left - right;
  const height = Math.max(150, (high - low) * 4);
  const x = (seconds) => left + (seconds / end) * width;
  const y = (pitch) => top + ((high - pitch) / (high - low)) * height;
  const row = height / (high - low);
  const words = `${notes.length.toLocaleString("en")} notes in ${end.toFixed(1)} seconds; the fuller the colour, the louder`;
  const svg = draw("svg", { class: "roll", viewBox: `0 0 ${left + width + right} ${top + height + bottom}`, role: "img", "aria-label": `Piano roll: ${words}` });
  for (let pitch = low; pitch <= high; pitch += 12) {
    svg.append(draw("path", { d: `M${left} ${y(pitch)}H${left + width}` }));
    svg.append(draw("text", { x: left - 6, y: y(pitch) + 4, "text-anchor": "end" }, `C${pitch / 12 - 1}`));
  }
  const step = [1, 2, 5, 10, 20, 30, 60, 120, 300].find((s) => end / s <= width / 40) ?? 600;
  for (let time = 0; time <= end; time += step) {
    svg.append(draw("path", { d: `M${x(time)} ${top}V${top + height}` }));
    svg.append(draw("text", { x: x(time), y: top + height + 15, "text-anchor": "middle" }, String(time)));
  }
  svg.append(draw("text", { x: left + width, y: top + height + 30, "text-anchor": "end" }, "seconds"));
  for (const note of notes) {
    const size = { x: x(note.begin).toFixed(1), y: (y(note.pitch) - row / 2).toFixed(1), width: Math.max(1, (note.length / end) * width - 0.4).toFixed(1), height: (row * 0.9).toFixed(1) };
    svg.append(draw("rect", { ...size, rx: 1, opacity: (0.3 + (0.7 * note.velocity) / 127).toFixed(2) }));
  }
  return [svg, make("p", { class: "about" }, `${words}.`)];
}

document.addEventListener("DOMContentLoaded", () => {
  for (const table of document.querySelectorAll(".table table")) makeSortable(table);
  const place = document.getElementById("clips");
  for (const block of document.querySelectorAll("[data-filter]")) makeFilter(block);
  if (place && smerBench.answers) setUpClips(place);
});
