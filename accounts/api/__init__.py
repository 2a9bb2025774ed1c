"""The renter API of accounts: people, keys, SSH keys, workspaces, audit."""

from ninja import Router

from accounts.api import audit, keys, people, ssh_keys, workspaces

router = Router()
for part in (people, keys, ssh_keys, workspaces, audit):
    router.add_router("", part.router)
