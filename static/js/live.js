// Says whether a page is live. The socket itself, its backoff and its pause in a hidden tab are hx-ws's; when it stays
// away, the page asks by HTTP instead: elements with hx-trigger="live-poll" get that event.
const STALE_AFTER_MS = 15_000;
const POLL_EVERY_MS = 10_000;

let heard = Date.now();
let asked = 0;
let open = false;

const root = () => document.querySelector("[hx-ws\\:connect]");
const age = () => Date.now() - heard;

function state() {
  if (document.hidden) return ["paused", "Paused while the tab is hidden"];
  if (!open) return ["lost", "Reconnecting…"];
  if (age() > STALE_AFTER_MS) return ["live", `Live, no change for ${Math.floor(age() / 1000)} s`];
  return ["live", `Live, updated ${Math.floor(age() / 1000)} s ago`];
}

function show() {
  const [name, words] = state();
  for (const element of document.querySelectorAll("[data-live]")) {
    element.dataset.state = name;
    if (element.textContent !== words) element.textContent = words;
  }
}

function poll() {
  if (open || document.hidden || Date.now() - asked < POLL_EVERY_MS) return;
  asked = Date.now();
  document.querySelectorAll("[hx-trigger~='live-poll']").forEach((element) => {
    element.dispatchEvent(new CustomEvent("live-poll"));
  });
}

function hear() {
  heard = Date.now();
  show();
}

async function sample(event) {
  hear();
  try {
    const message = await event.detail.message.json();
    document.dispatchEvent(new CustomEvent("market:sample", { detail: message.sample }));
  } catch {
    // An HTML message: htmx has swapped it already.
  }
}

document.addEventListener("htmx:ws:after:connection", () => { open = true; hear(); });
document.addEventListener("htmx:ws:close", () => { open = false; show(); });
document.addEventListener("htmx:ws:after:message:incoming", sample);
document.addEventListener("visibilitychange", show);

if (root()) {
  asked = Date.now();
  setInterval(() => { show(); poll(); }, 1000);
}
