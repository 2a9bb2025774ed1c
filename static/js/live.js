// Says whether a page is live. The socket itself, its growing pause with jitter between tries and its pause in a hidden tab
// are hx-ws's; while it is away or mute, the page asks by HTTP instead: elements with hx-trigger="live-poll" get that event.
const QUIET_AFTER_MS = 15_000;
// The server says something at least every 15 to 20 s (accounts/consumers.py), if only that nothing changed.
const MUTE_AFTER_MS = 50_000;
const POLL_EVERY_MS = 10_000;
// The server's last words: hx-ws does not come back after these, and asking by HTTP would be refused too.
const ENDED = {
  4401: "Signed out: sign in and load the page again",
  4403: "Not allowed any more",
  4404: "Not yours to see any more",
};

let heard = Date.now();
let changed = Date.now();
let asked = 0;
let open = false;
let ended = "";
let connection = null;

const root = () => document.querySelector("[hx-ws\\:connect]");
const seconds = (since) => Math.floor((Date.now() - since) / 1000);
const mute = () => Date.now() - heard > MUTE_AFTER_MS;

function state() {
  if (ended) return ["lost", ended];
  if (document.hidden) return ["paused", "Paused while the tab is hidden"];
  if (!open) return ["lost", "Reconnecting…"];
  if (mute()) return ["lost", `No word for ${seconds(heard)} s, reconnecting…`];
  if (Date.now() - changed > QUIET_AFTER_MS) return ["live", `Live, no change for ${seconds(changed)} s`];
  return ["live", `Live, updated ${seconds(changed)} s ago`];
}

function show() {
  const [name, words] = state();
  for (const element of document.querySelectorAll("[data-live]")) {
    element.dataset.state = name;
    if (element.textContent !== words) element.textContent = words;
  }
}

function poll() {
  if (ended || document.hidden || (open && !mute()) || Date.now() - asked < POLL_EVERY_MS) return;
  asked = Date.now();
  if (open) connection?.socket?.close();
  document.querySelectorAll("[hx-trigger~='live-poll']").forEach((element) => {
    element.dispatchEvent(new CustomEvent("live-poll"));
  });
}

async function hear(event) {
  heard = Date.now();
  const message = await event.detail.message.json().catch(() => null);
  // A message that is no JSON is HTML, which htmx has swapped already; an empty one only says that the line holds.
  if (!message || message.sample) changed = heard;
  if (message?.sample) document.dispatchEvent(new CustomEvent("market:sample", { detail: message.sample }));
  show();
}

document.addEventListener("htmx:ws:after:connection", ({ detail }) => {
  connection = detail.connection;
  open = true;
  heard = changed = Date.now();
  show();
});
document.addEventListener("htmx:ws:close", ({ detail }) => {
  open = false;
  ended = ENDED[detail.code] ?? "";
  show();
});
document.addEventListener("htmx:ws:after:message:incoming", hear);
document.addEventListener("visibilitychange", show);

if (root()) {
  asked = Date.now();
  setInterval(() => { show(); poll(); }, 1000);
}
