"""Forms of the billing pages; they check the form of the input, the services decide."""

from typing import Final

from django import forms
from django.utils.http import url_has_allowed_host_and_scheme

from billing.services.checkout import MAXIMUM_USD, MINIMUM_USD

CENTS: Final = 2


class CheckoutForm(forms.Form):
    """How much to add; ``next`` is the page that sent the renter here."""

    usd_amount = forms.DecimalField(
        label="Amount in USD",
        min_value=MINIMUM_USD,
        max_value=MAXIMUM_USD,
        decimal_places=CENTS,
        widget=forms.NumberInput(
            attrs={"inputmode": "decimal", "autocomplete": "off", "step": "0.01"}
        ),
        error_messages={"invalid": "Write the amount as a number, such as 25 or 12.50."},
    )
    next = forms.CharField(required=False, widget=forms.HiddenInput)

    def clean_next(self) -> str:
        """Keep an address of our own, drop any other."""
        address: str = self.cleaned_data["next"]
        return address if url_has_allowed_host_and_scheme(address, allowed_hosts=None) else ""
