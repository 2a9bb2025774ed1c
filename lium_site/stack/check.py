"""`./market check`: everything that CI asks of a change, each with its time, none skipped for another's failure."""

import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from lium_site.stack import services
from lium_site.stack.application import base_environment
from lium_site.stack.console import say
from lium_site.stack.credentials import made_up
from lium_site.stack.paths import ROOT
from lium_site.stack.test import in_foreground

PUBLIC_URL = "https://market.example"


def run() -> int:
    """Run every check; return 0 if all passed."""
    failed = [name for name, check in _checks() if not _passed(name, check)]
    if failed:
        say(f"failed: {', '.join(failed)}")
        return 1
    say("all checks passed")
    return 0


def _checks() -> list[tuple[str, Callable[[], int]]]:
    return [
        ("format", lambda: _tool("ruff", "format", "--check")),
        ("lint", lambda: _tool("ruff", "check")),
        ("templates", lambda: _tool("djade", "--check", *_templates())),
        ("types", lambda: _tool("mypy", ".")),
        ("imports", lambda: _tool("lint-imports")),
        ("migrations and deployment", _django),
        ("tests", lambda: in_foreground([str(ROOT / "market"), "test"], base_environment())),
    ]


def _passed(name: str, check: Callable[[], int]) -> bool:
    started = time.monotonic()
    status = check()
    say(f"{'ok    ' if status == 0 else 'FAILED'}  {time.monotonic() - started:6.1f} s  {name}")
    return status == 0


def _django() -> int:
    """Check the models against their migrations, and the settings as a deployment would have them."""
    status = 1
    with services.throwaway() as addresses:
        environment = {
            **base_environment(),
            **made_up().environment(),
            **addresses,
            "DJANGO_SETTINGS_MODULE": "lium_site.settings.base",
            "MARKET_INSTANCE": "check",
            "MARKET_PUBLIC_URL": PUBLIC_URL,
            "MARKET_SSL_REDIRECT": "yes",
        }
        status = max(
            _manage(environment, "makemigrations", "--check", "--dry-run"),
            _manage(environment, "check", "--deploy", "--fail-level", "WARNING"),
        )
    return status


def _manage(environment: Mapping[str, str], *arguments: str) -> int:
    return in_foreground([sys.executable, str(ROOT / "manage.py"), *arguments], environment)


def _tool(name: str, *arguments: str) -> int:
    program = Path(sys.executable).with_name(name)
    return subprocess.run([program, *arguments], cwd=ROOT, check=False).returncode


def _templates() -> Sequence[str]:
    return [str(path) for path in sorted(ROOT.glob("templates/**/*.html"))]
