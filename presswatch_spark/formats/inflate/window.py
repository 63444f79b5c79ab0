"""A sliding view of a stream's stored bytes, which can look back a little after damage."""

from presswatch_spark.errors import TruncatedError
from presswatch_spark.model import ReadReport
from presswatch_spark.storage.objects import Stream

# Larger chunks go back to the system when they are freed, and are paid for again by page faults.
CHUNK_BYTES = 1 << 20
LOOK_BACK_BYTES = 4 << 20


class Window:
    """Bytes `base` to `base + len(view)` of an object; a stream that breaks off is a defect, then the end.

    `view` is replaced by `refill`; indices into it count from `base`.
    """

    def __init__(self, stream: Stream, report: ReadReport, chunk_bytes: int = CHUNK_BYTES) -> None:
        self.base = stream.position
        self.view = memoryview(b"")
        self._stream = stream
        self._report = report
        self._ended = False
        self._chunk_bytes = chunk_bytes
        self._origin = stream.position

    def refill(self, keep_from: int) -> int | None:
        """Append a chunk, drop bytes before `keep_from`; return by how much indices fell, None at the end."""
        chunk = self.chunk()
        if not chunk:
            return None
        kept = self.view[keep_from:]
        self.view = memoryview(b"".join((kept, chunk))) if kept else memoryview(chunk)
        self.base += keep_from
        return keep_from

    def chunk(self) -> bytes:
        """Return the next up to `chunk_bytes`, `b""` at the end or where the stream broke off."""
        parts: list[bytes] = []
        size = 0
        while size < self._chunk_bytes and not self._ended:
            try:
                part = self._stream.read(self._chunk_bytes - size)
            except TruncatedError as error:
                self._report.add_defect(error.what, self._stream.position)
                self._report.interrupted = True
                part = b""
            self._ended = not part
            parts.append(part)
            size += len(part)
        self._report.bytes_read = self._stream.position - self._origin
        return b"".join(parts) if len(parts) > 1 else parts[0] if parts else b""
