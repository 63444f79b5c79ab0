"""The demo's input: an invented press, and three releases with copies planted among innocent pages.

The texts are written for this project. Copyists cut passages out, swap words, shout, lose accents, or bury a
text in a page. Most keep silent about where a text is from; `le-fil-des-regions.example` names the title
below it, and `tout-sur-la-peche.example` links the article. So full copies of the letters A and B occur.
"""

import json
import random
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
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
    """Return the members file, as text."""
    return package_file("members.yaml").read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def press() -> Mapping[str, DemoArticle]:
    """Every article by its id; agency copy appears once for each title that published it."""
    hosts = {title["id"]: title["domains"][0] for title in _titles()}
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


@lru_cache(maxsize=1)
def innocent_pages() -> Sequence[Page]:
    """Every innocent page; none shares a run of 11 words with any article."""
    return [Page(entry["url"], entry["text"], entry["language"]) for entry in _load("pages.yaml")["pages"]]


def _titles() -> list[Mapping[str, Any]]:
    publishers = yaml.safe_load(members_yaml())["publishers"]
    return [title for publisher in publishers for title in publisher["titles"]]


def package_file(name: str) -> Traversable:
    """Return a file, or a folder, that comes with the demo."""
    return files(__package__).joinpath(name)


def _load(name: str) -> Any:
    return yaml.safe_load(package_file(name).read_text(encoding="utf-8"))


# --- the releases

Rewrite = Callable[[str], str]

SYNONYMS: Mapping[str, str] = {
    "désormais": "à présent",
    "environ": "à peu près",
    "selon": "d’après",
    "pendant": "durant",
    "depuis": "dès",
    "mais": "toutefois",
    "habitants": "riverains",
    "explique": "précise",
    "raconte": "confie",
    "chaque": "tout",
    "encore": "toujours",
    "enfin": "finalement",
    "pourtant": "cependant",
    "assurent": "affirment",
    "promis": "juré",
    "coûté": "demandé",
    "anciens": "vieux",
    "seulement": "uniquement",
}

MENU = "Accueil Actualités Région Économie Sports Culture Météo Se connecter S’abonner"
FOOT = (
    "Partager cet article Imprimer Envoyer à un proche À lire aussi nos dernières publications\n"
    "Mentions légales Gestion des témoins de connexion Plan du site Tous droits réservés"
)

_SPACES = re.compile(r"[ \n]+")
_SENTENCE_GAP = re.compile(r"(?<=[.!?…»])[ \n](?=[«A-ZÀÂÇÉÈÊÎÔŒ])")


def write_press(folder: Path) -> tuple[Path, Path]:
    """Write `members.yaml` and `articles.jsonl` into `folder`, with mandates and the sender; returns both."""
    members, articles = folder / "members.yaml", folder / "articles.jsonl"
    members.write_text(members_yaml(), encoding="utf-8")
    (folder / "sender.yaml").write_bytes(package_file("sender.yaml").read_bytes())
    (folder / "mandates").mkdir(exist_ok=True)
    for mandate in package_file("mandates").iterdir():
        (folder / "mandates" / mandate.name).write_bytes(mandate.read_bytes())
    lines = (json.dumps(asdict(article), ensure_ascii=False) for article in press().values())
    articles.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return members, articles


def release_pages(seed: int = 2024) -> dict[str, list[Page]]:
    """Pages by dataset (`crawl`, `c4`, `oscar`): all hold copies, and each innocent page is in one of them.

    The seed decides where the innocent pages go and in which order pages stand; same seed, same pages.
    """
    order = random.Random(seed)
    pages = {"crawl": list(_crawl()), "c4": list(_c4()), "oscar": list(_oscar())}
    for innocent in innocent_pages():
        home = order.choice(list(pages))
        pages[home].append(replace(innocent, text=page(innocent.text)))
    for shelf in pages.values():
        order.shuffle(shelf)
    return pages


