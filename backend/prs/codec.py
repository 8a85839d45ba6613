"""Turns the model's dataclasses into JSON values and back, checking shapes on the way in."""

from __future__ import annotations

import types
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from prs.errors import ModelError

T = TypeVar("T")
_LARGEST = 2**63  # no size, time or id of ours comes near; infinite and NaN are not below it


def to_json(value: Any) -> Any:
    """Give dataclasses as dicts and tuples as lists; everything else must be a JSON value already."""
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: to_json(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, (tuple, list)):
        return [to_json(item) for item in value]
    return value


def from_json(cls: type[T], data: Any, where: str = "") -> T:
    """Build dataclass `cls` from what to_json gave; raise ModelError naming the field for anything of another shape."""
    if not isinstance(data, dict):
        raise ModelError(f"{where or cls.__name__}: an object is expected, found {type(data).__name__}")
    hints, known = _hints(cls), {item.name for item in fields(cls)}  # type: ignore[arg-type]
    unknown = sorted(set(data) - known)
    if unknown:
        raise ModelError(f"{where or cls.__name__}: unknown field {', '.join(unknown)}")
    values = {name: _value(hints[name], item, f"{where}.{name}" if where else name) for name, item in data.items()}
    for item in fields(cls):  # type: ignore[arg-type]
        if item.name not in values and item.default is MISSING and item.default_factory is MISSING:
            raise ModelError(f"{where or cls.__name__}: field {item.name} is missing")
    return cls(**values)


@cache
def _hints(cls: type) -> dict[str, Any]:
    return get_type_hints(cls)


def _value(hint: Any, data: Any, where: str) -> Any:
    origin = get_origin(hint)
    if origin is Literal:
        if data not in get_args(hint):
            raise ModelError(f"{where}: {data!r} is not one of {', '.join(map(str, get_args(hint)))}")
        return data
    if origin in (Union, types.UnionType):
        if data is None:
            return None
        return _value(next(arg for arg in get_args(hint) if arg is not type(None)), data, where)
    if origin is tuple:
        return _tuple(get_args(hint), data, where)
    if is_dataclass(hint):
        return from_json(hint, data, where)  # type: ignore[arg-type]
    return _scalar(hint, data, where)


def _tuple(args: tuple[Any, ...], data: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(data, list):
        raise ModelError(f"{where}: a list is expected, found {type(data).__name__}")
    if len(args) == 2 and args[1] is Ellipsis:
        return tuple(_value(args[0], item, f"{where}[{index}]") for index, item in enumerate(data))
    if len(args) != len(data):
        raise ModelError(f"{where}: {len(args)} values are expected, found {len(data)}")
    return tuple(_value(arg, item, where) for arg, item in zip(args, data, strict=True))


def _scalar(hint: Any, data: Any, where: str) -> Any:
    if hint is float and isinstance(data, (int, float)) and not isinstance(data, bool):
        if not abs(data) < _LARGEST:
            raise ModelError(f"{where}: a number is expected, found {data!r:.60}")
        return float(data)
    if hint in (int, float, str, bool) and (type(data) is not hint or (hint is int and abs(data) >= _LARGEST)):
        raise ModelError(f"{where}: {hint.__name__} is expected, found {data!r:.60}")
    return data
