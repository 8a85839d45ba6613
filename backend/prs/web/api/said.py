"""Finds the codes and parameters of the service's own sentences, so that each can be worded in the language of whoever reads it.

Sentences cross the journal, processes and nodes as English text. A sentence is coded as a whole or not at all: what one part of it does
not fit stays English, never half of it. Only what others have told, such as PVE or a hook, is quoted as it is.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Any

from prs.web.api.sentences import SENTENCES

Code = dict[str, Any]  # {code, with} of a template, {all, by} of several one after the other; `end` is what stands behind
LONGEST = 800  # characters
DEEPEST = 8  # sentences within one another
_TOLD = "reason words mistakes summary message sentence problem lacking warnings problems details waiting result outcome withdrawn"
FIELDS = frozenset(_TOLD.split())
_NEW = r"new guest(?: \d+)?|like \d+(?: \d+)?"  # guests to be
KINDS = {
    "n": r"-?\d+(?:\.\d+)?",
    "share": r"\d+(?:\.\d+)?%|0",
    "size": r"\d+(?:\.\d+)? [KMGTP]?i?B",
    "node": r"[A-Za-z0-9][A-Za-z0-9-]*",
    "guest": rf"\d+(?: \([^()]*\))?|{_NEW}",
    "rule": r"(?:HA rule|HA group|[Tt]ag|[Pp]ool) \S+|[Pp]ool \S+ and \S+",
    "resource": r"(?:weighted )?(?:assigned |reserved )?memory(?:, CPU and local disk)?|CPU|local disk",
    "time": r"\d{4}-\d\d-\d\d \d\d:\d\d UTC",
    "name": r"[^\s;]+",
    "path": r"/\S*",
    "list": r"[^;:]+?",
    "words": r".+?",
    "told": r".+",
}
ITEM = re.compile(rf"\d+(?: \([^()]*\))?|(?P<rule>{KINDS['rule']})|[^\s,;()]+|(?P<more>\d+) more|(?P<new>{_NEW})")
BETWEEN = ("; ", ". ", ", ", " and ", " or ")
_PLACE = re.compile(r"\{([a-z]+)(\d?)\}")


def said(data: object) -> dict[str, Code]:
    """Give the code of each sentence of an answer that is one of the service's own, by the sentence."""
    found = dict[str, Code]()
    _collect(data, False, found)
    return found


def _collect(value: object, sentence: bool, found: dict[str, Code]) -> None:
    if isinstance(value, dict):
        for name, item in value.items():
            if item:
                _collect(item, name in FIELDS, found)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _collect(item, sentence, found)
    elif sentence and isinstance(value, str) and value not in found and (code := code_of(value)):
        found[value] = code


@lru_cache(4096)
def code_of(text: str) -> Code | None:
    """Give the code of a sentence, None for one that is not known as a whole."""
    if not text or len(text) > LONGEST:
        return None
    return _whole(text, 0) or (_ended(text.removesuffix(".")) if text.endswith(".") else None)


def _ended(text: str) -> Code | None:
    found = _whole(text, 0)
    return {**found, "end": "."} if found else None


@lru_cache(4096)
def _whole(text: str, depth: int) -> Code | None:
    if depth > DEEPEST:
        return None
    # What is a quotation may be anything, so that it comes last.
    found = _one(text, depth) or _several(text, depth) or _one(text, depth, quoting=True)
    if found is None and text[:1].islower():
        upper = text[:1].upper() + text[1:]
        return _one(upper, depth) or _one(upper, depth, quoting=True)
    return found


@lru_cache(4096)
def _one(text: str, depth: int, quoting: bool = False) -> Code | None:
    """The text as one template with its parameters, of those with a quotation or of those without."""
    for template, pattern in _patterns(quoting):
        if match := pattern.fullmatch(text):
            values = {name: _parameter(name, value, depth) for name, value in match.groupdict().items()}
            if None not in values.values():
                return {"code": template, "with": values}
    return None


def _parameter(name: str, value: str, depth: int) -> object:
    """A parameter as it is sent: a sentence in it as a code, a list as one of words; None for what is no such thing."""
    kind = name.rstrip("0123456789")
    if kind in ("words", "resource"):
        return _whole(value, depth + 1)
    if kind == "told":
        return _whole(value, depth + 1) or value
    if kind == "rule" or (kind == "guest" and not value[0].isdigit()):
        return _one(value, depth) or value
    if kind != "list":
        return value
    items = re.split(r", | and ", value)
    matches = [ITEM.fullmatch(item) for item in items]
    if not all(matches):
        return None
    coded = (_one(item, depth) if match and any(match.groups()) else None for item, match in zip(items, matches, strict=True))
    return [code or item for code, item in zip(coded, items, strict=True)]


def _several(text: str, depth: int) -> Code | None:
    """The text as templates one after the other, with the same words between them."""
    ways = [*((between, text.split(between)) for between in BETWEEN), (", ", re.split(", | and ", text))]  # "a, b and c" is one list
    for between, parts in ways:
        found, rest = list[Code](), 0
        while 1 < len(parts) <= 12 and rest < len(parts):
            ends = (end for end in range(len(parts), rest, -1) if end - rest < len(parts))
            first = next(((end, code) for end in ends if (code := _part(between.join(parts[rest:end]), between, depth))), None)
            if first is None:
                break
            rest = first[0]
            found.append(first[1])
        if found and rest == len(parts):
            return {"all": found, "by": between}
    return None


def _part(text: str, between: str, depth: int) -> Code | None:
    """One of several: where sentences follow each other it may be several itself, and a quotation does not reach over its neighbours."""
    if between == ". ":
        return _whole(text, depth)
    return _one(text, depth) or (_one(text, depth, quoting=True) if between not in text else None)


@cache
def _patterns(quoting: bool) -> list[tuple[str, re.Pattern[str]]]:
    """Each template with a quotation, or without, and what fits it; those with the most words of their own come first."""
    ordered = sorted((one for one in SENTENCES if ("{told" in one) == quoting), key=lambda one: -len(_PLACE.sub("", one)))
    return [(one, re.compile(_pattern(one), re.DOTALL)) for one in ordered]


def _pattern(template: str) -> str:
    parts, last = list[str](), 0
    for place in _PLACE.finditer(template):
        parts += [re.escape(template[last:place.start()]), f"(?P<{place[1]}{place[2]}>{KINDS[place[1]]})"]
        last = place.end()
    return "".join(parts) + re.escape(template[last:])
