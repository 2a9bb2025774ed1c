"""Templates: the public ones, a workspace's own, and the one-time ones behind a bare image name."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from accounts.models import Scope
from accounts.principal import Principal
from core.errors import Invalid, NotFound
from rentals import engine
from rentals.models import Template, TemplateStatus
from rentals.services import ports

BASE: Final = "Debian (assembled here)"
MAX_NAME: Final = 100
MAX_TEXT: Final = 20_000
MAX_VARIABLES: Final = 100
_VOLUME_PATH: Final = re.compile(r"(?:/[A-Za-z0-9_.@+-]+)+")
_CATEGORY: Final = re.compile(r"[A-Z0-9_ -]{1,30}")


@dataclass(frozen=True, kw_only=True, slots=True)
class TemplateDraft:
    """What somebody wants a template to be; checked as a whole by `create` and `update`."""

    name: str
    docker_image: str
    docker_image_tag: str = ""
    docker_image_digest: str = ""
    description: str = ""
    readme: str = ""
    category: str = "UBUNTU"
    internal_ports: Sequence[int] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    entrypoint: str = ""
    startup_commands: str = ""
    volumes: Sequence[str] = ()
    is_private: bool = True
    one_time: bool = False


PUBLIC: Final = (
    {
        "name": BASE,
        "docker_image": "lium/base",
        "docker_image_tag": "latest",
        "category": "DEBIAN",
        "built_on_node": True,
        "status": TemplateStatus.VERIFY_SUCCESS,
        "description": "A small Debian, assembled on the machine: no image registry is asked.",
    },
    {
        "name": "Ubuntu 24.04",
        "docker_image": "ubuntu",
        "docker_image_tag": "24.04",
        "category": "UBUNTU",
        "description": "Plain Ubuntu. The machine pulls it from an image registry.",
    },
    {
        "name": "Python 3.11",
        "docker_image": "python",
        "docker_image_tag": "3.11",
        "category": "PYTHON",
        "description": "Python with its build tools. The machine pulls it from an image registry.",
    },
    {
        "name": "PyTorch 2.7",
        "docker_image": "pytorch/pytorch",
        "docker_image_tag": "2.7.0-cuda12.8-cudnn9-runtime",
        "category": "PYTORCH",
        "internal_ports": [22, 8888],
        "description": "PyTorch with CUDA 12.8. The machine pulls it from an image registry.",
    },
)


def seed() -> None:
    """Put the public templates there; what an operator changed since is kept."""
    for fields in PUBLIC:
        defaults = {"internal_ports": [22], **fields}
        name = defaults.pop("name")
        Template.objects.get_or_create(
            name=name, workspace=None, deleted_at=None, defaults=defaults
        )


def create(*, principal: Principal, draft: TemplateDraft) -> Template:
    """Make a template of the workspace's own.

    :raises Invalid: naming the field that cannot be.
    """
    principal.require(Scope.RENT)
    template = _drafted(principal, draft)
    template.save()
    return template


def update(
    *, principal: Principal, template_id: UUID, draft: TemplateDraft, now: datetime
) -> Template:
    """Change an own template; pods that run keep what they were rented with.

    :raises NotFound: it is not the workspace's own. :raises Invalid: naming the field.
    """
    principal.require(Scope.MANAGE)
    fields = {**_checked(draft), "status": TemplateStatus.UPDATED, "updated_at": now}
    with transaction.atomic(durable=True):
        template = _own(principal, template_id)
        for name, value in fields.items():
            setattr(template, name, value)
        template.save(update_fields=list(fields))
    return template


def delete(*, principal: Principal, template_id: UUID, now: datetime) -> None:
    """Take an own template out of the list; pods that use it are not touched.

    :raises NotFound: it is not the workspace's own.
    """
    principal.require(Scope.MANAGE)
    with transaction.atomic(durable=True):
        template = _own(principal, template_id)
        template.deleted_at = now
        template.save(update_fields=["deleted_at", "updated_at"])


def resolve(*, principal: Principal, template_id: UUID | None, image: str = "") -> Template:
    """Give the template to rent with: the named one, one for a bare image (not saved yet), or the default.

    :raises NotFound: there is no such template for this workspace.
    """
    if template_id and image:
        raise Invalid("Name a template or an image, not both.", data={"field": "template_id"})
    if image:
        return _drafted(principal, _draft_of(image))
    if template_id is None:
        return default()
    usable = Template.objects.usable_by(principal.workspace)
    template = usable.filter(public_id=template_id).first()
    if template is None:
        raise NotFound(
            "There is no such template, or it is another workspace's.",
            hint="List them with `lium templates`.",
        )
    return template


def forget_one_time(template_id: int, *, now: datetime) -> None:
    """Take a one-time template out of the list, now that its pod has ended; others stay."""
    ended = Template.objects.filter(pk=template_id, one_time=True, deleted_at=None)
    ended.update(deleted_at=now, updated_at=now)


def default() -> Template:
    """Give the template that is used where none was named: the one that needs no registry first."""
    public = Template.objects.usable_by(None).order_by("-built_on_node", "pk")
    template = public.first()
    if template is None:
        raise NotFound(
            "The market has no templates yet.",
            hint="Its operator runs `./market manage seed_market`.",
        )
    return template


def split_reference(reference: str) -> tuple[str, str, str]:
    """Split an image reference into name, tag and digest; the tag is latest where none is named."""
    name, _, digest = reference.strip().partition("@")
    last_part = name.rpartition("/")[2]
    if ":" in last_part:
        name, _, tag = name.rpartition(":")
    else:
        tag = "" if digest else "latest"
    return name, tag or "latest", digest


def _drafted(principal: Principal, draft: TemplateDraft) -> Template:
    # Only the market itself publishes: an image that everybody may start is an operator's decision.
    return Template(
        workspace=principal.workspace, is_private=True, **_checked(draft), one_time=draft.one_time
    )


def _draft_of(image: str) -> TemplateDraft:
    name = f"image {image.strip()}"[:MAX_NAME]
    return TemplateDraft(name=name, docker_image=image, category="CUSTOM", one_time=True)


def _own(principal: Principal, template_id: UUID) -> Template:
    own = Template.objects.select_for_update(no_key=True, of=("self",)).filter(
        workspace=principal.workspace, deleted_at=None
    )
    template = own.filter(public_id=template_id).first()
    if template is None:
        raise NotFound(
            "There is no such template of this workspace.",
            hint="Public templates cannot be changed; make your own.",
        )
    return template


def _checked(draft: TemplateDraft) -> dict[str, Any]:
    image, tag, digest = _image(draft)
    _require(0 < len(draft.name.strip()) <= MAX_NAME, "name", f"1 to {MAX_NAME} characters")
    _require(bool(_CATEGORY.fullmatch(draft.category.upper())), "category", "a short word")
    for name in ("description", "readme", "startup_commands", "entrypoint"):
        _require(len(getattr(draft, name)) <= MAX_TEXT, name, f"at most {MAX_TEXT} characters")
    for path in draft.volumes:
        plain = _VOLUME_PATH.fullmatch(path) and ".." not in path.split("/")
        _require(bool(plain), "volumes", "absolute paths like /workspace")
    _require(len(draft.volumes) <= 1, "volumes", "one path at most")
    return {
        "name": draft.name.strip(),
        "description": draft.description,
        "readme": draft.readme,
        "category": draft.category.upper(),
        "docker_image": image,
        "docker_image_tag": tag,
        "docker_image_digest": digest,
        "internal_ports": ports.internal_ports(draft.internal_ports, None),
        "environment": _environment(draft.environment),
        "entrypoint": draft.entrypoint,
        "startup_commands": draft.startup_commands,
        "volumes": list(draft.volumes),
    }


def _image(draft: TemplateDraft) -> tuple[str, str, str]:
    name, tag, digest = split_reference(draft.docker_image)
    tag = draft.docker_image_tag or tag
    digest = draft.docker_image_digest or digest
    reference = f"{name}@{digest}" if digest else f"{name}:{tag}"
    try:
        engine.check_image(reference)
    except ValueError as error:
        raise _invalid("docker_image", "an image reference such as ubuntu:24.04") from error
    return name, tag, digest


def _environment(environment: Mapping[str, str]) -> dict[str, str]:
    _require(len(environment) <= MAX_VARIABLES, "environment", f"{MAX_VARIABLES} at most")
    try:
        engine.check_env(environment)
    except ValueError as error:
        raise Invalid(
            str(error), hint="Change the variable.", data={"field": "environment"}
        ) from error
    return dict(environment)


def _require(fits: bool, field_name: str, wanted: str) -> None:
    if not fits:
        raise _invalid(field_name, wanted)


def _invalid(field_name: str, wanted: str) -> Invalid:
    return Invalid(
        f"The template's {field_name.replace('_', ' ')} has to be {wanted}.",
        hint="Change it and send it again.",
        data={"field": field_name},
    )
