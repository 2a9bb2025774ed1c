"""Whose is what: every list, detail and page, from every side.

Three parties meet. Alice rents and provides; Charlie rents on Alice's machine; Dora provides the machine that Alice
rents. Each leaves marks, and no answer to anybody holds another's. The routes are those of tests/access_rules.py, so
a new one is tried here too.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from django.http import HttpResponse, StreamingHttpResponse
from django.test import Client
from pytest_django import Settings

from accounts.models import Scope
from accounts.services import ssh_keys
from core import clock
from marketplace.services import webhooks
from tests.access_rules import ANYONE, KEY, RULES, SESSION, Rule
from tests.factories.accounts import ED25519, Person, make_key, make_person
from tests.factories.billing import PUBLIC_KEY, make_invoice
from tests.factories.marketplace import make_node
from tests.factories.pods import make_pod, make_template
from tests.factories.portal import provider_of
from tests.test_access_rules import World, is_login, undone

REFUSED = {401, 403, 404, 405}
READS = [(method, route) for method, route in RULES if method == "GET"]
SCOPES = ("read", "rent", "manage", "billing", "provide")


@dataclass
class Party:
    """Somebody with every way in, what is theirs alone, and whom they may see of others."""

    person: Person
    marks: dict[str, str] = field(default_factory=dict)
    may_see: set[str] = field(default_factory=set)

    def clients(self) -> dict[str, Client]:
        """Give every credential that they have."""
        provider_key = make_key(self.person.user, scopes=["provide"])[1]
        return {
            "key": self.person.api,
            "session": self.person.session,
            "browser": self.person.browser,
            "provider key": Client(headers={"Authorization": f"Bearer {provider_key}"}),
        }


class Market:
    """Three parties, each with one of everything, and the routes to it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.alice = Party(world.alice)
        self.charlie = Party(world.charlie)
        self.dora = Party(make_person("dora"))
        self.parties = {"alice": self.alice, "charlie": self.charlie, "dora": self.dora}
        for name, party in self.parties.items():
            party.marks = {"e-mail": f"{name}@example.com", **self.leave_marks(name, party)}
        # The machine that the routes name.
        self.alice.marks["machine's address"] = str(world.ids["<own_host>"])
        self.rent_of_each_other()

    def leave_marks(self, name: str, party: Party) -> dict[str, str]:
        """Give a party a pod, a machine, keys, an invoice, a template and webhooks."""
        person, now = party.person, clock.now()
        workspace = person.workspace
        provider = provider_of(person)
        make_node(provider=provider, host=f"host-of-{name}.example.com", name=f"{name}s-rack")
        hook, renting_hook = (
            webhooks.add(principal=person.principal, owner=owner, url=url, kinds=[], now=now)[0]
            for owner, url in (
                (provider, f"http://127.0.0.1:9/hook-of-{name}"),
                (workspace, f"http://127.0.0.1:9/pods-of-{name}"),
            )
        )
        key = ssh_keys.add(
            principal=person.principal,
            name=f"ssh-of-{name}",
            public_key=ED25519.replace("0n", f"{len(name)}{name[0]}"),
            now=now,
        )
        api_key, _ = make_key(person.user, name=f"key-of-{name}")
        pod = make_pod(workspace=workspace, name=f"pod-of-{name}")
        template = make_template(workspace=workspace, is_private=True, name=f"template-of-{name}")
        return {
            "pod": pod.name,
            "pod id": str(pod.public_id),
            "api key": api_key.name,
            "ssh key": key.name,
            "template": template.name,
            "template id": str(template.public_id),
            "invoice id": str(make_invoice(workspace).public_id),
            "machine's address": f"host-of-{name}.example.com",
            "webhook": hook.url,
            "webhook of pods": renting_hook.url,
        }

    def rent_of_each_other(self) -> None:
        """Put Charlie's pod on Alice's machine, and Alice's on Dora's: a host may know of a pod, not what it is."""
        for renter, host in ((self.charlie, self.alice), (self.alice, self.dora)):
            node = provider_of(host.person).nodes.order_by("-pk")[0]
            name = f"guest-{renter.person.user.name.lower()}"
            pod = make_pod(workspace=renter.person.workspace, node=node, name=name)
            renter.marks["rented pod"] = pod.name
            renter.marks["rented pod id"] = str(pod.public_id)
            host.may_see.add(str(pod.public_id))

    def foreign_marks(self, name: str) -> dict[str, str]:
        """Give what somebody may never read."""
        own = self.parties[name].may_see if name in self.parties else set()
        return {
            f"{other}'s {what}": mark
            for other, party in self.parties.items()
            if other != name
            for what, mark in party.marks.items()
            if mark not in own
        }


@pytest.fixture
def three_parties(alice: Person, bob: Person, charlie: Person, settings: Settings) -> Market:
    settings.DEPOSIT_PUBLIC_KEY = PUBLIC_KEY
    return Market(World(alice, bob, charlie))


