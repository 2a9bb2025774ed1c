"""The portal API under /portal: what `lium provider` and `lium mine --register` call.

The client hides the text of 422 as a mistake of its own, so what is refused for business reasons is a 400; its
text is `detail`.
"""

from typing import Any, Final

from core.errors import DomainError, Unauthenticated
from lium_site.api_refusals import answer_refusals, envelope
from lium_site.openapi import DescribedOnce
from marketplace.portal import ROUTERS

DESCRIPTION = """
Everything the published client calls for providers: `LIUM_PORTAL_URL` is this address, `LIUM_SHARED_CONFIG_URL` is
`/portal/shared-config`. Sign in with a hotkey's signature or by e-mail, and send the token as `Authorization: Bearer`;
a key with the scope `provide` (`lpk_...`) goes the same way. Money is JSON numbers in USD.
"""
# The client knows this sentence: it is how a registration token proves itself before anything is installed.
NOT_FOUND_NODE: Final = "Not found node"
AS_400: Final = (409, 422)

portal = DescribedOnce(
    title="lium_site portal",
    version="1",
    description=DESCRIPTION,
    docs_url="/docs",
    openapi_url="/openapi.json",
    urls_namespace="portal",
)
for router in ROUTERS:
    portal.add_router("", router)


def portal_envelope(error: DomainError) -> dict[str, Any]:
    """Write a refusal as the client reads it: all that it shows is ``detail``."""
    known = error.code == "node_not_found"
    detail = NOT_FOUND_NODE if known else f"{error.message} {error.hint}".strip()
    return envelope(error) | {"detail": detail}


answer_refusals(
    portal,
    wrap=portal_envelope,
    no_credential=Unauthenticated(
        "No session and no provider token was sent.", hint="Run `lium provider portal login`."
    ),
    docs="/portal/docs",
    as_400=AS_400,
)
