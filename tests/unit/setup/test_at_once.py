"""The account by the API, with a caller's own rights: made as a whole, or nothing of it stays."""

from __future__ import annotations

from typing import Any

import pytest

from prs.endpoint import Endpoint
from prs.errors import HelperError, LoginFailed, Unreachable
from prs.setup import account, at_once
from prs.setup.api_tools import ApiTools
from prs.setup.tools import SetupError
from simcluster import InProcessApi
from simcluster.access import User
from simcluster.scenes import SMALL, from_json
from simcluster.world import START, World

PRIVILEGES = ("Sys.Audit", "VM.Audit", "VM.Migrate")
CHANGES = 6  # role, user, token, two grants; one more than there are


class Breaks(InProcessApi):
    """Gives no answer to the n-th change; `carried_out`: although it was done."""

    def __init__(self, world: World, number: int, carried_out: bool) -> None:
        super().__init__(world, "root@pam")
        self._left, self._carried_out = number, carried_out

    def _change(self, done: Any) -> Any:
        self._left -= 1
        if self._left == 0 and not self._carried_out:
            raise Unreachable("no answer")
        found = done()
        if self._left == 0:
            raise Unreachable("no answer")
        return found

    def post(self, path: str, params: Any = None) -> Any:
        """Change."""
        return self._change(lambda: super(Breaks, self).post(path, params))

    def put(self, path: str, params: Any = None) -> Any:
        """Set."""
        return self._change(lambda: super(Breaks, self).put(path, params))


def small(flavour: Any) -> World:
    """The small cluster with nobody but root."""
    return from_json({**SMALL, "flavour": flavour}, START)


def standing(world: World) -> tuple[object, ...]:
    access = world.access
    return dict(access.roles), sorted(access.users), sorted(access.tokens), sorted(map(str, access.grants))


def test_all_of_it_is_made_and_handed_over(flavour: Any) -> None:
    world, tried, kept = small(flavour), list[Endpoint](), dict[str, str]()
    done = at_once.make(ApiTools(InProcessApi(world, "root@pam")), PRIVILEGES, tried.append, kept.update)
    assert done == [
        "created role PRS with Sys.Audit, VM.Audit, VM.Migrate", "created user prs@pve, which has no password",
        "created API token prs@pve!cluster", "gave role PRS on / to prs@pve", "gave role PRS on / to prs@pve!cluster",
        "gave the account to all nodes",
    ]  # fmt: skip
    secret = world.access.tokens["prs@pve!cluster"].secret
    assert (tried[0].token_value, world.access.tokens["prs@pve!cluster"].privsep) == (secret, True)
    assert sorted(kept) == ["account", "pve1", "pve2", "pve3"]
    assert all(f"api_token: prs@pve!cluster={secret}\n" in text for text in kept.values())
    assert set(world.access.held("prs@pve!cluster", "/vms/101")) == set(PRIVILEGES)
    with pytest.raises(SetupError, match="prs@pve!cluster exists already"):
        at_once.make(ApiTools(InProcessApi(world, "root@pam")), PRIVILEGES, tried.append, kept.update)


class Overtaken(InProcessApi):
    """Somebody else makes the whole account right before the n-th change."""

    def __init__(self, world: World, number: int, kept: dict[str, str]) -> None:
        super().__init__(world, "root@pam")
        self._world, self._left, self._kept = world, number, kept

    def post(self, path: str, params: Any = None) -> Any:
        """Change."""
        self._left -= 1
        if self._left == 0:
            at_once.make(ApiTools(InProcessApi(self._world, "root@pam")), PRIVILEGES, lambda endpoint: None, self._kept.update)
        return super().post(path, params)


@pytest.mark.parametrize("number", [1, 2, 3], ids=["role", "user", "token"])
def test_of_two_who_make_it_at_once_the_slower_one_takes_nothing_from_the_other(flavour: Any, number: int) -> None:
    """It would have removed, as its own, what the other had given to all nodes a moment before."""
    world, kept = small(flavour), dict[str, str]()
    with pytest.raises(SetupError, match="already exists: somebody else is making the account just now"):
        at_once.make(ApiTools(Overtaken(world, number, kept)), PRIVILEGES, lambda endpoint: pytest.fail("tried"), lambda texts: None)
    assert f"api_token: prs@pve!cluster={world.access.tokens['prs@pve!cluster'].secret}\n" in kept["account"]
    assert set(world.access.held("prs@pve!cluster", "/vms/101")) == set(PRIVILEGES)


@pytest.mark.parametrize("when", ["before it is tried", "before it is kept"])
def test_the_token_that_setup_has_put_in_the_place_of_ours_stays(flavour: Any, when: str) -> None:
    """`setup` elsewhere replaces a token that nobody has kept: to take that one back would leave all nodes without any."""
    world, made = small(flavour), list[str]()

    def overtaken() -> None:
        made.append(account.new_token(ApiTools(InProcessApi(world, "root@pam")), account.CLUSTER)[0])

    def attempt(endpoint: Endpoint) -> None:
        if when == "before it is tried" and not made:
            overtaken()
        if world.access.tokens["prs@pve!cluster"].secret != endpoint.token_value:
            raise LoginFailed("authentication failure")

    def keep(texts: dict[str, str]) -> None:
        overtaken()
        raise HelperError("refused: there is an account already")

    with pytest.raises(SetupError, match="somebody else is making the account just now"):
        at_once.make(ApiTools(InProcessApi(world, "root@pam")), PRIVILEGES, attempt, keep)
    assert made == [world.access.tokens["prs@pve!cluster"].secret]
    assert set(world.access.held("prs@pve", "/vms/101")) == set(PRIVILEGES)


@pytest.mark.parametrize("carried_out", [False, True])
@pytest.mark.parametrize("number", range(1, CHANGES))
def test_what_fails_halfway_leaves_nothing_behind(number: int, carried_out: bool) -> None:
    world = small("9")
    before = standing(world)
    with pytest.raises(SetupError, match=r"no answer; nothing is left behind$"):
        at_once.make(ApiTools(Breaks(world, number, carried_out)), PRIVILEGES, lambda _: None, lambda _: None)
    assert standing(world) == before


def test_a_role_that_was_there_is_as_before_when_root_cannot_keep_it(flavour: Any) -> None:
    world = small(flavour)
    world.access.roles["PRS"] = frozenset({"Sys.Audit", "Sys.PowerMgmt"})
    before = standing(world)

    def refuse(texts: dict[str, str]) -> None:
        assert "Sys.PowerMgmt" in world.access.roles["PRS"], "what was granted on purpose stays"
        raise HelperError("failed: the cluster has no quorum")

    with pytest.raises(SetupError, match="the cluster has no quorum; nothing is left behind"):
        at_once.make(ApiTools(InProcessApi(world, "root@pam")), PRIVILEGES, lambda _: None, refuse)
    assert standing(world) == before


def test_who_may_not_is_told_so_in_the_words_of_pve(flavour: Any) -> None:
    world = small(flavour)
    world.access.add(User("half@pve"), ("/", "PVEAuditor"))
    before = standing(world)
    with pytest.raises(SetupError, match=r"^role add PRS: Permission check failed \(/access, Sys.Modify\); nothing is left behind$"):
        at_once.make(ApiTools(InProcessApi(world, "half@pve")), PRIVILEGES, lambda _: None, lambda _: None)
    assert standing(world) == before
