"""Who has to go when another client comes."""

from __future__ import annotations

import pytest

from prs.web.access.client import client_of, plain
from prs.web.server.places import Place, Places


class House:
    """Places whose connections note that they were ended."""

    def __init__(self, each: int, total: int) -> None:
        self.places, self.left = Places(each, total), list[str]()

    def come(self, client: str, name: str) -> Place | None:
        return self.places.take(client, lambda: self.left.append(name))


def test_the_oldest_silent_connection_of_a_crowded_client_makes_room() -> None:
    house = House(3, 100)
    first, second, third = (house.come("a", name) for name in "123")
    assert first
    assert second
    assert third
    first.served, second.busy = 1, True
    assert house.come("b", "other")
    assert house.come("a", "4")
    assert house.left == ["3"]  # the first has had an answer, the second is at work
    assert house.come("a", "5")
    assert house.left == ["3", "4"]
    fifth = house.places.take("a", lambda: None)
    assert fifth
    assert house.left == ["3", "4", "5"]
    fifth.busy = True
    assert house.come("a", "6")
    assert house.left[-1] == "1"


def test_a_client_whose_connections_are_all_at_work_gets_no_further_one() -> None:
    house = House(2, 100)
    for name in "12":
        place = house.come("a", name)
        assert place
        place.busy = True
    assert house.come("a", "3") is None
    assert house.come("b", "1")


def test_a_full_house_takes_the_place_from_whoever_has_most() -> None:
    house = House(100, 5)
    for name in ("a1", "b1", "a2", "a3", "b2"):
        assert house.come(name[0], name)
    assert house.come("c", "c1")
    assert house.left == ["a1"]


def test_a_place_that_is_given_back_counts_no_more() -> None:
    house = House(1, 100)
    place = house.come("a", "1")
    assert place
    house.places.give_back(place)
    house.places.give_back(place)
    assert house.come("a", "2")
    assert house.left == []


def test_only_connections_kept_for_later_are_closed_at_the_end() -> None:
    house = House(10, 10)
    kept, working, fresh = (house.come("a", name) for name in ("kept", "working", "fresh"))
    assert kept
    assert working
    assert fresh
    kept.served = working.served = 1
    working.busy = True
    house.places.close_kept()
    assert house.left == ["kept"]


@pytest.mark.parametrize(("address", "client"), [
    ("192.0.2.7", "192.0.2.7"), ("::ffff:192.0.2.7", "192.0.2.7"), ("2001:db8:1:2:3::9", "2001:db8:1:2::/64"),
    ("fe80::1%eth0", "fe80::/64"), ("nowhere", "nowhere"),
])  # fmt: skip
def test_an_ipv6_client_is_its_whole_network(address: str, client: str) -> None:
    assert client_of(address) == client


@pytest.mark.parametrize(("address", "known"), [
    ("::ffff:192.0.2.7", "192.0.2.7"), ("192.0.2.7", "192.0.2.7"), ("2001:db8::7", "2001:db8::7"), ("fe80::1%lo", "fe80::1%lo"), ("", ""),
])  # fmt: skip
def test_the_log_names_a_client_as_firewalls_know_it(address: str, known: str) -> None:
    assert plain(address) == known


def test_who_is_slow_to_take_an_answer_makes_room_when_nobody_else_can() -> None:
    """Otherwise five addresses that read slowly would have all places, for minutes."""
    house = House(100, 3)
    first, second, third = (house.come("a", name) for name in "123")
    assert first
    assert second
    assert third
    first.busy = second.busy = third.busy = True
    assert house.come("b", "b1") is None
    house.places.send(second, 1000)
    assert house.come("b", "b2")
    assert house.left == ["2"]
    house.places.send(first, 1000)
    third.busy = False
    assert house.come("b", "b3")
    assert house.left == ["2", "3"]  # whoever only waits goes first, although the other one is older


def test_answers_that_nobody_takes_are_bounded_by_what_all_of_them_hold() -> None:
    left = list[str]()
    places = Places(waiting=1000)
    slow = [places.take("a", lambda name=name: left.append(name)) for name in "123"]  # type: ignore[misc]
    honest = places.take("b", lambda: left.append("b"))
    for place in (honest, *slow):
        assert place
        places.send(place, 300)
    assert left == ["1"]  # the oldest of whoever has most, not the oldest of all
    assert slow[1]
    places.send(slow[1], 0)
    assert slow[2]
    places.send(slow[2], 700)
    assert left == ["1"]
