"""Takes one claim out of a bag, with what proves that it was sealed: it verifies without the rest."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from presswatch_spark.errors import InputError
from presswatch_spark.evidence import verify_alone as alone
from presswatch_spark.evidence.bag import Bag, leaves_of, new_bag, require_sound
from presswatch_spark.evidence.side_by_side import FOLDER as PAGES
from presswatch_spark.storage.json_documents import parse_json
from presswatch_spark.storage.objects import StorageOptions

HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class Disclosed:
    """A claim that was taken out: its digest, and the files that went with it."""

    row_sha256: str
    files: list[str]


def disclose(folder: Path, prefix: str, out: str, storage: StorageOptions) -> Disclosed:
    """Write the claim whose row's digest begins with `prefix` into a new folder, with its Merkle proofs.

    Raises:
        InputError: no row of the bag begins so, or several do.
        OutputError: the bag does not verify, or `out` holds something or cannot be written.
    """
    require_sound(folder)
    bag = Bag(folder)
    lines = alone.lines_of(bag.read(alone.ROWS))
    index = _place(lines, prefix, folder)
    fields = parse_json(lines[index])
    measured = bag.measured()
    page = f"{PAGES}/{fields['row']['row_sha256']}.html"
    files = [name for name in (fields["record"]["path"], page) if name in measured]
    proved = [*files, alone.VERIFIER]
    leaves, claims = leaves_of(lines, measured)
    sealed_files = alone.files_of_bag(measured)
    proof = {
        "format": alone.PROOF_FORMAT,
        "row": _proof(leaves, index),
        "claim": _proof(claims, index),
        "files": {name: _proof(leaves, len(lines) + sealed_files.index(name)) for name in proved},
    }
    with new_bag(out, storage) as part:
        part.write(alone.ROWS, lines[index] + b"\n")
        for name in files:
            part.write(name, bag.read(name))
        part.write_json(alone.PROOF, proof)
        for name in bag.names("stamps"):
            part.write(name, bag.read(name))
        part.carry(bag, "One claim of a sealed bag, with its proof")
        part.finish()
    return Disclosed(fields["row"]["row_sha256"], files)


def _place(lines: list[bytes], prefix: str, folder: Path) -> int:
    wanted = prefix.lower()
    if not wanted or set(wanted) - HEX:
        raise InputError(
            f"{prefix!r} begins no SHA-256", remedy="give the first digits of a row's row_sha256"
        )
    found = [
        place
        for place, line in enumerate(lines)
        if str(parse_json(line)["row"]["row_sha256"]).startswith(wanted)
    ]
    if len(found) != 1:
        how_many = f"{len(found):,} rows have" if found else "no row has"
        raise InputError(f"{how_many} a row_sha256 that begins with {wanted}", where=str(folder))
    return found[0]


def _proof(leaves: list[bytes], index: int) -> dict[str, Any]:
    return {"index": index, "path": [each.hex() for each in alone.merkle_path(leaves, index)]}
