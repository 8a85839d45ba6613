"""The last step of a node's turn: its guests come home, for as long as what keeps them away ends by itself."""

from __future__ import annotations

from dataclasses import replace

from prs.engine.journal.jobs import Job
from prs.engine.journal.rides import drains_with_rides
from prs.engine.rolling.filling import Filling, left_behind
from prs.engine.rolling.riders import ORIGIN
from prs.engine.rolling.stages import LONGEST, Round, Visit, current, noted, waits
from prs.engine.rolling.steps.at_hand import PATIENCE, AtHand, message
from prs.errors import HelperError, PlanError, PveError
from prs.model import Plan

AGAIN = 30.0  # seconds between two looks at guests that a way back could not bring yet


class FillStep:
    """The step; an ended way back is looked at once more while guests may still come."""

    def __init__(self, at: AtHand) -> None:
        self.at = at
        self._again = 0.0  # when (monotonic) an ended way back is looked at once more

    def fill(self, turn: Visit) -> Round:
        """Begin the way back, or follow it; let the node have guests again where none is to come."""
        filling = Filling(self.at.api, self.at.holds, self.at.switch, self.at.one, turn)
        if turn.job:
            job = self.at.journal.job(turn.job)
            return waits(self.at.one, job.message) if job.open else self._ended(turn, filling, job)
        plan, policy = filling.plan(self.at.clock.time())
        if plan.lacking:
            return self.broken(plan.lacking)
        if plan.moves or drains_with_rides(self.at.journal, turn.node):
            plan_id = self.at.journal.add_plan(plan, policy, self.at.one.user)
            mode = turn.node if turn.mode else ""
            job_id = self.at.journal.add_job(plan_id, self.at.one.user, ORIGIN, self.at.clock.time(), maintenance=mode)
            self.at.asked.note("release", turn.node, job=job_id)
            self.at.note(job=job_id, host=self.at.host)
            return self.at.one
        if held_up := self._held_up(turn, filling, plan):
            return held_up
        try:
            later = filling.release(plan)
        except HelperError as error:
            return self.broken(f"{turn.node} is kept empty: {error}")
        if turn.held:
            self.at.asked.note("release", turn.node)
        words = filling.lacking(Job("", "balance", "done", plan, policy, message=later))
        return self.broken(words) if words else self.at.passed(**message(turn, filling.elsewhere(plan)))

    def _ended(self, turn: Visit, filling: Filling, job: Job) -> Round:
        """How it goes on after a way back: with another one where guests that it had to leave may come now."""
        if not (words := filling.lacking(job) or filling.still_kept()):
            return self.at.passed(**message(turn, filling.elsewhere(job.plan)))
        if self.at.clock.monotonic() < self._again:
            return self.at.one
        self._again = self.at.clock.monotonic() + AGAIN
        try:
            plan, _ = filling.plan(self.at.clock.time())
        except PlanError:
            if self.at.clock.time() - turn.since < PATIENCE:
                raise
            return self.broken(words)
        if filling.untried(job, plan):
            return noted(self.at.one, job="", host="")
        return self._held_up(turn, filling, plan) or self.broken(words)

    def broken(self, words: str, away: bool = False) -> Round:
        """The way back goes no further, for this reason; what it leaves is told with it."""
        if "not home: " not in words and (left := self._left(current(self.at.one))) not in words:
            words = f"{words[: LONGEST - len(left) - 2]}; {left}"
        return self.at.broken(words, away)

    def _left(self, turn: Visit) -> str:
        """What a way back that goes no further leaves; the riders have their own step after it."""
        turn = replace(turn, rides=())
        try:
            return Filling(self.at.api, self.at.holds, self.at.switch, self.at.one, turn).left()
        except PveError:
            return left_behind(self.at.holds, turn)

    def _held_up(self, turn: Visit, filling: Filling, plan: Plan) -> Round | None:
        """How it goes on while what keeps guests away ends by itself, as a snapshot or a backup does; None when it has taken too long."""
        until = turn.since + filling.patience
        return waits(self.at.one, filling.elsewhere(plan), until) if self.at.clock.time() < until else None
