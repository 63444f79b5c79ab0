"""`presswatch evidence`: sealed bags of claims with their records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from presswatch_spark.cli import options
from presswatch_spark.cli.options import argument, flag, option
from presswatch_spark.cli.replies import FAILED, INCOMPLETE, Language, Reply, ReplyForm, command, telling
from presswatch_spark.core.redaction import bare_url
from presswatch_spark.core.terminal import json_line, printable
from presswatch_spark.core.translation import N_, sentence_in

if TYPE_CHECKING:
    from presswatch_spark.legal.evidence.bag import Stamped
    from presswatch_spark.query.pointers.audit import RowCheck


NOTES = (
    N_("{count} records compared by {how}"),
    N_("{count} record compared by {how}"),
    N_("could not be read when the bag was made: {count} records; each row gives the reason"),
    N_("could not be read when the bag was made: {count} record; each row gives the reason"),
    N_("different from the row: {count} records; each row gives the reason"),
    N_("different from the row: {count} record; each row gives the reason"),
    N_("claims root: {root}"),
    N_("bag root:    {root}"),
    N_(
        "anyone with the bag can change it and seal it again, with other roots: compare these with the "
        "roots noted before"
    ),
    N_("no authority has time-stamped the seal: its date is not proven"),
    N_("{name}: sealed before {signed}, by the certificates that you passed"),
    N_("{name}: sealed before {signed}, by {certificates}, which is in the bag"),
)
"""English templates of notes of `verify.py`, by which their facts are found again for translation."""


def _tsa_option(*, required: bool) -> Any:
    meaning = "A time-stamp authority (RFC 3161), and certificates to trust it."
    return options.repeated("--tsa", "URL[,CA.pem]", meaning, required=required)


@click.group()
def evidence() -> None:
    """Seal claims with their records, so that changes are noticed.

    A bag (BagIt) contains rows, claims, the bytes of their records, and a log of how they were read. The
    seal covers everything, and time-stamp authorities date it. A script in the bag checks it without this
    program.
    """


@command("build", evidence, lang="en")
def build(
    form: ReplyForm,
    path: str = argument("TABLES|CASE"),
    claims: str | None = options.CLAIMS,
    rows: str | None = options.ROWS,
    confidences: tuple[str, ...] = options.confidences(),
    corpus: str = option("--corpus", "DIR", "The corpus that the runs were made with.", required=True),
    authorities: tuple[str, ...] = _tsa_option(required=False),
    with_texts: bool = flag("--with-texts", "Add texts of articles, and a page with both texts per claim."),
    mirrors: options.Mirrors = options.mirrors(),
    out: str = option("--out", "BAG", "A new folder, or s3://, for the bag.", required=True),
) -> Reply:
    """Make a sealed bag of claims.

    TABLES is the --out folder of a scan. A CASE of `presswatch removal` already contains its claims. Each
    record is read again and checked; for an unreadable one, the bag contains the reason. Use at least two
    authorities, one of them qualified. The exit code is 3 if a row does not verify, or an authority did not
    return a time-stamp; otherwise the bag is complete, and `evidence stamp` tries again. The documents in
    the bag are in French and English, whatever --lang is.

    \b
    presswatch evidence build --corpus corpus --tsa https://tsa.example/,ca.pem \\
      --out bag tables
    """
    from presswatch_spark.corpus.store import Corpus
    from presswatch_spark.legal.evidence.bag import parse_authority
    from presswatch_spark.legal.evidence.build import make_bag
    from presswatch_spark.legal.evidence.sealed_records import BagOrder
    from presswatch_spark.legal.evidence.sources import source_at

    choice = options.choice_of(rows, confidences, form.storage)
    order = BagOrder(
        selection=source_at(path, form.storage, claims).select_claims(choice),
        corpus=Corpus.open(corpus, storage=form.storage),
        mirrors=mirrors,
        authorities=[parse_authority(authority, form.storage) for authority in authorities],
        with_texts=with_texts,
        command=click.get_current_context().obj,
    )
    built, _ = make_bag(order, out, form.settings, telling(form.language)), form.language
    sealed, licensed = built.figures.claims, order.selection.licensed
    lines = [_.n("{n} claim sealed in {bag}", "{n} claims sealed in {bag}", sealed, bag=out)]
    if licensed:
        claims = _.n("{n} claim", "{n} claims", licensed)
        lines.append(_("left out, as they are licensed: {claims}", claims=claims))
    lines.append(_("claims root: {root}", root=built.seal["claims_root"]))
    lines.append(_("bag root:    {root}", root=built.seal["bag_root"]))
    stamped, warnings = _stamp_lines(built.stamps, _)
    for reason, count in sorted(built.reasons.items()):
        facts = {"rows": _.n("{n} row", "{n} rows", count), "reason": _.word("failure", reason)}
        warnings.append(_("{rows} did not verify: {reason}", **facts))
    for run_id in built.other_corpus:
        warnings.append(_("run {run} was made with a different corpus", run=run_id))
    code = 0 if built.is_complete else INCOMPLETE
    return Reply([*lines, *stamped], warnings=warnings, exit_code=code)


def _stamp_lines(stamps: Sequence[Stamped], _: Language) -> tuple[list[str], list[str]]:
    """Return lines about time-stamps, and lines about authorities that gave none."""
    failed = [each for each in stamps if each.name is None]
    return (
        [f"{each.name}: {each.remark}" for each in stamps if each.name],
        [_("no time-stamp from {url}: {why}", url=bare_url(each.url), why=each.remark) for each in failed],
    )


@command("stamp", evidence, lang="en")
def stamp(
    form: ReplyForm,
    bag: str = argument(),
    authorities: tuple[str, ...] = _tsa_option(required=True),
) -> Reply:
    """Have the seal of a bag on disk stamped by more authorities.

    A bag that does not verify is not stamped. The exit code is 3 if an authority did not return a
    time-stamp.

    \b
    presswatch evidence stamp --tsa https://tsa.example/,ca.pem bag
    """
    from presswatch_spark.legal.evidence.bag import Bag, parse_authority, stamp_bag
    from presswatch_spark.storage.disk import disk_errors, on_disk

    folder = on_disk(bag)
    asked = [parse_authority(each, form.storage) for each in authorities]
    with disk_errors(folder):
        stamps = stamp_bag(Bag(folder), asked, form.storage)
    lines, failures = _stamp_lines(stamps, form.language)
    return Reply(lines, warnings=failures, exit_code=INCOMPLETE if failures else 0)


@command("verify", evidence, lang="en")
def verify(
    form: ReplyForm,
    bag: str = argument("BAG|PART"),
    certificates: tuple[str, ...] = options.repeated(
        "--ca", "FILE", "Certificates (PEM); time-stamps are trusted only by these."
    ),
) -> Reply:
    """Check that a bag is unchanged, or list the differences.

    No server is contacted. `python3 -I BAG/verify.py` does the same on any machine, but does not check
    signatures of time-stamps. The exit code is 1 if anything has changed. Differences are listed in
    English, as by the script in the bag.

    \b
    presswatch evidence verify --ca ca.pem bag
    """
    from presswatch_spark.legal.evidence.bag import bag_on_disk, pem_certificates
    from presswatch_spark.legal.evidence.reading import verified
    from presswatch_spark.storage.objects import read_object

    storage, _ = form.storage, form.language
    trusted = [pem for file in certificates for pem in pem_certificates(read_object(file, storage)[0], file)]
    with bag_on_disk(bag, storage) as folder:
        findings = verified(folder, trusted)
    notes = [_.sentence(sentence_in(note, NOTES, ("how",), "comparison")) for note in findings.notes]
    if not findings.faults:
        return Reply([*notes, _("everything is as it was sealed")])
    refused = [f"REFUSED {name}: {what}" for name, what in sorted(findings.faults.items())]
    faults = _.n("{n} fault", "{n} faults", len(findings.faults))
    verdict = _("{faults}: this is not what was sealed", faults=faults)
    return Reply(notes, warnings=[*refused, verdict], exit_code=FAILED)


@command("challenge", evidence, json=True, lang="en")
def challenge(
    form: ReplyForm,
    bag: str = argument(),
    words: str = option("--seed", "WORDS", "Words chosen after the sealing.", required=True),
    sample: int = options.count(
        "--sample", "Number of rows to draw, or all if there are fewer.", default=1000
    ),
    corpus: str | None = option("--corpus", "DIR", "The corpus, to compare the words of every span."),
    mirrors: options.Mirrors = options.mirrors(),
) -> Reply:
    """Read rows again, drawn by the words of a third party.

    The other side or an officer of the court chooses words after the sealing. The words determine the rows,
    so no one can know these in advance. The rows are read again from their source. The result bounds the
    share of false rows in the bag. The exit code is 3 if a row does not verify.

    \b
    presswatch evidence challenge --seed "quatre chevaux gris" --sample 1000 bag
    """
    from presswatch_spark.legal.evidence.bag import bag_on_disk
    from presswatch_spark.legal.evidence.reading import CONFIDENCE
    from presswatch_spark.legal.evidence.reading import challenge as challenged

    storage = form.storage

    def hear(verdict: RowCheck) -> None:
        # Reading the rows may take hours: show each as soon as it is read.
        row, failure = verdict.row.row_sha256, verdict.failure
        if form.as_json:
            outcome = {"verified": failure is None, "reason": failure and failure.reason}
            click.echo(json_line({"row_sha256": row, **outcome, "pointer": str(verdict.pointer)}))
        elif failure:
            click.echo(printable(f"{row}  {failure}"))

    with bag_on_disk(bag, storage) as folder:
        found = challenged(folder, words, sample, storage, mirrors=mirrors, corpus=corpus, hear=hear)
    _, code = form.language, INCOMPLETE if found.failures else 0
    numbers = {name: _.number(getattr(found, name)) for name in ("verified", "drawn", "rows")}
    summary = [_("{verified} of {drawn} drawn rows verify; the bag has {rows}", **numbers)]
    for site, count in found.read_at.most_common():
        # The maker of the bag chose the sites: show them, so that a reader can judge them.
        rows = _.n("{n} row", "{n} rows", count)
        summary.append(_("{rows} read from {site}", rows=rows, site=site or _("this disk")))
    failures = found.failures.most_common()
    summary += [f"{_.number(count):>10}  {_.word('failure', reason)}" for reason, count in failures]
    if found.unreached:
        rows = _.n("{n} row", "{n} rows", found.unreached)
        summary.append(_("{rows} could not be read: they count as false", rows=rows))
    if not found.has_words:
        summary.append(_("the words of articles were not compared: pass --corpus"))
    most = f"{100 * found.most:.4g}".replace(".", "," if _.is_french else ".")
    if found.drawn == found.rows:
        summary.append(_("false rows: {most}% of all, as all were drawn", most=most))
    else:
        bound = N_("false rows: at most {most}% of all, at a confidence of {share} (Clopper-Pearson)")
        summary.append(_(bound, most=most, share=_.share(CONFIDENCE)))
    return Reply(warnings=summary, exit_code=code) if form.as_json else Reply(summary, exit_code=code)


@command("disclose", evidence, lang="en")
def disclose(
    form: ReplyForm,
    bag: str = argument(),
    prefix: str = option("--row", "SHA256", "Beginning of the claim's row_sha256.", required=True),
    out: str = option("--out", "PART", "A new folder, or s3://, for the claim.", required=True),
) -> Reply:
    """Extract one claim from a bag, verifiable without the rest.

    \b
    presswatch evidence disclose --row 5d41402a --out part bag
    """
    from presswatch_spark.legal.evidence.bag import bag_on_disk
    from presswatch_spark.legal.evidence.reading import disclose as disclosed

    storage, _ = form.storage, form.language
    with bag_on_disk(bag, storage) as folder:
        row, names = disclosed(folder, prefix, out, storage)
    files = _.n("{n} file", "{n} files", len(names))
    return Reply([_("row {row}, {files}, in {folder}", row=row, files=files, folder=out)])
