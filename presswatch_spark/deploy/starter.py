"""Starts the scans of a watch on EMR. A claim's token is the submission's key, and its place is the run."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from presswatch_spark.deploy.emr import ServiceError, service_of
from presswatch_spark.deploy.ledger import Ledger
from presswatch_spark.deploy.profiles import Profile
from presswatch_spark.deploy.submission import ROOT, Submission, Upload, archive_of, submission
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.watch.claims import ReleaseLease
from presswatch_spark.watch.starters import Place, ScanJob, Status

JOB = "scan"
# How EMR says that it has never heard of a run, or no longer knows it.
UNKNOWN = ("ResourceNotFoundException", "InvalidRequestException")
NOTHING = Upload(Path(os.devnull), "")


@dataclass(frozen=True, slots=True)
class Deployed:
    """Submits scans by a profile of `conf/profiles`, as `presswatch submit` does, and does not wait.

    `name` is the profile's name as it was given; `say` gets a line about what a submission meets.
    """

    name: str
    profile: Profile
    say: Callable[[str], None]
    archive: Path | None = None
    resumes: bool = False

    def start(self, job: ScanJob, claim: ReleaseLease, noted: Callable[[Place], None]) -> int | None:
        """Upload what the scan needs and submit it, or find what was submitted under this token."""
        archive = archive_of(self.profile, self.archive)
        asked = submission(JOB, job.arguments, self.profile, archive, ROOT, os.environ, token=claim.token)
        storage = StorageOptions(region=self.profile.region)
        service = service_of(asked)
        service.check()
        for upload in asked.uploads:
            upload.bring(storage)
        # A run that failed before anybody noted its start is a failure: a person decides about it.
        running = Ledger(service, storage, retry=False).start(self.say)
        place = {"profile": self.name, "run": running.run, "attempt": str(running.attempt)}
        place["on"] = self.profile.hosts
        # Where a person looks.
        noted(place | {what: where for what, where in service.links(running.run) if what == "logs"})
        return None

    def look(self, job: ScanJob, claim: ReleaseLease, alive: bool) -> int | Status:
        """Ask the service for the run, and the store for the exit code that it left."""
        run, attempt = claim.place["run"], int(claim.place["attempt"])
        profile = self.profile.on(claim.place["on"]) if "on" in claim.place else self.profile
        asked = Submission(JOB, job.arguments, profile, NOTHING, NOTHING, (), {}, claim.token)
        service = service_of(asked)
        ledger = Ledger(service, StorageOptions(region=self.profile.region))
        try:
            state = service.state(run)
        except ServiceError as error:
            if not any(code in error.what for code in UNKNOWN):
                raise
            # EMR forgets runs after a while; what they left stays.
            left = ledger.left(attempt)
            return Status.LOST if left is None else left
        return ledger.exit_code(attempt, state) if state.ended else Status.UNDER_WAY
