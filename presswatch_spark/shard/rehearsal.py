"""Small shards of our own, on which the driver rehearses what workers will do to those of the plan."""

from __future__ import annotations

from pathlib import Path

from presswatch_spark.formats import registry
from presswatch_spark.formats.descriptor import Format
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions, stat


def rehearsal_shards(folder: Path, format: Format | None, text: bytes) -> list[ObjectInfo]:
    """Write shards of one document each, whose text is `text`, in a format; None: in all that differ."""
    formats = [format] if format else [each for each in registry.FORMATS if each.is_rehearsed]
    written = [path for each in formats for path in each.specimen(folder, text.decode())]
    return [stat(str(path), StorageOptions()) for path in written]
