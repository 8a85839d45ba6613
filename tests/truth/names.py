"""What pools in pools and the words of ignore lists mean, read for the truth from what the README says of them."""

from __future__ import annotations

import re

from prs.model import Guest, Policy, Pool


def pools_of(guest: Guest, policy: Policy) -> list[Pool]:
    """The pools of the policy that the guest is in, also by pools between, the innermost last."""
    path = guest.pool.lower().split("/")
    chain = ["/".join(path[:depth]) for depth in range(1, len(path) + 1)]
    return sorted((pool for pool in policy.pools if pool.name.lower() in chain), key=lambda pool: pool.name.count("/"))


def ignored(guest: Guest, policy: Policy) -> bool:
    """True when a word of the list means the guest and no exception does, or the innermost pool with a say is ignored."""
    if policy.ignored:
        return False
    said = [pool.ignore for pool in pools_of(guest, policy) if pool.ignore or pool.included]
    words = policy.ignore_guests
    excepted = any(_means(word[1:], guest) for word in words if word[0] == "!")
    meant = not excepted and any(_means(word, guest) for word in words if word[0] != "!")
    return meant or (bool(said) and said[-1])


def _means(word: str, guest: Guest) -> bool:
    """True for its VMID or name, with * and ?, or a range of VMIDs that it is in."""
    first, dash, last = word.partition("-")
    if dash and first.isdigit() and last.isdigit():
        return int(first) <= guest.vmid <= int(last)
    pattern = re.escape(word.lower()).replace(r"\*", ".*").replace(r"\?", ".")
    return any(re.fullmatch(pattern, name) for name in (str(guest.vmid), guest.name.lower()))
