"""Checks a sealed bag of evidence, or one claim disclosed of it. A copy lies in each bag as `verify.py`.

    python3 -I verify.py [FOLDER]

It needs Python 3.8 or newer, nothing else, and no network. It reads every byte and names what is not as it
was sealed. It cannot check signatures of time-stamps (`openssl ts -verify` does), nor texts that were
extracted from HTML (it compares the digest of their payload instead). A bag that was changed and sealed again
has other roots: compare those that it prints with those that were noted before, or rely on a time-stamp.

The Merkle trees are those of RFC 9162, section 2.1, with SHA-256.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import re
import sys
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    Measured = dict[str, tuple[int, str, str]]

SEAL, PROOF, ROWS, STAMPS = "seal.json", "data/proof.json", "data/rows.jsonl", "stamps/"
DECLARATIONS, TEXTS = "data/declarations.jsonl", "data/corpus/texts/"
ALGORITHMS = ("sha256", "sha512")
SEAL_FORMAT, PROOF_FORMAT = "presswatch-seal-1", "presswatch-proof-1"
BETWEEN_RUNS = "source"
"""The member of a row's line that may differ between two scans of the same bytes."""
READ_BYTES = 1 << 20
INFLATED_MOST = 1 << 28
"""Bytes of a record up to which it is inflated: a bomb is compared by its stored bytes alone."""
MANIFESTS = tuple(
    kind + algorithm + ".txt" for kind in ("manifest-", "tagmanifest-") for algorithm in ALGORITHMS
)
VERIFIER = "verify.py"
OF_PART = (VERIFIER, "bagit.txt", "bag-info.txt")
"""Files of a part beside its payload, manifests and time-stamps. The seal covers only the first."""
UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, RecursionError)
"""What reading JSON of others can raise."""


class Findings:
    """The result of a check: `faults` by file or row, and `notes` on facts that hold or cannot be checked."""

    def __init__(self) -> None:
        self.faults: dict[str, str] = {}
        self.notes: list[str] = []

    def refuse(self, name: str, what: str) -> None:
        """Name a fault; the first of each name is kept."""
        self.faults.setdefault(name, what)


# --- Merkle trees


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf."""
    return hashlib.sha256(b"\0" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node."""
    return hashlib.sha256(b"\1" + left + right).digest()


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """Return the root of a tree, given the hashes of its leaves."""
    if len(leaves) < 2:
        return leaves[0] if leaves else hashlib.sha256().digest()
    half = _half(leaves)
    return node_hash(merkle_root(leaves[:half]), merkle_root(leaves[half:]))


def merkle_path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Return the hashes beside the way from a leaf to the root, the leaf's neighbour first."""
    if len(leaves) < 2:
        return []
    half = _half(leaves)
    if index < half:
        return [*merkle_path(leaves[:half], index), merkle_root(leaves[half:])]
    return [*merkle_path(leaves[half:], index - half), merkle_root(leaves[:half])]


def _half(leaves: Sequence[bytes]) -> int:
    """Return the size of the left subtree: the largest power of two below the number of leaves."""
    return 1 << ((len(leaves) - 1).bit_length() - 1)


