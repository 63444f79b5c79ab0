"""What waves wrote is read again before it is published: a damaged part costs its wave, and no more."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain

from pyspark import SparkContext

from presswatch_spark.runs.claimed import Run
from presswatch_spark.runs.markers import Wave, forget_wave
from presswatch_spark.runs.parts import Part, damage_of, in_groups
from presswatch_spark.show import counted
from presswatch_spark.spark.errors import spark_errors
from presswatch_spark.spark.tasks import collected
from presswatch_spark.spark.worker import task
from presswatch_spark.storage.folders import Folder

CHECKED_HERE_BYTES = 256 << 20
"""Bytes of parts that the driver reads for this; of more, tasks do."""
READERS = 8


def without_damage(
    context: SparkContext, run: Run, waves: Sequence[Wave], tell: Callable[[str], None]
) -> tuple[list[Wave], list[Wave]]:
    """Return the waves whose parts are all as they were written, and the others, without their markers.

    `tell` is told what is wrong with each damaged part.
    """
    damaged = damaged_parts(context, run.parts, [part for wave in waves for part in wave.parts])
    lost = [wave for wave in waves if any(part.name in damaged for part in wave.parts)]
    for wave in lost:
        again = (
            f"{counted(len(wave.shards), 'shard')} {'is' if len(wave.shards) == 1 else 'are'} scanned again"
        )
        for part in wave.parts:
            if part.name in damaged:
                tell(f"{run.parts.at(part.name)}: what a wave found {damaged[part.name]}; its {again}")
        run.lock.confirm()
        forget_wave(run.folder, wave)
    return [wave for wave in waves if wave not in lost], lost


def damaged_parts(context: SparkContext, folder: Folder, parts: Sequence[Part]) -> dict[str, str]:
    """Name the parts that are not as they were written, and say what is wrong with each."""
    if sum(part.bytes for part in parts) <= CHECKED_HERE_BYTES:
        with ThreadPoolExecutor(READERS, "check") as pool:
            damage = pool.map(partial(damage_of, folder), parts)
            return {part.name: what for part, what in zip(parts, damage, strict=True) if what}
    groups = in_groups(parts)
    with spark_errors(folder.uri):
        return dict(collected(context, len(groups), partial(_checked, folder, groups)))


def _checked(
    folder: Folder, groups: Sequence[Sequence[Part]], numbers: Iterable[int]
) -> Iterator[tuple[str, str]]:
    with task():
        for part in chain.from_iterable(groups[number] for number in numbers):
            if damage := damage_of(folder, part):
                yield part.name, damage
