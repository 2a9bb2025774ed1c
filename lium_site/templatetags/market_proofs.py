"""Proofs on the pages of lower floors: the roof wires them there, so that none has to know validation."""

from typing import Any

from django import template

from marketplace.models import Node
from validation import pages

register = template.Library()


@register.inclusion_tag("validation/_passport.html")
def passport_proofs(node: Node) -> dict[str, Any]:
    """Show on a machine's public page what its proofs say."""
    return pages.passport(node)


@register.inclusion_tag("validation/_console.html")
def console_proofs(node: Node) -> dict[str, Any]:
    """Show a machine's proofs to its provider, with the button that asks for one."""
    return pages.console(node)


@register.filter
def seconds_of(microseconds: int) -> str:
    """Write microseconds as seconds."""
    return f"{microseconds / 1e6:.3f} s"
