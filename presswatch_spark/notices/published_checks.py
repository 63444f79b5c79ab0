"""What refuses a notice for what gets published: data of persons, and text of articles.

Recipients publish notices. Therefore the annex must not contain data of persons, and the letter no address
but the sender's own. Names of people in the path of a URL cannot be told from other words; whoever signs has
to look.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from presswatch_spark.corpus.store import Corpus
from presswatch_spark.notices.annex import TABLES, digest_of, rows_of_jsonl
from presswatch_spark.notices.annex_columns import (
    DOMAIN_COLUMNS,
    OWN_DOMAIN_COLUMNS,
    ROW_COLUMNS,
    URL_COLUMNS,
)
from presswatch_spark.notices.docx_letter import has_open_changes, published_text_in
from presswatch_spark.notices.folder import ANNEX, FORM, LETTER, PDF
from presswatch_spark.notices.pdf_letter import ATTACHED, attachments_in
from presswatch_spark.notices.refusals import BrokenRule
from presswatch_spark.notices.wording import sentence
from presswatch_spark.settings.config import VerifyRules
from presswatch_spark.text.words import words_of
from presswatch_spark.verify.readings import Joined
from presswatch_spark.verify.verification import NamedDocument, verify

Files = Mapping[str, bytes]

CELL_CHARACTERS = 16_384
"""No URL is longer (see `judgement.urls`): a longer cell is text."""
LONG_CELL = sentence("a cell has more than {count} characters", count=CELL_CHARACTERS)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
# A number behind a digit and a hyphen is a part of a date or an id.
_PHONE = re.compile(
    r"(?<![\w.])(?<!\d-)"
    r"(?:(?:\+|00)[1-9]\d{0,2}[ .-]?\(?\d(?:[ .()-]*\d){7,12}|0[1-9](?:[ .-]\d{2}){4})(?!\w)"
)
_UUID = re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", re.IGNORECASE)
_NOT_OF_PERSONS = ("file", "path", "revision", "record_id", "payload_digest", "text_sha256", "row_sha256")
"""Columns of the annex whose figures are never a telephone number."""
_KNOWN = {
    "rows": set(ROW_COLUMNS.names),
    "urls": set(URL_COLUMNS.names),
    "domains": {*DOMAIN_COLUMNS.names, *OWN_DOMAIN_COLUMNS.names},
}


def broken_by_annex(files: Files, digests: Mapping[str, str]) -> Iterator[BrokenRule]:
    """Yield what the annex breaks: its digests, its columns, and what the PDF holds of it."""
    for table in TABLES:
        name = f"{ANNEX}/{table}.jsonl"
        try:
            rows = rows_of_jsonl(files[name])
            digest = digest_of(rows)
        except (KeyError, ValueError, AttributeError):
            yield BrokenRule("annex_differs", name, sentence("it cannot be read"))
            continue
        if digest != digests.get(table):
            yield BrokenRule("annex_differs", name, sentence("its digest is {digest}", digest=digest))
        if strange := sorted({column for row in rows for column in row} - _KNOWN[table]):
            columns = sentence("no annex has the column {names}", names=", ".join(map(repr, strange)))
            yield BrokenRule("article_text", name, columns)
        if any(len(str(value)) > CELL_CHARACTERS for row in rows for value in row.values()):
            yield BrokenRule("article_text", name, LONG_CELL)
    yield from _broken_by_attachments(files)


def broken_by_open_changes(files: Files) -> Iterator[BrokenRule]:
    """Yield that a letter has tracked changes or comments: whoever gets it reads what was taken back."""
    try:
        is_open = has_open_changes(files.get(LETTER, b""))
    except ValueError:
        is_open = False
    if is_open:
        remedy = sentence("accept or reject the changes, and take the comments out")
        yield BrokenRule("open_changes", LETTER, remedy)


def broken_by_persons(
    files: Files, sender: Mapping[str, Any], recipient: Mapping[str, Any]
) -> Iterator[BrokenRule]:
    """Yield where data of persons stand in what gets published.

    Args:
        sender, recipient: as in notice.json. The address of either may stand in the letter.
    """
    own = f"{sender['email']} {recipient['name']} {recipient['route'] or ''}"
    own_emails, own_phones = _emails(own), _phones(f"{own} {sender['phone'] or ''}")
    own_phones.add(_digits(str(sender["phone"] or "")))
    for name in (f"{ANNEX}/{table}.jsonl" for table in TABLES):
        text, places = _published(files.get(name, b""))
        if _EMAIL.search(f"{text} {places}") or _phones(text):
            yield BrokenRule("personal_data", name, sentence("an email address or telephone number"))
    for name, text in _letters(files):
        if _emails(text) - own_emails or _phones(text) - own_phones:
            others = sentence("an email address or telephone number beside the sender's")
            yield BrokenRule("personal_data", name, others)


def broken_by_text(
    files: Files, corpus: Corpus | None, articles: Iterable[str], is_edited: bool
) -> Iterator[BrokenRule]:
    """Yield which letters have words of an article.

    Args:
        corpus: has the articles; None if it was not given. What nobody edited was made without any text.
        articles: ids of the articles of the annex.
    """
    if corpus is None:
        if is_edited:
            remedy = sentence("it was edited: give --corpus, to compare it with the articles")
            yield BrokenRule("article_text", LETTER, remedy)
        return
    rules = VerifyRules()
    articles_read = [Joined(words_of(body)) for body in _bodies(corpus, articles) if body]
    for name, text in _letters(files):
        document = NamedDocument(Joined(words_of(text.encode())), rules.anchor_words)
        if any(verify(document, body, rules).copied_words for body in articles_read):
            passage = sentence("it has a passage of an article of the annex")
            yield BrokenRule("article_text", name, passage)


def _bodies(corpus: Corpus, articles: Iterable[str]) -> Iterator[bytes | None]:
    for article in sorted(articles):
        ordinal = corpus.ordinal_of(article)
        yield None if ordinal is None else corpus.body(ordinal)


def _letters(files: Files) -> list[tuple[str, str]]:
    """Return the letters as text; one that cannot be read is none, and is refused for its elements."""
    letters = [(FORM, files.get(FORM, b"").decode("utf-8", "replace"))]
    try:
        letters.append((LETTER, published_text_in(files.get(LETTER, b""))))
    except ValueError:
        pass
    return letters


def _broken_by_attachments(files: Files) -> Iterator[BrokenRule]:
    try:
        held = attachments_in(files.get(PDF, b""))
    except ValueError:
        yield BrokenRule("attachment_differs", PDF, sentence("its attachments cannot be read"))
        return
    for name in ATTACHED:
        # Tools may leave out the folder before its name.
        path = f"{ANNEX}/{name}"
        if held.get(path, held.get(name)) != files.get(path):
            yield BrokenRule("attachment_differs", f"{PDF}: {name}")


def _published(data: bytes) -> tuple[str, str]:
    """Return the text of a file that gets published, and apart from it what names files and records."""
    try:
        rows = rows_of_jsonl(data)
        cells = [(name, str(value)) for row in rows for name, value in row.items() if value is not None]
    except (ValueError, AttributeError, TypeError):
        return _decoded(data.decode("utf-8", "replace")), ""
    text = "\n".join(value for name, value in cells if name not in _NOT_OF_PERSONS)
    return _decoded(text), _decoded("\n".join(value for name, value in cells if name in _NOT_OF_PERSONS))


def _emails(text: str) -> set[str]:
    return {found.lower() for found in _EMAIL.findall(text)}


def _phones(text: str) -> set[str]:
    """Return the digits of telephone numbers in a text; UUIDs hold none."""
    return {_digits(found) for found in _PHONE.findall(_UUID.sub(" ", text))}


def _decoded(text: str) -> str:
    """Return a text with its percent-escapes decoded, however often they were encoded."""
    for _ in range(3):
        text = unquote(text)
    return text


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))
