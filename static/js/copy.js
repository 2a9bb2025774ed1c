// Copy the text of the element that the button names, and say so.
const SAID_FOR_MS = 2500;
let quiet;

function say(words) {
  const toast = document.getElementById("toast");
  toast.textContent = words;
  clearTimeout(quiet);
  quiet = setTimeout(() => { toast.textContent = ""; }, SAID_FOR_MS);
}

function select(element) {
  getSelection().selectAllChildren(element);
  say("Press Ctrl+C or ⌘C to copy the selected text");
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const source = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.textContent.trim());
    say(`${button.dataset.copyName ?? "Text"} copied`);
  } catch {
    select(source);
  }
});
