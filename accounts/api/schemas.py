"""What the accounts API reads and writes; names and types are the client's, amounts are JSON numbers."""

from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from ninja import Schema
from pydantic import StringConstraints

# PostgreSQL has no NUL in texts; a length keeps a hostile body cheap.
Text = Annotated[str, StringConstraints(max_length=320, pattern=r"^[^\x00]*$")]
Password = Annotated[str, StringConstraints(min_length=1, max_length=1024, pattern=r"^[^\x00]*$")]
LongText = Annotated[str, StringConstraints(max_length=16384, pattern=r"^[^\x00]*$")]


class SignUpIn(Schema):
    """An e-mail account to be."""

    email: Text
    password: Password
    name: Text = ""


class LoginIn(Schema):
    """An address and its password."""

    email: Text
    password: Password


class FingerprintIn(Schema):
    """The only login of an account without an address."""

    fingerprint: Text


class SignUpOut(Schema):
    """A new account; the key is shown this once."""

    id: UUID
    email: str
    api_key: str
    signup_credit_granted: bool


class FingerprintSignUpOut(Schema):
    """A new account without an address; key and fingerprint are shown this once."""

    fingerprint: str
    user_id: UUID
    username: str
    api_key: str
    signup_credit_granted: bool


class TokenOut(Schema):
    """A bearer token."""

    token: str


class WorkspaceOut(Schema):
    """A workspace as one of its members sees it."""

    id: UUID
    name: str
    role: str
    billing_owner_user_id: UUID
    pending_billing_owner_user_id: UUID | None
    created_at: str | None
    is_personal: bool


class MeOut(Schema):
    """The caller, with the balance of the workspace in USD; a key for alpha is told words instead."""

    id: UUID
    email: str | None
    name: str
    balance: float | str
    stripe_customer_id: str
    workspace: WorkspaceOut
    created_at: str | None


class Budgets(Schema):
    """Caps in USD: per UTC day, per UTC month, over the key's life."""

    daily_budget_usd: Decimal | None = None
    monthly_budget_usd: Decimal | None = None
    max_budget_usd: Decimal | None = None


class KeyIn(Budgets):
    """A key to be."""

    name: Text
    scopes: list[Text] | None = None
    pod_visibility: Text | None = None


class KeyOut(Schema):
    """A key, without its secret."""

    id: UUID
    name: str
    scopes: list[str]
    created_at: str | None
    last_used: str | None
    expires_at: str | None
    is_active: bool = True
    key_retrievable: bool = False
    hint: str
    workspace_id: UUID
    pod_visibility: str
    daily_budget_usd: float | None
    monthly_budget_usd: float | None
    max_budget_usd: float | None
    spent_today_usd: float
    spent_month_usd: float
    spent_total_usd: float
    pods_count: int


class NewKeyOut(KeyOut):
    """A key with its secret, which is shown this once."""

    key: str


class RefusalOut(Schema):
    """A request that a key's budget refused; USD."""

    created_at: str | None
    window: str
    route: str
    amount_usd: float
    budget_usd: float
    spent_usd: float


class RefusalsOut(Schema):
    """What a key's budget refused, newest first."""

    refusals: list[RefusalOut]


class ScopeOut(Schema):
    """A scope in words."""

    scope: str
    title: str
    description: str
    can: list[str]
    route_families: list[str]
    default: bool


class VisibilityOut(Schema):
    """A pod visibility in words."""

    value: str
    description: str


class ScopesOut(Schema):
    """What keys can be allowed."""

    scopes: list[ScopeOut]
    pod_visibility: list[VisibilityOut]
    money_routes: list[str]


class SshKeyIn(Schema):
    """One public key line."""

    name: Text = ""
    public_key: LongText


class SshKeyOut(Schema):
    """A registered public key; ``public_key`` is the exact line."""

    id: UUID
    name: str
    public_key: str
    fingerprint: str
    created_at: str | None


class WorkspaceIn(Schema):
    """A workspace to be."""

    name: Text


class InvitationIn(Schema):
    """Whom to invite, and as what."""

    email: Text
    role: Literal["admin", "member"] = "member"


class InvitationOut(Schema):
    """An invitation; ``email_sent`` false means that the mail server took no mail."""

    email_sent: bool
    expires_at: str | None


class OpenInvitationOut(Schema):
    """An invitation that nobody has taken yet; ``invited_by`` is the name of who made it."""

    id: UUID
    email: str
    role: str
    invited_by: str
    created_at: str | None
    expires_at: str | None


class MemberOut(Schema):
    """A member of a workspace."""

    user_id: UUID
    name: str
    email: str | None
    role: str
    is_billing_owner: bool
    joined_at: str | None


class TransferIn(Schema):
    """Who shall pay."""

    user_id: UUID


class MessageOut(Schema):
    """What was done."""

    message: str


class AuditEventOut(Schema):
    """One action; ``actor`` null is the platform, ``ip`` only on the caller's own."""

    id: UUID
    created_at: str | None
    action: str
    actor: dict[str, str] | None
    source: str
    ip: str | None
    user_agent: str
    request_id: str
    method: str
    route: str
    reason: str
    resource_type: str
    resource_id: str
    summary: dict[str, object]


class AuditOut(Schema):
    """A page of the audit trail, newest first."""

    items: list[AuditEventOut]
    next_cursor: str | None
