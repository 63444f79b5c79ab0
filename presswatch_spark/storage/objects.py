"""Objects on S3, HTTPS and local disk: stat, list, ranges, and streams that never end quietly."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StorageOptions:
    """How to reach storage. Holds no secret: credentials come from the usual AWS chain or a named profile."""

    endpoint: str | None = None
    region: str | None = None
    profile: str | None = None
    unsigned: bool = False
    max_attempts: int = 8
    connect_timeout: float = 10.0
    read_timeout: float = 60.0


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """One object as storage describes it. `size` in bytes, None if storage does not say."""

    uri: str
    size: int | None = None
    etag: str | None = None
