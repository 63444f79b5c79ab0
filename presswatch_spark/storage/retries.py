"""Repeated requests: the pause after a failure, and answers whose bodies broke off."""

import random
from collections.abc import Callable

from presswatch_spark.core.settings.config import StorageOptions
from presswatch_spark.core.threads import rest
from presswatch_spark.storage.objects import RawResponse

PAUSE_MAX_SECONDS = 20.0


def pause(options: StorageOptions, failures: int) -> None:
    """Wait after the given number of failures in a row (from 1): exponential, with jitter, bounded."""
    backoff = min(PAUSE_MAX_SECONDS, options.backoff_base * 2.0 ** (failures - 1)) * random.uniform(0.5, 1.0)
    rest(backoff)


def with_retries(ask: Callable[[], RawResponse], options: StorageOptions) -> RawResponse:
    """Return an answer; if its body breaks off, repeat the request, at most `max_attempts` times in all."""
    for attempt in range(1, options.max_attempts + 1):
        answer = ask()
        if answer.status not in (200, 206) or not answer.failure or attempt == options.max_attempts:
            break
        pause(options, attempt)
    return answer
