"""SHA-256 of many short texts at once, by a kernel: without the GIL, in half the time of `hashlib`.

`hashlib` takes as long to begin and end a digest as for the bytes of a short text. Here `LANES` texts go
through the rounds side by side, so that LLVM takes eight numbers at once.

The algorithm is that of FIPS 180-4, section 6.2.
"""

import numpy as np
import numpy.typing as npt

from presswatch_spark.compiled import cached_njit, lean_njit
from presswatch_spark.model import Bytes

LANES = 32
BLOCK, ROUNDS, STATE = 64, 64, 8
"""Bytes of a block, its rounds, and numbers of a state."""
DIGEST = 32
"""Bytes of a digest."""
_PADDING = 1 + 8
"""A bit, which fills a byte, and the length in bits end the last block."""

Words = npt.NDArray[np.uint32]


def _root_bits(power: int, count: int) -> Words:
    """Return the first 32 bits behind the point of the roots of as many primes, as FIPS 180-4 wants them."""
    primes = [n for n in range(2, 312) if all(n % k for k in range(2, n))][:count]
    roots = []
    for prime in primes:
        scaled, root = prime << (32 * power), 0
        for bit in reversed(range(36)):
            if (root | 1 << bit) ** power <= scaled:
                root |= 1 << bit
        roots.append(root % (1 << 32))
    return np.array(roots, np.uint32)


_FIRST, _OF_ROUND = _root_bits(2, STATE), _root_bits(3, ROUNDS)


@cached_njit
def write_digests(data: Bytes, bounds: npt.NDArray[np.int32], digests: Bytes) -> None:
    """Write the digest of each text into `digests`, 32 bytes each, one after the other.

    Args:
        bounds: text `k` is `data[bounds[k]:bounds[k + 1]]`.
    """
    words = np.zeros((ROUNDS, LANES), np.uint32)
    state, turned = np.empty((STATE, LANES), np.uint32), np.empty((STATE, LANES), np.uint32)
    block = np.empty(BLOCK, np.uint8)
    count = len(bounds) - 1
    for first in range(0, count, LANES):
        lanes, blocks = min(LANES, count - first), 0
        for lane in range(lanes):
            blocks = max(blocks, _blocks(bounds, first + lane))
        for number in range(STATE):
            state[number] = _FIRST[number]
        for place in range(blocks):
            for lane in range(lanes):
                begin, after = bounds[first + lane] + place * BLOCK, bounds[first + lane + 1]
                if begin + BLOCK <= after:
                    _load(data, begin, words, lane)
                elif place < _blocks(bounds, first + lane):
                    _pad(data, begin, after, bounds[first + lane], block)
                    _load(block, 0, words, lane)
            _turn(words, state, turned)
            for lane in range(lanes):
                if place == _blocks(bounds, first + lane) - 1:
                    _store(state, lane, digests, DIGEST * (first + lane))


@lean_njit
def _blocks(bounds: npt.NDArray[np.int32], text: int) -> int:
    return int(bounds[text + 1] - bounds[text] + _PADDING + BLOCK - 1) // BLOCK


@lean_njit
def _load(data: Bytes, begin: int, words: Words, lane: int) -> None:
    for i in range(BLOCK // 4):
        word = np.uint32(0)
        for k in range(4):
            word = word << np.uint32(8) | np.uint32(data[begin + 4 * i + k])
        words[i, lane] = word


@lean_njit
def _pad(data: Bytes, begin: int, after: int, first: int, block: Bytes) -> None:
    """Fill a block that is beyond what its text, which begins at `first`, has of whole ones."""
    for i in range(BLOCK):
        block[i] = data[begin + i] if begin + i < after else 0
    if begin <= after:
        block[after - begin] = 0x80
    if begin + BLOCK - after >= _PADDING:
        bits = 8 * (after - first)
        for i in range(8):
            block[BLOCK - 1 - i] = bits >> 8 * i & 0xFF


@lean_njit
def _store(state: Words, lane: int, digests: Bytes, begin: int) -> None:
    for number in range(STATE):
        for k in range(4):
            digests[begin + 4 * number + k] = state[number, lane] >> np.uint32(24 - 8 * k) & np.uint32(0xFF)


@lean_njit
def _turn(words: Words, state: Words, turned: Words) -> None:
    """Take a block of each lane into the state."""
    for i in range(BLOCK // 4, ROUNDS):
        for lane in range(LANES):
            old, new = words[i - 15, lane], words[i - 2, lane]
            words[i, lane] = (
                words[i - 16, lane]
                + (_right(old, 7) ^ _right(old, 18) ^ old >> np.uint32(3))
                + words[i - 7, lane]
                + (_right(new, 17) ^ _right(new, 19) ^ new >> np.uint32(10))
            )
    for number in range(STATE):
        for lane in range(LANES):
            turned[number, lane] = state[number, lane]
    for i in range(ROUNDS):
        # Numbers are not moved from `a` to `b` and on: what is `a` in a round is `b` in the next one.
        a = STATE - i % STATE
        b, c, d, e, f, g, h = a + 1, a + 2, a + 3, a + 4, a + 5, a + 6, a + 7
        for lane in range(LANES):
            at_a, at_e = turned[a % STATE, lane], turned[e % STATE, lane]
            of_e = (
                turned[h % STATE, lane]
                + (_right(at_e, 6) ^ _right(at_e, 11) ^ _right(at_e, 25))
                + (at_e & turned[f % STATE, lane] ^ ~at_e & turned[g % STATE, lane])
                + _OF_ROUND[i]
                + words[i, lane]
            )
            of_a = (_right(at_a, 2) ^ _right(at_a, 13) ^ _right(at_a, 22)) + (
                at_a & turned[b % STATE, lane]
                ^ at_a & turned[c % STATE, lane]
                ^ turned[b % STATE, lane] & turned[c % STATE, lane]
            )
            turned[d % STATE, lane] += of_e
            turned[h % STATE, lane] = of_e + of_a
    for number in range(STATE):
        for lane in range(LANES):
            state[number, lane] += turned[number, lane]


@lean_njit
def _right(value: np.uint32, bits: int) -> np.uint32:
    return value >> np.uint32(bits) | value << np.uint32(32 - bits)
