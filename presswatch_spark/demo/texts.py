"""The demo's texts, written for this project: an invented press, and pages that copied nothing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import yaml


@dataclass(frozen=True, slots=True)
class DemoArticle:
    """An article as its title delivers it; the fields are the columns that a corpus is built from."""

    article_id: str
    title_id: str
    url: str
    headline: str
    body: str
    published_at: str
    authors: tuple[str, ...]
    agency_credit: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A document of a release. `copies` names the articles planted in it; none: an innocent page.

    `language`: an ISO 639-3 code, or several with commas.
    """

    url: str
    text: str
    language: str = "fra"
    copies: tuple[str, ...] = ()


def members_yaml() -> str:
    """The members file, as text."""
    return package_file("members.yaml").read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def press() -> Mapping[str, DemoArticle]:
    """Every article by its id; agency copy appears once for each title that published it."""
    hosts = {title["id"]: title["domains"][0] for title in _titles()}
    entries = _load("press.yaml")["articles"]
    return {article.article_id: article for entry in entries for article in _articles(entry, hosts)}


def title_names() -> Mapping[str, str]:
    """The name of each title by its id."""
    return {title["id"]: title["name"] for title in _titles()}


@lru_cache(maxsize=1)
def innocent_pages() -> Sequence[Page]:
    """Every innocent page; none shares a run of 11 words with any article."""
    return [Page(entry["url"], entry["text"], entry["language"]) for entry in _load("pages.yaml")["pages"]]


def _titles() -> list[Mapping[str, Any]]:
    publishers = yaml.safe_load(members_yaml())["publishers"]
    return [title for publisher in publishers for title in publisher["titles"]]


def _articles(entry: Mapping[str, Any], hosts: Mapping[str, str]) -> Iterator[DemoArticle]:
    shared = len(entry["titles"]) > 1
    for title in entry["titles"]:
        yield DemoArticle(
            article_id=f"{entry['id']}-{title}" if shared else entry["id"],
            title_id=title,
            url=f"https://www.{hosts[title]}{entry['path']}",
            headline=entry["headline"],
            body=entry["body"],
            published_at=entry["published_at"],
            authors=() if shared else (entry["author"],),
            agency_credit=entry["author"] if shared else None,
        )


def package_file(name: str) -> Traversable:
    """Return a file, or a folder, that comes with the demo."""
    return files(__package__).joinpath(name)


def _load(name: str) -> Any:
    return yaml.safe_load(package_file(name).read_text(encoding="utf-8"))
