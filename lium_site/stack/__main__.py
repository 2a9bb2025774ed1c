"""The command line of `./market`."""

import argparse
import os
import sys

from lium_site.stack import bench, check, demo, down, lock, test, up
from lium_site.stack.claim import running_in
from lium_site.stack.console import StackError, say
from lium_site.stack.credentials import credentials_of
from lium_site.stack.guard import guarded
from lium_site.stack.paths import ROOT, open_state
from validation.challenge import command as challenge
from validation.verifier import command as verifier

# What follows these commands belongs to another program, options included.
PASSED_ON = ("test", "manage", "ledger", "bench", "scores", "weights", "verify", "prove")


def main(arguments: list[str]) -> int:
    """Run one command and return its exit status."""
    try:
        if arguments and arguments[0] in PASSED_ON:
            return _pass_on(arguments[0], arguments[1:])
        return _run(_parser().parse_args(arguments))
    except StackError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        return 130


def _run(chosen: argparse.Namespace) -> int:
    if chosen.command == "up":
        options = up.Options(port=chosen.port, install=chosen.install, show_card=chosen.card)
        return guarded(lambda: up.run(options))
    return {
        "down": lambda: guarded(down.run),
        "demo": lambda: guarded(lambda: demo.run(as_json=chosen.json)),
        "check": lambda: guarded(check.run, keep_terminal=True),
        "lock": lock.run,
    }[chosen.command]()


def _pass_on(command: str, arguments: list[str]) -> int:
    if command == "test":
        return guarded(lambda: test.run(arguments), keep_terminal=True)
    if command == "bench":
        name, *rest = arguments or ["--help"]
        return guarded(lambda: bench.run(name, rest), keep_terminal=True)
    commands = {
        "manage": _manage,
        "ledger": _ledger,
        "scores": _scores,
        "weights": lambda rest: _manage(["weights", *rest]),
        "verify": _verify,
        "prove": _prove,
    }
    return commands[command](arguments)


def _verify(arguments: list[str]) -> int:
    """Verify a bundle; a relative path is the caller's, who may stand elsewhere."""
    os.chdir(os.environ.get("MARKET_CALLED_FROM", ROOT))
    return verifier.main(arguments, program="./market verify")


def _prove(arguments: list[str]) -> int:
    """Have GPUs proven to whoever asks; a relative path is the caller's."""
    os.chdir(os.environ.get("MARKET_CALLED_FROM", ROOT))
    return challenge.main(arguments, program="./market prove")


def _scores(arguments: list[str]) -> int:
    """Recompute published scores; of the market that runs here, unless a file or an address is named; a relative path is the caller's."""
    named = {"-h", "--help", "--from"} & set(arguments) or (
        arguments and not arguments[0].startswith("-")
    )
    if not named:
        running = running_in(open_state())
        if running is None:
            raise StackError(
                "the market is not running. Start it, or name one: ./market scores --from URL"
            )
        arguments = ["--from", running.url, *arguments]
    os.chdir(os.environ.get("MARKET_CALLED_FROM", ROOT))
    # -P: whatever lies in the caller's folder is not imported.
    os.execv(sys.executable, [sys.executable, "-P", "-m", "validation.scoring", *arguments])


def _manage(arguments: list[str]) -> int:
    """Run a management command against the market that runs."""
    state = open_state()
    running = running_in(state)
    if running is None:
        raise StackError("the market is not running. Start it in another terminal: ./market up")
    environment = up.environment_of(
        state,
        url=running.url,
        credentials=credentials_of(state),
        addresses=running.addresses,
    )
    os.chdir(ROOT)
    os.execve(sys.executable, [sys.executable, "manage.py", *arguments], environment)


def _ledger(arguments: list[str]) -> int:
    """Prove the ledger of the running market: `./market ledger check`."""
    if arguments[:1] != ["check"]:
        raise StackError("./market ledger check: prove every balance, entry and key of the ledger")
    return _manage(["ledger_check", *arguments[1:]])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./market", description="An open GPU marketplace.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    start = commands.add_parser("up", help="run the market here, set-up included; Ctrl-C stops it")
    start.add_argument("--port", type=int, default=up.DEFAULT_PORT, help="default: %(default)s")
    start.add_argument(
        "--no-install", dest="install", action="store_false", help="install no system packages"
    )
    start.add_argument("--no-card", dest="card", action="store_false", help=argparse.SUPPRESS)
    commands.add_parser("down", help="stop the market and remove its pods; data stays")
    show = commands.add_parser("demo", help="do the main job from outside, timed")
    show.add_argument("--json", action="store_true", help="print the outcome as the last line")
    for name, text in (
        ("test", "run the tests (arguments go to pytest)"),
        ("check", "do what CI does: format, lint, types, imports, migrations, tests"),
        ("lock", "pin the packages of pyproject.toml anew"),
        ("manage", "run a management command against the running market"),
        ("ledger", "check: prove the ledger from its own rows and from the chain"),
        ("bench", "measure NAME against a reference"),
        ("prove", "have GPUs that you rent proven to you, over a command that reaches a prover"),
        ("verify", "re-check a proof of GPU, without a GPU, a database or a network"),
        ("scores", "recompute published scores from their data alone"),
        ("weights", "weigh the running market; --dry-run prints the vector and sends nothing"),
    ):
        commands.add_parser(name, help=text)
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
