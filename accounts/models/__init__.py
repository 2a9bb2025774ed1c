"""People, workspaces and their keys."""

from accounts.models.api_key import ALONE, ApiKey, BudgetRefusal, PodVisibility, Scope
from accounts.models.audit import AuditEvent
from accounts.models.hotkey import Hotkey, UsedSignature
from accounts.models.session import ApiSession
from accounts.models.ssh_key import SshKey
from accounts.models.user import User
from accounts.models.workspace import (
    INVITABLE,
    MANAGERS,
    Invitation,
    Membership,
    Role,
    Workspace,
)

__all__ = [
    "ALONE",
    "INVITABLE",
    "MANAGERS",
    "ApiKey",
    "ApiSession",
    "AuditEvent",
    "BudgetRefusal",
    "Hotkey",
    "Invitation",
    "Membership",
    "PodVisibility",
    "Role",
    "Scope",
    "SshKey",
    "UsedSignature",
    "User",
    "Workspace",
]
