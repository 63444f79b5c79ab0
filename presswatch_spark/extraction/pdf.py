"""The text of a PDF, as pypdf extracts it; an option, since it takes some hundred times as long as a page."""

import io
import logging
from importlib.metadata import version

from presswatch_spark.extraction.apart import RefusedPageError

PDF_EXTRACTION = f"pypdf {version('pypdf')}"
MOST_PAGES = 2_000


def answer(body: bytes) -> tuple[bytes, str | None]:
    """Answer `apart` with the text of a PDF in UTF-8, page after page, and a note on pages not read, or None.

    Raises:
        RefusedError: nothing of it can be read.
    """
    # Imported here: every process that scans imports this module, and few of them parse.
    import pypdf

    # pypdf warns of every oddity, and quotes it.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    texts, failed = [], 0
    try:
        pages = pypdf.PdfReader(io.BytesIO(body), strict=False).pages
        count = len(pages)
    except Exception as error:  # noqa: BLE001 - a damaged file makes it raise nearly anything
        raise RefusedPageError(f"PDF cannot be read: {type(error).__name__}") from None
    for number in range(min(count, MOST_PAGES)):
        try:
            texts.append(pages[number].extract_text())
        except Exception:  # noqa: BLE001
            failed += 1
    notes = [f"{failed:,} of {count:,} pages of a PDF cannot be read"] if failed else []
    if count > MOST_PAGES:
        notes.append(f"a PDF has {count:,} pages, of which the first {MOST_PAGES:,} were read")
    return "\n\n".join(texts).encode("utf-8", "replace"), "; ".join(notes) or None
