"""Records to JSON values and back, strictly by their declared types: nothing missing, nothing more, nothing coerced."""

import dataclasses
import types
from enum import Enum
from functools import cache
from typing import Annotated, Any, Final, TypeVar, Union, get_args, get_origin, get_type_hints

from validation.proof.bundle.errors import Malformed

Record = TypeVar("Record")

LONGEST_TEXT: Final = 256
LARGEST_INTEGER: Final = 2**63 - 1


def to_json(value: Any) -> Any:
    """Turn a record into what JSON can hold; bytes become lower-case hexadecimal."""
    if dataclasses.is_dataclass(value):
        names = (field.name for field in dataclasses.fields(value))
        return {name: to_json(getattr(value, name)) for name in names}
    if isinstance(value, dict):
        return {name: to_json(item) for name, item in value.items()}
    if isinstance(value, tuple):
        return [to_json(item) for item in value]
    if isinstance(value, bytes):
        return value.hex()
    return value


def from_json(record: type[Record], value: Any, *, where: str = "bundle") -> Record:
    """Read a record.

    :raises Malformed: with the place of the first thing that is not as declared.
    """
    made: Record = _read(record, value, where)
    return made


def _read(kind: Any, value: Any, where: str) -> Any:
    if dataclasses.is_dataclass(kind):
        return _read_record(kind, value, where)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _read_bytes(arguments[1], value, where)
    if origin is tuple:
        _demand(isinstance(value, list), where, "a list")
        return tuple(_read(arguments[0], item, f"{where}[{at}]") for at, item in enumerate(value))
    if origin in (Union, types.UnionType):
        return None if value is None else _read(arguments[0], value, where)
    if origin is dict:
        _demand(isinstance(value, dict), where, "an object")
        return _read_entries(arguments, value, where)
    return _read_plain(kind, value, where)


def _read_record(kind: Any, value: Any, where: str) -> Any:
    _demand(isinstance(value, dict), where, "an object")
    hints = _hints(kind)
    for name in sorted(hints.keys() ^ value.keys()):
        raise Malformed(f"{where}.{name} {'is missing' if name in hints else 'is not known'}"[:200])
    fields = {name: _read(hint, value[name], f"{where}.{name}") for name, hint in hints.items()}
    try:
        return kind(**fields)
    except Malformed:
        raise
    except ValueError as error:
        raise Malformed(f"{where}: {error}") from None


def _read_entries(kinds: tuple[Any, ...], value: dict[str, Any], where: str) -> dict[str, Any]:
    of_key, of_item = kinds
    return {
        _read(of_key, name, f"a name in {where}"): _read(of_item, item, f"{where}.{name}")
        for name, item in value.items()
    }


def _read_bytes(size: int, value: Any, where: str) -> bytes:
    expected = f"{size} bytes as lower-case hexadecimal"
    _demand(isinstance(value, str) and len(value) == 2 * size, where, expected)
    try:
        read = bytes.fromhex(value)
    except ValueError:
        read = b""
    _demand(read.hex() == value, where, expected)
    return read


def _read_plain(kind: Any, value: Any, where: str) -> Any:
    if kind is bool:
        _demand(isinstance(value, bool), where, "true or false")
        return value
    if kind is int:
        whole = isinstance(value, int) and not isinstance(value, bool)
        _demand(whole and 0 <= value <= LARGEST_INTEGER, where, "a whole number from 0 to 2^63 - 1")
        return value
    _demand(isinstance(value, str) and _is_text(value), where, "a short text of printable ASCII")
    if issubclass(kind, Enum):
        _demand(value in {member.value for member in kind}, where, f"a {kind.__name__.lower()}")
    return kind(value)


def _is_text(value: str) -> bool:
    """Say whether every program can hash, store and show this text: no lone surrogate, no NUL, no escape."""
    return len(value) <= LONGEST_TEXT and value.isascii() and value.isprintable()


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)


def _demand(holds: bool, where: str, expected: str) -> None:
    if not holds:
        raise Malformed(f"{where[:200]} must be {expected}")
