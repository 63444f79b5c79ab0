"""What goes with a bag: who made it when and from what, how to check it, and what it does not say.

It is written in French and English with the same numbers, each as PDF and as text.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from presswatch_spark.claims.selection import COPY, DISK, PLACE, RecordReading, Selection
from presswatch_spark.claims.speaker import Speaker
from presswatch_spark.claims.told import LETTERS, legal_person_of
from presswatch_spark.claims.told_phrases import FAILURES
from presswatch_spark.corpus.registry import MandateDocument, Publisher
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.evidence.bag import Bag
from presswatch_spark.evidence.bag_phrases import CLAIMS_PDF, COMMANDS, PLACES, README, STEPS
from presswatch_spark.evidence.blocks import DocumentBlock, data_of, text_of
from presswatch_spark.evidence.records import Kept
from presswatch_spark.evidence.side_by_side import LANGUAGES
from presswatch_spark.evidence.typesetting import lacks_signs, moment_in, pdf_of, signs
from presswatch_spark.version import __version__

NAMES = {"fr": "LISEZ-MOI", "en": "README"}
FIGURES = ("claims", "addresses", "pages", "captures", "records", "articles", "hosts")
SOURCES = (PLACE, COPY, DISK)
TEMPLATE = Path(__file__).with_name("readme.typ")


@dataclass(frozen=True, slots=True)
class Made:
    """How a bag was made.

    `kept`: the record of each row. `protocol` and `program`: as they are in the bag. `authorities`: those
    that were asked for time-stamps. `moment`: when it was made, in whole seconds.
    """

    chosen: Selection
    corpus: Corpus
    kept: Mapping[str, Kept]
    protocol: Mapping[str, Any]
    program: Mapping[str, Any]
    authorities: Sequence[str]
    claims_root: str
    moment: datetime


def write_readme(bag: Bag, made: Made) -> None:
    """Write what a reader has to know, in both languages, as PDF and as text."""
    for language in LANGUAGES:
        say = Speaker(language, for_print=True)
        blocks = list(_blocks(made, say))
        title = say.of(README, "title")
        subtitle = say.of(README, "subtitle", moment=say.moment(made.moment))
        shown = [data_of(block, signs) for block in blocks]
        if lacks_signs(shown):
            shown.append(data_of(DocumentBlock.text(say.of(CLAIMS_PDF, "signs")), str))
        data = {
            "lang": language,
            "title": title,
            "subtitle": subtitle,
            "author": f"presswatch-spark {__version__}",
            "moment": moment_in(made.moment),
            "footer": f"{say.of(README, 'claims root')} {made.claims_root}",
            "blocks": shown,
        }
        bag.write(f"{NAMES[language]}.pdf", pdf_of(TEMPLATE, data, made.moment))
        bag.write(f"{NAMES[language]}.txt", text_of(title, subtitle, blocks).encode())


def _blocks(made: Made, say: Speaker) -> Iterator[DocumentBlock]:
    yield from _in_brief(made, say)
    yield from _who(made, say)
    yield from _examined(made, say)
    yield from _publishers(made, say)
    yield from _method(say)
    yield from _seal(made, say)


def _in_brief(made: Made, say: Speaker) -> Iterator[DocumentBlock]:
    name, chosen = partial(say.of, README), made.chosen
    yield DocumentBlock.heading(name("in brief"))
    whole = chosen.figures()
    yield DocumentBlock.text(name("what", claims=_claims(whole.claims, say)))
    headers = [name(each) for each in ("letter", *FIGURES)]
    counts = [
        [letter, *(say.number(figures.numbers()[each]) for each in FIGURES)]
        for letter, figures in (*chosen.figures_by_letter().items(), (name("total"), whole))
    ]
    yield DocumentBlock.table(headers, counts, numbers=tuple(range(1, len(headers))))
    yield DocumentBlock.text(name("figures"))
    lacking = sum(row["document_url"] is None for row in chosen.rows.values())
    if lacking:
        yield DocumentBlock.text(name("unknown address", count=say.number(lacking)))
    reasons = Counter(each.reason for each in made.kept.values() if each.reason)
    read = len(made.kept) - reasons.total()
    yield DocumentBlock.text(name("read", read=say.number(read), all=say.number(len(made.kept))))
    sources = _sources(made)
    yield DocumentBlock.list(
        name(f"read from {each}", count=say.number(sources[each])) for each in SOURCES if sources[each]
    )
    if reasons:
        yield DocumentBlock.text(name("none left out"))
        yield DocumentBlock.list(
            f"{say.of(FAILURES, reason)} ({reason}) × {say.number(count)}"
            for reason, count in sorted(reasons.items())
        )
    if chosen.licensed:
        yield DocumentBlock.text(name("licensed", claims=_claims(chosen.licensed, say)))


def _sources(made: Made) -> Counter[str]:
    """Return how many records were read from each source; see `RecordReading.source`."""
    readings = {
        row: RecordReading(made.moment, kept.file) for row, kept in made.kept.items() if kept.reason is None
    }
    return Counter(
        reading.source(str(made.chosen.rows[row]["shard_uri"])) for row, reading in readings.items()
    )


def _claims(number: int, say: Speaker) -> str:
    few = number < 2 if say.language == "fr" else number == 1
    return say.of(README, "one claim" if few else "many claims", number=say.number(number))


def _who(made: Made, say: Speaker) -> Iterator[DocumentBlock]:
    name, protocol, program = partial(say.of, README), made.protocol, made.program
    none, not_said = name("none"), name("not said")
    proxies = [f"{scheme}: {url}" for scheme, url in protocol["proxies"].items()]
    yield DocumentBlock.heading(name("who"))
    yield DocumentBlock.facts(
        [
            (name("account"), protocol["account"] or not_said, True),
            (name("host"), protocol["host"], True),
            (name("system"), protocol["system"], True),
            (name("began"), _moment(protocol["began_at"], say), False),
            (name("ended"), _moment(protocol["ended_at"], say), False),
            (name("command"), protocol["command"] or not_said, True),
            (name("program"), f"presswatch-spark {program['version']}, Python {program['python']}", False),
            (name("commit"), program["commit"] or not_said, True),
            (name("machine addresses"), ", ".join(protocol["addresses"]) or none, True),
            (name("proxies"), ", ".join(proxies) or none, True),
        ]
    )
    servers = protocol["servers"]
    yield DocumentBlock.text(name("servers" if servers else "no servers"))
    if servers:
        headers = [name(each) for each in ("server", "requests", "answered", "clock")]
        rows = [
            [
                server["host"],
                say.number(server["requests"]),
                ", ".join(server["answered_from"]),
                _ahead(server, say),
            ]
            for server in servers
        ]
        yield DocumentBlock.table(headers, rows, numbers=(1, 3))


def _ahead(server: Mapping[str, Any], say: Speaker) -> str:
    offset = server["clock_ahead_seconds"]
    if offset is None:
        return say.of(README, "not said")
    shown = f"{offset:+.1f}"
    return say.of(README, "seconds", number=shown.replace(".", ",") if say.language == "fr" else shown)


def _moment(text: str, say: Speaker) -> str:
    return say.moment(datetime.fromisoformat(text).replace(microsecond=0))


def _examined(made: Made, say: Speaker) -> Iterator[DocumentBlock]:
    name, chosen = partial(say.of, README), made.chosen
    yield DocumentBlock.heading(name("sources"))
    yield DocumentBlock.text(name("runs"))
    runs = chosen.store.read("runs", *chosen.runs).to_pylist()
    releases = _releases(chosen, say)
    headers = [name(each) for each in ("run", "release", "scanned", "shards")]
    rows = [
        [
            run["run_id"],
            ", ".join(sorted(releases[run["run_id"]])),
            say.day(run["started_at"].date()),
            name(
                "of", complete=say.number(run["shards_complete"]), planned=say.number(run["shards_planned"])
            ),
        ]
        for run in runs
    ]
    yield DocumentBlock.table(headers, rows)
    days = sorted({str(claim["as_of"]) for claim in chosen.claims.values()})
    reviewed = sum(claim.get("review") is not None for claim in chosen.claims.values())
    yield DocumentBlock.facts(
        [
            (name("corpus"), made.corpus.manifest.digest, True),
            (name("corpus size"), say.number(len(made.corpus)), False),
            (name("judged"), ", ".join(say.day(datetime.fromisoformat(day).date()) for day in days), False),
            (name("reviews"), say.number(reviewed), False),
        ]
    )
    if any(run["corpus_digest"] != made.corpus.manifest.digest for run in runs):
        yield DocumentBlock.text(name("corpus differs"))


def _releases(chosen: Selection, say: Speaker) -> dict[str, set[str]]:
    """Return the releases of each run's rows; that it is not known, and the format, where a row has none."""
    found = dict[str, set[str]]()
    for row in chosen.rows.values():
        known = row["release"] or say.of(README, "no release", format=row["dataset"])
        found.setdefault(row["run_id"], set()).add(known)
    return found


