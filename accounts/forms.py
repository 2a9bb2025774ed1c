"""Forms of the account pages: they check shape only, the services decide."""

from typing import Any

from django import forms

from accounts import scope_words
from accounts.models import ALONE, ApiKey, PodVisibility
from accounts.services.api_keys import BUDGET_FIELDS, DEFAULT_SCOPES, KeyRequest


def _budget(label: str) -> forms.DecimalField:
    return forms.DecimalField(
        label=label, required=False, min_value=1, max_digits=12, decimal_places=2
    )


class ApiKeyForm(forms.Form):
    """What a new API key may do; its element ids differ from those of its neighbour on the page."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("auto_id", "api_key_%s")
        super().__init__(*args, **kwargs)

    name = forms.CharField(max_length=100, help_text="What uses it, e.g. ci.")
    scopes = forms.MultipleChoiceField(
        label="May",
        choices=[
            (scope, f"{title}: {description}")
            for scope, (title, description, _, _) in scope_words.WORDS.items()
        ],
        initial=[scope.value for scope in DEFAULT_SCOPES],
        widget=forms.CheckboxSelectMultiple,
    )
    pod_visibility = forms.ChoiceField(
        label="Sees",
        choices=[(value, words) for value, words in scope_words.VISIBILITY.items()],
        initial=PodVisibility.ACCOUNT,
        widget=forms.RadioSelect,
    )
    daily_budget_usd = _budget("Most USD a day")
    monthly_budget_usd = _budget("Most USD a month")
    max_budget_usd = _budget("Most USD in all")

    def clean_scopes(self) -> list[str]:
        """Refuse what the service would, beside the field."""
        scopes: list[str] = self.cleaned_data["scopes"]
        alone = [scope.label for scope in ALONE if scope in scopes]
        if alone and len(scopes) > 1:
            raise forms.ValidationError(f"{alone[0]} stands alone: make a second key for it.")
        return scopes

    def request(self) -> KeyRequest:
        """Give the key that was asked for."""
        data: dict[str, Any] = self.cleaned_data
        return KeyRequest(
            name=data["name"],
            scopes=data["scopes"],
            pod_visibility=data["pod_visibility"],
            budgets={name: data[name] for name in BUDGET_FIELDS},
        )


class BudgetForm(forms.Form):
    """The budgets of a key that there is; what is left empty is no budget."""

    daily_budget_usd = _budget("Most USD a day")
    monthly_budget_usd = _budget("Most USD a month")
    max_budget_usd = _budget("Most USD in all")

    def __init__(self, key: ApiKey, data: Any = None) -> None:
        initial = {name: getattr(key, name) for name in BUDGET_FIELDS}
        super().__init__(data, initial=initial, auto_id=f"key_{key.pk}_%s")
        self.key = key

    def changes(self) -> dict[str, Any]:
        """Give what was asked for, by field."""
        return {name: self.cleaned_data[name] for name in BUDGET_FIELDS}


class SshKeyForm(forms.Form):
    """One public key line."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("auto_id", "ssh_key_%s")
        super().__init__(*args, **kwargs)

    name = forms.CharField(max_length=100, required=False, help_text="Which computer it is on.")
    public_key = forms.CharField(
        label="Public key",
        max_length=16384,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "autocomplete": "off"}),
        help_text="The line in ~/.ssh/id_ed25519.pub.",
    )


class ProfileForm(forms.Form):
    """What others see of a person."""

    name = forms.CharField(max_length=100, required=False, help_text="What members of a team see.")


class SignatureForm(forms.Form):
    """An address, a text that was shown, and the address's signature over it."""

    address = forms.CharField(
        label="Address",
        max_length=60,
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocomplete": "off"}),
        help_text="SS58, begins with 5.",
    )
    message = forms.CharField(max_length=300, widget=forms.HiddenInput)
    signature = forms.CharField(
        max_length=140,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false", "autocomplete": "off"}),
        help_text="128 hexadecimal digits, as btcli prints them.",
    )

    def proof(self) -> dict[str, str]:
        """Give what was signed, by whom, and the signature."""
        return {name: self.cleaned_data[name] for name in ("address", "message", "signature")}

    @property
    def problems(self) -> list[str]:
        """Say what does not fit, field by field."""
        return [
            f"{self[name].label}: {text}" for name, texts in self.errors.items() for text in texts
        ]
