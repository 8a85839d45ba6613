"""Figures as OpenMetrics text (OpenMetrics 1.0.0, the form that Prometheus reads)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"
_SUFFIX = {"counter": "_total", "info": "_info", "gauge": ""}


@dataclass(frozen=True, slots=True)
class Family:
    """A metric: `name` without the suffix of its kind, what it says, and a value for each set of labels."""

    name: str
    kind: Literal["gauge", "counter", "info"]
    help: str
    samples: tuple[tuple[Mapping[str, str], float], ...] = field(default=())


def of(name: str, kind: Literal["gauge", "counter", "info"], words: str, values: Iterable[tuple[Mapping[str, str], float]]) -> Family:
    """The metric with these values."""
    return Family(name, kind, words, tuple(values))


def text(families: Iterable[Family]) -> str:
    """The whole exposition; a family without a value is left out."""
    lines = list[str]()
    for family in families:
        if family.samples:
            lines += [f"# TYPE {family.name} {family.kind}", f"# HELP {family.name} {_escaped(family.help)}"]
            name = family.name + _SUFFIX[family.kind]
            lines += [f"{name}{_labels(labels)} {_number(value)}" for labels, value in family.samples]
    return "\n".join([*lines, "# EOF", ""])


def _labels(labels: Mapping[str, str]) -> str:
    inside = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{inside}}}" if inside else ""


def _escaped(words: str) -> str:
    return words.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))
