"""The forms of a machine's way onto the market. Services judge; what was typed stays in the fields."""

from dataclasses import asdict
from decimal import Decimal
from typing import Any

from django import forms

from core.errors import DomainError
from marketplace.checks.install_key import STATE_DIR
from marketplace.models import GpuModel, Node
from marketplace.place_fields import PlaceFields
from marketplace.services import reach
from marketplace.services.listing import MOST_GPUS
from marketplace.services.onboarding import Claim
from marketplace.services.reach import Reach

FIELD_OF = {
    "address_taken": "host",
    "unknown_gpu": "gpu",
    "price_outside_corridor": "price",
    "unknown_place": "city",
}


class ReachFields(forms.Form):
    """Where a machine is, and how we work there."""

    host = forms.CharField(
        label="Address",
        max_length=253,
        help_text="The public IP address or host name at which we reach its SSH server.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    port = forms.IntegerField(label="SSH port", min_value=1, max_value=65535, initial=22)
    user = forms.CharField(
        label="Our user there",
        max_length=32,
        initial="lium",
        help_text="A user of our own, in the group docker. The next step makes it.",
    )
    first_port = forms.IntegerField(
        label="First port for pods", min_value=1024, max_value=65535, initial=40000
    )
    last_port = forms.IntegerField(
        label="Last port for pods", min_value=1024, max_value=65535, initial=40999
    )
    state_dir = forms.CharField(
        label="Folder for pods' files",
        max_length=100,
        initial=STATE_DIR,
        help_text="Small files of ours; what pods write is where Docker keeps its data.",
    )

    def clean_host(self) -> str:
        """Take an address without what was copied around it."""
        return str(self.cleaned_data["host"]).strip()


class ReachForm(ReachFields):
    """What was said of a machine, to be corrected."""

    def __init__(self, node: Node, data: Any = None) -> None:
        said = {"host": node.host, "port": node.ssh_port, **asdict(reach.of(node))}
        super().__init__(data, initial=said)

    def reach(self) -> Reach:
        """Give what was typed."""
        return Reach(**{name: self.cleaned_data[name] for name in Reach.__slots__})


class AddressForm(ReachFields, PlaceFields):
    """Where the machine is and what it is said to have."""

    gpu = forms.ChoiceField(label="GPU model", help_text="A claim until we have seen them.")
    gpu_count = forms.IntegerField(label="GPUs", min_value=1, max_value=MOST_GPUS, initial=1)
    name = forms.CharField(
        label="Name", max_length=100, required=False, help_text="For yourself, on your pages."
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        """Offer the models of the catalogue."""
        super().__init__(*args, **options)
        models = GpuModel.objects.order_by("short_name", "name").values_list("name", "short_name")
        choices = [(name, f"{short} ({name})") for name, short in models]
        self.fields["gpu"].choices = choices  # type: ignore[attr-defined]

    def claim(self) -> Claim:
        """Give the claim that was typed."""
        data = self.cleaned_data
        return Claim(
            gpu_model=data["gpu"],
            gpu_count=data["gpu_count"],
            host=data["host"],
            port=data["port"],
            user=data["user"],
            name=data["name"],
            first_port=data["first_port"],
            last_port=data["last_port"],
            state_dir=data["state_dir"],
            place=data["place"],
        )


class OfferingForm(forms.Form):
    """At what price, how finely split, and with how much notice."""

    price = forms.DecimalField(
        label="Price of a GPU-hour", min_value=Decimal("0.0001"), max_digits=12, decimal_places=9
    )
    min_gpu_count = forms.IntegerField(
        label="Smallest pod",
        min_value=1,
        help_text="Pods of at least so many GPUs; 1 rents each GPU alone.",
    )
    notice_hours = forms.TypedChoiceField(
        label="Notice before a maintenance",
        coerce=int,
        choices=((24, "24 hours"), (48, "48 hours"), (72, "3 days"), (168, "7 days")),
        help_text="Renters are told so long before; a removal is told at least 48 hours before.",
    )


class SimulatorForm(forms.Form):
    """The earnings simulator: every field is a URL parameter."""

    gpu = forms.ChoiceField(label="GPU", required=False)
    count = forms.IntegerField(label="GPUs", required=False, min_value=1, max_value=MOST_GPUS)
    price = forms.DecimalField(
        label="Price of a GPU-hour", required=False, min_value=0, max_value=1000
    )
    idle = forms.DecimalField(label="Idle share", required=False, min_value=0, max_value=100)
    watts = forms.IntegerField(label="Power of a GPU", required=False, min_value=0, max_value=5000)
    kwh = forms.DecimalField(label="Price of a kWh", required=False, min_value=0, max_value=100)

    def __init__(self, *args: Any, models: list[GpuModel], **options: Any) -> None:
        """Offer the models of the catalogue."""
        super().__init__(*args, **options)
        choices = [(model.name, f"{model.short_name} ({model.name})") for model in models]
        self.fields["gpu"].choices = choices  # type: ignore[attr-defined]


def refused(form: forms.Form, error: DomainError) -> None:
    """Put a service's refusal beside the field that it is about."""
    field = FIELD_OF.get(error.code)
    text = f"{error.message} {error.hint}".strip()
    form.add_error(field if field in form.fields else None, text)
