"""Reads a sealed bag: verifies it, draws rows to read them again, or takes one claim out with its proof."""

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow as pa

from presswatch_spark.core.errors import ConfigError, InputError, OutputError
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.legal.evidence import verify
from presswatch_spark.legal.evidence.bag import (
    ARTICLES,
    PAGES,
    SETTINGS,
    Bag,
    RefusedStampError,
    check_token,
    client,
    named_faults,
    new_bag,
    pem_certificates,
    sealed_facts,
)
from presswatch_spark.legal.evidence.sealed_records import site_of
from presswatch_spark.query.pointers.audit import (
    ArticleTexts,
    Audit,
    RowCheck,
    RowRecomputation,
    RunSettings,
    digest_prefix,
    settings_read,
)
from presswatch_spark.query.pointers.fetched_records import Cause
from presswatch_spark.query.pointers.pointer import Mirror
from presswatch_spark.scanning.sampling import most_share
from presswatch_spark.storage.json_documents import parse_json
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.declarations import Match, RightsSignal
from presswatch_spark.tables.row_types import TableRow

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

VERIFIERS = Path(__file__).with_name("verifiers.txt")
"""SHA-256 (hex) of the `verify.py` of earlier versions, one per line."""
UNREACHED = frozenset({Cause.NO_SHARD, Cause.NOT_REACHED})
"""Reasons that prove nothing about a row: its shard could not be read."""
CONFIDENCE = 0.95
FAULTS_NAMED = 3
_TIMES: Mapping[type[TableRow], list[str]] = {
    kind: [field.name for field in kind.schema if pa.types.is_timestamp(field.type)]
    for kind in (Match, RightsSignal)
}
BagRow = TypeVar("BagRow", Match, RightsSignal)


# --- verify


def verified(folder: Path, trusted: "Sequence[Certificate]" = ()) -> verify.Findings:
    """Check a bag, or a part of one, like its `verify.py`, and signatures of time-stamps; send no request.

    `trusted`: certificates for time-stamps; by default, those beside each time-stamp in the bag.
    """
    findings = verify.check(str(folder))
    with suppress(OSError):
        found = hashlib.sha256((folder / verify.VERIFIER).read_bytes()).hexdigest()
        own = hashlib.sha256(Path(verify.__file__).read_bytes()).hexdigest()
        # A person who seals a bag again can put any program into it.
        if found != own and found not in VERIFIERS.read_text("ascii").split():
            findings.refuse(
                verify.VERIFIER,
                "is neither of this version nor of an earlier one: do not run it; check a bag of a later"
                " version with that version",
            )
    tokens = sorted(path for path in (folder / "stamps").glob("*.tsr") if path.is_file())
    # Replace the notes of `verify.py` on time-stamps, which cannot check signatures.
    findings.notes = [note for note in findings.notes if not note.startswith(verify.STAMPS)]
    try:
        if tokens:
            client()
    except ConfigError as error:
        findings.notes.append(f"signatures of {len(tokens)} time-stamps are not checked: {error}")
        return findings
    for token in tokens:
        name, beside = token.relative_to(folder).as_posix(), token.with_suffix(".pem")
        try:
            roots = list(trusted) or pem_certificates(beside.read_bytes(), str(beside))
            signed = check_token(token.read_bytes(), (folder / verify.SEAL).read_bytes(), roots)
        except (OSError, InputError, RefusedStampError) as error:
            findings.refuse(name, str(error.what if isinstance(error, InputError) else error))
            continue
        rests = "the certificates that you passed" if trusted else f"{beside.name}, which is in the bag"
        findings.notes.append(f"{name}: sealed before {signed}, by {rests}")
    return findings


def require_sound(folder: Path, where: str = "") -> None:
    """Raise `OutputError` if a bag does not verify."""
    if faults := named_faults(verified(folder), FAULTS_NAMED):
        raise OutputError(
            f"the bag does not verify: {faults}",
            where=where or str(folder),
            remedy="`presswatch evidence verify` lists all changes; use an unchanged copy",
        )


# --- the content of a bag