def _publishers(made: Made, say: Speaker) -> Iterator[DocumentBlock]:
    name = partial(say.of, README)
    publishers = {each.id: each for each in made.corpus.registry.publishers}
    rows = [
        [legal_person_of(publishers.get(id), id), _mandate(publishers.get(id), say), say.number(of_id.claims)]
        for id, of_id in made.chosen.figures_by_publisher().items()
    ]
    yield DocumentBlock.heading(name("publishers"))
    yield DocumentBlock.table([name("publisher"), name("mandate"), name("claims")], rows, numbers=(2,))


def _mandate(publisher: Publisher | None, say: Speaker) -> str:
    if publisher is None or not publisher.has_mandate:
        return say.of(README, "no mandate")
    ends = (("from", publisher.mandate_from), ("to", publisher.mandate_to))
    told = " ".join(say.of(README, end, day=say.day(day)) for end, day in ends if day)
    document = publisher.mandate_document
    return ", ".join(filter(None, (told, _deed(document, say) if document else "")))


def _deed(document: MandateDocument, say: Speaker) -> str:
    facts = {"path": document.path, "sha256": document.sha256}
    if document.signed_on is None:
        return say.of(README, "document", **facts)
    return say.of(README, "dated document", day=say.day(document.signed_on), **facts)


