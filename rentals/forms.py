"""Forms of the pod pages: they check shape only, the services decide."""

from typing import Any
from uuid import UUID

from django import forms

from accounts import ssh_public_key
from accounts.models import SshKey
from core.errors import DomainError
from marketplace.models import Node
from rentals.models import Template
from rentals.services.renting import MAX_HOURS, MAX_NAME, RentRequest


class RentForm(forms.Form):
    """What to rent on one node, with what in it, and who gets in."""

    gpu_count = forms.TypedChoiceField(label="GPUs", coerce=int, widget=forms.RadioSelect)
    termination_hours = forms.IntegerField(
        label="Ends by itself after",
        required=False,
        min_value=1,
        max_value=MAX_HOURS,
        help_text="Counted from the rent. Empty: it runs until you end it or the balance does.",
    )
    pod_name = forms.CharField(label="Name", max_length=MAX_NAME)
    template = forms.UUIDField(required=False)
    image = forms.CharField(
        label="Image",
        required=False,
        max_length=400,
        help_text="A public image such as ubuntu:24.04; it takes the template's place.",
    )
    ssh_keys = forms.MultipleChoiceField(required=False)
    new_ssh_key = forms.CharField(
        label="Another SSH public key",
        required=False,
        max_length=8192,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text="One line, as in ~/.ssh/id_ed25519.pub.",
    )
    idempotency_key = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, node: Node, keys: list[SshKey], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        counts = node.gpu_counts() or [node.min_gpu_count]
        # Every choice of a radio group would be announced with the same field's help otherwise.
        self.fields["gpu_count"].choices = [(n, str(n)) for n in counts]  # type: ignore[attr-defined]
        self.fields["ssh_keys"].choices = [  # type: ignore[attr-defined]
            (str(key.public_id), key.name) for key in keys
        ]
        self.keys = {str(key.public_id): key for key in keys}

    def clean_new_ssh_key(self) -> str:
        """Give the line that goes into authorized_keys.

        :raises ValidationError: it is no public key.
        """
        sent: str = self.cleaned_data["new_ssh_key"].strip()
        try:
            return ssh_public_key.parse(sent).line if sent else ""
        except DomainError as error:
            raise forms.ValidationError(f"{error.message} {error.hint}") from error

    def public_keys(self) -> tuple[str, ...]:
        """Give the chosen keys and the new one."""
        chosen = [self.keys[name].public_key for name in self.cleaned_data["ssh_keys"]]
        new = self.cleaned_data["new_ssh_key"]
        return (*chosen, new) if new else tuple(chosen)

    def request(self, *, node: Node, quote_id: UUID | None, pod_id: UUID) -> RentRequest:
        """Give the rent that was asked for."""
        data = self.cleaned_data
        return RentRequest(
            node_id=node.public_id,
            name=data["pod_name"],
            public_keys=self.public_keys(),
            gpu_count=data["gpu_count"],
            template_id=None if data["image"] else data["template"],
            image=data["image"],
            quote_id=quote_id,
            termination_hours=data["termination_hours"],
            pod_id=pod_id,
        )


class ScheduleForm(forms.Form):
    """When a pod ends, in UTC."""

    removal_scheduled_at = forms.DateTimeField(
        label="Ends at (UTC)",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )


class RemoveForm(forms.Form):
    """The typed confirmation of a removal."""

    confirm = forms.CharField()


def selectable(templates: list[Template], node: Node, chosen: UUID | None) -> list[Template]:
    """Mark each template with whether it is chosen, and whether its image is on the node."""
    default = chosen or (templates[0].public_id if templates else None)
    for template in templates:
        template.selected = template.public_id == default  # type: ignore[attr-defined]
        on_node = template.built_on_node or template.image_reference in node.cached_images
        template.cached = on_node  # type: ignore[attr-defined]
    return templates
