"""What the pages say of an announced maintenance or removal: when, what follows, and what to do now."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from core.dialing import bracketed
from marketplace.models import Notice
from marketplace.selectors import equivalents, open_notice
from marketplace.selectors.notices import is_early
from rentals.models import OVER, UP, Pod
from rentals.services import evidence


def announced(pod: Pod, *, now: datetime) -> dict[str, Any] | None:
    """Give what is announced about a pod's machine, as a row of the list shows it; None where nothing is."""
    notice = _notice(pod)
    if notice is None or pod.status in OVER:
        return None
    return {
        "notice": notice,
        "ends_pod": notice.permanent,
        "early": is_early(notice),
        "begun": notice.starts_at <= now,
    }


def announcement(pod: Pod, *, now: datetime) -> dict[str, Any] | None:
    """Give the same with what the renter can do now: copy the files, and rent the nearest equivalent."""
    told = announced(pod, now=now)
    if told is None:
        return None
    return {**told, "copy_command": copy_command(pod), "equivalent": _equivalent(pod)}


def copy_command(pod: Pod) -> str:
    """Give the line that copies a pod's files here; empty while it cannot be reached."""
    if pod.status not in UP:
        return ""
    host, port = pod.node.public_host, evidence.ssh_port(pod)
    folder = "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in pod.name)
    if pod.template.built_on_node:
        return f'rsync -az -e "ssh -p {port}" root@{bracketed(host)}:/root/ ./{folder}/'
    # Any image: our own sshd in the pod speaks SFTP, rsync may not be there.
    return f"scp -r -P {port} root@{bracketed(host)}:/root ./{folder}"


def _notice(pod: Pod) -> Notice | None:
    standing = getattr(pod.node, "standing_notices", None)
    if standing is None:
        return open_notice(pod.node)
    return standing[0] if standing else None


def _equivalent(pod: Pod) -> dict[str, Any] | None:
    node = equivalents(pod.node, gpu_count=pod.gpu_count, limit=1).first()
    if node is None:
        return None
    wanted = {"gpus": pod.gpu_count, "name": pod.name}
    if pod.template.one_time:
        wanted["image"] = pod.image
    else:
        wanted["template"] = pod.template.public_id
    return {
        "node": node,
        "gpu_count": pod.gpu_count,
        "hourly_price_usd": node.price_per_gpu_usd * pod.gpu_count,
        "url": f"{reverse('rent', args=[node.public_id])}?{urlencode(wanted)}",
    }
