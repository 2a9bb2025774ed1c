// Keeps relative times, countdowns and elapsed times current. The server has already written each of them.
const UNITS = [["d", 86400], ["h", 3600], ["m", 60], ["s", 1]];
const SPOKEN_MINUTES = new Set([60, 10, 5, 1]);

function units(seconds, limit) {
  const parts = [];
  let rest = Math.max(0, Math.floor(seconds));
  for (const [unit, size] of UNITS) {
    const whole = Math.floor(rest / size);
    rest -= whole * size;
    if (whole || parts.length || size === 1) parts.push(`${whole} ${unit}`);
  }
  const shown = parts.slice(0, limit);
  while (shown.length > 1 && shown.at(-1).startsWith("0 ")) shown.pop();
  return shown.join(" ");
}

function rough(seconds) {
  const [unit, size] = UNITS.find(([, size]) => seconds >= size) ?? ["s", 1];
  return `${Math.floor(seconds / size)} ${unit === "m" ? "min" : unit}`;
}

const past = (seconds) => (seconds < 1 ? "just now" : `${rough(seconds)} ago`);

function relative(element, seconds) {
  write(element, seconds <= 0 ? past(-seconds) : `in ${rough(seconds)}`);
}

function countdown(element, seconds) {
  write(element, units(seconds, 2));
  const minutes = Math.ceil(seconds / 60);
  if (SPOKEN_MINUTES.has(minutes) && element.dataset.spoken !== String(minutes) && seconds > 0) {
    element.dataset.spoken = minutes;
    announce(`${element.dataset.countdown || "Time left"}: ${minutes} ${minutes === 1 ? "minute" : "minutes"}`);
  }
  if (seconds <= 0 && element.dataset.spoken !== "0") {
    element.dataset.spoken = 0;
    element.dispatchEvent(new CustomEvent("market:elapsed", { bubbles: true }));
  }
}

function announce(words) {
  const region = document.getElementById("announcer");
  if (region) region.textContent = words;
}

function write(element, words) {
  if (element.textContent !== words) element.textContent = words;
}

function tick() {
  if (document.hidden) return;
  const now = Date.now();
  for (const element of document.querySelectorAll("time[data-relative], time[data-countdown], time[data-elapsed]")) {
    const seconds = (Date.parse(element.dateTime) - now) / 1000;
    if ("relative" in element.dataset) relative(element, seconds);
    else if ("countdown" in element.dataset) countdown(element, seconds);
    else write(element, units(-seconds, 4));
  }
}

setInterval(tick, 1000);
document.addEventListener("visibilitychange", tick);
