// A form is sent once: its submit buttons rest until the answer has come. The server is idempotent all the same.
function rest(form, resting) {
  for (const button of form.elements) {
    if (!button.matches("button:not([type=button])")) continue;
    button.classList.toggle("busy", resting);
    if (resting) button.setAttribute("aria-disabled", "true");
    else button.removeAttribute("aria-disabled");
  }
  if (resting) form.dataset.sent = "";
  else delete form.dataset.sent;
}

function guard(event) {
  const form = event.target;
  if (form.method !== "post") return;
  if ("sent" in form.dataset) {
    event.preventDefault();
    event.stopImmediatePropagation();
  } else rest(form, true);
}

const release = () => document.querySelectorAll("form[data-sent]").forEach((form) => rest(form, false));

document.addEventListener("submit", guard, true);
document.addEventListener("htmx:finally:request", release);
addEventListener("pageshow", release);

// An empty filter is no filter: it stays out of the address.
document.addEventListener("formdata", (event) => {
  if (!("tidy" in event.target.dataset)) return;
  for (const name of new Set(event.formData.keys())) {
    const given = event.formData.getAll(name).filter((value) => value !== "");
    event.formData.delete(name);
    given.forEach((value) => event.formData.append(name, value));
  }
});

// A menu closes when the person turns elsewhere, and gives the focus back on Escape.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && event.target.closest("details.menu[open]");
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});
