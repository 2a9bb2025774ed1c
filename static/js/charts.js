// Draws each plot from the table beside it, and adds live samples to both. The table is the record; the plot is a view.
/* global uPlot */
const KEPT = 300;
const ROWS = 60;
// Seconds; a single sample would be stretched over years.
const SHORTEST = 60;
const plots = new Map();

const css = (element, name) => getComputedStyle(element).getPropertyValue(name).trim();

function read(figure) {
  const times = [];
  const values = [];
  for (const row of figure.querySelectorAll("tbody tr")) {
    times.push(Date.parse(row.querySelector("time").dateTime) / 1000);
    const value = row.querySelector("data").value;
    values.push(value === "" ? null : Number(value));
  }
  return [times, values];
}

const colours = (canvas) => Object.fromEntries(
  ["line", "fill", "grid", "ink"].map((name) => [name, css(canvas, `--plot-${name}`)]),
);

function axes(figure, paint) {
  const font = "11px Inter, sans-serif";
  const grid = { stroke: () => paint().grid, width: 1 };
  const unit = figure.dataset.unit ? ` ${figure.dataset.unit}` : "";
  const quiet = { stroke: () => paint().ink, font, grid, ticks: { show: false } };
  return [
    { ...quiet, grid: { show: false }, space: 80, size: 20, values: (_, ticks, __, ___, step) => ticks.map((tick) => clock(tick, step)) },
    { ...quiet, size: 46, space: 24, values: (_, ticks) => ticks.map((tick) => `${tick}${unit}`) },
  ];
}

// The seconds too where ticks are less than a minute apart; the day alone where they are days apart.
function clock(seconds, step = 0) {
  const written = new Date(seconds * 1000).toISOString();
  return step >= 86400 ? written.slice(5, 10) : written.slice(11, step < 60 ? 19 : 16);
}

function resolved(canvas) {
  let kept = colours(canvas);
  document.addEventListener("market:theme", () => { kept = colours(canvas); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { kept = colours(canvas); });
  return () => kept;
}

function draw(figure) {
  const canvas = figure.querySelector(".plot-canvas");
  const data = read(figure);
  const paint = resolved(canvas);
  const maximum = Number(figure.dataset.max) || null;
  const plot = new uPlot({
    width: canvas.clientWidth || 260,
    height: canvas.clientHeight || 96,
    legend: { show: false },
    cursor: { y: false, drag: { setScale: false }, points: { size: 6 } },
    scales: {
      x: { range: (_, low, high) => [low === null ? low : Math.min(low, high - SHORTEST), high] },
      y: { range: (_, low, high) => [0, maximum ? maximum * 1.04 : Math.max(1, (high ?? 0) * 1.15)] },
    },
    axes: axes(figure, paint),
    series: [{}, { stroke: () => paint().line, fill: () => paint().fill, width: 1.6, points: { show: false }, spanGaps: false }],
    hooks: { setCursor: [(self) => point(figure, self)] },
  }, data, canvas);
  new ResizeObserver(() => plot.setSize({ width: canvas.clientWidth, height: canvas.clientHeight })).observe(canvas);
  plots.set(figure.dataset.plot, { figure, plot, data });
}

function point(figure, plot) {
  const at = plot.cursor.idx;
  const [times, values] = plot.data;
  const shown = at ?? values.length - 1;
  const value = values[shown];
  const gap = Number(figure.dataset.gap);
  const when = at == null ? "" : ` at ${clock(times[shown], gap < 86400 ? 0 : gap)}`;
  figure.querySelector("[data-latest]").textContent = value == null ? `—${when}` : words(figure, value) + when;
}

function words(figure, value) {
  const digits = Number(figure.dataset.digits ?? 0);
  return `${value.toFixed(digits)}${figure.dataset.unit ? ` ${figure.dataset.unit}` : ""}`;
}

// What nobody saw is a gap: the line breaks off, and the table says so.
function append(kept, at, value) {
  const [times] = kept.data;
  const moment = Date.parse(at) / 1000;
  if (moment - times.at(-1) > Number(kept.figure.dataset.gap)) add(kept, times.at(-1) + 1, null);
  add(kept, moment, value);
  show(kept);
}

function add({ figure, data }, moment, value) {
  data[0].push(moment);
  data[1].push(value);
  if (data[0].length > KEPT) data.forEach((column) => column.shift());
  row(figure, new Date(moment * 1000).toISOString(), value);
}

function show({ figure, plot, data }) {
  plot.setData(data);
  point(figure, plot);
  summarise(figure, data[1]);
}

function row(figure, at, value) {
  const body = figure.querySelector("tbody");
  const copy = body.rows.length ? body.rows[0].cloneNode(true) : null;
  if (!copy) return;
  const time = copy.querySelector("time");
  time.dateTime = at;
  time.textContent = at.slice(11, 19);
  const cell = copy.querySelector("data");
  cell.value = value ?? "";
  cell.textContent = value == null ? "—" : words(figure, value);
  body.append(copy);
  while (body.rows.length > ROWS) body.rows[0].remove();
}

function summarise(figure, values) {
  const known = values.filter((value) => value != null);
  if (!known.length) return;
  const [low, high] = [Math.min(...known), Math.max(...known)].map((value) => words(figure, value));
  figure.querySelector("[data-summary]").textContent =
    `${figure.dataset.label}: now ${words(figure, known.at(-1))}, between ${low} and ${high} in the time shown.`;
}

const start = () => document.querySelectorAll("figure[data-plot]").forEach((figure) => {
  if (plots.get(figure.dataset.plot)?.figure !== figure) draw(figure);
});

document.addEventListener("market:sample", ({ detail }) => {
  for (const [key, value] of Object.entries(detail?.values ?? {})) {
    const kept = plots.get(key);
    if (kept) append(kept, detail.at, value);
  }
});
document.addEventListener("market:theme", () => plots.forEach(({ plot }) => plot.redraw(false)));
document.addEventListener("htmx:after:swap", start);
start();