def test_no_answer_holds_what_is_somebody_elses(
    three_parties: Market, subtests: pytest.Subtests
) -> None:
    """Each reads every list and page, the objects in it being Alice's."""
    seen: set[str] = set()
    for name, clients in visitors(three_parties):
        foreign = three_parties.foreign_marks(name)
        own = three_parties.parties[name].marks if name in three_parties.parties else {}
        for method, route in READS:
            with subtests.test(f"{name}: /{route}"), undone():
                for credential, client in clients.items():
                    text = body(three_parties.world.visitor(method, route)(client))
                    leaked = [what for what, mark in foreign.items() if mark in text]
                    assert not leaked, f"{credential} reads {leaked}"
                    seen |= {f"{name}'s {what}" for what, mark in own.items() if mark in text}
    # A mark that even its owner never reads would prove nothing.
    assert {f"alice's {what}" for what in three_parties.alice.marks} <= seen


def test_what_is_alices_does_not_exist_for_others(
    three_parties: Market, subtests: pytest.Subtests
) -> None:
    """Every method of every route that names one of Alice's things, by everyone else."""
    for name, clients in visitors(three_parties):
        if name == "alice":
            continue
        for (method, route), rule in RULES.items():
            if not rule.owned or not names_an_object(route):
                continue
            with subtests.test(f"{name}: {method} /{route}"), undone():
                for credential, client in clients.items():
                    answer = three_parties.world.visitor(method, route)(client)
                    assert is_refusal(answer), (credential, answer.status_code)


def test_each_scope_opens_its_own_doors(three_parties: Market, subtests: pytest.Subtests) -> None:
    """Every route that takes a key, by keys of one scope each."""
    keys = {scope: one_scope(three_parties.world.alice, scope) for scope in SCOPES}
    for (method, route), rule in RULES.items():
        if rule.door not in (KEY, SESSION):
            continue
        for scope, client in keys.items():
            with subtests.test(f"{scope}: {method} /{route}"), undone():
                answer = three_parties.world.visitor(method, route)(client)
                assert (answer.status_code not in {401, 403}) is opens(scope, method, route, rule)


def opens(scope: str, method: str, route: str, rule: Rule) -> bool:
    """Say whether a key of one scope opens a route."""
    if needed := NEEDS.get((method, route)):
        return scope in needed
    if route.startswith("portal/"):
        return scope == Scope.PROVIDE
    if rule.door == SESSION:
        return rule.keys_too
    if rule.any_scope:
        return True
    if rule.pays:
        return scope == Scope.BILLING
    return scope == (Scope.READ if method == "GET" else Scope.RENT)


# What is neither read by `read` alone nor changed by `rent` alone. The pod was rented by none of these keys.
NEEDS: dict[tuple[str, str], tuple[str, ...]] = {
    ("DELETE", "api/pods/<pod_id>"): ("manage",),
    ("POST", "api/pods/<pod_id>/schedule-removal"): ("manage",),
    ("DELETE", "api/pods/<pod_id>/schedule-removal"): ("manage",),
    ("POST", "api/pods/<pod_id>/reboot"): ("manage",),
    ("POST", "api/pods/<pod_id>/stop"): ("manage",),
    # Another's pod costs again: `rent` and `manage` together.
    ("POST", "api/pods/<pod_id>/start"): ("nobody",),
    ("PUT", "api/templates/<template_id>"): ("manage",),
    ("DELETE", "api/templates/<template_id>"): ("manage",),
    ("DELETE", "api/ssh-keys/<key_id>"): ("manage",),
    ("GET", "api/billing/invoices/<invoice_id>"): ("read", "billing"),
    # Only a person who has just signed in changes the address.
    ("POST", "portal/auth/set-email"): ("nobody",),
}


def visitors(three_parties: Market) -> Iterator[tuple[str, dict[str, Client]]]:
    """Give everyone with all that they can send."""
    yield "nobody", {"nothing": Client()}
    for name, party in three_parties.parties.items():
        yield name, party.clients()


def one_scope(person: Person, scope: str) -> Client:
    """Give a caller whose key has one scope; the portal takes it as a bearer token."""
    secret = make_key(person.user, scopes=[scope])[1]
    return Client(headers={"X-API-KEY": secret, "Authorization": f"Bearer {secret}"})


def names_an_object(route: str) -> bool:
    return "<" in route


def is_refusal(answer: HttpResponse) -> bool:
    return answer.status_code in REFUSED or is_login(answer)


def body(answer: HttpResponse | StreamingHttpResponse) -> str:
    """Read what was answered; a refusal may repeat the address that was asked for."""
    if answer.status_code >= 300:
        return ""
    if answer.streaming:
        return b"".join(answer.streaming_content).decode(errors="replace")
    return answer.content.decode(errors="replace")


def test_the_table_is_not_empty() -> None:
    assert len(READS) > 50
    assert any(rule.door == ANYONE for rule in RULES.values())
