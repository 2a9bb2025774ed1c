"""The market's addresses. None of ours ends in a slash, and none is redirected to one."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from lium_site import views
from lium_site.api import api
from lium_site.metrics import metrics
from lium_site.portal_api import portal

handler400 = "lium_site.views.bad_request"
handler403 = "lium_site.views.forbidden"
handler404 = "lium_site.views.not_found"
handler500 = "lium_site.views.server_error"

urlpatterns = [
    path("api/", api.urls),
    path("portal/", portal.urls),
    path("", views.home, name="home"),
    path("status", views.status, name="status"),
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
    # The account page has the list of sessions; allauth's own would be a second one.
    path(
        "accounts/sessions/",
        RedirectView.as_view(pattern_name="account"),
        name="usersessions_list",
    ),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
    path("", include("accounts.urls")),
    path("", include("marketplace.urls")),
    path("", include("rentals.urls")),
    path("", include("billing.urls")),
    path("", include("validation.urls")),
]
if settings.MARKET_CHAIN == "local":
    urlpatterns.append(path("localchain/", include("billing.localchain_urls")))
