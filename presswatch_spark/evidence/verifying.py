"""Checks a bag, or a part that was disclosed of one, as its `verify.py` does, and time-stamps as well."""

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from presswatch_spark.errors import InputError
from presswatch_spark.evidence import verify_alone as alone
from presswatch_spark.evidence.stamps import RefusedStampError, check_token, pem_certificates, require_client
from presswatch_spark.storage.json_documents import parse_json
from presswatch_spark.tables.digests import canonical_form
from presswatch_spark.tables.seals import UNREADABLE, opened_sealed

VERIFIERS = Path(__file__).with_name("verifiers.txt")
"""SHA-256 (hex) of the `verify.py` of earlier versions, one a line."""


def verified(folder: Path, trusted: Sequence[bytes] = ()) -> alone.Findings:
    """Return what holds of a bag and what does not. Nothing is asked of any server.

    Args:
        trusted: certificates as PEM, the only ones that time-stamps may rest on; without them, each rests on
            those that lie beside it, and says so.
    """
    findings = alone.check(str(folder))
    _check_verifier(folder, findings)
    _check_tables(folder, findings)
    tokens = sorted(path for path in (folder / "stamps").glob("*.tsr") if path.is_file())
    # What `verify.py` says of them rests on less.
    findings.notes = [note for note in findings.notes if not note.startswith((alone.STAMPS, alone.TABLES))]
    try:
        if tokens:
            require_client()
    except InputError as error:
        findings.notes.append(f"signatures of {len(tokens)} time-stamps are not checked: {error}")
        return findings
    for token in tokens:
        _check_stamp(folder, token, trusted, findings)
    return findings


def _check_verifier(folder: Path, findings: alone.Findings) -> None:
    """Refuse a `verify.py` that no version wrote: whoever seals a bag again can seal any program with it."""
    with suppress(OSError):
        found = hashlib.sha256((folder / alone.VERIFIER).read_bytes()).hexdigest()
        own = hashlib.sha256(Path(alone.__file__).read_bytes()).hexdigest()
        if found != own and found not in VERIFIERS.read_text("ascii").split():
            findings.refuse(
                alone.VERIFIER,
                "is not that of this version or an earlier one: do not run it; a bag of a later version is"
                " checked with that version",
            )


def _check_tables(folder: Path, findings: alone.Findings) -> None:
    """Check that the tables say the same as the rows."""
    for table, member in (("matches", "row"), ("claims", "claim")):
        path = folder / f"data/tables/{table}.parquet"
        if not path.is_file() or not (folder / alone.ROWS).is_file():
            continue
        try:
            rows = opened_sealed(path.read_bytes()).read(use_threads=False).to_pylist()
            said = [parse_json(line)[member] for line in alone.lines_of((folder / alone.ROWS).read_bytes())]
            # Rows of earlier versions have fewer columns than their table.
            alike = len(rows) == len(said) and all(
                parse_json(canonical_form({name: row[name] for name in each})) == each
                for row, each in zip(rows, said, strict=True)
            )
        except UNREADABLE:
            alike = False
        if not alike:
            findings.refuse(f"data/tables/{table}.parquet", f"does not say what {alone.ROWS} says")


def _check_stamp(folder: Path, token: Path, trusted: Sequence[bytes], findings: alone.Findings) -> None:
    name, beside = token.relative_to(folder).as_posix(), token.with_suffix(".pem")
    try:
        roots = list(trusted) or pem_certificates(beside.read_bytes(), str(beside))
        sealed = (folder / alone.SEAL).read_bytes()
        said = check_token(token.read_bytes(), sealed, roots)
    except (OSError, InputError, RefusedStampError) as error:
        findings.refuse(name, str(error.what if isinstance(error, InputError) else error))
        return
    rests = "the certificates that you named" if trusted else f"{beside.name}, which lies in the bag"
    findings.notes.append(f"{name}: sealed before {said}, by {rests}")
