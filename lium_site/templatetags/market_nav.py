"""Links of the main navigation: shown where their page exists, marked where one is."""

from typing import Any

from django import template
from django.template import Context
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag(takes_context=True)
def nav_link(context: Context, words: str, name: str, *inside: str) -> SafeString | str:
    """Link to a page by URL name; ``inside`` names the pages that belong to it."""
    try:
        href = reverse(name)
    except NoReverseMatch:
        return ""
    here = _view_name(context.get("request"))
    mark = {name: ' aria-current="page"'}.get(
        here, ' aria-current="true"' if here in inside else ""
    )
    return format_html('<a href="{}"{}>{}</a>', href, SafeString(mark), words)


def _view_name(request: Any) -> str:
    match = getattr(request, "resolver_match", None)
    return match.view_name if match else ""
