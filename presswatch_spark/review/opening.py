"""Opens what a review works with."""

from collections.abc import Mapping, Sequence

from presswatch_spark.corpus.store import Corpus
from presswatch_spark.pointers.pointer import Mirror
from presswatch_spark.review.cases import CaseReader
from presswatch_spark.review.desk import Desk
from presswatch_spark.review.docket import Docket
from presswatch_spark.review.session import Session
from presswatch_spark.review.verdicts import ReviewFile
from presswatch_spark.storage.objects import StorageOptions


def open_desk(
    path: str,
    reviews: str,
    reviewer: str,
    storage: StorageOptions,
    corpus: str | None = None,
    tables: str | None = None,
    mirrors: Sequence[Mirror] = (),
    *,
    labels: Mapping[str, tuple[str, str]],
    language: str = "fr",
) -> Desk:
    """Return what a review of the claims at `path` works with.

    Args:
        path: claims or a case of removal, and `tables`: see `Docket.open`.
        reviews: the JSONL file that verdicts are added to.
        corpus: the corpus of the scans; None: articles and names of titles are not at hand.
        labels: reasons in a few words by code, English, then French.

    Raises:
        InputError: there are no claims, or no rows that they rest on.
        ConfigError: the file of verdicts has mistakes, or is no JSONL.
        CorpusError: there is no sound corpus.
    """
    file = ReviewFile.of(reviews, storage)
    file.read()
    docket = Docket.open(path, storage, tables)
    registry = Corpus.open(corpus, check=False, storage=storage).registry if corpus else None
    return Desk(
        docket=docket,
        file=file,
        reader=CaseReader(docket, corpus, storage, mirrors),
        reviewer=reviewer,
        titles={title.id: title.name for title in registry.titles.values()} if registry else {},
        labels=labels,
        language=language,
        session=Session(),
    )
