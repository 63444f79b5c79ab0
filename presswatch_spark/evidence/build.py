"""Makes a sealed bag of claims: their records are read again, all is written down, sealed, and stamped."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from presswatch_spark.claims.exposures import load_exposures
from presswatch_spark.claims.selection import Choice, ClaimFigures, Selection, select
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.errors import InputError
from presswatch_spark.evidence import contents, protocol
from presswatch_spark.evidence import verify_alone as alone
from presswatch_spark.evidence.bag import Bag, claims_root_of, new_bag, sealed_facts
from presswatch_spark.evidence.claims_pdf import write_claims_pdfs
from presswatch_spark.evidence.libraries import library
from presswatch_spark.evidence.readme import Made, write_readme
from presswatch_spark.evidence.records import Keeper, Kept
from presswatch_spark.evidence.showing import Showing
from presswatch_spark.evidence.stamps import Authority, Stamped, certificates_of, stamps_of
from presswatch_spark.pointers.audit import Audit
from presswatch_spark.pointers.pointer import Mirror
from presswatch_spark.removal.case import RemovalCase
from presswatch_spark.settings.config import ScanConfig
from presswatch_spark.show import counted
from presswatch_spark.storage.exchanges import exchanges_heard
from presswatch_spark.storage.host_limits import ask_anew
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.storage.scratch import scratch_folder
from presswatch_spark.storage.uris import printable
from presswatch_spark.tables.store import TableStore
from presswatch_spark.version import __version__


@dataclass(frozen=True, slots=True)
class BagOrder:
    """What a bag is to be made of: paths on disk or S3.

    `path`: tables, or a case. `rows`: a file that names claims; `confidences`: their letters. `command`: the
    command line, for the protocol. `with_texts`: whether texts of articles go into the bag.
    """

    path: str
    corpus: str
    claims: str | None = None
    rows: str | None = None
    confidences: Sequence[str] = ()
    mirrors: Sequence[Mirror] = ()
    authorities: Sequence[Authority] = ()
    with_texts: bool = False
    command: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Built:
    """A bag that was made: what its seal says, how its rows verify, and what authorities answered.

    `figures`: of its claims. `reasons`: how many rows do not verify, by reason. `licensed`: claims that were
    left out.
    """

    seal: dict[str, Any]
    figures: ClaimFigures
    reasons: Mapping[str, int]
    licensed: int
    stamps: Sequence[Stamped]
    other_corpus: Sequence[str]

    @property
    def is_complete(self) -> bool:
        """Whether every row verified, and every authority stamped."""
        return not self.reasons and all(each.is_stamped for each in self.stamps)


def build_bag(
    order: BagOrder, out: str, config: ScanConfig, tell: Callable[[str], None] = lambda line: None
) -> Built:
    """Make a sealed bag at `out`, a new folder on disk or S3.

    A record that does not read is in the bag with the reason. An authority that fails leaves the bag without
    its stamp. Either is told of, and fails nothing.

    Raises:
        InputError: there are no such claims.
        CorpusError: there is no sound corpus.
        OutputError: `out` holds something or cannot be written, or tables are not as they were published.
    """
    began_at, storage = datetime.now(UTC).replace(microsecond=0), config.storage
    with new_bag(out, storage) as bag:
        trusted = certificates_of(order.authorities, storage)
        library("typst", "evidence build")
        exposures = load_exposures()
        ask_anew()
        case = RemovalCase.at(order.path, storage)
        chosen = _selected(order, case, storage)
        corpus = Corpus.open(order.corpus, storage=storage)
        tell(f"reading {counted(chosen.figures().records, 'record')} again")
        with scratch_folder() as scratch:
            shown = Showing(bag, chosen, corpus, exposures, order.with_texts, scratch)
            with exchanges_heard() as exchanges:
                kept = _keep(bag, chosen, corpus, order, config, shown)
                if case:
                    contents.write_case(bag, case)
            tell("setting the claims side by side")
            root = claims_root_of(bag)
            write_claims_pdfs(shown, began_at, root)
        made = Made(
            chosen,
            corpus,
            kept,
            protocol.protocol_of(exchanges, began_at, order.command),
            protocol.program_of(),
            [printable(each.url) for each in order.authorities],
            root,
            began_at,
        )
        protocol.write_exchanges(bag, exchanges)
        protocol.write_protocol(bag, made.protocol, made.program)
        write_readme(bag, made)
        description = f"{counted(chosen.figures().claims, 'claim')} of copied articles, with records"
        bag.seal(_about(chosen, corpus), description)
        files, stamps = stamps_of(bag, trusted, storage)
        for name, data in files.items():
            bag.write(name, data)
        bag.finish()
        seal = sealed_facts(bag.folder)
    reasons = Counter(each.reason for each in kept.values() if each.reason)
    return Built(seal, chosen.figures(), reasons, chosen.licensed, stamps, _other_corpus(chosen, corpus))


def _selected(order: BagOrder, case: RemovalCase | None, storage: StorageOptions) -> Selection:
    """Return the claims of tables, or of a case of removal, which names its claims itself."""
    choice = Choice.of(order.rows, order.confidences, storage)
    if case is None:
        tables, claims = order.path, order.claims or order.path
    elif choice:
        raise InputError(
            "a case names its claims itself", where=order.path, remedy="leave out the choice of rows"
        )
    else:
        tables, claims = str(case.about["tables"]), order.claims or str(case.about["claims"])
        choice = Choice(rows=frozenset(target["row_sha256"] for target in case.targets()))
    return select(TableStore.open(tables, storage), TableStore.open(claims, storage), choice)


def _keep(
    bag: Bag, chosen: Selection, corpus: Corpus, order: BagOrder, config: ScanConfig, shown: Showing
) -> dict[str, Kept]:
    """Read records and write the payload; return what is kept of each row's record."""
    keeper = Keeper(bag, Audit(chosen.store, config.storage, order.mirrors, corpus), shown.hear)
    kept = keeper.of_rows([row for _, row in sorted(chosen.rows.items())])
    in_force, signals = contents.declarations_in_force(chosen)
    declared = keeper.of_signals(signals.values())
    contents.write_rows(bag, chosen, kept, in_force)
    contents.write_declarations(bag, signals.values(), declared)
    contents.write_tables(bag, chosen, list(signals.values()))
    contents.write_settings(bag, chosen)
    articles = {row["article_id"] for row in chosen.rows.values() if row["article_id"] is not None}
    contents.write_corpus(bag, corpus, articles, with_texts=order.with_texts)
    return kept


def _about(chosen: Selection, corpus: Corpus) -> dict[str, Any]:
    """Return what the seal says of the inputs."""
    runs = chosen.store.read("runs", *chosen.runs).to_pylist()
    names = ("run_id", "table_digest", "corpus_digest", "config_digest", "tool_version", "tool_commit")
    return {
        "sealed_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "tool_version": __version__,
        "runs": [{name: run[name] for name in names} for run in runs],
        "claims_run": chosen.judged.made("claims")[-1],
        "corpus_digest": corpus.manifest.digest,
        "verifier_sha256": alone.measured_file(alone.__file__)[1],
    }


def _other_corpus(chosen: Selection, corpus: Corpus) -> list[str]:
    """Return the runs that were made with another corpus."""
    runs = chosen.store.read("runs", *chosen.runs).to_pylist()
    return [run["run_id"] for run in runs if run["corpus_digest"] != corpus.manifest.digest]
