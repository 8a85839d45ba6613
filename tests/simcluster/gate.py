"""What every request passes before it is answered: PVE's API schema, the permissions, and the way to the node it concerns.

The order is that of pve-manager's PVE/HTTPServer.pm: permissions, then forwarding, then parameters.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from fakepve import schema
from fakepve.generic import GenericApi

from simcluster import routes
from simcluster.access import ROOT
from simcluster.errors import Refused
from simcluster.routes import Call, Handler

if TYPE_CHECKING:
    from simcluster.world import World

NOT_ON_8 = {
    ("GET", "/nodes/{node}/lxc/{vmid}/migrate"),
    ("GET", "/cluster/ha/rules"),
    ("GET", "/nodes/{node}/capabilities/qemu/migration"),
    ("POST", "/cluster/bulk-action/guest/migrate"),
}
NOT_FORWARDED = ("/nodes/{node}/rrddata", "/nodes/{node}/qemu/{vmid}/rrddata", "/nodes/{node}/lxc/{vmid}/rrddata")
NO_ROUTE = 3.0  # seconds until a dead host is given up
TIMEOUT = 30.0  # seconds pveproxy waits for another node


class Permissions(GenericApi):  # type: ignore[misc]  # fakepve is untyped
    """fakepve's evaluation of the schema's permission rules, asked with this world's access lists."""

    def __init__(self, world: World) -> None:
        self._world = world

    def allowed(self, user: str, path: str, privilege: str) -> bool:
        """True when the user holds the privilege on the path."""
        return may(self._world, user, path, privilege)

    def require(self, user: str, rules: dict[str, Any], values: dict[str, Any], declared: dict[str, Any]) -> None:
        """Raise the 403 of PVE unless the rules allow the call."""
        if user == ROOT or rules.get("user") in ("all", "world"):
            return
        allowed, why = self._check(user, rules["check"], values, declared) if "check" in rules else (False, "user != root@pam")
        if not allowed:
            raise Refused(403, f"Permission check failed ({why})" if why else "Permission check failed")


def may(world: World, user: str, path: str, privilege: str) -> bool:
    """True when the user holds the privilege on the path, pools considered."""
    if user == ROOT:
        return True
    pool = ""
    if path.startswith("/vms/"):
        guest = world.guests.get(int(path[5:])) if path[5:].isdigit() else None
        pool = guest.pool if guest else ""
    return privilege in world.access.held(user, path, pool)


@dataclass
class Prepared:
    """A request that passed the gate: `delay` seconds later it is carried out, unless `refusal` says otherwise."""

    call: Call
    handler: Handler
    parameters: dict[str, Any]  # their schema
    given: dict[str, Any]
    delay: float = 0.0
    refusal: Refused | None = None
    carried_out: bool = False  # done already, in spite of the refusal
    without: tuple[str, ...] = ()  # types of rows that a fault keeps out of the answer


def prepare(world: World, user: str, method: str, path: str, params: dict[str, Any], local: str) -> Prepared:
    """Check a request as the API server of node `local` does before it answers or forwards it; raises Refused."""
    match = schema.load().match("/".join(unquote(part) for part in path.split("/")))
    template = match.template if match else path
    world.requests[f"{method} {template}"] += 1
    info = match.methods.get(method) if match else None
    handler = routes.find(method, template)
    if match is None or info is None or handler is None or (world.flavour == "8" and (method, template) in NOT_ON_8):
        if info is None or handler is None:
            world.schema_errors.append(f"{method} {path}: {'not simulated' if info else 'no such method'}")
        raise Refused(501, f"Method '{method} {path}' not implemented")
    given = {**params, **match.params}
    call = Call(user, method, path, template, dict(given), local)
    Permissions(world).require(user, info.get("permissions") or {}, call.values, info["parameters"].get("properties", {}))
    prepared = Prepared(call, handler, info["parameters"], given)
    if not world.faults.on_request(prepared):
        _forward(world, prepared, match.params.get("node", ""))
    elif prepared.carried_out:
        with suppress(Refused):  # the caller gets no answer whatever became of it
            _carry_out(world, prepared)
    return prepared


def finish(world: World, prepared: Prepared) -> Any:
    """Carry out a prepared request; raises Refused."""
    if prepared.refusal is not None:
        raise prepared.refusal
    return _carry_out(world, prepared)


def _carry_out(world: World, prepared: Prepared) -> Any:
    prepared.call.values.update(_validated(world, prepared.call, prepared.parameters, prepared.given))
    answer = prepared.handler(world, prepared.call)
    return [row for row in answer if row.get("type") not in prepared.without] if prepared.without else answer


def _forward(world: World, prepared: Prepared, node: str) -> None:
    """Find out whether the node of the path can be asked."""
    call = prepared.call
    if not node or node == "localhost" or call.template in NOT_FORWARDED:
        return
    if node not in world.nodes:
        words = f"hostname lookup '{node}' failed - failed to get address info for: {node}: Temporary failure in name resolution"
        prepared.refusal = Refused(500, words)
        return
    found = world.nodes[node]
    if not found.alive:
        prepared.delay, prepared.refusal = NO_ROUTE, Refused(595, "No route to host")
    elif node != call.local and found.api == "down":
        prepared.refusal = Refused(595, "Connection refused")
    elif found.api == "hangs":
        prepared.delay, prepared.refusal = TIMEOUT, Refused(596, "Connection timed out")


def _validated(world: World, call: Call, parameters: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    properties = dict(parameters.get("properties") or {})
    if world.flavour == "8":
        properties.pop("with-conntrack-state", None)
    values.pop("_dc", None)
    undeclared = {name: value for name, value in values.items() if name not in properties and f"{{{name}}}" in call.template}
    given = {name: value for name, value in values.items() if name not in undeclared}
    checked, errors = schema.validate({**parameters, "properties": properties}, given)
    for name, value in given.items():  # PVE's JSON schema takes no words for a boolean (pve-behaviour.md section 5)
        if properties.get(name, {}).get("type") == "boolean" and not isinstance(value, bool) and str(value) not in ("0", "1"):
            errors[name] = f"type check ('boolean') failed - got '{value}'"
    if errors:
        world.schema_errors.append(f"{call.method} {call.path}: " + "; ".join(f"{name}: {text}" for name, text in sorted(errors.items())))
        raise Refused(400, "Parameter verification failed.", errors)
    return {**checked, **undeclared}
