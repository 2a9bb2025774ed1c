"""What pods run on: an SSH server for any image, and the base image, both from Debian packages."""

from rentals.runtime.artifacts import BaseImage, RuntimeBundle

__all__ = ["BaseImage", "RuntimeBundle"]
