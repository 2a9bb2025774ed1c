"""The card that `./market up` ends with: where it is, who may log in, what to type next."""

from lium_site.stack.credentials import ADMIN_EMAIL, RENTER_EMAIL, Credentials
from lium_site.stack.machine import Machine

CARD = """
  The market is open at   {url}

  Renter     {renter_email}  {renter_password}
  Admin      {admin_email}   {admin_password}   {url}/admin/
  Machine    {machine}
  Logs       {logs}

  In another terminal, with the lium client (pip install lium.io, or the one in .venv/bin):

    export LIUM_BASE_URL={url}/api
    export LIUM_API_KEY={api_key}
    lium ls
    lium up 1 --name first --yes
    lium ssh first
    lium rm first --yes

  Ctrl-C stops the market; pods stay until ./market down.
"""


def show(*, url: str, credentials: Credentials, machine: Machine | None, logs: str) -> None:
    """Print the card."""
    print(
        CARD.format(
            url=url,
            admin_email=ADMIN_EMAIL,
            admin_password=credentials.admin_password,
            renter_email=RENTER_EMAIL,
            renter_password=credentials.renter_password,
            api_key=credentials.renter_api_key,
            machine=_describe(machine),
            logs=logs,
        ),
        flush=True,
    )


def _describe(machine: Machine | None) -> str:
    if machine is None:
        return "none, for the reason above"
    door = machine.door
    return f"this computer, as {door.user}@{door.host} port {door.port}; its GPUs are simulated"
