"""`presswatch compare`: list copies of an earlier run that are gone, altered or still there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from presswatch_spark.cli.options import argument, engine_option, memory_option, option
from presswatch_spark.cli.replies import Language, Line, Reply, ReplyForm, ReplyRows, Table, command
from presswatch_spark.core.processes import keep_memory, leave_pandas_out
from presswatch_spark.core.translation import N_, sentence, sentence_in
from presswatch_spark.query.sql import ENGINE_NAMES

if TYPE_CHECKING:
    from presswatch_spark.query.changes.compare import ChangesSummary

MEANING = {
    "gone": N_("found before; absent after, in shards read to their end"),
    "reduced": N_("found again, with fewer words of the article"),
    "altered": N_("found again, with other words of the article"),
    "moved": N_("found again at another URL, in the same text"),
    "persists": N_("found again, with the same words of the article"),
    "new": N_("found after, and in no earlier run"),
    "reappeared": N_("found after and not before, but in an earlier run"),
    "unknown": N_("not found after, but it may be there"),
}
DOUBTS_SHOWN = 5


@command("compare", export=True, lang="en", pager=True, settings=("run.master", "run.cores"))
def compare(
    *,
    tables: str = argument(),
    before: str = option("--before", "RUN", "Id of the earlier run.", required=True),
    after: str = option("--after", "RUN", "Id of the later run, or `latest`.", required=True),
    engine: str = engine_option("Engine that compares the rows"),
    memory: str = memory_option("500MB", "continues on disk"),
    out: str = option("--out", "DIR", "Folder, or s3://, for the table `changes`.", required=True),
    form: ReplyForm,
) -> Reply:
    """Compare two runs, pair by pair of article and document.

    TABLES is the --out folder of a scan. A copy is `gone` only if every shard that may contain it was read
    to its end, and the article is the same in both corpora. Otherwise a copy that was not found again is
    `unknown`, and `doubt` states the shard or article.

    \b
    presswatch compare --before RUN --after latest --out changes tables
    """
    keep_memory()
    leave_pandas_out()
    from presswatch_spark.query.changes.compare import compare as run_compare
    from presswatch_spark.tables.declarations import SCHEMAS
    from presswatch_spark.tables.store import column_batches

    summary = run_compare(tables, before, after, out, form.settings, engine=engine, memory=memory)
    schema, made = SCHEMAS["changes"], summary.tables
    batches = column_batches(made, "changes", made.made("changes"), schema.names)
    rows = (row for batch in batches for row in batch.to_pylist())
    return Reply(_summary_lines(summary, form.language), rows=ReplyRows(rows, lambda: schema))


def _summary_lines(summary: ChangesSummary, _: Language) -> Iterator[Line]:
    rows = [(_.number(count), _.name(state), _(MEANING[state])) for state, count in summary.counts.items()]
    columns = ("pairs", "state", "meaning")
    yield Table(columns, rows, columns[:2], columns[2:])
    pairs = _.n("{n} pair", "{n} pairs", sum(summary.counts.values()))
    yield _(
        "{pairs} of an article and a document, by {engine}", pairs=pairs, engine=ENGINE_NAMES[summary.engine]
    )
    if summary.doubts:
        ordered = sorted(summary.doubts.items(), key=lambda each: (-each[1], each[0]))
        doubts = [
            (_.number(count), _.name(state), _doubt(doubt, _))
            for (state, doubt), count in ordered[:DOUBTS_SHOWN]
        ]
        columns = ("pairs", "state", "doubt")
        yield ""
        yield Table(columns, doubts, columns[:2], columns[2:])
        if others := ordered[DOUBTS_SHOWN:]:
            yield _(
                "and {pairs} in doubt, for {reasons}: see the column doubt",
                pairs=_.n("{n} pair", "{n} pairs", sum(count for _, count in others)),
                reasons=_.n("{n} other reason", "{n} other reasons", len(others)),
            )
        if any(state == "new" for state, _ in summary.doubts):
            yield _("new copies that are in doubt may have existed before")
    yield _("table digest {digest}", digest=summary.table_digest)
    yield _("written to {folder}", folder=summary.folder)


def _doubt(text: str, _: Language) -> str:
    from presswatch_spark.query.changes.known_absence import Doubt

    found = sentence_in(text, Doubt, ("run", "other"), "of a run")
    facts = dict(found.facts)
    if "names" in facts:
        facts["names"] = _.sentence(sentence_in(str(facts["names"]), (N_("{names} and {count} more"),)))
    return _.sentence(sentence(found.text, **facts)) if _.is_french else text
