"""Templates over HTTP, and the plain refusals of what is not offered."""

from uuid import uuid4

import pytest

from accounts.models import Membership
from rentals.models import Template
from tests.factories.pods import make_template

pytestmark = pytest.mark.django_db
NEW = {
    "name": "ephemeral-d3f2dc52",
    "docker_image": "python",
    "docker_image_digest": "",
    "docker_image_tag": "3.11",
    "internal_ports": [22],
    "startup_commands": "python -V",
    "category": "UBUNTU",
    "container_start_immediately": True,
    "description": "ephemeral",
    "entrypoint": "",
    "environment": {"A": "b"},
    "is_private": True,
    "one_time_template": True,
    "is_temporary": False,
    "readme": "ephemeral",
    "volumes": ["/workspace"],
}


class TestTemplates:
    def test_the_public_ones_and_ones_own_are_listed(self, alice, charlie, anonymous):
        public = make_template(name="Base", built_on_node=True)
        own = make_template(name="Mine", workspace=alice.workspace, is_private=True)

        def names(client):
            return [row["name"] for row in client.get("/api/templates").json()]

        assert names(alice.api) == [public.name, own.name]
        assert names(charlie.api) == names(anonymous) == [public.name]

    def test_a_private_one_is_its_owners_only(self, alice, charlie, anonymous):
        own = make_template(workspace=alice.workspace, is_private=True)
        path = f"/api/templates/{own.public_id}"

        assert alice.api.get(path).json()["user_id"] == str(alice.user.public_id)
        assert charlie.api.get(path).status_code == 404
        assert anonymous.get(path).status_code == 404

    def test_to_each_member_the_teams_own_are_theirs(self, alice, bob):
        Membership.objects.create(workspace=alice.workspace, user=bob.user, role="member")
        own = make_template(workspace=alice.workspace, is_private=True)
        team = {"X-Lium-Workspace-Id": str(alice.workspace.public_id)}

        [listed] = bob.session.get("/api/templates", headers=team).json()
        read = bob.session.get(f"/api/templates/{own.public_id}", headers=team).json()

        assert listed["user_id"] == read["user_id"] == str(bob.user.public_id)

    def test_a_one_time_one_is_made_as_the_client_does(self, alice):
        made = alice.api.post("/api/templates", NEW, content_type="application/json")

        assert made.status_code == 201
        row = alice.api.get(f"/api/templates/{made.json()['id']}").json()
        assert (row["docker_image"], row["docker_image_tag"]) == ("python", "3.11")
        assert row["environment"] == {"A": "b"}
        assert row["one_time_template"]

    def test_an_entry_point_is_refused_and_not_forgotten(self, alice):
        answer = alice.api.post(
            "/api/templates", NEW | {"entrypoint": "python"}, content_type="application/json"
        )

        assert answer.status_code == 400
        assert answer.json()["error"]["code"] == "not_offered"
        assert "startup_commands" in answer.json()["error"]["hint"]
        assert not Template.objects.exists()

    def test_what_was_read_can_be_sent_back(self, alice):
        made = alice.api.post("/api/templates", NEW, content_type="application/json").json()
        path = f"/api/templates/{made['id']}"

        answer = alice.api.put(path, made | {"name": "new"}, content_type="application/json")

        assert answer.status_code == 200
        assert (answer.json()["name"], answer.json()["status"]) == ("new", "UPDATED")

    def test_the_markets_own_cannot_be_changed_or_deleted(self, alice):
        path = f"/api/templates/{make_template().public_id}"

        assert alice.api.put(path, NEW, content_type="application/json").status_code == 404
        assert alice.api.delete(path).status_code == 404

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("name", ""),
            ("docker_image", "-v /:/host"),
            ("docker_image", ""),
            ("internal_ports", [0]),
            ("internal_ports", ["ssh"]),
            ("environment", {"A=B": "c"}),
            ("environment", ["A"]),
            ("volumes", ["../etc"]),
        ],
    )
    def test_refuses_bad_input(self, alice, field, value):
        answer = alice.api.post(
            "/api/templates", NEW | {field: value}, content_type="application/json"
        )

        assert answer.status_code in (400, 422)
        assert answer.json()["message"]
        assert not Template.objects.exists()

    def test_nobody_makes_one_without_a_key(self, anonymous):
        answer = anonymous.post("/api/templates", NEW, content_type="application/json")

        assert answer.status_code == 401


class TestNotOffered:
    @pytest.mark.parametrize("path", ["/api/volumes", "/api/backup-configs"])
    def test_lists_are_empty_arrays(self, alice, anonymous, path):
        assert alice.api.get(path).json() == []
        assert anonymous.get(path).status_code == 401

    def test_pages_are_empty_pages(self, alice):
        assert alice.api.get("/api/backup-logs/").json() == {"items": [], "has_next": False}

    @pytest.mark.parametrize(
        "path",
        [
            "/api/volumes",
            "/api/backup-configs",
            "/api/executors/cluster/rent",
            "/api/build-contexts",
        ],
    )
    def test_writes_are_refused_with_what_to_do_instead(self, alice, path):
        answer = alice.api.post(path, {}, content_type="application/json")

        assert answer.status_code == 400
        assert answer.json()["error"]["code"] == "not_offered"
        assert answer.json()["error"]["hint"]

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("get", "/api/volumes/{}"),
            ("put", "/api/volumes/{}"),
            ("delete", "/api/volumes/{}"),
            ("put", "/api/backup-configs/{}"),
            ("delete", "/api/backup-configs/{}"),
            ("get", "/api/backup-logs/{}"),
            ("delete", "/api/backup-logs/{}"),
            ("post", "/api/backup-logs/{}/cancel"),
            ("post", "/api/restore-logs/{}/cancel"),
            ("delete", "/api/clusters/{}"),
        ],
    )
    def test_there_is_none_because_none_are_offered(self, alice, method, path):
        answer = getattr(alice.api, method)(path.format(uuid4()))

        assert answer.status_code == 404
        assert "does not offer" in answer.json()["error"]["hint"]
