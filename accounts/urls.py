"""Pages of accounts; e-mail addresses and passwords are allauth's."""

from django.urls import path

from accounts import hotkey_views, views

urlpatterns = [
    path("keys", views.keys, name="keys"),
    path("keys/api", views.api_key_create, name="api_key_create"),
    path("keys/api/<uuid:key_id>/revoke", views.api_key_revoke, name="api_key_revoke"),
    path("keys/api/<uuid:key_id>/budgets", views.api_key_budgets, name="api_key_budgets"),
    path("keys/ssh", views.ssh_key_create, name="ssh_key_create"),
    path("keys/ssh/<uuid:key_id>/delete", views.ssh_key_delete, name="ssh_key_delete"),
    path("provide/sign-in", hotkey_views.sign_in, name="provider_sign_in"),
    path("account/hotkeys", hotkey_views.linked, name="hotkeys"),
    path("account/hotkeys/<str:address>/unlink", hotkey_views.unlink, name="hotkey_unlink"),
    path("account", views.account, name="account"),
    path(
        "account/browsers/<int:session_id>/end",
        views.browser_session_end,
        name="browser_session_end",
    ),
    path("account/sessions/<uuid:session_id>/end", views.api_session_end, name="api_session_end"),
    path(
        "account/workspaces/<uuid:workspace_id>/invitations/<uuid:invitation_id>/withdraw",
        views.invitation_withdraw,
        name="invitation_withdraw",
    ),
    path("invitations/<str:token>", views.invitation, name="invitation"),
]