def _method(say: Speaker) -> Iterator[DocumentBlock]:
    name, side = partial(say.of, README), 0 if say.language == "fr" else 1
    steps = {each: [say.set(line) for line in STEPS[each][side]] for each in STEPS}
    yield DocumentBlock.heading(name("method"))
    yield DocumentBlock.steps(steps["method"])
    yield DocumentBlock.heading(name("letters"))
    yield DocumentBlock.text(name("by rules"))
    yield DocumentBlock.facts([(letter, say(LETTERS[letter]), False) for letter in LETTERS])
    yield DocumentBlock.heading(name("check"))
    yield DocumentBlock.text(name("check own"))
    yield DocumentBlock.list(steps["check"])
    yield DocumentBlock.code(COMMANDS["check"])
    yield DocumentBlock.text(name("draw"))
    yield DocumentBlock.code(COMMANDS["draw"])
    yield DocumentBlock.heading(name("where"))
    yield DocumentBlock.facts([(place, say.of(PLACES, place), False) for place in PLACES])
    yield DocumentBlock.heading(name("limits"))
    yield DocumentBlock.list(steps["limits"])


def _seal(made: Made, say: Speaker) -> Iterator[DocumentBlock]:
    name = partial(say.of, README)
    yield DocumentBlock.heading(name("seal"))
    yield DocumentBlock.facts(
        [
            (name("claims root"), made.claims_root, True),
            *([(name("asked"), ", ".join(made.authorities), True)] if made.authorities else []),
        ]
    )
    yield DocumentBlock.text(name("roots"))
    if not made.authorities:
        yield DocumentBlock.text(name("not asked"))
