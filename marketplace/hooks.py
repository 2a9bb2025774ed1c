"""What the market must ask of the floor above it; the roof installs the answer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class ImageChoice:
    """A container image that suits a machine."""

    docker_image: str
    docker_image_tag: str


# Best first, for a GPU's full or short name and a driver version (either may be empty).
BestImages = Callable[[str, str], list[ImageChoice]]


def _no_opinion(gpu_model: str, driver_version: str) -> list[ImageChoice]:
    return []


_best_images: Final[list[BestImages]] = [_no_opinion]


def install(best_images: BestImages) -> None:
    """Let the roof say who chooses images."""
    _best_images[:] = [best_images]


def best_images(gpu_model: str, driver_version: str) -> list[ImageChoice]:
    """Give the images that suit a machine, best first; empty where nobody has an opinion."""
    return _best_images[0](gpu_model, driver_version)
