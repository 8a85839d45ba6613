"""Who may connect at all: ALLOW_FROM, DENY_FROM and POLICY of /etc/default/pveproxy, judged as pveproxy judges them.

pve-http-server PVE/APIServer/Utils.pm (read_proxy_config) and AnyEvent.pm (check_host_access).
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Range = tuple[Address, Address]
_ALL = ("0.0.0.0/0", "::/0")


@dataclass(frozen=True, slots=True)
class AccessRules:
    """Ranges of addresses, first to last; a client that both or neither of the lists name is judged by the policy."""

    allow: tuple[Range, ...] = ()
    deny: tuple[Range, ...] = ()
    policy: str = "allow"

    def admits(self, client: str) -> bool:
        """True when a client with this address may connect."""
        try:
            address = ipaddress.ip_address(client.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        address = mapped or address
        allowed, denied = _within(address, self.allow), _within(address, self.deny)
        return self.policy == "allow" if allowed == denied else allowed


def read_rules(path: Path) -> AccessRules:
    """The rules in the file; none when it does not exist. ValueError names what cannot be understood: then nobody must be let in."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return AccessRules()
    found = {}
    for line in text.splitlines():
        match = re.fullmatch(r"\s*(?:export\s+)?(ALLOW_FROM|DENY_FROM|POLICY)=(\"[^\"]*\"|'[^']*'|[^\s#;]*)\s*(?:#.*)?", line)
        if match:
            found[match[1]] = match[2].strip("\"'")
    policy = found.get("POLICY") or "allow"
    if policy not in ("allow", "deny"):
        raise ValueError(f"{path}: POLICY is neither allow nor deny")
    return AccessRules(_ranges(path, found.get("ALLOW_FROM", "")), _ranges(path, found.get("DENY_FROM", "")), policy)


def _ranges(path: Path, text: str) -> tuple[Range, ...]:
    words = [word.strip() for word in text.split(",") if word.strip()]
    return tuple(_range(path, word) for given in words for word in (_ALL if given == "all" else (given,)))


def _range(path: Path, word: str) -> Range:
    """A network, an address, or first-last."""
    try:
        if "-" in word:
            first, last = (ipaddress.ip_address(part.strip()) for part in word.split("-", 1))
            return first, last
        network = ipaddress.ip_network(word, strict=False)
    except ValueError:
        raise ValueError(f"{path}: {word[:60]!r} is not an address, a network or a range of addresses") from None
    return network[0], network[-1]


def _within(address: Address, ranges: tuple[Range, ...]) -> bool:
    return any(type(first) is type(address) and first <= address <= last for first, last in ranges)  # type: ignore[operator]
