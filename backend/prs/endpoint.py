"""Where the API is and who calls it: the one value that holds credentials."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The hosts to try in order and one way to log in: password, token, or the ticket of a web user. Its repr shows no secret."""

    hosts: tuple[str, ...]  # "host", "host:port", "[v6]" or "[v6]:port"; PVE's port is 8006
    user: str = ""  # user@realm
    password: str = field(default="", repr=False)
    token_name: str = ""  # the part after "!" of the token's id
    token_value: str = field(default="", repr=False)
    ticket: str = field(default="", repr=False)
    csrf: str = field(default="", repr=False)
    renew: bool = True  # False: a handed-in ticket is used as it is and never renewed
    verify: bool = True
    ca_file: str = ""  # "" = the system's certificate authorities
    timeout: float = 30.0  # seconds for one request
