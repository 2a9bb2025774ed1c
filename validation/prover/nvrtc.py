"""NVRTC through ctypes: it compiles the kernels where no nvcc is installed, and needs no GPU to do so."""

import ctypes
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from validation import kernels

# The kernels need nothing newer than CUDA 11; the wheel and the pinned image bring 12.
LIBRARIES: Final = ("libnvrtc.so.12", "libnvrtc.so.13", "libnvrtc.so.11.2", "libnvrtc.so")


class NvrtcError(Exception):
    """Say what NVRTC could not do; the compiler's own words follow."""


def library() -> ctypes.CDLL:
    """Load NVRTC from the system or from NVIDIA's wheel.

    :raises NvrtcError: if neither is installed.
    """
    for name in _candidates():
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    raise NvrtcError(
        "libnvrtc is not installed; use an image with the CUDA toolkit, or pip install nvidia-cuda-nvrtc-cu12"
    )


def compile_kernel(nvrtc: ctypes.CDLL, name: str, *, architecture: str) -> bytes:
    """Return the machine code (cubin) of one source file for an architecture such as sm_90.

    :raises NvrtcError: if it does not compile without a warning.
    """
    program = ctypes.c_void_p()
    texts, names = _array(map(kernels.source, kernels.HEADERS)), _array(kernels.HEADERS)
    text, count = kernels.source(name).encode(), len(kernels.HEADERS)
    made = nvrtc.nvrtcCreateProgram(ctypes.byref(program), text, name.encode(), count, texts, names)
    _ensure(nvrtc, made, f"start on {name}")
    try:
        options = _array((f"--gpu-architecture={architecture}", "--std=c++17"))
        status = nvrtc.nvrtcCompileProgram(program, len(options), options)
        log = _read(nvrtc, "ProgramLog", program).rstrip(b"\0\n").decode(errors="replace")
        _ensure(nvrtc, status, f"compile {name} for {architecture}", log)
        if log:
            raise NvrtcError(f"{name} for {architecture} compiles with warnings: {log}")
        return _read(nvrtc, "CUBIN", program)
    finally:
        nvrtc.nvrtcDestroyProgram(ctypes.byref(program))


def version(nvrtc: ctypes.CDLL) -> str:
    """Return NVRTC's version, such as 12.9."""
    major, minor = ctypes.c_int(), ctypes.c_int()
    _ensure(nvrtc, nvrtc.nvrtcVersion(ctypes.byref(major), ctypes.byref(minor)), "tell its version")
    return f"{major.value}.{minor.value}"


def _candidates() -> Iterator[str]:
    yield from LIBRARIES
    packages = Path(sysconfig.get_paths()["purelib"])
    yield from map(str, sorted(packages.glob("nvidia/*/lib/libnvrtc.so.*")))


def _array(texts: "Iterator[str] | tuple[str, ...] | map[str]") -> "ctypes.Array[ctypes.c_char_p]":
    encoded = [text.encode() for text in texts]
    return (ctypes.c_char_p * len(encoded))(*encoded)


def _read(nvrtc: ctypes.CDLL, what: str, program: ctypes.c_void_p) -> bytes:
    size = ctypes.c_size_t()
    status = getattr(nvrtc, f"nvrtcGet{what}Size")(program, ctypes.byref(size))
    _ensure(nvrtc, status, f"size its {what}")
    buffer = ctypes.create_string_buffer(size.value)
    _ensure(nvrtc, getattr(nvrtc, f"nvrtcGet{what}")(program, buffer), f"give its {what}")
    return buffer.raw


def _ensure(nvrtc: ctypes.CDLL, status: int, what: str, words: str = "") -> None:
    if status == 0:
        return
    nvrtc.nvrtcGetErrorString.restype = ctypes.c_char_p
    reason = nvrtc.nvrtcGetErrorString(status).decode()
    raise NvrtcError(f"NVRTC could not {what}: {reason}. {words}".rstrip())
