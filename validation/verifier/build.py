"""The verifier as one file that runs without a checkout: `python -m validation.verifier.build lium-verify.pyz`.

It needs Python 3.11 with numpy, cryptography and py-sr25519-bindings.
"""

import sys
from pathlib import Path
from typing import Final

from validation import archive

ROOT: Final = Path(__file__).resolve().parents[2]
SOURCES: Final = ("__init__.py", "proof/**/*.py", "verifier/**/*.py")
START: Final = """\
import sys

try:
    from validation.verifier.command import main
except ModuleNotFoundError as missing:
    sys.exit(f"lium-verify: {missing}. Try: pip install numpy cryptography py-sr25519-bindings")

sys.exit(main(program="lium-verify"))
"""


def build(target: Path) -> None:
    """Write the file and make it executable; the same sources give the same bytes."""
    files = [file for pattern in SOURCES for file in (ROOT / "validation").glob(pattern)]
    contents = {file.relative_to(ROOT).as_posix(): file.read_text("utf-8") for file in files}
    target.write_bytes(archive.program({**contents, "__main__.py": START}))
    target.chmod(0o755)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m validation.verifier.build FILE")
    build(Path(sys.argv[1]))
