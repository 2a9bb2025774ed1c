"""What pods run on: an SSH server for any image, and the base image, both from Debian packages."""

from rentals.runtime.artifacts import REPOSITORY, Artifacts, BaseImage, RuntimeBundle
from rentals.runtime.build import artifacts
from rentals.runtime.packages import PackagesUnavailable

__all__ = [
    "REPOSITORY",
    "Artifacts",
    "BaseImage",
    "PackagesUnavailable",
    "RuntimeBundle",
    "artifacts",
]
