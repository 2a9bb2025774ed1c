"""The verifier as one file that runs without a checkout: `python -m validation.verifier.build lium-verify.pyz`.

It needs Python 3.11 with numpy, cryptography and py-sr25519-bindings.
"""

import sys
import zipfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
SOURCES: Final = ("__init__.py", "proof/**/*.py", "verifier/**/*.py")
SHEBANG: Final = b"#!/usr/bin/env python3\n"
START: Final = """\
import sys

try:
    from validation.verifier.command import main
except ModuleNotFoundError as missing:
    sys.exit(f"lium-verify: {missing}. Try: pip install numpy cryptography py-sr25519-bindings")

sys.exit(main(program="lium-verify"))
"""


def build(target: Path) -> None:
    """Write the file and make it executable."""
    with target.open("wb") as stream:
        stream.write(SHEBANG)
        with zipfile.ZipFile(stream, "a", zipfile.ZIP_DEFLATED) as archive:
            for pattern in SOURCES:
                for file in sorted((ROOT / "validation").glob(pattern)):
                    archive.write(file, file.relative_to(ROOT))
            archive.writestr("__main__.py", START)
    target.chmod(0o755)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m validation.verifier.build FILE")
    build(Path(sys.argv[1]))
