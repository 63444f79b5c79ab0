"""What copyists do to a text: cut a passage out, swap words, shout, lose the accents, bury it in a page."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence

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


def excerpt(text: str, first: int, count: int) -> str:
    """`count` blank-separated words from word `first` on, as they stand."""
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
    """A page as text: a menu, the parts, a foot, one a line."""
    return "\n".join((menu, *parts, foot))


def press_review(headings: Sequence[str], passages: Sequence[str]) -> str:
    """Passages of several articles in one text, each under its heading."""
    return "\n".join(line for pair in zip(headings, passages, strict=True) for line in pair)
