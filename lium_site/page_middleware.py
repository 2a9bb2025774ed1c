"""What only pages need of the middleware: an API call has its key and no cookies, so it pays for none of it."""

from typing import Any

from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.cache import add_never_cache_headers
from django.utils.deprecation import MiddlewareMixin

from lium_site.refusals import is_data


class PagesOnly(MiddlewareMixin):
    """Let a program's request pass by."""

    def __call__(self, request: HttpRequest) -> Any:
        """Serve one request."""
        return self.get_response(request) if is_data(request) else super().__call__(request)


class PageSession(PagesOnly, SessionMiddleware):
    """Hold a visitor's session."""


class PageUser(PagesOnly, AuthenticationMiddleware):
    """Name the signed-in visitor; what is drawn for one is kept nowhere, as it shows balances and names."""

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Forbid caches what the view itself did not speak of; who was not looked at is not asked for here."""
        looked_at = request.session.accessed and request.user.is_authenticated
        if looked_at and not response.has_header("Cache-Control"):
            add_never_cache_headers(response)
        return response


class PageMessages(PagesOnly, MessageMiddleware):
    """Carry a message to the next page."""
