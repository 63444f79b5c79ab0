"""The key of sealed corpora: where each host reads it, and the ciphers and digests that it makes.

The key is read by the process that needs it, and never sent to another: tasks carry a `KeySource`. Digests
are those of BLAKE2b with a key, and another `person` for each purpose.
"""

import os
import stat
from binascii import unhexlify
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from typing import NoReturn, Self

import numpy as np

from presswatch_spark.core.errors import ConfigError, InputError
from presswatch_spark.core.settings.config import StorageOptions
from presswatch_spark.matching.cipher import KEY_BYTES, round_keys
from presswatch_spark.storage.secrets import secret_text

LEAST_BYTES, MOST_BYTES = 32, 4096
# Of 32 random bytes, and of their differences, about 30 are distinct; fewer than 20 once in 10**9 keys.
LEAST_DISTINCT = 16
MAKE_KEY = "make one with: (umask 077; head -c 32 /dev/urandom > KEY)"


class SealKey:
    """The key of a member: it encrypts hashes, and makes digests of ids and URLs. Never pickled or shown."""

    def __init__(self, secret: bytes) -> None:
        self._root = blake2b(secret, digest_size=32, person=b"presswatch keyed").digest()
        self.fingerprint = self._digest(b"fingerprint", "", 16).hex()
        self.shingles, self.hosts = (
            round_keys(self._digest(purpose, "", KEY_BYTES)) for purpose in (b"shingles", b"hosts")
        )

    def require(self, fingerprint: str | None, where: str) -> None:
        """Raise `ConfigError` unless the key of a corpus, which has this fingerprint, is this one."""
        if fingerprint != self.fingerprint:
            raise ConfigError(
                f"the key has fingerprint {self.fingerprint}; the corpus was sealed with {fingerprint}",
                where=where,
                remedy="pass the key that sealed it",
            )

    def article(self, article_id: str) -> bytes:
        """Return the digest by which an article is ordered in a sealed corpus."""
        return self._digest(b"article", article_id, 16)

    def corpus(self, digest: str) -> str:
        """Return the fingerprint, in hex, of the corpus with a digest."""
        return self._digest(b"corpus", digest, 16).hex()

    def place(self, place: str) -> int:
        """Return the digest of a site or of the normal form of a URL; the latter begins with `https://`."""
        return int.from_bytes(self._digest(b"place", place, 8), "little")

    def _digest(self, purpose: bytes, text: str, size: int) -> bytes:
        return blake2b(text.encode(), key=self._root, person=purpose, digest_size=size).digest()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key stays in the process that has read it")


@dataclass(frozen=True, slots=True)
class KeySource:
    """Where each host reads the key: a `file`, or a `secret` of AWS Secrets Manager (its ARN)."""

    file: str | None = None
    secret: str | None = None

    @classmethod
    def of(cls, file: str | None, secret: str | None) -> Self | None:
        """Return the source that was named, None if none was; `InputError` if two were."""
        if file and secret:
            raise InputError("pass either --key-file or --key-secret")
        return cls(file and os.path.abspath(file), secret) if file or secret else None

    def read(self, storage: StorageOptions) -> SealKey:
        """Read the key; `ConfigError` if it cannot be read, others may read the file, or anyone may guess it.

        The key has at least 32 random bytes, or their hexadecimal digits (only these in a secret).
        """
        if self.secret:
            data, where = secret_text(self.secret, storage.profile, "PRESSWATCH_KEY").encode(), self.secret
        else:
            where = str(self.file)
            data = _file_bytes(where)
        with suppress(ValueError):
            data = unhexlify(data.strip())
        if _is_text(data):
            what = "the key is text: a key has 32 random bytes, or their hexadecimal digits"
            raise ConfigError(what, where=where, remedy=MAKE_KEY)
        if len(data) < LEAST_BYTES or len(data) > MOST_BYTES:
            what = f"the key has {len(data):,} bytes; it needs {LEAST_BYTES} to {MOST_BYTES:,}"
            raise ConfigError(what, where=where, remedy=MAKE_KEY)
        values = np.frombuffer(data, np.uint8)
        if min(len(np.unique(values)), len(np.unique(np.diff(values)))) < LEAST_DISTINCT:
            raise ConfigError("the key is not random", where=where, remedy=MAKE_KEY)
        return SealKey(data)


def _is_text(data: bytes) -> bool:
    try:
        return data.decode().strip().isprintable() and data != b""
    except UnicodeDecodeError:
        return False


def _file_bytes(path: str) -> bytes:
    try:
        # Without this flag, a pipe would be waited for.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if not stat.S_ISREG(mode):
                raise ConfigError("the key is not in a regular file", where=path, remedy=MAKE_KEY)
            if mode & 0o077:
                raise ConfigError(
                    "other users may read the key", where=path, remedy=f"chmod 600 {path}, or make a new key"
                )
            return file.read(2 * MOST_BYTES + 2)
    except OSError as error:
        raise ConfigError(f"the key cannot be read: {error.strerror}", where=path) from None
