"""The demo's input: an invented press, and three releases with copies planted among innocent pages.

The texts, in press.yaml, pages.yaml and releases.yaml, are written for this project. Copyists cut passages
out, swap words, use capitals, drop accents, or bury a text in a page. Most do not name their source. But
`le-fil-des-regions.example` names the title, and `tout-sur-la-peche.example` links the article, so that full
copies of the letters A and B occur.
"""

import json
import random
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cache, partial
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import yaml

from presswatch_spark.core.settings.load import shipped


@dataclass(frozen=True, slots=True)
class DemoArticle:
    """An article as delivered by its title; the fields are the input columns of a corpus."""

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
    """A document of a release. `copies`: the articles planted in it; an innocent page has none.

    `language`: an ISO 639-3 code, or several with commas.
    """

    url: str
    text: str
    language: str = "fra"
    copies: tuple[str, ...] = ()


@cache
def press() -> Mapping[str, DemoArticle]:
    """Return every article by its id; agency copy appears once for each title that published it."""
    publishers = _load("members.yaml")["publishers"]
    hosts = {title["id"]: title["domains"][0] for each in publishers for title in each["titles"]}
    articles: dict[str, DemoArticle] = {}
    for entry in _load("press.yaml")["articles"]:
        shared = len(entry["titles"]) > 1
        for title in entry["titles"]:
            article_id = f"{entry['id']}-{title}" if shared else entry["id"]
            articles[article_id] = DemoArticle(
                article_id=article_id,
                title_id=title,
                url=f"https://www.{hosts[title]}{entry['path']}",
                headline=entry["headline"],
                body=entry["body"],
                published_at=entry["published_at"],
                authors=() if shared else (entry["author"],),
                agency_credit=entry["author"] if shared else None,
            )
    return articles


@cache
def innocent_pages() -> Sequence[Page]:
    """Return every innocent page; none shares a run of 11 words with any article."""
    return [Page(entry["url"], entry["text"], entry["language"]) for entry in _load("pages.yaml")["pages"]]


def package_file(name: str) -> Traversable:
    """Return a file or folder of the demo."""
    return files(__package__).joinpath(name)


@cache
def _load(name: str) -> Any:
    return yaml.safe_load(package_file(name).read_text(encoding="utf-8"))


MENU = "Accueil Actualités Région Économie Sports Culture Météo Se connecter S’abonner"
FOOT = (
    "Partager cet article Imprimer Envoyer à un proche À lire aussi nos dernières publications\n"
    "Mentions légales Gestion des témoins de connexion Plan du site Tous droits réservés"
)

_SPACES = re.compile(r"[ \n]+")
_SENTENCE_GAP = re.compile(r"(?<=[.!?…»])[ \n](?=[«A-ZÀÂÇÉÈÊÎÔŒ])")


def write_press(folder: Path) -> tuple[Path, Path]:
    """Write `members.yaml` and `articles.jsonl` to `folder`, and return their paths.

    It also writes mandates and the sender.
    """
    members, articles = folder / "members.yaml", folder / "articles.jsonl"
    members.write_bytes(package_file("members.yaml").read_bytes())
    (folder / "sender.yaml").write_bytes(package_file("sender.yaml").read_bytes())
    (folder / "mandates").mkdir(exist_ok=True)
    for mandate in package_file("mandates").iterdir():
        (folder / "mandates" / mandate.name).write_bytes(mandate.read_bytes())
    lines = (json.dumps(asdict(article), ensure_ascii=False) for article in press().values())
    articles.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return members, articles


def write_recipients(path: Path) -> None:
    """Write the recipients with invented addresses, checked today, so that the demo can note a dispatch."""
    recipients = yaml.safe_load(shipped("recipients.yaml").read_bytes())
    for each in recipients["recipients"]:
        source, checked = f"https://{each['id']}.example/", datetime.now(UTC).date()
        for name in ("route", "agent"):
            each[name] = {"value": f"notices@{each['id']}.example", "source": source, "checked": checked}
    path.write_text(yaml.safe_dump(recipients, allow_unicode=True, sort_keys=False), encoding="utf-8")


def release_pages(seed: int = 2024) -> dict[str, list[Page]]:
    """Return pages by dataset (`crawl`, `c4`, `oscar`): each has copies, and some of the innocent pages.

    The seed decides the dataset of each innocent page, and the order of pages.
    """
    order = random.Random(seed)
    planted = _load("releases.yaml")
    pages = {
        dataset: [
            Page(each["url"], page(*map(_part, each["parts"])), copies=tuple(each.get("copies", ())))
            for each in planted[dataset]
        ]
        for dataset in ("crawl", "c4", "oscar")
    }
    for innocent in innocent_pages():
        home = order.choice(list(pages))
        pages[home].append(replace(innocent, text=page(innocent.text)))
    for shelf in pages.values():
        order.shuffle(shelf)
    return pages


def _part(part: str | Mapping[str, Any]) -> str:
    if isinstance(part, str):
        return part
    ((form, of),) = part.items()
    article_id, *numbers = [of] if isinstance(of, str) else of
    article = press()[article_id]
    forms: Mapping[str, Callable[..., str]] = {
        "headline": lambda: article.headline,
        "body": lambda: article.body,
        "reworded": lambda: reworded(article.body),
        "shouted": lambda: shouted(article.body),
        "sentences": partial(sentences, article.body),
        "words": partial(excerpt, article.body),
    }
    return forms[form](*numbers)


def excerpt(text: str, first: int, count: int) -> str:
    """Return `count` blank-separated words from word `first` on, unchanged."""
    return " ".join(_SPACES.split(text)[first : first + count])


def sentences(text: str, first: int, count: int) -> str:
    """Return `count` sentences from sentence `first` on."""
    return " ".join(_SENTENCE_GAP.split(text)[first : first + count])


def reworded(text: str) -> str:
    """Return a text with synonyms for some words; long runs remain between them."""
    synonyms = _load("releases.yaml")["synonyms"]
    return re.sub(r"\w+", lambda word: str(synonyms.get(word[0], word[0])), text)


def shouted(text: str) -> str:
    """Return a text in capitals without accents, and with typewriter apostrophes."""
    bare = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    return bare.replace("’", "'").replace("œ", "oe").upper()


def page(*parts: str, menu: str = MENU, foot: str = FOOT) -> str:
    """Return a page as text: a menu, the parts and a foot, each on its own line."""
    return "\n".join((menu, *parts, foot))
