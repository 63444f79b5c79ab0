"""A bag (BagIt 1.0, RFC 8493): layout, seal, time-stamps, and a folder that gets its name when complete.

The manifests of the payload are written first, then the seal that covers them, time-stamps of the seal, and
the manifests of all these files (tag manifests). A time-stamp (RFC 3161) is the answer of an authority
(`.tsr`) with its certificates (`.pem`). A token whose certificates are not in DER order is kept as received,
and checked with its certificates in order: the signature does not cover that order, and other tools accept
such tokens.
"""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit, urlunsplit

import urllib3

from presswatch_spark.core.errors import ConfigError, CorruptError, InputError, OutputError
from presswatch_spark.core.extras import library
from presswatch_spark.core.version import __version__
from presswatch_spark.legal.evidence import verify
from presswatch_spark.storage.disk import Folder, fetch_file, refused, sync
from presswatch_spark.storage.drafts import hidden_draft, new_folder, scratch_folder
from presswatch_spark.storage.file_locks import BAG, file_locked
from presswatch_spark.storage.http import SlowAnswerError, exchanged
from presswatch_spark.storage.json_documents import parse_json
from presswatch_spark.storage.objects import MissingError, StorageOptions, read_object
from presswatch_spark.storage.uris import shown_uri
from presswatch_spark.tables.digests import canonical_form

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

DECLARATION = "bagit.txt"
ARTICLES, SETTINGS, PAGES = "data/corpus/articles.jsonl", "data/settings.json", "data/pages"
"""The files with digests of articles and settings of runs, and the folder of the documents of claims."""
PROTOCOL, EXCHANGES, RECORDS = "data/protocol.json", "data/http/exchanges.jsonl", "data/records"
_BAGIT = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
ANSWER_MOST, ANSWER_SECONDS = 1 << 20, 60.0
CLOCK_SECONDS = 60.0
"""Seconds by which an authority's clock may differ from the local clock without a remark."""
GRANTED = (0, 1)
CHAIN_ERROR = re.compile(r'Verify error: ([^"]+)"')
_ASKING = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}


