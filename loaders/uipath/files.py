"""Files that only a robot can fetch: its job is started, and its file awaited in the landing folder.

What belongs here: starting one job per file and billing day, waiting for it, and telling when its file is complete.
What stays out: Orchestrator's interface (``orchestrator``), reading the file (``loaders.sources``).

Started once: ``run_log`` holds the intent before the request leaves, under the reference that the job carries. A run
that finds an intent without an end looks for that job and waits for it, however the earlier run ended.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from loaders.errors import LoaderError, PermanentError, TransientError
from loaders.operational_db import reading, run_log, utc_now
from loaders.sap_isu.lease import Lease
from loaders.sources.landing import DeliveredFile
from loaders.uipath.orchestrator import Job, Orchestrator, OrchestratorRefusal

KIND: Final = "uipath_job"
ACTOR: Final = "billsync"
LANDED: Final = "LANDED"
FAILED: Final = "FAILED"
_SUCCESSFUL: Final = "Successful"
_ENDED_BADLY: Final = frozenset({"Faulted", "Stopped"})


@dataclass(frozen=True)
class FileJob:
    """A process whose robot brings files.

    Attributes:
        name: what its files' names begin with.
        process: its name in Orchestrator.
    """

    name: str
    process: str


@dataclass(frozen=True)
class Patience:
    """How long is waited.

    Attributes:
        wait_seconds: for a job and its file, from the moment this run looks.
        file_seconds: for the file once the job is done.
        poll_seconds: between two looks; a file whose size and time stay the same that long, and that is not empty,
            is complete.
    """

    wait_seconds: float
    file_seconds: float = 300.0
    poll_seconds: float = 15.0


@dataclass(frozen=True)
class Attempt:
    """An attempt to fetch a file, as ``run_log`` holds it; ``outcome`` is None until it is known."""

    reference: str
    number: int
    outcome: str | None


@dataclass
class RobotFiles:
    """Fetches files by robots.

    Attributes:
        engine: the operational database.
        orchestrator: where the processes are.
        patience: how long is waited.
        sleep: replaced in tests.
        clock: seconds that only grow; replaced in tests.
    """

    engine: Engine
    orchestrator: Orchestrator
    patience: Patience
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def fetch(
        self, job: FileJob, day: date, folder: str, look: Callable[[], Collection[DeliveredFile]]
    ) -> Collection[DeliveredFile]:
        """Have a robot bring the file of a billing day, unless it is there; returns when it is complete.

        Args:
            job: the process.
            day: the billing day.
            folder: where the robot puts its files, below the landing folder.
            look: lists what has landed for the day.

        Raises:
            PermanentError: the job failed, or was done and no file came.
            TransientError: the job is not done in time; the next run waits for the same job.
        """

        def landed() -> list[DeliveredFile]:
            return sorted(file for file in look() if file.name.rsplit("/", 1)[-1].startswith(job.name))

        lease = Lease(self.engine, (f"{KIND}:{job.name}:{day.isoformat()}",))
        with lease:
            last = self._last_attempt(job, day)
            if last is not None and last.outcome == LANDED:
                return landed()
            attempt = last if last is not None and last.outcome is None else self._begin(job, day, last)
            started = self._started(job, day, folder, attempt)
            return self._await(job, attempt, started, landed)

    def _last_attempt(self, job: FileJob, day: date) -> Attempt | None:
        beginning = f"{job.name}:{day.isoformat()}:"
        query = sa.select(run_log.c.run_id, run_log.c.outcome).where(
            run_log.c.kind == KIND, run_log.c.first_day == day, run_log.c.run_id.startswith(beginning, autoescape=True)
        )
        with reading(self.engine) as connection:
            found = [
                Attempt(row.run_id, int(row.run_id.rsplit(":", 1)[1]), row.outcome) for row in connection.execute(query)
            ]
        return max(found, key=lambda one: one.number, default=None)

    def _begin(self, job: FileJob, day: date, last: Attempt | None) -> Attempt:
        number = last.number + 1 if last else 1
        attempt = Attempt(f"{job.name}:{day.isoformat()}:{number}", number, None)
        with self.engine.begin() as connection:
            connection.execute(
                sa.insert(run_log).values(
                    run_id=attempt.reference,
                    kind=KIND,
                    first_day=day,
                    last_day=day,
                    actor=ACTOR,
                    started_at=utc_now(connection),
                    detail=f"process {job.process}",
                )
            )
        return attempt

    def _end(self, attempt: Attempt, outcome: str, detail: str) -> None:
        with self.engine.begin() as connection:
            connection.execute(
                sa.update(run_log)
                .where(run_log.c.run_id == attempt.reference, run_log.c.kind == KIND)
                .values(outcome=outcome, finished_at=utc_now(connection), detail=detail[:1000])
            )

    def _started(self, job: FileJob, day: date, folder: str, attempt: Attempt) -> Job:
        """The job of an attempt: the one that carries its reference, or a new one."""
        reference = f"billsync:{attempt.reference}"
        found = self.orchestrator.find_job(reference)
        if found is not None:
            return found
        arguments = {"in_BillingDay": day.isoformat(), "in_Folder": folder, "in_FilePrefix": job.name}
        key = self.orchestrator.release_key(job.process)
        try:
            return self.orchestrator.start_job(job.process, key, reference, arguments)
        except OrchestratorRefusal as refusal:
            self._end(attempt, FAILED, str(refusal))
            raise
        except LoaderError:
            # Whatever came instead of an answer, the job may run: only Orchestrator can tell, now or at the next run.
            found = self.orchestrator.find_job(reference)
            if found is None:
                raise
            return found

    def _await(
        self, job: FileJob, attempt: Attempt, started: Job, landed: Callable[[], list[DeliveredFile]]
    ) -> list[DeliveredFile]:
        what = f"Fetching {job.name} by the process {job.process} (job {started.job_id})"
        deadline = self.clock() + self.patience.wait_seconds
        done_at: float | None = None
        seen: list[DeliveredFile] = []
        now = started
        while True:
            if now.state in _ENDED_BADLY:
                self._end(attempt, FAILED, f"job {now.job_id} {now.state}: {now.info}")
                why = f"the job is {now.state}{': ' + now.info if now.info else ''}"
                raise PermanentError(what, why, "Look at the job in Orchestrator, then run the day again.")
            if now.state == _SUCCESSFUL:
                done_at = self.clock() if done_at is None else done_at
                files = landed()
                if files and files == seen and all(file.byte_count for file in files):
                    self._end(attempt, LANDED, f"job {now.job_id}: {', '.join(file.name for file in files)}")
                    return files
                seen = files
                if not any(file.byte_count for file in files) and self.clock() >= done_at + self.patience.file_seconds:
                    self._end(attempt, FAILED, f"job {now.job_id} was successful and brought no file")
                    why = f"the job was successful and no file beginning with {job.name} came"
                    raise PermanentError(
                        what, why, "Check the folder that the robot writes to, then run the day again."
                    )
            if self.clock() >= deadline:
                why = f"it is {now.state} after {self.patience.wait_seconds:g} s"
                raise TransientError(what, why, "Run the day again: it waits for the same job.")
            self.sleep(self.patience.poll_seconds)
            now = now if now.state == _SUCCESSFUL else self._look_again(now)

    def _look_again(self, before: Job) -> Job:
        """The job as it is now; as it was before, when Orchestrator cannot tell: there is time to ask again."""
        try:
            return self.orchestrator.job(before.job_id)
        except TransientError:
            return before
