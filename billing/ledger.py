"""The one writer of the ledger."""

from decimal import Decimal

from django.db.models import Sum

from billing.models import Posting


def trial_balance() -> dict[str, Decimal]:
    """Give the sum of all postings by currency: zero, or something is wrong."""
    sums = Posting.objects.values_list("account__currency").annotate(total=Sum("amount"))
    return dict(sums)
