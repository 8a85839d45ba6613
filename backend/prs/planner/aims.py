"""What a search lowers: how far the loads are outside a band (the cheapest plan), or how uneven they are (the most level cluster)."""

from __future__ import annotations

from prs.planner.limits import Board

FAR = 1e30


class Band:
    """Load outside a band of the given width (a fraction), priced in seconds per unit of load; the band follows the loads."""

    def __init__(self, board: Board, resource: str, width: float, price: float) -> None:
        problem = board.problem
        self.load, self.total = board.load[resource], problem.total[resource]
        self.nodes = [node for node in problem.active if self.total[node] > 0]
        self.sizes = [unit.size(resource) for unit in problem.units]
        self.width, self.price, self.low = width - 1e-9, price, -1.0
        self.lowest, self.highest = [-FAR] * len(self.total), [FAR] * len(self.total)
        self.outside = [0.0] * len(self.total)
        self.bad: list[int] = []  # nodes outside the band
        self.value = 0.0
        self.center()

    def center(self) -> None:
        """Put the band where the least load is outside of it: a median of the loads and of the loads less the width."""
        use = [self.load[node] / self.total[node] for node in self.nodes]
        use += [one - self.width for one in use]
        use.sort()
        low = (use[len(self.nodes) - 1] + use[len(self.nodes)]) / 2
        if low != self.low:
            self.low = low
            for node in self.nodes:
                self.lowest[node], self.highest[node] = low * self.total[node], (low + self.width) * self.total[node]
            self.refresh()

    def refresh(self) -> None:
        """Count everything anew from the board's loads."""
        for node in self.nodes:
            load = self.load[node]
            self.outside[node] = max(load - self.highest[node], self.lowest[node] - load, 0.0)
        self.bad = [node for node in self.nodes if self.outside[node] > 0.0]
        self.value = sum(self.outside)

    def change(self, unit: int, source: int, target: int) -> float:
        """The change of the value if the unit went from one node to the other."""
        size = self.sizes[unit]
        give, take = self.load[source] - size, self.load[target] + size
        change = -self.outside[source] - self.outside[target]
        if give > self.highest[source]:
            change += give - self.highest[source]
        elif give < self.lowest[source]:
            change += self.lowest[source] - give
        if take > self.highest[target]:
            change += take - self.highest[target]
        elif take < self.lowest[target]:
            change += self.lowest[target] - take
        return change * self.price

    def note(self, source: int, target: int) -> None:
        """Take over the loads of two nodes after a step."""
        for node in (source, target):
            load, before = self.load[node], self.outside[node]
            now = load - self.highest[node] if load > self.highest[node] else max(0.0, self.lowest[node] - load)
            if now != before:
                if not before:
                    self.bad.append(node)
                elif not now:
                    self.bad.remove(node)
                self.outside[node] = now
                self.value += now - before

    def wish(self, source: int, target: int) -> float:
        """The size that would best go from one node to the other."""
        room = self.highest[target] - self.load[target]
        need = max(self.load[source] - self.highest[source], self.lowest[target] - self.load[target])
        return min(room, need) if need > 0 else room
