"""Images on a machine."""

import json
from dataclasses import dataclass

from marketplace.machine import Machine
from rentals.engine.docker import LOOK_SECONDS, attempt, complaint
from rentals.engine.errors import DiskFull, EngineDown, ImageMissing, ImagePullFailed
from rentals.engine.spec import check_image


@dataclass(frozen=True, kw_only=True, slots=True)
class Image:
    """What the engine knows of an image; `command` is its entry point with its arguments."""

    digest: str
    size_bytes: int
    command: tuple[str, ...]


def image_present(machine: Machine, *, image: str) -> Image | None:
    """Describe an image that is on the machine, or None when it is not."""
    args = ["image", "inspect", check_image(image)]
    result = attempt(machine, args, timeout=LOOK_SECONDS)
    if result.exit_status:
        error = complaint(result)
        if isinstance(error, ImageMissing):
            return None
        raise error
    raw = json.loads(result.stdout)[0]
    config = raw["Config"] or {}
    command = (*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ()))
    return Image(digest=raw["Id"], size_bytes=raw["Size"], command=command)


def pull(machine: Machine, *, image: str, deadline: int = 1800) -> Image:
    """Fetch an image within `deadline` seconds, unless it is there.

    :raises ImagePullFailed: when the registry does not give it, or not in time.
    """
    present = image_present(machine, image=image)
    if present is not None:
        return present
    try:
        result = attempt(machine, ["pull", "--quiet", image], timeout=deadline)
    except EngineDown as error:
        raise ImagePullFailed(f"not finished within {deadline} seconds") from error
    if result.exit_status:
        refusal = complaint(result)
        raise (
            refusal
            if isinstance(refusal, DiskFull | EngineDown)
            else ImagePullFailed(refusal.detail)
        )
    present = image_present(machine, image=image)
    if present is None:
        raise ImagePullFailed("the image was pulled, but is not on the machine")
    return present
