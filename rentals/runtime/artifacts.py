"""What is made once on the platform and copied to machines."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

REPOSITORY: Final = "lium/base"


@dataclass(frozen=True, kw_only=True, slots=True)
class RuntimeBundle:
    """The SSH server and init that every pod gets; `version` is the hash of its content."""

    version: str
    architecture: str
    archive: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class BaseImage:
    """The image assembled from packages; `name` holds a hash of their versions."""

    name: str
    architecture: str
    archive: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Artifacts:
    """Both of them."""

    runtime: RuntimeBundle
    base_image: BaseImage
