"""Known absence: whether a copy that one run found and another did not is gone, or why it may still exist.

If both runs read a shard of one release to its end, a copy that the other run did not find there is gone.
Another release has other shards: there, the copy may be in any shard of its subset.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from presswatch_spark.core.errors import InputError
from presswatch_spark.core.translation import N_
from presswatch_spark.scanning.releases.release import WITHOUT_PAGES, in_filename
from presswatch_spark.storage.uris import HubAddress, scheme_of
from presswatch_spark.tables.store import TableStore

NAMED = 3
"""Number of unread shards that a message names; it only counts the others."""


class Doubt(StrEnum):
    """Why a state is not known, with facts in braces; the table `changes` has them in English."""

    OTHER_VERSION = N_("the runs were made by different versions")
    OTHER_DATASET = N_("the runs read different kinds of datasets")
    OTHER_SETTINGS = N_("the runs had different settings")
    NO_SHARDS = N_("the {run} run has no shards")
    NO_DOCUMENT = N_("the {run} run read no document")
    SAMPLE = N_("the {run} run read a sample of its release")
    FEWER_OF_SUBSET = N_("the {run} run read fewer shards than the {other} run, of the subset {subset}")
    FEWER = N_("the {run} run read fewer shards than the {other} run")
    ONLY = N_("the {run} run read only {names}")
    NO_SUBSET = N_("the {run} run read no shards that are of the subset {subset} by their path")
    LEFT_OUT = N_("the {run} run read some shards of the {other} run's names, but not {names}")
    UNREAD_OF_SUBSET = N_(
        "shards of the subset {subset} that the {run} run did not read to their end: {read} of {all}"
        " ({names})"
    )
    UNREAD = N_("shards that the {run} run did not read to their end: {read} of {all} ({names})")
    CUT = N_("the {run} run did not read {names} to its end")
    NOT_READ = N_("the {run} run did not read {names}")
    SHORT_LOG = N_("shards that the log of the {run} run names: {named} of {all}")
    NOT_IN_LOG = N_("the log of its run does not name {names}")
    NAMESAKES = N_("{named} shards of the {run} run have the name {names}, but for what follows `?`")
    NAMELESS_BEFORE = N_("the URL of the document is not known: with another text it may still be there")
    NAMELESS_AFTER = N_("the URL of the document is not known: with another text it may have been there")
    ARTICLE_CHANGED = N_(
        "the text of the article is not the same in both runs: words were counted, and not compared"
    )
    MANY_SPANS = N_("the copy has more passages than are kept: they may differ in others")
    IN_PLACE = N_(
        "the {run} run found articles of the title in the document, so it has no row for the site only"
    )
    UNLISTED = N_(
        "the runs had different corpora, and the tables lack the articles of the {run} run's corpus"
    )
    HIDDEN = N_("the corpus of the {run} run does not index word sequences that many articles share")
    BY_URL = N_("the runs had different corpora: the {run} run may attribute other pages to the title")
    NO_ARTICLE = N_("the article {article} is not in the corpus of the {run} run")
    OTHER_OWNER = N_("the article {article} has another title or publisher in the corpus of the {run} run")
    OTHER_TEXT = N_("the article {article} has another text in the corpus of the {run} run")
    SUPPRESSED = N_(
        "the article {article} has word sequences that the corpus of the {run} run does not index"
    )
    SHORT = N_("copies of fewer than {words} words are not found with every corpus")

    def of(self, **facts: str | int) -> str:
        """Return the doubt with its facts."""
        shown = {name: f"{fact:,}" if isinstance(fact, int) else fact for name, fact in facts.items()}
        return self.format(**shown)


class ComparedShard(NamedTuple):
    """A shard in a run, and whether it was read to its end. A URI may recur, since tables omit its query.

    `subset`: that of its release, if its path names one. `name`: without its folders, as those of mirrors
    differ. `place`: on a hub, dataset and path at any revision, since its parts have shards of one name.
    """

    uri: str
    complete: bool
    subset: str | None
    name: str
    place: tuple[str, str] | None

    @classmethod
    def of(cls, uri: str, complete: bool) -> "ComparedShard":
        """Return the shard at a URI."""
        hub = HubAddress.of(uri) if scheme_of(uri) == "hf" else None
        subset, place = in_filename(uri).get("subset"), (hub.dataset, hub.path) if hub else None
        return cls(uri, complete, subset, uri.rpartition("/")[2], place)


@dataclass(frozen=True, slots=True)
class ComparedRun:
    """A published run: its `name` in messages, row of `runs`, and shards in the order of their URIs."""

    name: str
    row: Mapping[str, Any]
    shards: Sequence[ComparedShard]

    @classmethod
    def of(cls, store: TableStore, run_id: str, name: str) -> "ComparedRun":
        """Read a run from the tables."""
        (row,) = store.read("runs", run_id).to_pylist()
        if row["records_planned"] is not None:
            raise InputError(
                f"run {run_id} read only some records of its shards, so it cannot show that a copy is gone",
                where=str(store.root),
                remedy="compare runs that read whole shards",
            )
        log = store.values("scan_log", ("shard_uri", "status"), run_id)
        return cls(name, row, [ComparedShard.of(uri, status == "complete") for uri, status in sorted(log)])


def doubts_of(found: ComparedRun, other: ComparedRun) -> dict[str, str | None]:
    """Return, by shard, why copies that only `found` has may still exist; None: absence is known."""
    row, other_row, name = found.row, other.row, other.name
    doubt_of_all: str | None = None
    if other_row["shards_planned"] == 0:
        doubt_of_all = Doubt.NO_SHARDS.of(run=name)
    elif other_row["documents"] == 0:
        doubt_of_all = Doubt.NO_DOCUMENT.of(run=name)
    elif len(other.shards) != other_row["shards_planned"]:
        doubt_of_all = Doubt.SHORT_LOG.of(run=name, named=len(other.shards), all=other_row["shards_planned"])
    elif difference := difference_of(row, other_row):
        doubt_of_all = difference
    elif row["release"] == other_row["release"]:
        return _not_read_again(found, other)
    elif other_row.get("sample") is not None:
        doubt_of_all = Doubt.SAMPLE.of(run=name)
    elif other_row["shards_planned"] < row["shards_planned"]:
        doubt_of_all = Doubt.FEWER.of(run=name, other=found.name)
    else:
        # Folders of hub datasets of which only one run has shards. A folder is a part of its dataset, such as
        # a language, or its name is that of the release, which then differs.
        had, read = (
            {
                (place[0], place[1].rpartition("/")[0].replace(run.row["release"] or "", ""))
                for shard in run.shards
                if (place := shard.place)
            }
            for run in (found, other)
        )
        datasets = {dataset for dataset, _ in read}
        if unread := sorted(f"{dataset}/{folder}" for dataset, folder in had - read if dataset in datasets):
            doubt_of_all = Doubt.NOT_READ.of(run=name, names=_some(unread))
    subsets = {each.subset for each in found.shards}
    doubts = {subset: doubt_of_all or _doubt_of_subset(subset, found, other) for subset in subsets}
    return {each.uri: doubts[each.subset] for each in found.shards}


def difference_of(one: Mapping[str, Any], two: Mapping[str, Any]) -> str | None:
    """Return a difference of two runs (rows of `runs`) that is not one of shards or corpora."""
    if one["tool_version"] != two["tool_version"]:
        return Doubt.OTHER_VERSION.of()
    if one["dataset"] != two["dataset"]:
        return Doubt.OTHER_DATASET.of()
    if _settings(one) != _settings(two):
        return Doubt.OTHER_SETTINGS.of()
    return None


def _settings(run: Mapping[str, Any]) -> dict[str, Any]:
    settings: dict[str, Any] = json.loads(run["config"])
    # Another release makes a copy neither easier nor harder to find.
    settings.get("read", {}).pop("release", None)
    return settings


def _not_read_again(found: ComparedRun, other: ComparedRun) -> dict[str, str | None]:
    """Return why each shard of a run was not read again; None if it was.

    A shard at the same place (on a hub: at any revision) is the same shard. Elsewhere, a shard with its name
    and subset is. If several have one name, all must have been read, and as many as there were.
    """
    occurrences = Counter(each.uri for each in found.shards)
    there = defaultdict[str, list[ComparedShard]](list)
    for each in other.shards:
        there[each.uri].append(each)
    once = [each for each in found.shards if occurrences[each.uri] == 1]
    same = {each.uri for each in once if len(there[each.uri]) == 1}
    namesakes = defaultdict[str, list[ComparedShard]](list)
    for each in other.shards:
        if each.uri not in same:
            namesakes[each.name].append(each)
    wanted = Counter((each.subset, each.name) for each in once if each.uri not in same)
    # It is unknown whether exactly the shards of one URI were read again.
    doubts: dict[str, str | None] = {
        uri: Doubt.NAMESAKES.of(named=count, run=found.name, names=uri)
        for uri, count in occurrences.items()
        if count > 1
    }
    for shard in once:
        uri, hub, again, count = shard.uri, shard.place, there[shard.uri], 1
        if uri not in same:
            subsets = (shard.subset, None)
            candidates = [
                each for each in namesakes[shard.name] if shard.subset is None or each.subset in subsets
            ]
            again = [each for each in candidates if hub and each.place == hub]
            if not again:
                # At another path of the same dataset of a hub, a shard of this name is of another part.
                count = wanted[shard.subset, shard.name]
                again = [each for each in candidates if not (hub and each.place) or each.place[0] != hub[0]]
        if len(again) < count:
            doubts[uri] = Doubt.NOT_READ.of(run=other.name, names=uri)
        else:
            is_whole = all(each.complete for each in again)
            doubts[uri] = None if is_whole else Doubt.CUT.of(run=other.name, names=uri)
    return doubts


def _doubt_of_subset(subset: str | None, found: ComparedRun, other: ComparedRun) -> str | None:
    """Return why copies in shards of a subset may still exist; None for shards whose paths name no subset.

    A release has files of robots.txt and of errors with the names of its files of pages. Therefore only
    shards of the same subset, or the same shards on a mirror, can show that a copy is gone.
    """
    before = [each.name for each in found.shards if each.subset == subset]
    within = [each for each in other.shards if subset is None or each.subset in (subset, None)]
    if unread := sorted(each.name for each in within if not each.complete):
        facts: dict[str, str | int] = {"run": other.name, "read": len(unread), "all": len(within)}
        facts["names"] = _some(unread)
        return Doubt.UNREAD_OF_SUBSET.of(**facts, subset=subset) if subset else Doubt.UNREAD.of(**facts)
    if not Counter(before) - Counter(each.name for each in within):
        return None
    subsets = [each.subset for each in other.shards]
    if subset is None and WITHOUT_PAGES.issuperset(subsets):
        only = " and ".join(sorted({each for each in subsets if each}))
        return Doubt.ONLY.of(run=other.name, names=only)
    if subset is not None and subset not in subsets:
        return Doubt.NO_SUBSET.of(run=other.name, subset=subset)
    if subset is not None and subsets.count(subset) < len(before):
        return Doubt.FEWER_OF_SUBSET.of(run=other.name, other=found.name, subset=subset)
    # If both releases name their shards alike, the missing ones were left out.
    names = {each.name for each in within}
    left_out = sorted(set(before) - names)
    if left_out and names.intersection(before):
        return Doubt.LEFT_OUT.of(run=other.name, other=found.name, names=_some(left_out))
    return None


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED:,} more" if names[NAMED:] else "")
