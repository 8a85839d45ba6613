"""The journal: every plan, job and step is a row in SQLite before it happens, so that nothing is lost or done twice."""

from __future__ import annotations

import json
import logging
import secrets
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from prs.codec import from_json, to_json
from prs.engine.journal.database import Database, insert
from prs.engine.journal.hold import Hold
from prs.engine.journal.jobs import JOB_OPEN, STEP_ACTIVE, STEP_OPEN, Job, Request, Step
from prs.engine.journal.rides import add_rides, rides_of
from prs.engine.journal.rows import SUGGESTED, UNREADABLE, brief_plan, read, step_of
from prs.errors import JobConflict, JournalError, NotFound, PlanError
from prs.model import Move, Plan, Policy

log = logging.getLogger(__name__)

_JOB_FIELDS = tuple(item.name for item in fields(Job) if item.name not in ("plan", "policy", "steps", "rides"))
_OPEN_JOBS = ", ".join(f"'{state}'" for state in JOB_OPEN)
_OPEN_STEPS = ", ".join(f"'{state}'" for state in STEP_OPEN)
_ACTIVE_STEPS = ", ".join(f"'{state}'" for state in STEP_ACTIVE)
LATEST = 1e11  # Unix seconds that a calendar still has a date for
PLANS_OF_A_USER = 20  # plans without a job that are kept of one user; the oldest makes room
_OWNER = "substr(jobs.user, 1, instr(jobs.user || '!', '!') - 1)"  # as in the index by which a user's newest jobs are found
_SURPLUS = f"""DELETE FROM plans WHERE user = ? AND id IN (
    SELECT id FROM plans WHERE user = ? AND id <> {SUGGESTED} AND NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.plan = plans.id)
    ORDER BY created DESC, rowid DESC LIMIT -1 OFFSET ?)"""


