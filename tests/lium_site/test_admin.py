"""Operators see every row of the market: each model of ours has pages of its own or stands with another's."""

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.contrib.admin.utils import flatten_fieldsets
from django.db.models import Model
from django.test import RequestFactory
from django.urls import reverse

from billing.models import Account, AccountKind
from tests.factories.accounts import Person, make_person

OURS = ("accounts", "billing", "marketplace", "rentals", "validation")
SECRETS = {"digest", "password", "lease_token"}
PAGES = [page for model, page in admin.site._registry.items() if model._meta.app_label in OURS]
MODELS = [model for name in OURS for model in apps.get_app_config(name).get_models()]


@pytest.fixture
def operator(db: None) -> Person:
    return make_person("operator", is_staff=True, is_superuser=True)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_every_model_is_shown(model: type[Model]) -> None:
    beside = {inline.model for page in admin.site._registry.values() for inline in page.inlines}

    assert model in beside | set(admin.site._registry)


@pytest.mark.parametrize("rows", PAGES, ids=lambda rows: rows.model._meta.label)
def test_a_rows_page_shows_its_columns_and_no_secret(rows: ModelAdmin, operator: Person) -> None:
    request = RequestFactory().get("/")
    request.user = operator.user

    shown = flatten_fieldsets(rows.get_fieldsets(request, rows.model()))

    assert shown
    assert not {name for name in shown if name.endswith("_encrypted") or name in SECRETS}


@pytest.mark.parametrize("rows", PAGES, ids=lambda rows: rows.model._meta.label)
def test_every_list_opens_and_is_searched(operator: Person, rows: ModelAdmin) -> None:
    page = reverse(f"admin:{rows.opts.app_label}_{rows.opts.model_name}_changelist")

    assert operator.browser.get(page, {"q": "x"}).status_code == 200


def test_what_is_only_read_has_no_button_and_is_not_written_back(operator: Person) -> None:
    """A form without a field would write each column as it was read: another's change in between would be gone."""
    account = Account.objects.create(code="test:1:USD", kind=AccountKind.SUSPENSE, currency="USD")
    page = reverse("admin:billing_account_change", args=[account.pk])

    shown = operator.browser.get(page).content.decode()

    assert account.code in shown
    assert 'name="_save"' not in shown
    assert 'name="_continue"' not in shown
    assert operator.browser.post(page, {"_save": "Save"}).status_code == 403


def test_what_is_written_here_keeps_its_button(operator: Person) -> None:
    page = reverse("admin:accounts_user_change", args=[operator.user.pk])

    assert 'name="_save"' in operator.browser.get(page).content.decode()
