"""Every route of the URL conf has an access rule, and keeps it: anonymous, stranger, wrong method, owner."""

import inspect
import re
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from hashlib import sha256
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from pytest_django import Settings

from accounts.models import ApiSession, Hotkey, Invitation, Membership, Workspace
from accounts.services import invitations, ssh_keys
from billing.services.grants import grant
from core import clock, ratelimit
from core.actors import PLATFORM
from marketplace.models import Webhook
from marketplace.models.webhook import Owner
from marketplace.services import webhooks
from marketplace.services.requests import request_machine
from rentals.models import Pod
from tests.access_rules import ANYONE, KEY, PAGE, RULES, SESSION, Rule
from tests.factories.accounts import ED25519, Person, make_key
from tests.factories.billing import (
    PUBLIC_KEY,
    TREASURY,
    link_coldkey,
    make_deposit,
    make_invoice,
)
from tests.factories.marketplace import make_node
from tests.factories.pods import make_pod, make_template
from tests.factories.portal import WALLET, provider_of
from tests.factories.validation import BUNDLE, make_proof, make_try

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# Third-party pages whose access their own tests prove; the login, sign-up and reset are tested in tests/accounts.
FOREIGN = ("accounts/", "admin/")
# What ninja itself adds at the root of each API.
ROOTS = ("api/", "portal/")
NOBODY = "00000000-0000-4000-8000-000000000000"


def test_every_route_has_a_rule() -> None:
    routes = set(walk(get_resolver()))
    ruled = set(RULES) | {("ANY", path) for _, path in RULES}

    without_rule, without_route = (
        routes - ruled,
        {path for _, path in RULES} - {path for _, path in routes},
    )
    assert (without_rule, without_route) == (set(), set())


def part_of(method: str, route: str) -> str:
    """Give the part of the site that a route belongs to: one test each, so that workers share them."""
    first = route.split("/")[0]
    return f"{method} {first if first in {'api', 'portal'} else 'pages'}"


@pytest.mark.parametrize("part", sorted({part_of(*rule) for rule in RULES}))
def test_every_rule_holds(part: str, world: "World", subtests: pytest.Subtests) -> None:
    for method, route in RULES:
        if part_of(method, route) == part:
            with subtests.test(f"{method} /{route}"), undone():
                holds(method, route, world)


@pytest.mark.parametrize("model", admin.site._registry, ids=lambda model: model._meta.label)
def test_admin_pages_are_for_staff(model: Any, alice: Person, anonymous: Client) -> None:
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"

    for client in (alice.browser, anonymous):
        for page in ("changelist", "add"):
            assert client.get(reverse(f"{name}_{page}")).status_code == 302


