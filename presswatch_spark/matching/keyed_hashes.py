"""Encrypts hashes one by one with Speck64/128 (Beaulieu and others, 2013), in all 27 rounds.

Only the holder of the key can calculate the encrypted hash of a text, even who knows many pairs of both: the
best attack known to us (Song, Huang and Yang, 2016) reaches 20 rounds. Equal hashes stay equal, so that
encrypted ones can be sorted, joined and looked up.
"""

import numpy as np
import numpy.typing as npt

from presswatch_spark.core.compiled import cached_njit, uncounted_njit
from presswatch_spark.reading.text.word_kernels import U64, Hashes

RoundKeys = npt.NDArray[np.uint32]
KEY_BYTES = 16
ROUNDS = 27
_AT_ONCE = 1 << 11
_MASK = 0xFFFFFFFF
_3, _8, _24, _29 = (np.uint32(n) for n in (3, 8, 24, 29))
_1, _2 = U64(1), U64(2)


def round_keys(key: bytes) -> RoundKeys:
    """Return the keys of the rounds, uint32[27], of a key of 16 bytes."""
    word, *others = np.frombuffer(key, "<u4").tolist()
    words = [word]
    for number in range(ROUNDS - 1):
        other = others[number]
        others.append((word + (other >> 8 | other << 24)) & _MASK ^ number)
        word = (word << 3 | word >> 29) & _MASK ^ others[-1]
        words.append(word)
    return np.array(words, np.uint32)


@uncounted_njit
def encrypt_in_place(hashes: Hashes, count: int, keys: RoundKeys) -> None:
    """Encrypt the first hashes of an array."""
    halves = hashes.view(np.uint32)
    for first in range(0, count, _AT_ONCE):
        some = halves[2 * first : 2 * min(first + _AT_ONCE, count)]
        # Round by round, so that the processor encrypts several at once.
        for key in keys:
            for i in range(U64(len(some) // 2)):
                y, x = some[_2 * i], some[_2 * i + _1]
                x = np.uint32(np.uint32(x >> _8 | x << _24) + y) ^ key
                some[_2 * i], some[_2 * i + _1] = np.uint32(y << _3 | y >> _29) ^ x, x


@cached_njit
def encrypt(hashes: Hashes, keys: RoundKeys) -> Hashes:
    """Return the encrypted hashes: uint64[n] for uint64[n]."""
    found = hashes.copy()
    encrypt_in_place(found, len(found), keys)
    return found


@cached_njit
def decrypt(encrypted: Hashes, keys: RoundKeys) -> Hashes:
    """Return the hashes that were encrypted: uint64[n] for uint64[n]."""
    found = encrypted.copy()
    halves = found.view(np.uint32)
    for first in range(0, len(found), _AT_ONCE):
        some = halves[2 * first : 2 * (first + _AT_ONCE)]
        for key in keys[::-1]:
            for i in range(U64(len(some) // 2)):
                y, x = some[_2 * i], some[_2 * i + _1]
                y ^= x
                y = np.uint32(y >> _3 | y << _29)
                x = np.uint32((x ^ key) - y)
                some[_2 * i], some[_2 * i + _1] = y, np.uint32(x << _8 | x >> _24)
    return found
