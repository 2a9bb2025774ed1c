"""The prover as one file: `python -m validation.prover.build prove.pyz`; the same sources give the same bytes."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from validation import archive, kernels

ROOT: Final = Path(__file__).resolve().parents[2]
PROGRAM: Final = "validation.prover.program"
OURS: Final = "validation"
START: Final = f"import sys\n\nfrom {PROGRAM} import main\n\nsys.exit(main(sys.argv[1:]))\n"


def build() -> bytes:
    """Return the file: every module that the program imports, and the kernels."""
    contents = {_path(name).as_posix(): _text(name) for name in _needed(PROGRAM)}
    for name in (*kernels.HEADERS, *kernels.KERNELS.values()):
        contents[f"validation/kernels/{name}"] = kernels.source(name)
    contents["__main__.py"] = START
    return archive.program(contents)


def main(arguments: list[str]) -> int:
    """Write the file where it is asked for, or print how to ask."""
    if len(arguments) != 1:
        print("usage: python -m validation.prover.build PATH", file=sys.stderr)
        return 2
    target = Path(arguments[0])
    target.write_bytes(build())
    target.chmod(0o755)
    return 0


def _needed(start: str) -> set[str]:
    """Return our modules that this one leads to, with the packages that they are in."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name not in found and _exists(name):
            found.add(name)
            waiting += _imports(name)
            waiting += [name.rpartition(".")[0]] if "." in name else []
    return found


def _imports(name: str) -> Iterator[str]:
    for statement in ast.walk(ast.parse(_text(name))):
        if isinstance(statement, ast.ImportFrom) and statement.module:
            yield statement.module
            # What is imported from a package may be a module of it.
            yield from (f"{statement.module}.{alias.name}" for alias in statement.names)


def _exists(name: str) -> bool:
    return name.partition(".")[0] == OURS and (ROOT / _path(name)).is_file()


def _text(name: str) -> str:
    return (ROOT / _path(name)).read_text(encoding="utf-8")


def _path(name: str) -> PurePosixPath:
    path = PurePosixPath(*name.split("."))
    return path / "__init__.py" if (ROOT / path).is_dir() else path.with_suffix(".py")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