class World:
    """Alice's things, one of each."""

    def __init__(self, alice: Person, bob: Person, charlie: Person) -> None:
        self.alice, self.bob, self.charlie = alice, bob, charlie
        grant(
            workspace=alice.workspace,
            usd=Decimal(100),
            key="test",
            reason="to rent with",
            actor=PLATFORM,
            now=clock.now(),
        )
        team = self.team(owner=alice)
        node = make_node()
        hosted = make_node(provider=provider_of(alice), last_verified_at=clock.now())
        wish = request_machine(
            workspace=charlie.workspace, machine_name="H100", gpu_count=1, now=clock.now()
        )
        own_wish = request_machine(
            workspace=alice.workspace, machine_name="H100", gpu_count=2, now=clock.now()
        )
        key = ssh_keys.add(
            principal=alice.principal,
            name="",
            public_key=ED25519.replace("0n", "0m"),
            now=clock.now(),
        )
        self.browser = alice.browser
        _, secret = make_key(alice.user, scopes=["billing"])
        self.payer = Client(headers={"X-API-KEY": secret})
        self.ids: dict[str, object] = {
            "api/keys/<key_id>": alice.key.public_id,
            "keys/api/<key_id>": alice.key.public_id,
            "ssh-keys/<key_id>": key.public_id,
            "keys/ssh/<key_id>": key.public_id,
            "browsers/<session_id>": self.browser_session().pk,
            "sessions/<session_id>": ApiSession.objects.get(user=alice.user).public_id,
            "<workspace_id>": team.public_id,
            "<user_id>": bob.user.public_id,
            "<token>": self.invitation(),
            "<invitation_id>": self.invite(team, by=alice, email="eve@example.com")[0].public_id,
            "portal/executors/<node_id>": hosted.public_id,
            "provide/machines/<public_id>": hosted.public_id,
            "<step>": "access",
            "<own_host>": hosted.host,
            "<wish_id>": own_wish.request.public_id,
            "<request_id>": wish.request.public_id,
            "<node_id>": node.public_id,
            "<public_id>": node.public_id,
            "<machine_id>": hosted.public_id,
            "account/webhooks/<webhook_id>": self.webhook(alice.workspace).public_id,
            "<webhook_id>": self.webhook(provider_of(alice)).public_id,
            "<template_id>": make_template(workspace=alice.workspace, is_private=True).public_id,
            "<pod_id>": self.pod().public_id,
            "<invoice_id>": make_invoice(alice.workspace).public_id,
            "<deposit_id>": make_deposit(alice.workspace).public_id,
            "billing/coldkeys/<address>": link_coldkey(alice.workspace, "//Cold").address,
            "<cluster_id>": NOBODY,
            "<volume_id>": NOBODY,
            "<config_id>": NOBODY,
            "<log_id>": NOBODY,
            "<customer_id>": f"cus_{alice.workspace.public_id.hex}",
            "account/hotkeys/<address>": self.hotkey(),
            "<address>": TREASURY,
            "<number>": 1,
            "<proof_id>": make_try(make_proof(node=make_node())).proof.public_id,
            "<digest>": sha256(BUNDLE).hexdigest(),
            "<netuid>": 51,
            "<block>": "latest",
        }

    def team(self, *, owner: Person) -> Workspace:
        """Make a team of Alice and Bob."""
        team = Workspace.objects.create(name="Team", owner=owner.user)
        for person in (self.alice, self.bob):
            role = "owner" if person is owner else "admin"
            Membership.objects.create(workspace=team, user=person.user, role=role)
        return team

    def pod(self) -> Pod:
        """Give Alice a pod on a machine that nobody answers for, so that its logs cannot be read."""
        node = make_node(provider=provider_of(self.bob), host="127.0.0.1", ssh_port=1)
        return make_pod(workspace=self.alice.workspace, node=node)

    def hotkey(self) -> str:
        """Link a hotkey to Alice's account."""
        return Hotkey.objects.create(user=self.alice.user, address=WALLET.ss58_address).address

    def webhook(self, owner: Owner) -> Webhook:
        """Have Alice told of events, as the one or the other."""
        return webhooks.add(
            principal=self.alice.principal,
            owner=owner,
            url="http://127.0.0.1:9/",
            kinds=[],
            now=clock.now(),
        )[0]

    def browser_session(self) -> UserSession:
        """Note Alice's browser as a sign-in on the page does."""
        key = self.browser.session.session_key
        return UserSession.objects.create(
            user=self.alice.user, ip="127.0.0.1", session_key=key, user_agent="Firefox"
        )

    def invitation(self) -> str:
        """Let Bob invite Alice into a team of his own, and give the link's token."""
        team = Workspace.objects.create(name="Bobs", owner=self.bob.user)
        Membership.objects.create(workspace=team, user=self.bob.user, role="owner")
        return self.invite(team, by=self.bob, email="alice@example.com")[1]

    def invite(self, team: Workspace, *, by: Person, email: str) -> tuple[Invitation, str]:
        """Let a manager of a team invite somebody."""
        return invitations.invite(
            membership=team.memberships.get(user=by.user),
            principal=by.principal,
            email=email,
            role="member",
            now=clock.now(),
        )

    def insider(self, rule: Rule) -> Client:
        """Give the client that the door is open to."""
        if rule.door == KEY:
            return self.payer if rule.pays else self.alice.api
        doors = {SESSION: self.alice.session, PAGE: self.browser}
        return doors.get(rule.door) or (self.alice.api if rule.owned else Client())

    def outsider(self, rule: Rule) -> Client:
        """Give the same client of the stranger."""
        doors = {SESSION: self.charlie.session, PAGE: self.charlie.browser}
        return doors.get(rule.door) or self.charlie.api

    def visitor(self, method: str, route: str) -> Any:
        """Give a function that sends this route's request with a client."""
        path, body = f"/{self.fill(route)}", RULES[method, route].body

        def visit(client: Client, by: str = method) -> HttpResponse:
            send = getattr(client, by.lower())
            if body is None or by != method:
                return send(path)
            if by == "GET" or RULES[method, route].door == PAGE:
                return send(path, self.filled(body))
            return send(path, self.filled(body), content_type="application/json")

        return visit

    def fill(self, text: str) -> str:
        """Put the ids into a route."""
        for name, value in self.ids.items():
            text = text.replace(name, re.sub(r"<\w+>", str(value), name))
        return text

    def filled(self, body: Any) -> Any:
        """Put the ids into a body."""
        if isinstance(body, dict):
            return {
                key: self.fill(value) if isinstance(value, str) else value
                for key, value in body.items()
            }
        return body