def _crawl() -> Iterator[Page]:
    bridge, dyke, tribunal = _body("gazette-001"), _body("courrier-001"), _body("lisiere-003")
    own_pages = (("gazette-001", "/amp?utm_source=lettre"), ("courrier-003", "#commentaires"))
    for article_id, suffix in own_pages:
        yield Page(press()[article_id].url + suffix, page(_body(article_id)), copies=(article_id,))
    front = page(
        "À la une de L’Hebdo des Vallées", "Météo des cols", "Le carnet du jour", "Nos archives depuis 1921"
    )
    yield Page("https://hebdo-des-vallees.example/archives/2024/", front)
    yield _credited("https://le-fil-des-regions.example/2024/03/saint-aubry-pont-suspendu", "gazette-001")
    yield _copy("https://infos-en-vrac.example/?p=48213", "courrier-001", reworded)
    yield _copy(
        "http://actu-relais.example/justice/faux-tableaux.html",
        "lisiere-003",
        lambda body: sentences(body, 0, 9),
    )
    yield Page(
        "https://forum-des-peintres.example/sujet/7719",
        page(
            "Vous avez suivi cette histoire de faux ? Je vous colle le passage sur sa technique :",
            sentences(tribunal, 4, 3),
            "Franchement, soixante degrés, c’est à peine un four à yaourts…",
        ),
        copies=("lisiere-003",),
    )
    yield _review("https://la-revue-de-presse.example/semaine-10", ("gazette-001", "eco-001", "lisiere-002"))
    yield Page(
        "https://brocante-et-marees.example/agenda",
        page("Vu dans le journal :", excerpt(dyke, 3, 9), "Voilà, dix mots et pas un de plus."),
    )
    yield Page(
        "https://ponts-du-monde.example/saint-aubry",
        page(
            "Un petit ouvrage méconnu, que nous avons visité en mai.",
            excerpt(bridge, 100, 12),
            "Photos à suivre.",
        ),
        copies=("gazette-001",),
    )
    agency = [article.article_id for article in press().values() if article.agency_credit]
    yield _copy("https://depeches-du-jour.example/meteo/ombeline", *agency)


def _c4() -> Iterator[Page]:
    yield _copy("https://musique-ancienne-infos.example/violoncelle", "meridien-003", shouted)
    yield _credited("https://le-fil-des-regions.example/2024/07/atelier-verrier", "meridien-002")
    yield _copy("https://blog-transition.example/pile-a-sable", "eco-003", reworded)
    yield _review(
        "https://bulletin-des-elus.example/n-118", ("lisiere-001", "meridien-004", "gazette-003", "hebdo-003")
    )
    yield _copy("https://carnet-de-nicolas.example/bergers", "hebdo-001", lambda body: sentences(body, 3, 8))


def _oscar() -> Iterator[Page]:
    auction = press()["courrier-002"]
    yield Page(
        "https://tout-sur-la-peche.example/encheres",
        page(auction.headline, auction.body, f"À lire sur le site du journal : {auction.url}"),
        copies=("courrier-002",),
    )
    yield _copy(
        "https://voiles-et-cargos.example/passe-lointaine", "courrier-004", lambda body: sentences(body, 0, 5)
    )
    yield _credited("https://le-fil-des-regions.example/2024/11/boulangere", "hebdo-004")
    yield _review("https://la-revue-de-presse.example/semaine-35", ("eco-002", "gazette-004"))
    yield _copy("https://batellerie.example/forum/greve", "meridien-001", reworded)


def _copy(url: str, article_id: str, *others: str | Rewrite) -> Page:
    """A page around one article's text; `others` are articles with the same text, or a rewriting of it."""
    body, ids = _body(article_id), [article_id]
    for other in others:
        if isinstance(other, str):
            ids.append(other)
        else:
            body = other(body)
    return Page(url, page(press()[article_id].headline, body), copies=tuple(ids))


def _credited(url: str, article_id: str) -> Page:
    article = press()[article_id]
    names = {title["id"]: title["name"] for title in _titles()}
    source = f"Source : {names[article.title_id]}"
    return Page(url, page(article.headline, article.body, source), copies=(article_id,))


def _review(url: str, article_ids: tuple[str, ...]) -> Page:
    lines = list[str]()
    for n, article_id in enumerate(article_ids):
        lines += [f"Lu pour vous : {press()[article_id].title_id}", sentences(_body(article_id), n, 3 + n)]
    return Page(url, page(*lines), copies=article_ids)


def _body(article_id: str) -> str:
    return press()[article_id].body


def excerpt(text: str, first: int, count: int) -> str:
    """Return `count` blank-separated words from word `first` on, unchanged."""
    return " ".join(_SPACES.split(text)[first : first + count])


def sentences(text: str, first: int, count: int) -> str:
    """`count` sentences from sentence `first` on."""
    return " ".join(_SENTENCE_GAP.split(text)[first : first + count])


def reworded(text: str) -> str:
    """Every word of `SYNONYMS` replaced: long runs survive between the edits."""
    return re.sub(r"\w+", lambda word: SYNONYMS.get(word[0], word[0]), text)


def shouted(text: str) -> str:
    """Capitals without accents, and typewriter apostrophes, as old systems print them."""
    bare = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    return bare.replace("’", "'").replace("œ", "oe").upper()


def page(*parts: str, menu: str = MENU, foot: str = FOOT) -> str:
    """Return a page as text: a menu, the parts, a foot, one a line."""
    return "\n".join((menu, *parts, foot))
