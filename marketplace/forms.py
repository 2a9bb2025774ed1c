"""The filter form of the machines page. It only draws: `marketplace.query` reads and judges the values."""

from collections.abc import Mapping
from typing import Any, Final

from django import forms
from django.http import QueryDict

POD_SIZES: Final = (("", "Any"), ("1", "1"), ("2", "2"), ("4", "4"), ("8", "8"))


def _number(label: str, *, step: str = "any", **attributes: str) -> forms.CharField:
    widget = forms.NumberInput(
        attrs={"min": "0", "step": step, "inputmode": "decimal", **attributes}
    )
    return forms.CharField(label=label, required=False, widget=widget)


class OfferForm(forms.Form):
    """Filters as fields; every one is a URL parameter."""

    gpu = forms.CharField(label="GPU", required=False)
    gpus = forms.ChoiceField(
        label="GPUs in the pod", required=False, choices=POD_SIZES, widget=forms.RadioSelect
    )
    max_price = _number("Highest price of a GPU-hour")
    min_vram = _number("GPU memory, at least")
    country = forms.CharField(
        label="Country",
        required=False,
        help_text="Codes or names, separated by commas: DE, NL, Finland",
    )
    min_cpus = _number("CPU threads, at least", step="1")
    min_ram = _number("Memory, at least")
    min_disk = _number("Disk, at least")
    min_download = _number("Download, at least")
    min_cuda = _number("CUDA, at least", placeholder="12.8")
    sort = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, params: QueryDict, problems: Mapping[str, str], **options: Any) -> None:
        """Draw the parameters of a request, with what is wrong with them."""
        values = {name: params.get(name, "") for name in self.base_fields}
        super().__init__(values, **options)
        self._problems = problems

    def full_clean(self) -> None:
        """Take what was found instead of judging again."""
        self._errors = forms.utils.ErrorDict()
        self.cleaned_data = {}
        for name, why in self._problems.items():
            self.add_error(name if name in self.fields else None, why)