class OpenedBag:
    """The content of a bag on disk: `lines` with row, claim and record, and `rows` of `matches`, by digest.

    `seal`: its seal. `signals`: the rows of `rights_signals` in the bag, by digest; it may have none.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.seal = folder, sealed_facts(folder)
        bag = Bag(folder)
        lines: list[dict[str, Any]] = list(map(parse_json, bag.lines(verify.ROWS)))
        self.lines = {line["row"]["row_sha256"]: line for line in lines}
        self.rows = {digest: _row_of(line, Match) for digest, line in self.lines.items()}
        declared = bag.lines(verify.DECLARATIONS) if (folder / verify.DECLARATIONS).exists() else ()
        signals = (_row_of(parse_json(line), RightsSignal) for line in declared)
        self.signals = {signal.row_sha256: signal for signal in signals}

    def settings_of(self, run_id: str) -> RunSettings:
        """Return the settings of a run; `OutputError` if they cannot be read."""
        path = self.folder / SETTINGS
        with settings_read(run_id, str(path)):
            corpora = {run["run_id"]: run["corpus_digest"] for run in self.seal["runs"]}
            config = parse_json(path.read_bytes())["runs"][run_id]
            return RunSettings(run_id, config, corpora.get(run_id), str(path))

    def texts(self) -> dict[str, Path]:
        """Return the files with the texts of articles by id; none if the bag was made without them."""
        folder = self.folder / verify.TEXTS
        if not folder.is_dir():
            return {}
        articles = map(parse_json, Bag(self.folder).lines(ARTICLES))
        return {each["article_id"]: folder / f"{each['sha256']}.txt" for each in articles if each["sha256"]}


def _row_of(line: Mapping[str, Any], kind: type[BagRow]) -> BagRow:
    columns = line["row"] | {name: line[verify.BETWEEN_RUNS][name] for name in ("run_id", "shard_uri")}
    times = {name: columns[name] for name in _TIMES[kind] if columns.get(name) is not None}
    return kind.from_dict(columns | {name: datetime.fromisoformat(time) for name, time in times.items()})


# --- challenge


@dataclass(frozen=True, slots=True)
class Challenged:
    """The result of a challenge: number of `drawn` rows out of `rows`, and of failures by reason.

    Rows that could not be read are failures. `has_words`: words of articles were compared. `read_at`: number
    of rows by the site where they were read, "" for the local disk.
    """

    rows: int
    drawn: int
    failures: Counter[str]
    has_words: bool
    read_at: Counter[str]

    @property
    def verified(self) -> int:
        """Return the number of rows that verified."""
        return self.drawn - self.failures.total()

    @property
    def unreached(self) -> int:
        """Return the number of rows that could not be read, and may be true or false."""
        return sum(self.failures[reason] for reason in UNREACHED)

    @property
    def most(self) -> float:
        """Return the upper bound of the share of false rows at `CONFIDENCE`; exact if all were drawn."""
        failed = self.failures.total()
        return failed / self.rows if self.drawn == self.rows else most_share(failed, self.drawn, CONFIDENCE)


def drawn_by(words: str, digests: Iterable[str], count: int) -> list[str]:
    """Return the `count` digests with the smallest SHA-256 of words (NFC, single blanks) and digest."""
    seed = unicodedata.normalize("NFC", " ".join(words.split())).encode()
    return sorted(digests, key=lambda digest: hashlib.sha256(seed + digest.encode()).digest())[:count]


def challenge(
    folder: Path,
    words: str,
    count: int,
    storage: StorageOptions,
    *,
    mirrors: Sequence[Mirror] = (),
    corpus: str | None = None,
    hear: Callable[[RowCheck], None] = lambda verdict: None,
) -> Challenged:
    """Draw rows of a bag by words, read them again from their sources, and check them like `verify-rows`.

    The other side or an officer of the court chooses the words after the sealing, so that the maker of the
    bag could not choose the rows. `corpus`: for computing each row again; without it, spans are compared with
    texts in the bag, if any. `hear` gets each verdict. Raises `InputError` without words or rows,
    `OutputError` if the bag does not verify.
    """
    if not words.strip():
        raise InputError("--seed contains no words", remedy="let the other side choose some")
    if any("\ud800" <= each <= "\udfff" for each in words):
        raise InputError("the words are not UTF-8 text", remedy="type them in a terminal that writes UTF-8")
    require_sound(folder)
    bag = OpenedBag(folder)
    if not bag.rows:
        raise InputError("the bag has no rows to draw from", where=str(folder), remedy="pass another bag")
    drawn = [bag.rows[digest] for digest in drawn_by(words, bag.rows, count)]
    texts, figures = bag.texts(), None
    article_of: ArticleTexts | None = None
    if corpus:
        opened = Corpus.open(corpus, storage=storage)
        article_of, figures = opened.text_of, RowRecomputation(opened)
    elif texts:
        article_of = lambda article: texts[article].read_bytes() if article in texts else None  # noqa: E731
    audit = Audit(bag.settings_of, storage, mirrors, article_of, figures)
    failures, read_at = Counter[str](), Counter[str]()
    for verdict in audit.verdicts(drawn):
        read_at[site_of(verdict.pointer.uri)] += 1
        if verdict.failure:
            failures[verdict.failure.reason] += 1
        hear(verdict)
    return Challenged(len(bag.rows), len(drawn), failures, article_of is not None, read_at)


# --- disclose


def disclose(folder: Path, prefix: str, out: str, storage: StorageOptions) -> tuple[str, list[str]]:
    """Write one claim with its Merkle proofs into a new folder; `prefix`: beginning of its `row_sha256`.

    Return the digest, and the names of its files. Raises `InputError` unless `prefix` fits exactly one row,
    and `OutputError` if the bag does not verify or `out` cannot be written.
    """
    require_sound(folder)
    bag = Bag(folder)
    lines = bag.lines(verify.ROWS)
    digests = [str(parse_json(line)["row"]["row_sha256"]) for line in lines]
    wanted = digest_prefix(prefix)
    found = [place for place, digest in enumerate(digests) if digest.startswith(wanted)]
    if len(found) != 1:
        how_many = f"{len(found):,} rows have" if found else "no row has"
        raise InputError(f"{how_many} a row_sha256 that begins with {wanted}", where=str(folder))
    (index,) = found
    record, measured = parse_json(lines[index])["record"]["path"], bag.measured()
    files = [name for name in (record, f"{PAGES}/{digests[index]}.html") if name in measured]
    leaves, sealed_files = verify.bag_leaves(lines, measured), verify.files_of_bag(measured)

    def proof(leaves: list[bytes], place: int) -> dict[str, Any]:
        return {"index": place, "path": [each.hex() for each in verify.merkle_path(leaves, place)]}

    proofs = {
        "format": verify.PROOF_FORMAT,
        "row": proof(leaves, index),
        "claim": proof(verify.claim_leaves(lines, measured), index),
        "files": {
            name: proof(leaves, len(lines) + sealed_files.index(name)) for name in (*files, verify.VERIFIER)
        },
    }
    with new_bag(out, storage) as part:
        part.write(verify.ROWS, lines[index] + b"\n")
        for name in (*files, *bag.names("stamps"), verify.SEAL):
            part.write(name, bag.read(name))
        part.write_json(verify.PROOF, proofs)
        part.declare("One claim of a sealed bag, with its proof", bag.read(verify.VERIFIER))
        part.finish()
    return digests[index], files
