"""The pages of an account: keys, settings and sessions, invitations."""

from typing import TypeVar, cast
from uuid import UUID

from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import access, key_page, selectors
from accounts.forms import ApiKeyForm, BudgetForm, ProfileForm, SshKeyForm
from accounts.models import User
from accounts.principal import person
from accounts.services import api_keys, invitations, profile, sessions, ssh_keys
from core import clock
from core.errors import DomainError, NotFound

F = TypeVar("F", bound=Form)


@require_safe
@login_required
def keys(request: HttpRequest) -> HttpResponse:
    """Show API keys and SSH keys, and the forms that make them."""
    return _keys_page(request, ApiKeyForm(), SshKeyForm())


@require_POST
@login_required
def api_key_create(request: HttpRequest) -> HttpResponse:
    """Make an API key and show it, this once: no redirect, because the secret is stored nowhere."""
    form = ApiKeyForm(request.POST)
    if not form.is_valid():
        return _keys_page(request, form, SshKeyForm(), status=422)
    principal = access.visitor(request)
    try:
        _, secret = api_keys.create(principal=principal, request=form.request(), now=clock.now())
    except DomainError as error:
        return _keys_page(request, _refused(form, error), SshKeyForm(), status=error.status)
    return _keys_page(request, ApiKeyForm(), SshKeyForm(), new_api_key=secret)


@require_POST
@login_required
def api_key_revoke(request: HttpRequest, key_id: UUID) -> HttpResponse:
    """End an API key."""
    principal = access.visitor(request)
    key = access.api_key_for(principal, key_id)
    api_keys.revoke(key=key, actor=principal.actor(), now=clock.now())
    messages.success(request, f"The API key {key.name} was revoked. It stopped working at once.")
    return redirect("keys")


@require_POST
@login_required
def api_key_budgets(request: HttpRequest, key_id: UUID) -> HttpResponse:
    """Change the budgets of an API key."""
    principal = access.visitor(request)
    key = access.api_key_for(principal, key_id)
    form = BudgetForm(key, request.POST)
    if not form.is_valid():
        return _keys_page(request, ApiKeyForm(), SshKeyForm(), refused=form, status=422)
    try:
        api_keys.set_budgets(
            key=key, changes=form.changes(), actor=principal.actor(), now=clock.now()
        )
    except DomainError as error:
        refused = _refused(form, error)
        return _keys_page(request, ApiKeyForm(), SshKeyForm(), refused=refused, status=error.status)
    messages.success(request, f"The budgets of {key.name} are changed.")
    return redirect("keys")


@require_POST
@login_required
def ssh_key_create(request: HttpRequest) -> HttpResponse:
    """Register an SSH key."""
    form = SshKeyForm(request.POST)
    if not form.is_valid():
        return _keys_page(request, ApiKeyForm(), form, status=422)
    try:
        key = ssh_keys.add(
            principal=access.visitor(request),
            name=form.cleaned_data["name"],
            public_key=form.cleaned_data["public_key"],
            now=clock.now(),
        )
    except DomainError as error:
        return _keys_page(request, ApiKeyForm(), _refused(form, error), status=error.status)
    messages.success(request, f"The SSH key {key.name} is registered.")
    return redirect("keys")


@require_POST
@login_required
def ssh_key_delete(request: HttpRequest, key_id: UUID) -> HttpResponse:
    """Forget an SSH key."""
    principal = access.visitor(request)
    key = access.ssh_key_for(principal, key_id)
    ssh_keys.delete(principal=principal, key=key, now=clock.now())
    messages.success(request, f"The SSH key {key.name} was deleted. Pods that hold it keep it.")
    return redirect("keys")


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def account(request: HttpRequest) -> HttpResponse:
    """Show and change who one is; list the open sessions."""
    user = _user(request)
    form = ProfileForm(request.POST or None, initial={"name": user.name})
    if request.method == "POST" and form.is_valid():
        profile.rename(user=user, name=form.cleaned_data["name"], now=clock.now())
        messages.success(request, "Saved.")
        return redirect("account")
    return render(request, "accounts/settings.html", _settings(user, form))


@require_POST
@login_required
def browser_session_end(request: HttpRequest, session_id: int) -> HttpResponse:
    """Sign a browser out."""
    session = UserSession.objects.filter(user=_user(request), pk=session_id).first()
    if session is None:
        raise NotFound("There is no such session, or it is not yours.")
    session.end()
    messages.success(request, "The browser was signed out.")
    return redirect("account")


@require_POST
@login_required
def api_session_end(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """End a session of the API."""
    user = _user(request)
    session = access.api_session_for(user, session_id)
    sessions.end(session=session, actor=person(user), now=clock.now())
    messages.success(request, "The session has ended.")
    return redirect("account")


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Show an invitation and take it."""
    found = invitations.find(token=token, now=clock.now())
    if request.method == "POST":
        joined = invitations.accept(invitation=found, user=_user(request), now=clock.now())
        messages.success(request, f"You are a member of {joined.workspace.name}.")
        return redirect("account")
    return render(request, "accounts/invitation.html", {"invitation": found})


@require_POST
@login_required
def invitation_withdraw(
    request: HttpRequest, workspace_id: UUID, invitation_id: UUID
) -> HttpResponse:
    """Withdraw an invitation to a workspace that one manages."""
    principal, now = access.visitor(request), clock.now()
    membership = access.membership_for(principal, workspace_id)
    found = access.invitation_for(membership, invitation_id, now=now)
    invitations.withdraw(invitation=found, actor=principal.actor(), now=now)
    messages.success(request, f"The invitation of {found.email} was withdrawn.")
    return redirect("account")


def _keys_page(
    request: HttpRequest,
    api_key_form: ApiKeyForm,
    ssh_key_form: SshKeyForm,
    *,
    new_api_key: str = "",
    refused: BudgetForm | None = None,
    status: int = 200,
) -> HttpResponse:
    principal = access.visitor(request)
    context = {
        "api_keys": key_page.rows(selectors.api_keys(principal), refused=refused, now=clock.now()),
        "ssh_keys": selectors.ssh_keys(principal),
        "api_key_form": api_key_form,
        "ssh_key_form": ssh_key_form,
        "new_api_key": new_api_key,
        "api_url": f"{settings.PUBLIC_URL}/api",
    }
    return render(request, "accounts/keys.html", context, status=status)


def _settings(user: User, form: ProfileForm) -> dict[str, object]:
    principal = access.principal_of(user)
    verified = EmailAddress.objects.filter(user=user, email=user.email, verified=True)
    return {
        "workspace": principal.workspace,
        "role": principal.role,
        "memberships": selectors.memberships(user),
        "invitations": selectors.open_invitations(user, now=clock.now()),
        "form": form,
        "email_verified": verified.exists(),
        "browser_sessions": UserSession.objects.purge_and_list(user),
        "api_sessions": selectors.live_api_sessions(user, now=clock.now()),
    }


def _refused(form: F, error: DomainError) -> F:
    form.add_error(None, f"{error.message} {error.hint}".strip())
    return form


def _user(request: HttpRequest) -> User:
    return cast(User, request.user)