def root_by_path(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """Return the root that a leaf and its path lead to; None if no tree of this size has such a path."""
    if not 0 <= index < size:
        return None
    place, last, root = index, size - 1, leaf
    for beside in path:
        if last == 0:
            return None
        if place & 1 or place == last:
            root = node_hash(beside, root)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            root = node_hash(root, beside)
        place, last = place >> 1, last >> 1
    return root if last == 0 else None


# --- canonical forms


def canonical(value: Any) -> str:
    """Return a value as JSON: sorted names, no blanks, only required escapes."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False)


def claim_leaf(line: bytes) -> bytes:
    """Return the leaf of a row's line in the tree of claims, without facts that differ between two scans."""
    fields = json.loads(line)
    fields.pop(BETWEEN_RUNS)
    return leaf_hash(canonical(fields).encode())


def file_leaf(name: str, measured: Measured) -> bytes:
    """Return the leaf of a file."""
    size, sha256, sha512 = measured[name]
    return leaf_hash(canonical({"bytes": size, "path": name, "sha256": sha256, "sha512": sha512}).encode())


def files_of_bag(measured: Measured) -> list[str]:
    """Return the files that are leaves of the tree of the bag, in their order."""
    return sorted(name for name in measured if not _is_seal(name))


def bag_leaves(lines: Sequence[bytes], measured: Measured) -> list[bytes]:
    """Return the leaves of the tree of the bag: its rows, then its files."""
    return [leaf_hash(line) for line in lines] + [
        file_leaf(name, measured) for name in files_of_bag(measured)
    ]


def claim_leaves(lines: Sequence[bytes], measured: Measured) -> list[bytes]:
    """Return the leaves of the tree of claims: its rows, then the files of the corpus."""
    files = sorted(name for name in measured if name.startswith("data/corpus/"))
    return [claim_leaf(line) for line in lines] + [file_leaf(name, measured) for name in files]


def _is_seal(name: str) -> bool:
    """Whether a file is made when the bag is sealed, or after it."""
    return name == SEAL or name in MANIFESTS or re.fullmatch(STAMPS + r"[^/]+\.(tsr|pem)", name) is not None


def lines_of(data: bytes) -> list[bytes]:
    """Return the lines of a file, without their ends."""
    return data.split(b"\n")[:-1]


def manifest_text(digests: dict[str, str]) -> str:
    """Return a BagIt manifest: a line for each file, sorted by name."""
    return "".join(f"{digests[name]}  {name}\n" for name in sorted(digests))


# --- files and manifests


def measure(folder: str, findings: Findings) -> Measured:
    """Return bytes, SHA-256 and SHA-512 (hex) of every file below a folder; others are faults."""
    measured: Measured = {}

    def known(path: str) -> str:
        return os.path.relpath(path, folder).replace(os.sep, "/")

    def refuse(error: OSError) -> None:
        findings.refuse(known(str(error.filename)), f"cannot be read: {error.strerror}")

    for above, folders, names in os.walk(folder, onerror=refuse):
        folders.sort()
        if not folders and not names and above != folder:
            findings.refuse(known(above), "is an empty folder, which no bag contains")
        for name in sorted(names) + [each for each in folders if os.path.islink(os.path.join(above, each))]:
            path = os.path.join(above, name)
            if os.path.islink(path) or not os.path.isfile(path):
                findings.refuse(known(path), "is not a regular file")
                continue
            try:
                measured[known(path)] = measured_file(path)
            except OSError as error:
                refuse(error)
    for name in measured:
        # BagIt escapes some characters, and tools differ in it.
        if set(name) & set("\r\n%") or any("\ud800" <= each <= "\udfff" for each in name):
            findings.refuse(name, "has a name that tools for BagIt read differently")
    return measured


def measured_file(path: str) -> tuple[int, str, str]:
    """Return bytes, SHA-256 and SHA-512 of a file."""
    size, short, long = 0, hashlib.sha256(), hashlib.sha512()
    with open(path, "rb") as file:
        while True:
            data = file.read(READ_BYTES)
            if not data:
                return size, short.hexdigest(), long.hexdigest()
            size += len(data)
            short.update(data)
            long.update(data)


def _listed(folder: str, name: str) -> dict[str, str] | None:
    try:
        text = _read(folder, name).decode("utf-8", "replace")
    except OSError:
        return None
    pairs = (line.partition("  ") for line in text.split("\n") if line)
    return {path: digest for digest, _, path in pairs}


def _read(folder: str, name: str) -> bytes:
    with open(os.path.join(folder, *name.split("/")), "rb") as file:
        return file.read()


def check_manifests(folder: str, kind: str, names: list[str], measured: Measured, findings: Findings) -> None:
    """Compare files with both manifests of a kind, and the manifests with the files, to the last byte."""
    listed = {}
    for algorithm in ALGORITHMS:
        found = _listed(folder, f"{kind}-{algorithm}.txt")
        if found is None:
            findings.refuse(f"{kind}-{algorithm}.txt", "is missing")
        listed[algorithm] = found or {}
    for name in sorted({*names, *listed["sha256"], *listed["sha512"]}):
        said = [listed[algorithm].get(name) for algorithm in ALGORITHMS]
        if name not in measured:
            if None not in said:
                findings.refuse(name, "is missing")
        elif said == [None, None]:
            findings.refuse(name, "was added: no manifest lists it")
        elif said[0] != measured[name][1] and said[1] != measured[name][2]:
            findings.refuse(name, "has changed")
    for place, algorithm in enumerate(ALGORITHMS, 1):
        name, entries = f"{kind}-{algorithm}.txt", listed[algorithm]
        sound = [each for each in names if each not in findings.faults]
        is_whole = entries.keys() <= {*names, *findings.faults} and all(
            entries.get(each) == measured[each][place] for each in sound
        )
        if name in measured and (not is_whole or _read(folder, name) != manifest_text(entries).encode()):
            findings.refuse(name, "has changed")


# --- rows and records


class _Warc(NamedTuple):
    fields: dict[str, str]
    block: memoryview


def check_rows(folder: str, lines: list[bytes], measured: Measured, findings: Findings) -> None:
    """Check the digests of rows and claims, and that their records are there and say the same."""
    unread, other, before = 0, 0, ""
    checked: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        about = f"{ROWS}:{number}"
        try:
            fields = json.loads(line)
            if canonical(fields).encode() != line:
                findings.refuse(about, "is not in canonical form")
            row, record = fields["row"], fields["record"]
            _check_digest(about, row, "row_sha256", findings)
            _check_digest(about, fields["claim"], "claim_sha256", findings)
            if fields["claim"]["row_sha256"] != row["row_sha256"]:
                findings.refuse(about, "its claim belongs to another row")
            if row["row_sha256"] <= before:
                findings.refuse(about, "appears twice, or out of order")
            before = row["row_sha256"]
            if record["path"] is None:
                if record["reason"] is None:
                    findings.refuse(about, "has neither a record nor a reason")
                unread += 1
                continue
            other += record["reason"] is not None
            how = _check_record(folder, about, row, record, measured, findings)
            checked[how] = checked.get(how, 0) + 1
        except UNREADABLE:
            findings.refuse(about, "is not a row")
    findings.notes += [f"{_records(count)} compared by {how}" for how, count in sorted(checked.items())]
    if unread:
        findings.notes.append(
            f"could not be read when the bag was made: {_records(unread)}; each row gives the reason"
        )
    if other:
        findings.notes.append(f"different from the row: {_records(other)}; each row gives the reason")


def _records(count: int) -> str:
    return f"{count:,} record" if count == 1 else f"{count:,} records"


def check_declarations(folder: str, measured: Measured, findings: Findings) -> None:
    """Check that declarations of sites have the digests that they name, and that their records are there."""
    if DECLARATIONS not in measured:
        return
    for number, line in enumerate(lines_of(_read(folder, DECLARATIONS)), 1):
        about = f"{DECLARATIONS}:{number}"
        try:
            fields = json.loads(line)
            _check_digest(about, fields["row"], "row_sha256", findings)
            if fields["record"]["path"] is not None:
                _is_there(about, fields["record"], measured, findings)
        except UNREADABLE:
            findings.refuse(about, "is not a declaration")


def _check_digest(about: str, fields: Any, own: str, findings: Findings) -> None:
    rest = {name: value for name, value in fields.items() if name != own}
    if hashlib.sha256(canonical(rest).encode()).hexdigest() != fields[own]:
        findings.refuse(about, f"its {own} does not match its columns")


def _check_record(
    folder: str, about: str, row: Any, record: Any, measured: Measured, findings: Findings
) -> str:
    name = record["path"]
    if not _is_there(about, record, measured, findings):
        return "nothing, as it is missing"
    if record["reason"] is not None:
        return "the SHA-256 of the bytes only"
    data = _read(folder, name)
    if record["kind"] in ("line", "cell"):
        texts = texts_of(data) if record["kind"] == "line" else [data]
        if all(hashlib.sha256(text).hexdigest() != row["text_sha256"] for text in texts):
            findings.refuse(name, f"does not contain the text of {about}")
        return "the SHA-256 of the text"
    return _check_response(name, about, row, data, findings)


def _is_there(about: str, record: Any, measured: Measured, findings: Findings) -> bool:
    name = record["path"]
    if name not in measured:
        findings.refuse(name, "is missing")
        return False
    if measured[name][:2] != (record["bytes"], record["sha256"]):
        findings.refuse(name, f"is not the record of {about}")
    return True


def _check_response(name: str, about: str, row: Any, data: bytes, findings: Findings) -> str:
    warc = _warc(data)
    if warc is None:
        return "the SHA-256 of the bytes only"
    if row["record_id"] is not None and warc.fields.get("warc-record-id") != row["record_id"]:
        findings.refuse(name, f"has a different record id than {about}")
    if hashlib.sha256(warc.block).hexdigest() == row["text_sha256"]:
        return "record id and the SHA-256 of the text"
    declared = row.get("payload_digest_computed")
    end = re.search(rb"\r?\n\r?\n", warc.block)
    if declared is None or end is None:
        return "the record id"
    for payload in (warc.block[end.end() :], warc.block):
        if "sha1:" + base64.b32encode(hashlib.sha1(payload).digest()).decode() == declared:
            return "record id and the SHA-1 of the payload"
    findings.refuse(name, f"has a different payload than {about}")
    return "the record id"


def _warc(data: bytes) -> _Warc | None:
    if data[:2] == b"\x1f\x8b":
        try:
            inflating = zlib.decompressobj(31)
            data = inflating.decompress(data, INFLATED_MOST)
        except zlib.error:
            return None
        if inflating.unconsumed_tail:
            return None
    end = re.search(rb"\r?\n\r?\n", data)
    if not data.startswith(b"WARC/") or end is None:
        return None
    # A URL may contain line ends of Unicode; a line that begins with a blank continues the one before it.
    lines = re.split(r"\r?\n(?![ \t])", data[: end.start()].decode("utf-8", "replace"))
    pairs = (line.partition(":") for line in lines[1:])
    fields = {name.strip().lower(): value.strip() for name, _, value in pairs}
    length = fields.get("content-length", "")
    block = memoryview(data)[end.end() :]
    return _Warc(fields, block[: int(length)] if re.fullmatch("[0-9]{1,17}", length) else block)


def texts_of(line: bytes) -> list[bytes]:
    """Return all texts in a line of JSON, but names; none if it is none."""
    try:
        waiting = [json.loads(line)]
    except (ValueError, RecursionError):
        return []
    texts = []
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            texts.append(value.encode("utf-8", "replace"))
        waiting += value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return texts


# --- the seal and its time-stamps


def check_seal(folder: str, findings: Findings) -> Any:
    """Return the seal after a check of its form; None if it cannot be read."""
    try:
        data = _read(folder, SEAL)
        seal = json.loads(data)
        if seal["format"] == SEAL_FORMAT and canonical(seal).encode() + b"\n" == data:
            return seal
        findings.refuse(SEAL, "is not a seal that this program reads")
    except OSError:
        findings.refuse(SEAL, "is missing")
    except UNREADABLE:
        findings.refuse(SEAL, "is not a seal that this program reads")
    return None


def check_roots(seal: Any, lines: list[bytes], measured: Measured, findings: Findings) -> None:
    """Compare the seal with the files that it covers."""
    for name in sorted(seal["manifests"]):
        if name in measured and list(measured[name][1:]) != seal["manifests"][name]:
            findings.refuse(name, "is not the one that was sealed")
    if seal["claims"] != len(lines):
        findings.refuse(SEAL, "states a different number of claims")
    if VERIFIER in measured and seal["verifier_sha256"] != measured[VERIFIER][1]:
        findings.refuse(VERIFIER, "is not the one that was sealed")
    leaves = bag_leaves(lines, measured)
    if [len(leaves), merkle_root(leaves).hex()] != [seal["bag_leaves"], seal["bag_root"]]:
        findings.refuse("the bag", "has a different Merkle root than was sealed")
    try:
        claims = claim_leaves(lines, measured)
    except UNREADABLE:
        return
    if [len(claims), merkle_root(claims).hex()] != [seal["claims_leaves"], seal["claims_root"]]:
        findings.refuse("the claims", "have a different Merkle root than was sealed")


def parts(data: bytes) -> list[tuple[int, bytes]]:
    """Return tag and content of the values in DER; `ValueError` if it is none."""
    found, at = [], 0
    while at < len(data):
        if at + 2 > len(data):
            raise ValueError("cut")
        tag, length, at = data[at], data[at + 1], at + 2
        if length >= 0x80:
            count = length & 0x7F
            if not 0 < count <= 4 or at + count > len(data):
                raise ValueError("no length")
            length, at = int.from_bytes(data[at : at + count], "big"), at + count
        if at + length > len(data):
            raise ValueError("cut")
        found.append((tag, data[at : at + length]))
        at += length
    return found


def stamped(token: bytes) -> tuple[str, str]:
    """Return digest (hex) and time of an answer of a time-stamp authority; ValueError if it is none."""
    try:
        if within(token, 0, 0, 0) != b"\0":
            raise ValueError("not granted")
        # TimeStampResp, ContentInfo, SignedData, what it encapsulates: TSTInfo (RFC 3161, 2.4.2).
        info = within(token, 0, 1, 1, 0, 2, 1, 0, 0)
        return within(info, 2, 1).hex(), within(info, 4).decode("ascii")
    except (IndexError, UnicodeDecodeError) as error:
        raise ValueError("no answer of an authority") from error


def within(data: bytes, *places: int) -> bytes:
    """Return the content of a value in DER, by the places of those around it."""
    for place in places:
        data = parts(data)[place][1]
    return data


def encoded(tag: int, content: bytes) -> bytes:
    """Return a value in DER."""
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def imprints(sealed: bytes) -> set[str]:
    """Return the digests (hex) by which a time-stamp can name sealed bytes."""
    return {hashlib.new(each, sealed).hexdigest() for each in ("sha256", "sha384", "sha512")}


def check_stamps(folder: str, measured: Measured, findings: Findings) -> None:
    """Check that each time-stamp is about the seal; signatures need `openssl`."""
    tokens = [name for name in sorted(measured) if name.startswith(STAMPS) and name.endswith(".tsr")]
    digests = imprints(_read(folder, SEAL) if SEAL in measured else b"")
    for name in tokens:
        try:
            imprint, at = stamped(_read(folder, name))
        except ValueError:
            findings.refuse(name, "is not a time-stamp")
            continue
        if imprint not in digests:
            findings.refuse(name, "is a time-stamp for other data")
        findings.notes.append(f"{name} states {at}: check its signature with `openssl ts -verify`")
    if not tokens:
        findings.notes.append("no authority has time-stamped the seal: its date is not proven")


# --- all of it


def check(folder: str) -> Findings:
    """Check a bag, or a part that was disclosed of one."""
    findings = Findings()
    measured = measure(folder, findings)
    check_names(measured, findings)
    tags = [name for name in measured if not name.startswith(("data/", "tagmanifest-"))]
    check_manifests(folder, "tagmanifest", tags, measured, findings)
    payload = [name for name in measured if name.startswith("data/")]
    check_manifests(folder, "manifest", payload, measured, findings)
    seal = check_seal(folder, findings)
    if ROWS not in measured:
        findings.refuse(ROWS, "is missing")
        return findings
    data = _read(folder, ROWS)
    lines = lines_of(data)
    if data and not data.endswith(b"\n"):
        findings.refuse(ROWS, "ends within a line")
    check_rows(folder, lines, measured, findings)
    check_declarations(folder, measured, findings)
    for name in sorted(measured):
        if name.startswith(TEXTS) and name != f"{TEXTS}{measured[name][1]}.txt":
            findings.refuse(name, "is not the text with the digest of its name")
    if seal is not None:
        try:
            findings.notes += [
                "claims root: " + seal["claims_root"],
                "bag root:    " + seal["bag_root"],
                "anyone with the bag can change it and seal it again, with other roots: compare these "
                "with the roots noted before",
            ]
            if PROOF in measured:
                check_proof(folder, seal, lines, measured, findings)
            else:
                check_roots(seal, lines, measured, findings)
        except UNREADABLE:
            findings.refuse(PROOF if PROOF in measured else SEAL, "cannot be read")
    check_stamps(folder, measured, findings)
    return findings


def check_names(measured: Measured, findings: Findings) -> None:
    """Refuse files that neither the seal nor a proof covers: anyone with the bag could have added them."""
    for name in sorted(measured):
        if name.startswith("data/") or _is_seal(name):
            is_lone = name.endswith(".pem") and name[:-4] + ".tsr" not in measured
            if is_lone and name.startswith(STAMPS):
                findings.refuse(name, "belongs to no time-stamp: the seal does not cover it")
        elif PROOF in measured:
            if name not in OF_PART:
                findings.refuse(name, "was added: the seal does not cover it")
        elif name.startswith((STAMPS, "manifest-", "tagmanifest-")):
            findings.refuse(name, "was added: the seal does not cover it")


def check_proof(folder: str, seal: Any, lines: list[bytes], measured: Measured, findings: Findings) -> None:
    """Check that the one row, and all files beside it, are leaves of the sealed trees."""
    proof = json.loads(_read(folder, PROOF))
    if proof["format"] != PROOF_FORMAT or len(lines) != 1:
        findings.refuse(PROOF, "is not a proof of one row")
        return
    trees = {
        "bag": (seal["bag_leaves"], seal["bag_root"]),
        "claims": (seal["claims_leaves"], seal["claims_root"]),
    }
    found = [(ROWS, leaf_hash(lines[0]), trees["bag"], proof["row"])]
    found.append((ROWS, claim_leaf(lines[0]), trees["claims"], proof["claim"]))
    for name in sorted(measured):
        if name == VERIFIER or (name.startswith("data/") and name not in (ROWS, PROOF)):
            found.append((name, file_leaf(name, measured), trees["bag"], proof["files"].get(name)))
    for name, leaf, (size, root), way in found:
        path = [bytes.fromhex(each) for each in way["path"]] if way else []
        reached = root_by_path(leaf, way["index"], size, path) if way else None
        if reached is None or reached.hex() != root:
            findings.refuse(name, "is not what was sealed")


def shown(text: str) -> str:
    """Return text that cannot steer a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def main(folder: str) -> int:
    """Check a folder, print the findings, and return the exit code: 0 without faults, else 1."""
    findings = check(folder)
    # A name may have characters that this terminal has not.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    for note in findings.notes:
        sys.stdout.write(shown(note) + "\n")
    for name in sorted(findings.faults):
        sys.stdout.write(f"REFUSED {shown(name)}: {shown(findings.faults[name])}\n")
    sys.stdout.write("REFUSED\n" if findings.faults else "everything is as it was sealed\n")
    return 1 if findings.faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))))