@dataclass(frozen=True, slots=True)
class Bag:
    """A folder with the files of a bag, by names with `/`."""

    folder: Path

    def write(self, name: str, data: bytes) -> None:
        """Write a file; it replaces one of that name."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def write_json(self, name: str, value: Any) -> None:
        """Write a value as JSON in canonical form."""
        self.write(name, f"{canonical_form(value)}\n".encode())

    def write_lines(self, name: str, lines: Iterable[Mapping[str, Any]]) -> None:
        """Write values as JSON in canonical form, one per line."""
        self.write(name, "".join(f"{canonical_form(line)}\n" for line in lines).encode())

    def read(self, name: str) -> bytes:
        """Return the bytes of a file."""
        return (self.folder / name).read_bytes()

    def lines(self, name: str) -> list[bytes]:
        """Return the lines of a file of JSON."""
        return verify.lines_of(self.read(name))

    def names(self, below: str = "") -> list[str]:
        """Return the sorted names of all files below a folder of the bag."""
        found = (self.folder / below).rglob("*")
        return sorted(path.relative_to(self.folder).as_posix() for path in found if path.is_file())

    def measured(self, below: str = "") -> verify.Measured:
        """Return bytes, SHA-256 and SHA-512 of all files below a folder of the bag, by name."""
        return {name: verify.measured_file(str(self.folder / name)) for name in self.names(below)}

    def declare(self, description: str, verifier: bytes) -> None:
        """Write `verify.py`, the declaration with a description, and the manifests of the payload."""
        payload = self.measured("data")
        fields = {
            "Bagging-Date": f"{datetime.now(UTC):%Y-%m-%d}",
            "Bag-Software-Agent": f"presswatch-spark {__version__}",
            "External-Description": description,
            "Payload-Oxum": f"{sum(size for size, _, _ in payload.values())}.{len(payload)}",
        }
        lines = (f"{name}: {' '.join(verify.shown(text).split())}\n" for name, text in fields.items())
        self.write(verify.VERIFIER, verifier)
        self.write(DECLARATION, _BAGIT)
        self.write("bag-info.txt", "".join(lines).encode())
        self._write_manifests("manifest", payload)

    def seal(self, about: Mapping[str, Any], description: str) -> None:
        """Declare the bag and write its seal, with the further members of `about`; call `finish` next."""
        self.declare(description, Path(verify.__file__).read_bytes())
        measured, lines = self.measured(), self.lines(verify.ROWS)
        bag, claims = verify.bag_leaves(lines, measured), verify.claim_leaves(lines, measured)
        manifests = [name for name in measured if name.startswith("manifest-")]
        seal = {
            "format": verify.SEAL_FORMAT,
            "merkle": "RFC 9162, 2.1, SHA-256",
            "claims": len(lines),
            "bag_root": verify.merkle_root(bag).hex(),
            "bag_leaves": len(bag),
            "claims_root": verify.merkle_root(claims).hex(),
            "claims_leaves": len(claims),
            "manifests": {name: list(measured[name][1:]) for name in manifests},
            **about,
        }
        self.write_json(verify.SEAL, seal)

    def finish(self) -> None:
        """Write the tag manifests and read all back; `CorruptError` if the disk lost or changed bytes."""
        self._write_manifests("tagmanifest", self.measured())
        self._read_back()

    def _read_back(self) -> None:
        if fault := named_faults(verify.check(str(self.folder)), 1):
            raise CorruptError(
                f"the bag that was written does not verify: {fault}",
                where=str(self.folder),
                remedy="check the disk, and run the command again",
            )

    @contextmanager
    def held(self) -> Iterator[None]:
        """Prevent other processes from adding to the bag (`InUseError`), though NFS locks no folders."""
        with ExitStack() as stack:
            try:
                stack.enter_context(file_locked(self.folder, BAG))
            except OSError as error:
                if error.errno != errno.EBADF:
                    raise refused(self.folder, error) from error
            yield

    def add(self, files: Mapping[str, bytes]) -> None:
        """Add time-stamps to a finished bag, all or none; `CorruptError` if it does not verify with them.

        Files are written beside the bag and then renamed, which needs no disk space; a failure undoes this.
        """
        with hidden_draft(self.folder) as draft:
            new, old = Bag(draft / "new"), Bag(draft / "old")
            for name, data in files.items():
                new.write(name, data)
            new._write_manifests("tagmanifest", self.measured() | new.measured())
            names = sorted(new.names(), key=lambda name: name.startswith("tagmanifest-"))
            for name in names:
                if (self.folder / name).exists():
                    old.write(name, self.read(name))
            os.sync()
            try:
                for name in names:
                    (self.folder / name).parent.mkdir(exist_ok=True)
                    (new.folder / name).replace(self.folder / name)
                self._read_back()
                sync(str(self.folder))
            except BaseException:
                for name in set(names) - set(old.names()):
                    (self.folder / name).unlink(missing_ok=True)
                for name in old.names():
                    (old.folder / name).replace(self.folder / name)
                with suppress(OSError):
                    (self.folder / verify.STAMPS).rmdir()
                raise

    def _write_manifests(self, kind: str, measured: verify.Measured) -> None:
        """Write the manifests of the payload, or of all other files (`kind` is `tagmanifest`)."""
        for place, algorithm in enumerate(verify.ALGORITHMS, 1):
            digests = {
                name: str(facts[place])
                for name, facts in measured.items()
                if name.startswith("data/") == (kind == "manifest") and not name.startswith("tagmanifest-")
            }
            self.write(f"{kind}-{algorithm}.txt", verify.manifest_text(digests).encode())


def named_faults(findings: verify.Findings, most: int) -> str:
    """Return the first `most` faults of a bag, each with its file; "" if there are none."""
    return "; ".join(f"{verify.shown(name)} {what}" for name, what in sorted(findings.faults.items())[:most])


def sealed_facts(folder: Path) -> dict[str, Any]:
    """Return the seal of a bag; `OutputError` if there is none."""
    try:
        seal: dict[str, Any] = parse_json((folder / verify.SEAL).read_bytes())
    except (OSError, ValueError) as error:
        raise OutputError(
            "this is not a sealed bag: its seal is missing or cannot be read",
            where=str(folder),
            remedy="pass the folder that was --out of `presswatch evidence build`",
        ) from error
    return seal


@contextmanager
def new_bag(out: str, storage: StorageOptions) -> Iterator[Bag]:
    """Yield a new bag, which moves to `out` as a whole at the end of the block. Raises as `new_folder`."""
    with new_folder(out, storage, DECLARATION, private=True) as folder:
        yield Bag(folder)


@contextmanager
def bag_on_disk(path: str, storage: StorageOptions) -> Iterator[Path]:
    """Yield the folder of a bag; a bag on S3 is copied to this host for the block."""
    folder = Folder.of(path, storage)
    if folder.is_local:
        if not folder.path.is_dir():
            raise OutputError("there is no such folder", where=path, remedy="check the path of the bag")
        yield folder.path
        return
    with scratch_folder() as scratch:
        names = list(folder.entries())
        if not names:
            raise MissingError("there is no bag", where=path, remedy="check the path of the bag")
        for name in names:
            if ".." not in name.split("/") and not name.endswith("/"):
                fetch_file(folder.at(name), str(scratch / name), storage)
        yield scratch


# --- time-stamps


@dataclass(frozen=True, slots=True)
class Authority:
    """A time-stamp authority: its URL, and the trusted certificates of its chain, if any."""

    url: str
    certificates: Sequence[Certificate]


@dataclass(frozen=True, slots=True)
class Stamped:
    """The answer of an authority: the name of its token in the bag, or None, and a remark."""

    url: str
    name: str | None
    remark: str


class RefusedStampError(Exception):
    """An answer is no time-stamp of the seal; the message says why."""


def parse_authority(text: str, storage: StorageOptions) -> Authority:
    """Read `URL[,CA.pem]`, and the certificates.

    Raises `ConfigError` if the URL or the library for time-stamps is missing, `InputError` for no
    certificate.
    """
    url, _, file = text.partition(",")
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise ConfigError(
            "this is not a web address", where=shown_uri(url), remedy="write --tsa URL or URL,CA.pem"
        )
    client()
    return Authority(url, pem_certificates(read_object(file, storage)[0], file) if file else ())


def client() -> Any:
    """Return the library for time-stamps; if it is missing, raises `ConfigError` that names the extra."""
    return library("rfc3161_client", "evidence --tsa")


def stamps_of(
    bag: Bag, authorities: Sequence[Authority], storage: StorageOptions
) -> tuple[dict[str, bytes], list[Stamped]]:
    """Request a time-stamp of a bag's seal from each authority; return files for the bag, and all answers."""
    sealed, files, found = bag.read(verify.SEAL), dict[str, bytes](), list[Stamped]()
    number = len({name.partition(".")[0] for name in bag.names("stamps")})
    for authority in authorities:
        try:
            token, chain, remark = _stamp(authority, sealed, storage)
        except RefusedStampError as error:
            found.append(Stamped(authority.url, None, str(error)))
            continue
        number += 1
        host = re.sub(r"[^a-z0-9.-]", "-", (urlsplit(authority.url).hostname or "").lower())[:100]
        name = f"{verify.STAMPS}{number:02}-{host}"
        files |= {f"{name}.tsr": token, f"{name}.pem": b"".join(map(as_pem, chain))}
        found.append(Stamped(authority.url, f"{name}.tsr", remark))
    return files, found


