"""Checks a job before it is submitted: what it reads, what it costs, and what it meets at AWS.

All points are looked at in one pass. What could not be looked at is said to be so.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from presswatch_spark.cli.commands.scan import part_given
from presswatch_spark.cli.options import scan_settings
from presswatch_spark.cli.submitting import How
from presswatch_spark.corpus.store import manifest_of
from presswatch_spark.costs.budget import Bill
from presswatch_spark.deploy.archive import archive_for
from presswatch_spark.deploy.check_places import JobPlaces
from presswatch_spark.deploy.findings import CheckResult, Word, fault, looked, ok, unknown
from presswatch_spark.deploy.first_contact import FirstContact
from presswatch_spark.deploy.profiles import Profile
from presswatch_spark.deploy.requests import local_command
from presswatch_spark.deploy.starter import ROOT, service_of
from presswatch_spark.deploy.submission import submission
from presswatch_spark.deploy.tarball import ArchiveError
from presswatch_spark.releases.release_shards import shards_of
from presswatch_spark.show import counted, table_lines, terminal_width
from presswatch_spark.storage.objects import StorageOptions, canonical
from presswatch_spark.storage.shards import plan

Params = Mapping[str, Any]
SECRET = "storage__hf_token_secret"
HEADERS = ("point", "is", "because")


def check_here(job: str, arguments: Sequence[str], profile: Profile) -> Iterator[str]:
    """Yield what is known of a job on this machine without running it; raises if it could not run."""
    local_command(job, arguments, profile, ROOT, os.environ)
    yield f"{job} can run on this machine; nothing was started"


def check_elsewhere(
    job: str, arguments: Sequence[str], profile: Profile, how: How, params: Params
) -> list[CheckResult]:
    """Return a finding for each point of a submission, without sending it; `params` are the job's options.

    Raises:
        PresswatchError: the job can be no submission, whatever AWS says: an argument is a secret.
    """
    archive, made = _archive(profile, how)
    asked = submission(job, arguments, profile, archive or Path(os.devnull), ROOT, os.environ)
    storage = StorageOptions(region=profile.region, profile=how.credentials)
    reads, found = list[str](), list(made)
    if corpus := params.get("corpus"):
        found += looked("corpus", lambda: _corpus(corpus, storage))
        reads.append(corpus)
    if job == "scan":
        found += looked("list", lambda: _scan(params, profile, how.credentials, reads))
    if job == "campaign_run":
        found.append(
            unknown("list", "what a campaign reads and writes stands in its own file", "try a release")
        )
    reads += filter(None, [params.get("tables"), params.get("folder")])
    writes = filter(None, [params.get("out"), params.get("folder")])
    places = JobPlaces(tuple(map(canonical, reads)), tuple(map(canonical, writes)))
    contact = FirstContact(
        service_of(asked, how.credentials),
        archive,
        places,
        params.get(SECRET),
        how.credentials,
        datetime.now(UTC).date(),
    )
    return [*contact.findings(), *found]


def finding_lines(findings: Iterable[CheckResult]) -> Iterator[str]:
    """Yield a table of findings, faults in capitals."""
    rows = [(each.point, _shown(each.word), each.line) for each in findings]
    return table_lines(HEADERS, rows, terminal_width(), wrapped=HEADERS[2:])


def verdict(job: str, profile: Profile, findings: Sequence[CheckResult]) -> str:
    """Return what the findings come to, in one line."""
    faults, open_points = (sum(each.word is word for each in findings) for word in (Word.FAULT, Word.UNKNOWN))
    rest = f"; {counted(open_points, 'point')} could not be checked" if open_points else ""
    nothing = "nothing was uploaded or started"
    if faults:
        return f"{job} cannot be submitted as it is: {counted(faults, 'fault')}{rest}; {nothing}"
    return f"{job} can be submitted to {profile.hosts}{rest}; {nothing}"


def _shown(word: Word) -> str:
    return "FAULT" if word is Word.FAULT else str(word)


def _archive(profile: Profile, how: How) -> tuple[Path | None, list[CheckResult]]:
    """Return the archive that would be sent; or None, and how it would be made."""
    if how.archive is not None:
        return how.archive, []
    with suppress(ArchiveError):
        return archive_for(ROOT, ROOT / "dist", profile.archive, make=False), []
    if not (ROOT / "requirements.lock").is_file():
        remedy = "run it in a checkout, or name an archive: --archive FILE"
        return None, [fault("archive", f"there is none, and {ROOT} has no sources to make it of", remedy)]
    said = "there is no archive of these sources yet: the submission makes it, or `make archive` does"
    return None, [ok("archive", said)]


def _corpus(corpus: str, storage: StorageOptions) -> Iterator[CheckResult]:
    manifest = manifest_of(corpus, storage)
    yield ok("corpus", f"{corpus} can be read: {counted(manifest.counts.articles, 'article')}")


def _scan(
    params: Params, profile: Profile, credentials: str | None, reads: list[str]
) -> Iterator[CheckResult]:
    """Say whether the shards of a scan are listed, and what they cost; add what it reads to `reads`."""
    flags, paths, base = dict(params), tuple(params["paths"]), params["base"]
    dataset = params["dataset"]
    if params["named"]:
        paths, dataset = part_given(params["named"], params["part"], params["mirror"], flags)
    config = scan_settings(flags, params["config"])
    own = replace(config.storage, region=profile.region, profile=credentials)
    config = replace(config, storage=own)
    if params["release"]:
        found = shards_of(params["release"], dataset, base, config.datasets, own)
        paths, base = (found.path,), found.base
    reads += paths
    shards = plan(paths, own, base)
    first = shards.shards[0].uri
    # The role and the ways must reach the shards, and not the list alone.
    reads.append(first)
    yield ok("list", f"{counted(len(shards), 'shard')} can be listed, from {first} on")
    yield from looked("price", lambda: _price(Bill.of(shards, dataset, config), profile))


def _price(bill: Bill, profile: Profile) -> Iterator[CheckResult]:
    """Say what a scan costs, and whether the network of its machine keeps up with its cores."""
    if bill.machine is None:
        yield unknown("price", bill.line(), f"name a machine of {bill.prices.where} by --price, for dollars")
    else:
        bill.require_within_budget()
        noted = f"list prices of {bill.prices.region}, noted {bill.prices.noted}"
        yield ok("price", f"{bill.line()}; {noted}")
    wanted = bill.estimate.stored_mb_a_core
    if wanted is None:
        return
    cores = f"a core would take {wanted:,.0f} MB stored a second"
    sustained = bill.machine and bill.machine.network_mb_a_core
    if not sustained:
        machine = bill.machine.name if bill.machine else "the hosts"
        remedy = "read a --sample first"
        yield unknown("network", f"{cores}; what the network of {machine} sustains is not stated", remedy)
    elif wanted > sustained:
        said = f"{cores}, and the network of {bill.machine and bill.machine.name} sustains {sustained:,.0f}"
        yield ok("network", f"{said}: the scan may take {wanted / sustained:.1f} times as long")
    else:
        yield ok("network", f"{cores}, and the network sustains {sustained:,.0f}")
