// The chosen theme lives in a cookie, so the server writes it into the page and nothing flashes.
const ORDER = ["system", "light", "dark"];
const YEAR = 365 * 24 * 3600;

const chosen = () => document.documentElement.dataset.theme ?? "system";

function choose(theme) {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  const age = theme === "system" ? 0 : YEAR;
  document.cookie = `theme=${theme}; path=/; max-age=${age}; samesite=lax`;
  label();
  document.dispatchEvent(new CustomEvent("market:theme"));
}

function label() {
  for (const button of document.querySelectorAll("[data-theme-toggle]")) {
    button.querySelector("[data-theme-word]").textContent = chosen();
    for (const icon of button.querySelectorAll("[data-theme-icon]")) {
      icon.hidden = icon.dataset.themeIcon !== chosen();
    }
  }
}

document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-theme-toggle]")) return;
  choose(ORDER[(ORDER.indexOf(chosen()) + 1) % ORDER.length]);
});

label();