class Journal(Database):
    """Plans, jobs with their steps, and the nodes that are held, through one connection."""

    def __init__(self, path: Path, *, writes: bool = True) -> None:
        """Open or create the journal at `path`, readable by its owner and group only; without `writes` to read only, see Database."""
        super().__init__(path, writes=writes)
        self._plans: dict[str, Plan] = {}
        self._aside: set[str] = set()  # jobs whose rows cannot be read, and which were told of

    def add_plan(self, plan: Plan, policy: Policy, user: str) -> str:
        """Store a plan as shown to `user`, with the policy it was made with, and give its new id."""
        plan_id = secrets.token_hex(6)
        # Failure domains that came from PVE's locations bind the job as they bound its plan, and relaxed rules bind neither.
        policy = replace(policy, domains=policy.domains or plan.domains, relaxed=plan.relaxed)
        values = {"id": plan_id, "created": plan.created, "user": user, "method": plan.method, "summary": plan.summary}
        values |= {"policy": json.dumps(to_json(policy)), "body": json.dumps(to_json(plan))}
        with self.transaction() as db:
            insert(db, "plans", values)
            db.execute(_SURPLUS, (user, user, PLANS_OF_A_USER))
        return plan_id

    def plan(self, plan_id: str) -> tuple[Plan, str]:
        """The stored plan and the user it was made for; JournalError if there is none, or none that can be read."""
        row = self._plan_row(plan_id)
        return read(Plan, row["body"], f"plan {plan_id}"), row["user"]

    def newest_plan(self) -> Plan | None:
        """The newest plan that can be read and levels the cluster as it is; None where there is none among the last ones."""
        for row in self.rows("SELECT id FROM plans ORDER BY created DESC, rowid DESC LIMIT ?", PLANS_OF_A_USER):
            with suppress(JournalError):
                plan, _ = self.plan(row["id"])
                if plan.kind == "balance" and not plan.supposed:
                    return plan
        return None

    def waits(self, plan_id: str) -> bool:
        """Whether the plan is still there and no job has carried it out."""
        return bool(self.rows("SELECT 1 FROM plans WHERE id = ? AND NOT EXISTS (SELECT 1 FROM jobs WHERE plan = plans.id)", plan_id))

    def plan_policy(self, plan_id: str) -> Policy:
        """The policy the stored plan was made with; NotFound if there is none."""
        return read(Policy, self._plan_row(plan_id)["policy"], f"the policy of plan {plan_id}")

    def _plan_row(self, plan_id: str) -> sqlite3.Row:
        rows = self.rows("SELECT body, user, policy FROM plans WHERE id = ?", plan_id)
        if not rows:
            raise NotFound(f"there is no plan {plan_id}")
        return rows[0]

    def add_job(
        self, plan_id: str, user: str, origin: str, now: float, moves: tuple[Move, ...] | None = None, credential: str = "",
        maintenance: str = "",
    ) -> str:
        """Queue a job for the stored plan, or only the given moves of it, and give its id; JobConflict if one of its guests is taken.

        A drained node is held from now on; PlanError for a supposed plan. `maintenance` is the node whose HA mode the job may switch.
        """
        plan, _ = self.plan(plan_id)
        if plan.supposed:
            raise PlanError("a plan for a cluster as it might become cannot be carried out")
        chosen = plan.moves if moves is None else moves
        values = {"id": secrets.token_hex(6), "plan": plan_id, "kind": plan.kind, "node": plan.node, "state": "queued"}
        values |= {"user": user, "origin": origin, "credential": credential}
        with self.transaction() as db:
            self._refuse_overlap(db, {move.vmid for move in chosen})
            insert(db, "jobs", {**values, "created": now})
            for seq, move in enumerate(chosen, 1):
                self._insert_step(db, values["id"], seq, move)
            if plan.kind == "drain":
                hold = "INSERT INTO held (node, job, user, since) VALUES (?, ?, ?, ?) ON CONFLICT (node) DO NOTHING"
                db.execute(hold, (plan.node, values["id"], user, now))
                add_rides(db, values["id"], plan.rides)
            if maintenance:
                insert(db, "maintenance", {"job": values["id"], "node": maintenance, "state": "wanted"})
            self._touch(db, values["id"])
        return values["id"]

    def refuse_overlap(self, vmids: set[int]) -> None:
        """JobConflict if one of the guests is in an open job already."""
        with self.transaction() as db:
            self._refuse_overlap(db, vmids)

    @staticmethod
    def _refuse_overlap(db: sqlite3.Connection, vmids: set[int]) -> None:
        taken: dict[str, list[int]] = {}
        about: dict[str, str] = {}
        for row in db.execute(
            f"""SELECT DISTINCT steps.job, steps.vmid, jobs.kind, jobs.node, jobs.user FROM steps JOIN jobs ON jobs.id = steps.job
            WHERE jobs.state IN ({_OPEN_JOBS}) AND steps.state IN ({_OPEN_STEPS}) ORDER BY jobs.created, steps.vmid"""
        ):
            if row["vmid"] in vmids:
                taken.setdefault(row["job"], []).append(row["vmid"])
                what = f"drain of {row['node']}" if row["kind"] == "drain" else "migrations"
                about[row["job"]] = f"{what} by {row['user']}" if row["user"] else what
        if taken:
            job, guests = next(iter(taken.items()))
            raise JobConflict(job, tuple(guests), about[job])

    def append_steps(self, job_id: str, moves: tuple[Move, ...]) -> None:
        """Add moves to an open job (guests that appeared on a node while it was drained)."""
        with self.transaction() as db:
            (last,) = db.execute("SELECT COALESCE(MAX(seq), 0) FROM steps WHERE job = ?", (job_id,)).fetchone()
            for seq, move in enumerate(moves, last + 1):
                self._insert_step(db, job_id, seq, move)
            self._touch(db, job_id)

    @staticmethod
    def _insert_step(db: sqlite3.Connection, job_id: str, seq: int, move: Move) -> None:
        values = {name: getattr(move, name) for name in ("vmid", "name", "kind", "source", "target", "running", "ha", "memory", "disk")}
        values |= {"job": job_id, "seq": seq, "seconds": move.seconds, "round": move.round, "state": "planned", "total": move.bytes}
        values |= {"storages": json.dumps(move.storages)}
        insert(db, "steps", values)

    @staticmethod
    def _touch(db: sqlite3.Connection, job_id: str) -> None:
        """Give the job the next revision of the whole journal."""
        db.execute("UPDATE meta SET value = value + 1 WHERE name = 'revision'")
        db.execute("UPDATE jobs SET revision = (SELECT value FROM meta WHERE name = 'revision') WHERE id = ?", (job_id,))

    def revision(self) -> int:
        """A number that grows with every change of any job."""
        return int(self.rows("SELECT CAST(value AS INTEGER) AS value FROM meta WHERE name = 'revision'")[0]["value"])

    def job(self, job_id: str) -> Job:
        """The job with its plan and steps; JournalError if there is none, or if its row cannot be read, which is set aside then."""
        rows = self.rows("SELECT jobs.*, plans.body, plans.policy FROM jobs JOIN plans ON plans.id = jobs.plan WHERE jobs.id = ?", job_id)
        if not rows:
            raise NotFound(f"there is no job {job_id}")
        try:
            return self._job(rows[0])
        except UNREADABLE as error:
            self._set_aside(rows[0], error)
            raise JournalError(f"job {job_id} cannot be read from the journal") from error

    def jobs(self, limit: int = 50, only_open: bool = False) -> list[Job]:
        """The newest jobs first, with plans and steps; with `only_open` those without a final state, oldest first."""
        where = f"WHERE jobs.state IN ({_OPEN_JOBS}) ORDER BY jobs.created" if only_open else "ORDER BY jobs.created DESC"
        query = f"SELECT jobs.*, plans.body, plans.policy FROM jobs JOIN plans ON plans.id = jobs.plan {where}, jobs.rowid LIMIT ?"
        return self._readable(self.rows(query, limit), self._job)

    def brief_jobs(self, limit: int, user: str = "") -> list[Job]:
        """The newest jobs first (of `user` and of the user's tokens, "" = everybody's), of their plans only kind, method and summary."""
        # Tokens are user!name: in the order of bytes between user! and user" (the next character).
        mine = """(+jobs.user = :user OR (+jobs.user > :user || '!' AND +jobs.user < :user || '"'))"""
        own = f"WHERE {_OWNER} = :owner AND {mine}" if user else ""
        rows = self.rows(
            f"""SELECT jobs.*, plans.policy, plans.method, plans.summary,
            CASE WHEN json_valid(plans.body) THEN json_extract(plans.body, '$.options') END AS options
            FROM jobs JOIN plans ON plans.id = jobs.plan {own}
            ORDER BY jobs.created DESC, jobs.rowid LIMIT :limit""",
            {"user": user, "owner": user.partition("!")[0], "limit": limit},
        )
        return self._readable(rows, lambda row: self._fill(row, brief_plan(row)))

    def _readable(self, rows: list[sqlite3.Row], read: Callable[[sqlite3.Row], Job]) -> list[Job]:
        """The jobs of these rows; one that cannot be understood is set aside: it ends as failed, and its row says why."""
        found = []
        for row in rows:
            try:
                found.append(read(row))
            except UNREADABLE as error:
                self._set_aside(row, error)
        return found

    def _set_aside(self, row: sqlite3.Row, error: Exception) -> None:
        if row["id"] not in self._aside:
            self._aside.add(row["id"])
            log.error("job %s cannot be read from the journal and is set aside: %s", row["id"], f"{type(error).__name__}: {error}"[:200])
        if row["state"] in JOB_OPEN and self.writes:
            words = "its row in the journal cannot be read: look for running migrations in the task lists of the nodes"
            with self.transaction() as db:
                db.execute("UPDATE jobs SET state = 'failed', message = ? WHERE id = ?", (words, row["id"]))
                db.execute(f"UPDATE steps SET state = 'unknown' WHERE job = ? AND state IN ({_OPEN_STEPS})", (row["id"],))
                self._touch(db, row["id"])

    def _job(self, row: sqlite3.Row) -> Job:
        if row["plan"] not in self._plans:
            # Plans never change, and a poll every two seconds should not parse thousands of lines.
            self._plans = {row["plan"]: from_json(Plan, json.loads(row["body"]))}
        return self._fill(row, self._plans[row["plan"]])

    def _fill(self, row: sqlite3.Row, plan: Plan) -> Job:
        steps = tuple(step_of(item) for item in self.rows("SELECT * FROM steps WHERE job = ? ORDER BY seq", row["id"]))
        policy = from_json(Policy, json.loads(row["policy"]))
        return Job(plan=plan, policy=policy, steps=steps, rides=rides_of(self, row["id"]), **{name: row[name] for name in _JOB_FIELDS})

    def update_job(self, job_id: str, **changes: Any) -> None:
        """Set fields of a job."""
        self._update("jobs", "id = ?", (job_id,), job_id, changes)

    def update_step(self, job_id: str, seq: int, **changes: Any) -> None:
        """Set fields of a step."""
        self._update("steps", "job = ? AND seq = ?", (job_id, seq), job_id, changes)

    def _update(self, table: str, where: str, key: tuple[object, ...], job_id: str, changes: dict[str, Any]) -> None:
        columns = ", ".join(f"{name} = ?" for name in changes)
        with self.transaction(durable="state" in changes) as db:
            db.execute(f"UPDATE {table} SET {columns} WHERE {where}", (*changes.values(), *key))
            self._touch(db, job_id)

    def request(self, job_id: str, request: Request) -> bool:
        """Ask for pause, cancel or abort ("" resumes); False if the job has ended. A cancel is never taken back."""
        with self.transaction() as db:
            row = db.execute("SELECT state, request FROM jobs WHERE id = ?", (job_id,)).fetchone()
            if row is None:
                raise NotFound(f"there is no job {job_id}")
            if row["state"] not in JOB_OPEN or (row["request"] in ("cancel", "abort") and request not in ("cancel", "abort")):
                return False
            db.execute("UPDATE jobs SET request = ? WHERE id = ?", (request, job_id))
            self._touch(db, job_id)
        return True

    def active_steps(self) -> list[tuple[str, Step]]:
        """(job id, step) of every step that may have a migration running now, of all jobs; a job whose step cannot be read is set aside."""
        found = list[tuple[str, Step]]()
        for row in self.rows(f"SELECT * FROM steps WHERE state IN ({_ACTIVE_STEPS}) ORDER BY job, seq"):
            try:
                found.append((row["job"], step_of(row)))
            except UNREADABLE as error:
                for job in self.rows("SELECT id, state FROM jobs WHERE id = ?", row["job"]):
                    self._set_aside(job, error)
        return found

    def moved_since(self, since: float) -> frozenset[int]:
        """The vmids of the guests that a job has moved since then."""
        query = "SELECT DISTINCT vmid FROM steps WHERE state = 'done' AND typeof(vmid) = 'integer' AND ended >= ?"
        return frozenset(int(row[0]) for row in self.rows(query, since))

    def known_upids(self, vmid: int) -> frozenset[str]:
        """UPIDs of all migrations of the guest that the journal has seen."""
        return frozenset(row["upid"] for row in self.rows("SELECT upid FROM steps WHERE vmid = ? AND upid <> ''", vmid))

    def held(self) -> dict[str, Hold]:
        """The nodes that are kept empty, by name; also where it is not known (0) since when."""
        since = f"CASE WHEN typeof(since) = 'real' AND since BETWEEN 0 AND {LATEST} THEN since ELSE 0.0 END AS since"
        found = self.rows(f"SELECT node, job, user, {since}, maintenance FROM held ORDER BY node")
        return {row["node"]: Hold(**{**dict(row), "maintenance": bool(row["maintenance"])}) for row in found}

    def release(self, node: str, job_id: str = "", ended: Iterable[str] = ()) -> None:
        """Let the node get guests again; with `job_id` only if it is held because of that job.

        A hold that is in the cluster's list is remembered until it is out of it, and so are those of the jobs `ended`.
        """
        mine = "FROM held WHERE node = ? AND job = COALESCE(NULLIF(?, ''), job)"
        with self.transaction() as db:
            db.execute(f"INSERT OR IGNORE INTO ended_holds SELECT node, job {mine} AND posted = 1", (node, job_id))
            db.executemany("INSERT OR IGNORE INTO ended_holds VALUES (?, ?)", [(node, other) for other in ended])
            db.execute(f"DELETE {mine}", (node, job_id))

    def maintenance(self, job_id: str) -> tuple[str, str]:
        """How far a job is with HA maintenance mode, and words: "" (not its business), wanted, asked, late, found, idle, failed, ended."""
        rows = self.rows("SELECT state, words FROM maintenance WHERE job = ?", job_id)
        return (rows[0]["state"], rows[0]["words"]) if rows else ("", "")

    def set_maintenance(self, job_id: str, node: str, state: str, words: str = "") -> None:
        """Record how far a job is with HA maintenance mode of its node."""
        with self.transaction() as db:
            db.execute("INSERT OR REPLACE INTO maintenance VALUES (?, ?, ?, ?)", (job_id, node, state, words))
            if state == "asked":
                db.execute("UPDATE held SET maintenance = 1 WHERE node = ?", (node,))

    def drains(self, node: str, since: float) -> list[Job]:
        """The drains of a node that were queued at or after `since`, oldest first."""
        query = """SELECT jobs.*, plans.body, plans.policy FROM jobs JOIN plans ON plans.id = jobs.plan
            WHERE jobs.kind = 'drain' AND jobs.node = ? AND jobs.created >= ? ORDER BY jobs.created, jobs.rowid"""
        return self._readable(self.rows(query, node, since), self._job)
