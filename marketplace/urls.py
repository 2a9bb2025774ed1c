"""Pages of the market."""

from django.urls import URLPattern, URLResolver, path

from marketplace import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("machines", views.machines, name="machines"),
    path("machines/<uuid:public_id>", views.machine, name="machine"),
]
