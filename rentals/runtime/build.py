"""Builds what pods run on, once a recipe: later calls read what the first one left."""

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from rentals.runtime import base_image, bundle
from rentals.runtime.artifacts import Artifacts, BaseImage, RuntimeBundle
from rentals.runtime.packages import Apt


def artifacts(cache: Path) -> Artifacts:
    """Give the runtime and the base image, built on first use from the system's packages.

    :raises PackagesUnavailable: when apt cannot provide the packages.
    """
    recipe = _recipe()
    with _locked(cache):
        return _kept(cache, recipe) or _build(cache, recipe)


def _build(cache: Path, recipe: str) -> Artifacts:
    _clear(cache)
    with tempfile.TemporaryDirectory(dir=cache, prefix="build-") as name:
        work = Path(name)
        apt = Apt(work / "apt")
        with ThreadPoolExecutor(2) as pool:
            runtime = pool.submit(_build_runtime, apt, work, cache)
            image = pool.submit(_build_image, apt, work, cache, recipe)
            made = Artifacts(runtime=runtime.result(), base_image=image.result())
    _keep(cache, recipe, made)
    return made


def _clear(cache: Path) -> None:
    """Drop what earlier recipes made, and what a build that was killed left."""
    for path in cache.glob("build-*"):
        shutil.rmtree(path, ignore_errors=True)
    for pattern in ("runtime-*", "base-*"):
        for path in cache.glob(pattern):
            path.unlink()


def _build_runtime(apt: Apt, work: Path, cache: Path) -> RuntimeBundle:
    packages = apt.download(bundle.PACKAGES, into=work / "runtime")
    return bundle.build_bundle(packages, work=work, target=cache)


def _build_image(apt: Apt, work: Path, cache: Path, recipe: str) -> BaseImage:
    packages = apt.download(base_image.PACKAGES, into=work / "image")
    return base_image.build_base_image(packages, recipe=recipe, target=cache)


def _kept(cache: Path, recipe: str) -> Artifacts | None:
    try:
        kept = json.loads((cache / "artifacts.json").read_text())
    except FileNotFoundError:
        return None
    runtime, image = kept["runtime"], kept["base_image"]
    archives = [cache / runtime.pop("archive"), cache / image.pop("archive")]
    if kept["recipe"] != recipe or not all(path.exists() for path in archives):
        return None
    return Artifacts(
        runtime=RuntimeBundle(archive=archives[0], **runtime),
        base_image=BaseImage(archive=archives[1], **image),
    )


def _keep(cache: Path, recipe: str, made: Artifacts) -> None:
    runtime, image = made.runtime, made.base_image
    kept = {
        "recipe": recipe,
        "runtime": {
            "version": runtime.version,
            "architecture": runtime.architecture,
            "archive": runtime.archive.name,
        },
        "base_image": {
            "name": image.name,
            "architecture": image.architecture,
            "archive": image.archive.name,
        },
    }
    part = cache / "artifacts.part"
    part.write_text(json.dumps(kept))
    os.replace(part, cache / "artifacts.json")


def _recipe() -> str:
    """Hash this package's own files: whoever changes them gets new artifacts."""
    digest = hashlib.sha256()
    for file in sorted(_sources(files("rentals.runtime")), key=lambda source: source.name):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def _sources(directory: Traversable) -> Iterator[Traversable]:
    for entry in directory.iterdir():
        if entry.is_file():
            yield entry
        elif entry.name == "files":
            yield from _sources(entry)


@contextmanager
def _locked(cache: Path) -> Iterator[None]:
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
