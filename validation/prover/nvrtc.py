"""NVRTC through ctypes: it compiles the kernels where no nvcc is installed, and needs no GPU to do so."""

import ctypes
import threading
from collections.abc import Iterable
from typing import Final

from validation import kernels
from validation.prover.libraries import load

NAMES: Final = ("libnvrtc.so.12", "libnvrtc.so.13", "libnvrtc.so.11.2", "libnvrtc.so")
STANDARD: Final = "--std=c++17"


class NvrtcError(Exception):
    """Say what NVRTC could not do, in its own words where it has some."""


class Compiler:
    """Compiles each kernel once for each kind of card; may be used by several threads.

    :raises NvrtcError: if NVRTC is not installed.
    """

    def __init__(self) -> None:
        library = load(NAMES)
        if library is None:
            raise NvrtcError(
                "libnvrtc is not installed; use an image of the CUDA toolkit or the package nvidia-cuda-nvrtc-cu12"
            )
        self._library = library
        self._library.nvrtcGetErrorString.restype = ctypes.c_char_p
        self._lock = threading.Lock()
        self._compiled: dict[tuple[str, str], bytes] = {}

    @property
    def version(self) -> str:
        """Return NVRTC's version, such as 12.9."""
        major, minor = ctypes.c_int(), ctypes.c_int()
        self._call("Version", ctypes.byref(major), ctypes.byref(minor))
        return f"{major.value}.{minor.value}"

    def target_for(self, capability: tuple[int, int]) -> str:
        """Return what to compile for: the card's machine code, or PTX where the card is newer than this NVRTC.

        :raises NvrtcError: if the card is older than anything that NVRTC knows.
        """
        wanted = capability[0] * 10 + capability[1]
        known = [number for number in self._known() if number <= wanted]
        if not known:
            raise NvrtcError(f"NVRTC {self.version} knows no card as old as sm_{wanted}")
        return f"sm_{wanted}" if wanted in known else f"compute_{max(known)}"

    def compiled(self, file: str, *, target: str) -> bytes:
        """Return a source file as machine code (target sm_90) or as PTX (target compute_90).

        :raises NvrtcError: if it does not compile without a warning.
        """
        with self._lock:
            if (file, target) not in self._compiled:
                self._compiled[file, target] = self._compile(file, target)
            return self._compiled[file, target]

    def _compile(self, file: str, target: str) -> bytes:
        program = ctypes.c_void_p()
        texts, names = _array(map(kernels.source, kernels.HEADERS)), _array(kernels.HEADERS)
        text = kernels.source(file).encode()
        self._call(
            "CreateProgram", ctypes.byref(program), text, file.encode(), len(names), texts, names
        )
        try:
            options = _array((f"--gpu-architecture={target}", STANDARD))
            status = self._library.nvrtcCompileProgram(program, len(options), options)
            log = self._read("ProgramLog", program).rstrip(b"\0\n").decode(errors="replace")
            if status or log:
                raise NvrtcError(f"{file} does not compile cleanly for {target}: {log}")
            return self._read("CUBIN" if target.startswith("sm_") else "PTX", program)
        finally:
            self._library.nvrtcDestroyProgram(ctypes.byref(program))

    def _known(self) -> list[int]:
        count = ctypes.c_int()
        self._call("GetNumSupportedArchs", ctypes.byref(count))
        numbers = (ctypes.c_int * count.value)()
        self._call("GetSupportedArchs", numbers)
        return list(numbers)

    def _read(self, what: str, program: ctypes.c_void_p) -> bytes:
        size = ctypes.c_size_t()
        self._call(f"Get{what}Size", program, ctypes.byref(size))
        buffer = ctypes.create_string_buffer(size.value)
        self._call(f"Get{what}", program, buffer)
        return buffer.raw

    def _call(self, name: str, *arguments: object) -> None:
        status = getattr(self._library, f"nvrtc{name}")(*arguments)
        if status:
            words = self._library.nvrtcGetErrorString(status).decode()
            raise NvrtcError(f"nvrtc{name}: {words}")


def _array(texts: Iterable[str]) -> "ctypes.Array[ctypes.c_char_p]":
    encoded = [text.encode() for text in texts]
    return (ctypes.c_char_p * len(encoded))(*encoded)
