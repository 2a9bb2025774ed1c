"""What comes nearest to a node that somebody else was faster to rent."""

from django.db.models import Case, F, IntegerField, QuerySet, Value, When
from django.db.models.functions import Abs

from marketplace.filters import OfferFilters
from marketplace.models import Node
from marketplace.selectors.offers import offers


def equivalents(node: Node, *, gpu_count: int, limit: int = 3) -> QuerySet[Node]:
    """Select other nodes that can give as many GPUs of at least the same memory, nearest first.

    Nearest: the same GPU model, then the same short name, the same tier, then the closest price.
    """
    model = node.gpu_model
    kinship = Case(
        When(gpu_model=model, then=Value(0)),
        When(gpu_model__short_name=model.short_name, then=Value(1)),
        default=Value(2),
        output_field=IntegerField(),
    )
    other_tier = Case(When(tier=node.tier, then=Value(0)), default=Value(1))
    candidates = offers(OfferFilters(gpus=gpu_count)).exclude(pk=node.pk)
    wide_enough = candidates.filter(
        gpu_model__memory_mib__gte=model.memory_mib, simulated=node.simulated
    )
    ranked = wide_enough.order_by(
        kinship, other_tier, Abs(F("price_per_gpu_usd") - node.price_per_gpu_usd), "pk"
    )
    return ranked[:limit]
