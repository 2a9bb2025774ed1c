"""`./market up`: everything, in order, until it is told to stop."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass

from lium_site.stack import application, card, deposits, fork, machine, services
from lium_site.stack.claim import claimed
from lium_site.stack.console import StackError, say
from lium_site.stack.credentials import Credentials, credentials_of
from lium_site.stack.machine import Machine
from lium_site.stack.paths import State, open_state
from lium_site.stack.process import Child
from lium_site.stack.residue import clear_network
from lium_site.stack.supervisor import Supervisor

DEFAULT_PORT = 8000
SETTINGS = "lium_site.settings.base"


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the user chose."""

    port: int = DEFAULT_PORT
    install: bool = True
    show_card: bool = True


def run(options: Options) -> int:
    """Run the market until a signal; return 0 then.

    :raises StackError: if it cannot start, or one of its programs ends by itself.
    """
    state = open_state()
    url = f"http://127.0.0.1:{options.port}"
    with claimed(state, url=url) as claim:
        _ensure_free(options.port)
        with Supervisor() as supervisor:
            supervisor.at_exit(lambda: say("stopped"))
            addresses = services.start(
                supervisor, folder=state.folder, sockets=state.run, logs=state.logs
            )
            credentials = credentials_of(state)
            environment = environment_of(
                state, url=url, credentials=credentials, addresses=addresses
            )
            local = _start(
                supervisor,
                state,
                options=options,
                environment=environment,
                logins=credentials.logins(),
            )
            supervisor.at_exit(lambda: claim.announce("stopping"))
            claim.announce("ready", addresses=addresses)
            if options.show_card:
                card.show(url=url, credentials=credentials, machine=local, logs=str(state.logs))
            supervisor.wait()
    return 0


def environment_of(
    state: State, *, url: str, credentials: Credentials, addresses: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment of every program of the market."""
    return {
        **application.base_environment(),
        **credentials.environment(),
        **addresses,
        **deposits.public_environment(state),
        "DJANGO_SETTINGS_MODULE": SETTINGS,
        "MARKET_STATE": str(state.folder),
        "MARKET_INSTANCE": state.instance,
        "MARKET_PUBLIC_URL": url,
    }


def _start(
    supervisor: Supervisor,
    state: State,
    *,
    options: Options,
    environment: Mapping[str, str],
    logins: Mapping[str, str],
) -> Machine | None:
    fork.load(environment)
    application.manage(state, environment, "migrate", "--verbosity", "0")
    local = machine.start(supervisor, state, install=options.install)
    if local is not None:
        supervisor.at_exit(lambda: clear_network(local.engine, state))
    programs = (
        application.web(environment, port=options.port),
        *application.workers(environment, signing=deposits.signing_environment(state)),
        application.beat(environment, schedule=state.folder / "beat-schedule"),
    )
    supervisor.watch_together([Child(program, log_folder=state.logs) for program in programs])
    application.manage(state, {**environment, **logins}, "seed_market")
    enrolled = local is not None and machine.enrol(local, state, environment)
    application.wait_until_served(supervisor, port=options.port)
    return local if enrolled else None


def _ensure_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise StackError(
                f"port {port} of 127.0.0.1 cannot be used ({error.strerror}). "
                f"Choose another: ./market up --port {port + 1}"
            ) from error
