"""Bounds on a share of a population, from a random draw: those of Clopper and Pearson.

"The use of confidence or fiducial limits illustrated in the case of the binomial" (1934). Each bound holds
with at least its confidence, whatever the share is. The binomial sums are added up as they are: they are
short, and anybody can follow them. Draws without replacement vary less, so that the bounds are cautious then.
"""

import math

ROUNDING = 1e-12


def most_share(found: int, drawn: int, confidence: float) -> float:
    """Return the upper bound (0 to 1) of the share of a kind, which `found` of `drawn` members are of.

    Above that share, as few are found with a probability below 1 − `confidence`.
    """
    if found >= drawn:
        return 1.0
    low, high = found / drawn, 1.0
    while high - low > ROUNDING:
        middle = (low + high) / 2
        is_likely = at_most(found, drawn, middle) > 1 - confidence
        low, high = (middle, high) if is_likely else (low, middle)
    return high


def least_share(found: int, drawn: int, confidence: float) -> float:
    """Return the lower bound of the share, as `most_share` returns the upper one."""
    return 1 - most_share(drawn - found, drawn, confidence)


def at_most(found: int, drawn: int, share: float) -> float:
    """Return the probability that at most `found` of `drawn` independent draws hit a share.

    Args:
        share: between 0 and 1, neither of them.
    """
    hit, missed = math.log(share), math.log1p(-share)
    ways = math.lgamma(drawn + 1)
    terms = (
        ways - math.lgamma(k + 1) - math.lgamma(drawn - k + 1) + k * hit + (drawn - k) * missed
        for k in range(found + 1)
    )
    return math.fsum(map(math.exp, terms))
