"""What only pages need of the middleware: an API call has its key and no cookies, so it pays for none of it."""

from typing import Any

from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest
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
    """Name the signed-in visitor."""


class PageMessages(PagesOnly, MessageMiddleware):
    """Carry a message to the next page."""
