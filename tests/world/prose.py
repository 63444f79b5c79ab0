"""Endless pseudo-French press text for tests and benchmarks: deterministic, free of rights.

Sentences are drawn from slots of at most ten fixed words around invented names and numbers: that two of them
share a run of 11 words is a chance of about one in 10^7.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from presswatch_spark.cli.demo.generate import FOOT, MENU, DemoArticle, Page
from presswatch_spark.reading.text.words import word_at, words_of

WHEN = (
    "Lundi matin", "Dès l’aube", "Après trois heures de débat", "Malgré la pluie",
    "À la surprise générale", "Comme chaque automne", "Sans attendre", "Au terme de l’enquête",
    "Depuis la crue", "À deux semaines du vote", "En marge du sommet", "Faute de moyens",
    "La veille encore", "Pour la première fois", "À huis clos", "En 1987",
)  # fmt: skip
WHO = (
    "la maire de", "le préfet de", "une ancienne institutrice de", "le syndicat des dockers de",
    "l’évêque de", "un éleveur de", "la direction de l’hôpital de", "le club de hockey de",
    "la fanfare de", "l’association des riverains de", "un collectif d’étudiants de", "le tribunal de",
    "la cheffe des pompiers de", "une œnologue de", "le conservateur du musée de",
    "la sœur du notaire de",
)  # fmt: skip
WHAT = (
    "a confirmé", "conteste", "réclame", "a dévoilé", "refuse toujours", "espère obtenir", "a suspendu",
    "veut étendre", "finance", "a inauguré", "négocie", "redoute", "a salué", "promet", "détaille",
    "condamne",
)  # fmt: skip
WHICH = (
    "la fermeture du pont", "un plan de relance", "le rachat des entrepôts", "une trêve hivernale",
    "la hausse des péages", "le train de nuit", "un nouveau vaccin", "la vente aux enchères",
    "le déménagement des archives", "l’essai d’un dirigeable", "un moratoire sur les forages",
    "la grève des écluses", "le budget de l’opéra", "une amnistie partielle", "la réouverture du chœur",
    "le tracé de la rocade",
)  # fmt: skip
HOW = (
    "évalué à {n} euros", "attendu par {n} habitants", "sur {n} hectares", "au bout de {n} jours",
    "avec {n} signatures", "voté par {n} délégués", "prévu depuis {n} mois", "soit {n} tonnes",
)  # fmt: skip
WITH = (
    "selon {name}", "devant {name}", "contre l’avis de {name}", "aux côtés de {name}",
    "au grand dam de {name}", "« sans regret », dit {name}", "comme l’avait prédit {name}",
    "à la demande de {name}",
)  # fmt: skip
SYLLABLES = (
    "bar", "ché", "du", "fel", "gri", "jou", "ker", "lan", "mont", "nev", "ombre", "per", "quin", "roc",
    "sau", "tré", "val", "yver", "zel", "bour", "cla", "dron", "esse", "flam", "gué", "mai", "nol",
    "pra", "ri", "ton",
)  # fmt: skip


def sentence(rng: random.Random) -> str:
    """One sentence of 15 to 30 words."""
    who = f"{rng.choice(WHEN)}, à {_name(rng)}, {rng.choice(WHO)} {_name(rng)}"
    how = rng.choice(HOW).format(n=rng.randrange(2, 99_999))
    companion = rng.choice(WITH).format(name=f"{_name(rng)} {_name(rng)}")
    return f"{who} {rng.choice(WHAT)} {rng.choice(WHICH)} {how}, {companion}."


def prose(rng: random.Random, words: int) -> str:
    """Sentences in paragraphs of four, of at least `words` words between blanks."""
    lines: list[str] = []
    count = 0
    while count < words:
        lines.append(sentence(rng))
        count += lines[-1].count(" ") + 1
    return "\n".join(" ".join(lines[i : i + 4]) for i in range(0, len(lines), 4))


def articles(n: int, seed: int, *, words: tuple[int, int] = (150, 450)) -> Iterator[DemoArticle]:
    """`n` articles of one invented title, `title-0`; same seed, same articles, whatever `n`."""
    start = datetime(2024, 1, 1, tzinfo=UTC)
    for i in range(n):
        rng = random.Random(f"article {seed} {i}")
        yield DemoArticle(
            article_id=f"article-{seed}-{i}",
            title_id="title-0",
            url=f"https://www.title-0.example/{seed}/{i}",
            headline=sentence(rng),
            body=prose(rng, rng.randint(*words)),
            published_at=(start + timedelta(minutes=i)).isoformat(),
            authors=(f"{_name(rng)} {_name(rng)}",),
        )


def pages(
    n: int, seed: int, sources: list[DemoArticle], *, share: float = 0.5, run_words: int = 11
) -> Iterator[Page]:
    """`n` pages; a `share` of them hold a passage of `run_words` blank-separated words or more of an article.

    The passage is at a random place of the article and of the page; the rest of the page is prose of its own.
    """
    for i in range(n):
        rng = random.Random(f"page {seed} {i}")
        own = prose(rng, rng.randint(80, 400)).split(" ")
        copies: tuple[str, ...] = ()
        if sources and rng.random() < share:
            source = rng.choice(sources)
            theirs = source.body.split(" ")
            length = min(len(theirs), rng.randint(run_words, 4 * run_words))
            first, at = rng.randint(0, len(theirs) - length), rng.randint(0, len(own))
            own[at:at] = theirs[first : first + length]
            copies = (source.article_id,)
        yield Page(
            f"https://site-{i % 97}.example/{seed}/{i}", "\n".join((MENU, " ".join(own), FOOT)), copies=copies
        )


def _name(rng: random.Random) -> str:
    return "".join(rng.choices(SYLLABLES, k=3)).capitalize()


def folded(text: bytes) -> list[str]:
    """The words of a text, as they are compared."""
    words = words_of(text)
    return [word_at(words, number) for number in range(len(words))]
