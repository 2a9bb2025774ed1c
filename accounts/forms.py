"""Forms of the account pages: they check shape only, the services decide."""

import re
from typing import Any, Final

from django import forms

from accounts import scope_words
from accounts.models import ALONE, ApiKey, PodVisibility
from accounts.services.api_keys import BUDGET_FIELDS, DEFAULT_SCOPES, KeyRequest

SIGNATURE: Final = re.compile(r"(0x)?[0-9a-fA-F]{128}")
# A line of the signature's digits may begin with 5 and be as long as an address, but is hexadecimal to its end.
SIGNER: Final = re.compile(r"\b5(?![0-9a-fA-F]+\b)[1-9A-HJ-NP-Za-km-z]{47}\b")


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
    """A text that was shown, a signature over it, and whose it is; all that btcli prints brings both."""

    message = forms.CharField(max_length=300, widget=forms.HiddenInput)
    signature = forms.CharField(
        label="What btcli printed",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 5, "spellcheck": "false", "autocomplete": "off"}),
        help_text="All of it, or the signature alone: 128 hexadecimal digits.",
    )
    address = forms.CharField(
        label="Address",
        required=False,
        max_length=60,
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocomplete": "off"}),
        help_text="Begins with 5. Needed where the signature stands alone above.",
    )

    def clean_signature(self) -> str:
        """Find the digits; a terminal of 80 columns breaks them into two lines."""
        joined = "".join(self.cleaned_data["signature"].split())
        found = SIGNATURE.search(joined)
        return found[0] if found else joined

    def clean_address(self) -> str:
        """Take the signer that btcli names where no address was typed."""
        typed = str(self.cleaned_data["address"])
        named = SIGNER.search(self.data.get("signature", ""))
        if not typed and not named:
            raise forms.ValidationError("Whose signature is it? btcli names the signer's address.")
        return typed or (named[0] if named else "")

    def proof(self) -> dict[str, str]:
        """Give what was signed, by whom, and the signature."""
        return {name: self.cleaned_data[name] for name in ("address", "message", "signature")}

    @property
    def problems(self) -> list[str]:
        """Say what does not fit, field by field."""
        return [
            f"{self[name].label}: {text}" for name, texts in self.errors.items() for text in texts
        ]