def pem_certificates(data: bytes, where: str) -> list[Certificate]:
    """Return the certificates in a PEM file; raises `InputError` if none can be read."""
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificates(data)
    except ValueError as error:
        remedy = "pass certificates as PEM"
        raise InputError("this contains no certificate", where=where, remedy=remedy) from error


def as_pem(certificate: Certificate) -> bytes:
    """Return a certificate as PEM."""
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM)


def check_token(token: bytes, sealed: bytes, trusted: Sequence[Certificate], request: Any = None) -> str:
    """Check the answer of an authority about `sealed` bytes; return the time of the stamp.

    Its chain must end in one of the `trusted` certificates, and its nonce must be that of the `request`, if
    given. Otherwise raises `RefusedStampError`.
    """
    answer = _decoded(token)
    if answer.status not in GRANTED:
        raise RefusedStampError(f"the authority refused: status {answer.status}")
    builder = client().VerifierBuilder.from_request(request) if request else client().VerifierBuilder()
    for each in dict.fromkeys(trusted):
        builder = builder.add_root_certificate(each)
    try:
        imprint, at = verify.stamped(token)
    except ValueError as error:
        raise RefusedStampError("the answer is not a time-stamp") from error
    if imprint not in verify.imprints(sealed):
        raise RefusedStampError("the time-stamp is for other data")
    if request is not None and answer.tst_info.nonce != request.nonce:
        raise RefusedStampError("the time-stamp answers another request: its nonce differs")
    try:
        builder.build().verify_message(answer, sealed)
    except client().VerificationError as error:
        chain = CHAIN_ERROR.search(str(error))
        why = (
            f"its chain does not lead to the certificates that it is to rest on: {verify.shown(chain[1])}"
            if chain
            else f"its signature is invalid: {verify.shown(str(error))}"
        )
        raise RefusedStampError(why) from error
    except ValueError as error:
        raise RefusedStampError(f"its certificates cannot be read: {type(error).__name__}") from error
    return f"{answer.tst_info.gen_time:%Y-%m-%d %H:%M:%S} UTC ({at})"


