"""Folders of files, put into a bucket."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def upload(client: Any, bucket: str, folder: Path, prefix: str) -> None:
    """Put all files below a folder into a bucket, below a prefix."""
    for path in filter(Path.is_file, folder.rglob("*")):
        client.upload_file(str(path), bucket, f"{prefix}/{path.relative_to(folder).as_posix()}")
