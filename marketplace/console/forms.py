"""Forms of the console: they check shape only, the services decide."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import forms

from marketplace.event_kinds import OF_PROVIDERS
from marketplace.models import GpuModel, Node
from marketplace.place_fields import PlaceFields
from marketplace.services.listing import MOST_GPUS
from marketplace.services.notices import LONGEST_MINUTES

KINDS = list(OF_PROVIDERS.items())
MAINTENANCE, REMOVAL = "maintenance", "removal"


class Prefixed(forms.Form):
    """A form beside others on one page: its element ids carry its name."""

    def __init__(self, *args: Any, **options: Any) -> None:
        options.setdefault("auto_id", f"{type(self).__name__.lower()}_%s")
        super().__init__(*args, **options)


class PriceForm(Prefixed):
    """What a GPU-hour costs."""

    price_per_gpu_usd = forms.DecimalField(
        label="Price of a GPU-hour",
        max_digits=12,
        decimal_places=4,
        min_value=0,
        help_text="Before the fee. Pods that run keep the price that they were rented at.",
    )


class SmallestForm(Prefixed):
    """How small a pod may be."""

    min_gpu_count = forms.TypedChoiceField(
        label="Smallest pod",
        coerce=int,
        help_text="Pods that run stay as they are.",
    )

    def __init__(self, *args: Any, node: Node, **options: Any) -> None:
        super().__init__(*args, **options)
        sizes = range(1, node.gpu_count + 1)
        self.fields["min_gpu_count"].choices = [  # type: ignore[attr-defined]
            (size, f"{size} GPU{'s' if size > 1 else ''}") for size in sizes
        ]


class ClaimForm(Prefixed):
    """Which GPUs are said to be built in."""

    gpu_model = forms.ChoiceField(label="GPU model")
    gpu_count = forms.IntegerField(label="GPUs", min_value=1, max_value=MOST_GPUS)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        models = GpuModel.objects.order_by("short_name", "name").values_list("name", "short_name")
        self.fields["gpu_model"].choices = [  # type: ignore[attr-defined]
            (name, f"{short} ({name})") for name, short in models
        ]


class PlaceForm(PlaceFields, Prefixed):
    """Where the machine is said to be."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["country"].required = True


class AddressForm(Prefixed):
    """Where the machine is reached."""

    host = forms.CharField(label="Address", max_length=253)
    port = forms.IntegerField(label="SSH port", min_value=1, max_value=65535)


class NoticeForm(Prefixed):
    """What renters are told of beforehand."""

    kind = forms.ChoiceField(
        label="What",
        choices=[(MAINTENANCE, "Maintenance"), (REMOVAL, "Removal for good")],
        initial=MAINTENANCE,
        widget=forms.RadioSelect,
    )
    starts_at = forms.DateTimeField(
        label="Begins (UTC)",
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    minutes = forms.IntegerField(
        label="Takes",
        required=False,
        min_value=1,
        max_value=LONGEST_MINUTES,
        help_text=f"Of a maintenance: 1 to {LONGEST_MINUTES} minutes.",
    )
    reason = forms.CharField(
        max_length=500, help_text="Renters read it.", widget=forms.Textarea(attrs={"rows": 2})
    )

    def notice(self) -> dict[str, Any]:
        """Give what was asked for, as the service takes it."""
        data, permanent = self.cleaned_data, self.cleaned_data["kind"] == REMOVAL
        starts_at: datetime = data["starts_at"]
        minutes = None if permanent else data["minutes"]
        return {
            "starts_at": starts_at,
            "minutes": minutes,
            "permanent": permanent,
            "reason": data["reason"],
        }


class ReclaimForm(Prefixed):
    """Taking a machine back early: its name is typed to confirm."""

    why = forms.CharField(label="Why", max_length=500, help_text="Renters read it.")
    confirm = forms.CharField(
        label="Name of the machine",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, node: Node, **options: Any) -> None:
        super().__init__(*args, **options)
        self.node = node
        self.fields["confirm"].label = f"Type {node.huid} to confirm"

    def clean_confirm(self) -> str:
        """Refuse another name."""
        confirm: str = self.cleaned_data["confirm"].strip()
        if confirm != self.node.huid:
            raise forms.ValidationError(f"Type {self.node.huid}; nothing was done.")
        return confirm


class WebhookForm(Prefixed):
    """Where events are sent, and which of the ``choices`` that its owner can hear of."""

    url = forms.CharField(
        label="Address",
        max_length=500,
        widget=forms.URLInput(attrs={"placeholder": "https://"}),
    )
    kinds = forms.MultipleChoiceField(
        label="Only these events",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="None chosen: all of them.",
    )

    def __init__(self, *args: Any, choices: Mapping[str, str], **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["kinds"].choices = list(choices.items())  # type: ignore[attr-defined]


class NameForm(Prefixed):
    """By what name a provider is read beside its machines."""

    name = forms.CharField(
        label="Public name",
        required=False,
        max_length=40,
        help_text="Everybody reads it beside your machines. Empty: a neutral one.",
    )


class MailForm(Prefixed):
    """Which events come by mail."""

    kinds = forms.MultipleChoiceField(
        label="Mail me when", required=False, choices=KINDS, widget=forms.CheckboxSelectMultiple
    )


class FollowForm(Prefixed):
    """Whose machine requests one hears of."""

    gpus = forms.MultipleChoiceField(
        label="GPUs that I could offer", required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        names = GpuModel.objects.order_by("short_name", "name")
        self.fields["gpus"].choices = [  # type: ignore[attr-defined]
            (name, f"{short} ({name})") for name, short in names.values_list("name", "short_name")
        ]
