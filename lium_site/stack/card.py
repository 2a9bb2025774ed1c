"""The card that `./market up` ends with: where it is, who may log in, what to type next."""

from lium_site.stack.credentials import ADMIN_EMAIL, RENTER_EMAIL, Credentials
from lium_site.stack.machine import Machine

CARD = """
  The market is open           {url}
  Admin                        {url}/admin/      {admin_email} / {admin_password}
  Renter                       {url}/accounts/login/      {renter_email} / {renter_password}
  API key of the renter        {api_key}
  Local machine                {machine}

  In another terminal, with the lium client (it is in .venv/bin):

    export LIUM_BASE_URL={url}/api LIUM_API_KEY={api_key}
    lium ls
    lium up 1 --name first --yes
    lium ssh first
    lium rm first

  Ctrl-C stops the market. Logs: {logs}
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
        return "none (see above)"
    door = machine.door
    return f"ssh {door.user}@{door.host} -p {door.port}, GPUs simulated"
