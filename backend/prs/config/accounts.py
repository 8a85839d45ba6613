"""Reads the values of prs.conf that name an account of Proxmox VE; as those of values.py, each raises ValueError with a hint."""

from __future__ import annotations

import re

_USER = re.compile(r"(?=.{1,64}\Z)[^\s:/]+@[A-Za-z][A-Za-z0-9._-]+")  # pve-access-control PVE/Auth/Plugin.pm, pve-userid
_TOKEN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]+")
_TOKEN_ID = re.compile(r"[A-Za-z0-9._-]{1,40}@[A-Za-z0-9._-]{1,20}![A-Za-z0-9._-]{1,40}")


def user(value: str) -> str:
    """Read user@realm, or nothing."""
    if value and not _USER.fullmatch(value):
        raise ValueError(_not_a_user(value))
    return value


def _not_a_user(value: str) -> str:
    """What somebody may have meant who wrote this as the user."""
    if "!" in value:
        token_id = value.partition("=")[0]
        named = token_id if _TOKEN_ID.fullmatch(token_id) else "user@realm!name"
        return f"this is a token: write api_token: {named}=SECRET instead of api_user and api_pass"
    if re.search(r"\s", value):
        return "it holds a blank, which no name of a user in Proxmox VE has"
    if "@" not in value:
        return "the realm is missing: root@pam is a user of the system, name@pve one of Proxmox VE"
    return "a name before the @ and a realm behind it are expected, without : and /"


def token(value: str) -> tuple[str, str, str]:
    """Read `user@realm!name=secret` or `name=secret`; give (user, name, secret), all empty for an empty value."""
    if not value:
        return "", "", ""
    if re.match(r"(authorization:\s*)?pveapitoken\s*[=:\s]", value, re.IGNORECASE):
        raise ValueError("write only what follows PVEAPIToken=")
    identity, equals, secret = value.partition("=")
    owner, _, name = identity.rpartition("!")
    name, secret = name.strip(), secret.strip()
    if not equals and ":" in name:
        raise ValueError("between the token's name and its secret stands a =, not a :")
    if not equals or not secret or re.search(r"\s", secret):
        raise ValueError("the secret is missing after '='" if not secret else "the secret holds a blank")
    if "!" in identity and not _USER.fullmatch(owner):
        raise ValueError("before the ! stands the token's user with its realm, such as prs@pve")
    if not _TOKEN_NAME.fullmatch(name):
        raise ValueError("the token's name begins with a letter and holds letters, digits and . _ - only")
    return owner, name, secret
