"""Who may follow a log: asked before a machine is, by the same headers as everywhere else in the API."""

import http.client
import json

import pytest

from accounts.models import Membership, Workspace
from core import clock
from marketplace.machine import generate_keypair
from marketplace.services.machines import seal_key
from rentals.models import Pod
from tests.factories.accounts import Person
from tests.factories.pods import make_pod
from tests.factories.rentals import make_node
from tests.serving import Served

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE = 20.0


@pytest.fixture
def teams_pod(bob: Person) -> Pod:
    """Give a pod of Bob's team on a machine that nobody can reach."""
    team = Workspace.objects.create(name="Team", owner=bob.user)
    private, public = generate_keypair()
    node = make_node(host="127.0.0.1", ssh_port=1, host_key=public)
    seal_key(node.provider, private)
    node.provider.save()
    return make_pod(workspace=team, node=node, created_at=clock.now())


def follow(served: Served, pod: Pod, **headers: str) -> tuple[int, str]:
    """Follow a pod's log and give the refusal, with its code."""
    http_ = http.client.HTTPConnection(served.netloc, timeout=PATIENCE)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    http_.request("GET", f"/api/pods/{pod.public_id}/logs?follow=true", headers=sent)
    answer = http_.getresponse()
    code = json.loads(answer.read())["error"]["code"]
    http_.close()
    return answer.status, code


class TestBearer:
    def test_of_a_member_who_names_the_team_gets_as_far_as_the_machine(
        self, served: Served, teams_pod: Pod, alice: Person
    ) -> None:
        Membership.objects.create(workspace=teams_pod.workspace, user=alice.user)
        team = str(teams_pod.workspace.public_id)
        signed_in = {"Authorization": f"Bearer {alice.token}"}

        assert follow(served, teams_pod, **signed_in, X_Lium_Workspace_Id=team)[0] == 503
        assert follow(served, teams_pod, **signed_in)[0] == 404

    def test_of_a_stranger_finds_no_such_workspace(
        self, served: Served, teams_pod: Pod, charlie: Person
    ) -> None:
        team = str(teams_pod.workspace.public_id)
        signed_in = {"Authorization": f"Bearer {charlie.token}"}

        assert follow(served, teams_pod, **signed_in, X_Lium_Workspace_Id=team)[0] == 404
        assert follow(served, teams_pod, **signed_in, X_Lium_Workspace_Id="x") == (422, "invalid")