@pytest.fixture
def world(alice: Person, bob: Person, charlie: Person, settings: Settings) -> World:
    settings.DEPOSIT_PUBLIC_KEY = PUBLIC_KEY
    return World(alice, bob, charlie)


def holds(method: str, route: str, world: World) -> None:
    """Try one route from every side."""
    rule, visit = RULES[method, route], world.visitor(method, route)
    refuses_strangers(rule, method, visit, world)
    if not rule.any_method:
        assert visit(world.insider(rule), wrong_method(route)).status_code == 405
    answer = visit(world.insider(rule))
    assert answer.status_code not in {401, 403, 405}, answer.content
    # 503: the machine of this world does not exist, so its logs cannot be read.
    assert answer.status_code < 500 or answer.status_code == 503, answer.content
    assert (answer.status_code == 404) is rule.absent, answer.content
    assert rule.door == ANYONE or not is_login(answer)


@contextmanager
def undone() -> Iterator[None]:
    """Take back what was done within, so that each route meets the same world."""
    ratelimit.reset()
    # A bare savepoint: the services' durable transactions refuse to run inside an atomic block.
    before = transaction.savepoint()
    yield
    transaction.savepoint_rollback(before)
    transaction.set_rollback(False)


def refuses_strangers(rule: Rule, method: str, visit: Any, world: World) -> None:
    """Try the door as nobody, as somebody else, with the wrong kind of key, and from another site."""
    nobody = visit(Client())
    if rule.door == PAGE:
        assert is_login(nobody)
    elif rule.door != ANYONE:
        assert nobody.status_code == 401
    if rule.owned:
        assert visit(world.outsider(rule)).status_code == 404
    if rule.door == SESSION and not rule.keys_too:
        assert visit(world.alice.api).status_code == 401
    if rule.door == KEY and not rule.any_scope:
        refusal = visit(world.alice.api if rule.pays else world.payer)
        assert (refusal.status_code, refusal.json()["error"]["code"]) == (403, "missing_scope")
    if rule.door == PAGE and method == "POST":
        forged = Client(enforce_csrf_checks=True)
        forged.force_login(world.alice.user, backend="django.contrib.auth.backends.ModelBackend")
        assert visit(forged).status_code == 403


def is_login(answer: HttpResponse) -> bool:
    return answer.status_code == 302 and answer["Location"].startswith("/accounts/login/")


def wrong_method(route: str) -> str:
    right = {method for method, path in RULES if path == route}
    return next(method for method in METHODS if method not in right)


def walk(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Give method and path of every route of ours; ANY where the view itself looks at the method."""
    for entry in resolver.url_patterns:
        path = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from walk(entry, path)
        elif not path.startswith(FOREIGN) and path not in ROOTS:
            for method in methods(entry):
                yield method, re.sub(r"<(?:\w+:)?(\w+)>", r"<\1>", path)


def methods(pattern: URLPattern) -> set[str]:
    """Give the methods of a ninja path; a page tells none."""
    view = pattern.callback
    known = inspect.getclosurevars(view).nonlocals if inspect.isfunction(view) else {}
    operations = getattr(known.get("self"), "operations", [])
    return {method for operation in operations for method in operation.methods} or {"ANY"}
