"""Makes the page: gathers what the tables say, and writes it in one or more languages."""

from collections.abc import Callable, Mapping, Sequence

from presswatch_spark.errors import OutputError
from presswatch_spark.extras import library
from presswatch_spark.pointers.pointer import Mirror
from presswatch_spark.report.removals import NoticeRecipient
from presswatch_spark.storage.disk import disk_errors
from presswatch_spark.storage.objects import StorageOptions, write_object
from presswatch_spark.storage.uris import canonical

LIBRARIES = ("jinja2", "altair", "vl_convert")
SUFFIX = ".html"


def make_report(
    tables: str,
    pages: Mapping[str, str],
    storage: StorageOptions,
    *,
    case: str | None = None,
    recipients: Sequence[NoticeRecipient] = (),
    corpus: str | None = None,
    mirrors: Sequence[Mirror] = (),
    engine: str = "auto",
    say: Callable[[str], None] = lambda news: None,
) -> None:
    """Write the page about published tables.

    Args:
        tables: the folder that a scan was given as --out.
        pages: the file of each language (`fr`, `en`), on disk or `s3://`; an earlier one is replaced.
        case, recipients, corpus, mirrors, engine, say: as `report.gathered.gather` takes them.

    Raises:
        ConfigError: a library of the extra `legal` is not installed.
        OutputError: a table is not as it was published, or a page cannot be written.
        CorpusError: there is no sound corpus.
    """
    for name in LIBRARIES:
        library(name, "report")
    from presswatch_spark.report.gathered import gather
    from presswatch_spark.report.page import page_of

    places = {language: _place(path) for language, path in pages.items()}
    found = gather(
        tables,
        storage,
        case=case,
        recipients=recipients,
        corpus=corpus,
        mirrors=mirrors,
        engine=engine,
        say=say,
    )
    for language, uri in places.items():
        say(f"writing the page ({language})")
        with disk_errors(uri):
            write_object(uri, page_of(found, language).encode(), storage, private=True)


def _place(path: str) -> str:
    """Return the URI of a page; refuse a name that browsers would not open as one."""
    if not path.endswith(SUFFIX):
        raise OutputError("the page is a file of HTML", where=path, remedy=f"name it PAGE{SUFFIX}")
    return canonical(path)
