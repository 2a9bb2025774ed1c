"""What the table of pages does not show by opening an address: open dialogs, refused forms, the docs and the admin."""

from dataclasses import dataclass

import pytest
from playwright.sync_api import Page

from tests.browser.appearance import WIDE, found_by_axe, look_at
from tests.browser.people import World

pytestmark = pytest.mark.browser

DIALOGS = ("confirm-reboot", "confirm-stop", "set-schedule", "confirm-remove")
# Of the markup that swagger-ui and unfold draw themselves (docs/adr/0007); nothing of ours is excused.
THEIR_RULES = {
    "docs": ("heading-order", "nested-interactive"),
    "admin": ("landmark-one-main", "landmark-unique", "region"),
}


COMPLAINT = '.field-error, .notice.bad, [role="alert"], [aria-invalid="true"]'


@dataclass(frozen=True)
class Refusal:
    """A form filled in wrongly: where, in what, and the button that sends it."""

    path: str
    fields: tuple[tuple[str, str], ...]
    form: str = "main form"


REFUSALS = {
    "login": Refusal(
        "/accounts/login/", (("login", "nobody@example.com"), ("password", "wrong horse"))
    ),
    "signup": Refusal("/accounts/signup/", (("email", "nobody"), ("password1", "1"))),
    "checkout": Refusal("/billing/checkout", (("usd_amount", "-1"),)),
    "ssh key": Refusal("/keys", (("public_key", "nonsense"),), 'form[action*="ssh"]'),
    "password": Refusal(
        "/accounts/password/change/",
        (("oldpassword", "wrong horse"), ("password1", "1"), ("password2", "2")),
    ),
}


@pytest.mark.parametrize("dialog", DIALOGS)
def test_an_open_dialog(dialog: str, renter: Page, world: World) -> None:
    renter.goto(f"/pods/{world.pod}")
    renter.locator(f'[popovertarget="{dialog}"]').first.click()
    assert renter.locator(f"#{dialog}").is_visible()

    look_at(renter)


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refused_form(name: str, page: Page, request: pytest.FixtureRequest) -> None:
    if name not in {"login", "signup"}:
        request.getfixturevalue("renter")
    page.context.allowed_complaints = ("status of 4",)  # type: ignore[attr-defined]
    refusal = REFUSALS[name]
    page.goto(refusal.path)
    refuse(page, refusal)

    look_at(page)


def test_a_refused_rent(renter: Page, world: World) -> None:
    renter.context.allowed_complaints = ("status of 4",)  # type: ignore[attr-defined]
    renter.goto(f"/rent/{world.node}")
    refuse(renter, Refusal("", (("pod_name", "x" * 101), ("new_ssh_key", "nonsense"))))

    look_at(renter)


def refuse(page: Page, refusal: Refusal) -> None:
    """Send what the browser itself would hold back, and wait for the complaint."""
    form = page.locator(refusal.form).filter(has=page.locator(f'[name="{refusal.fields[0][0]}"]'))
    form.first.evaluate(
        """(form, fields) => {
            form.noValidate = true
            for (const [name, value] of fields) form.elements[name].value = value
            form.requestSubmit()
        }""",
        refusal.fields,
    )
    page.locator(COMPLAINT).first.wait_for()


@pytest.mark.parametrize("path", ["/api/docs", "/portal/docs"])
def test_the_docs(path: str, page: Page) -> None:
    page.goto(path)
    page.locator(".opblock").first.wait_for(timeout=30_000)

    found = findings(page, without=THEIR_RULES["docs"])
    assert list(found) == [], found


@pytest.mark.parametrize(
    "path",
    ["/admin/", "/admin/rentals/pod/", "pod", "/admin/billing/deposit/", "/admin/accounts/user/"],
)
def test_the_admin(path: str, operator: Page, world: World) -> None:
    if path == "pod":
        operator.goto("/admin/rentals/pod/")
        operator.locator("#result_list tbody th a").first.click()
    else:
        operator.goto(path)

    found = findings(operator, without=THEIR_RULES["admin"])
    assert list(found) == [], found


def findings(page: Page, *, without: tuple[str, ...]) -> dict[str, list[str]]:
    """Give what axe finds, by rule: where, and what it says."""
    page.set_viewport_size(WIDE)  # type: ignore[arg-type]
    return {
        rule["id"]: [f"{node['target']} {node['html'][:110]}" for node in rule["nodes"][:12]]
        for rule in found_by_axe(page, without=without).response["violations"]
    }