def _decoded(token: bytes) -> Any:
    """Return an answer as read by the library, with its certificates in DER order."""
    readable = [token]
    with suppress(ValueError, IndexError, StopIteration):
        signed = verify.within(token, 0, 1, 1, 0)
        stored = next(content for tag, content in verify.parts(signed) if tag == 0xA0)
        ordered = b"".join(sorted(verify.encoded(tag, content) for tag, content in verify.parts(stored)))
        if len(ordered) == len(stored) and token.count(stored) == 1:
            readable.append(token.replace(stored, ordered))
    for data in readable:
        try:
            answer = client().decode_timestamp_response(data)
            if answer.status in GRANTED:
                # The library parses these at the first access, so errors show here.
                list(answer.signed_data.certificates)
                answer.time_stamp_token()
            return answer
        except ValueError:
            continue
    raise RefusedStampError("the answer is not a readable time-stamp")


def _stamp(
    authority: Authority, sealed: bytes, storage: StorageOptions
) -> tuple[bytes, list[Certificate], str]:
    request = client().TimestampRequestBuilder().data(sealed).build()
    token = _asked(authority.url, request.as_bytes(), storage)
    roots = list(authority.certificates)
    if not roots:
        # Without named certificates, the self-signed certificates of the token are taken as roots.
        from cryptography import x509

        try:
            own = map(x509.load_der_x509_certificate, _decoded(token).signed_data.certificates)
            roots = sorted((each for each in own if each.issuer == each.subject), key=as_pem)
        except ValueError as error:
            raise RefusedStampError("its certificates cannot be read") from error
    if not roots:
        raise RefusedStampError("its chain ends in a certificate that it lacks: pass --tsa URL,CA.pem")
    remark = check_token(token, sealed, roots, request)
    ahead = _decoded(token).tst_info.gen_time.timestamp() - time.time()
    if abs(ahead) > CLOCK_SECONDS:
        remark += f"; that is {ahead:+,.0f} s from this machine's clock"
    if not authority.certificates:
        remark += "; no trusted certificate was given: its own was used"
    return token, roots, remark


def _asked(url: str, request: bytes, storage: StorageOptions) -> bytes:
    parts, headers = urlsplit(url), dict(_ASKING)
    user, has_user, host = parts.netloc.rpartition("@")
    if has_user:
        headers |= urllib3.util.make_headers(basic_auth=unquote(user))
        url = urlunsplit(parts._replace(netloc=host))
    try:
        status, data = exchanged("POST", url, headers, request, storage, ANSWER_SECONDS, ANSWER_MOST)
    except SlowAnswerError as error:
        raise RefusedStampError(f"the answer did not come within {ANSWER_SECONDS:g} seconds") from error
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise RefusedStampError(f"the authority cannot be reached ({type(error).__name__})") from error
    if status != 200:
        raise RefusedStampError(f"the authority answered {status}")
    if len(data) > ANSWER_MOST:
        raise RefusedStampError("the answer is too long for a time-stamp")
    return data


def stamp_bag(bag: Bag, authorities: Sequence[Authority], storage: StorageOptions) -> list[Stamped]:
    """Add time-stamps to an existing bag: all that authorities gave, or none if the disk fails.

    Raises `OutputError` if the bag does not verify, `InUseError` if another process stamps it.
    """
    # Two processes at once would give their stamps the same number, and each manifest would lack the other's.
    with bag.held():
        if fault := named_faults(verify.check(str(bag.folder)), 1):
            what = f"the bag does not verify, so it is not stamped: {fault}"
            raise OutputError(what, where=str(bag.folder))
        files, stamps = stamps_of(bag, authorities, storage)
        if files:
            bag.add(files)
        return stamps
