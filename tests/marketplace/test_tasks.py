"""Tasks do what their service does, and tolerate what a newer sender may add."""

import pytest

from core.crypto import SecretUnreadable
from marketplace import tasks
from marketplace.machine import BadKey
from marketplace.models import Node
from tests.factories.marketplace import make_node


@pytest.mark.django_db
class TestTasks:
    def test_the_sweep_claims_what_is_due(self) -> None:
        node = make_node()

        tasks.sweep_nodes(unknown="keyword")

        node.refresh_from_db()
        assert node.next_probe_at is not None

    def test_a_key_of_ours_that_cannot_be_read_is_no_miss_of_the_node(self) -> None:
        node = make_node()

        with pytest.raises((BadKey, SecretUnreadable)):
            tasks.probe_node(node_id=node.pk, unknown="keyword")

        assert Node.objects.get(pk=node.pk).missed_probes == 0

    def test_the_schedule_names_tasks_that_exist(self) -> None:
        for task, seconds, queue in tasks.SCHEDULE.values():
            assert getattr(tasks, task.rsplit(".", 1)[1])
            assert seconds > 0
            assert queue
