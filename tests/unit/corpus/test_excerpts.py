"""Which bodies are teasers or break off, and which are whole articles with something below them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from presswatch_spark.corpus.building.bodies import is_excerpt
from tests.world.corpora import text

WHOLE = text(1, 12)
"""Several sentences of prose, with a full stop at the end."""


@pytest.mark.parametrize(
    "end",
    [
        "Le préfet n'a pas souhaité…",
        "Le préfet n’a pas souhaité ...",
        "Le préfet n'a pas souhaité répondre. (...)",
        "Le préfet n'a pas souhaité répondre.\n[...]",
        "Le préfet n'a pas souhaité répondre. […]",
        "Le préfet n'a pas souhaité répondre [. . .]",
        "Le préfet, interrogé hier soir, n'a pas souhaité répondre aux questions de la",
        "Le préfet, interrogé hier soir, a répondu aux habitants que",
        "Le préfet a répondu aux habitants du quartier, réunis hier soir,",
        "Le préfet a répondu : « La halle aux grains sera rénovée avant",
        "Il vous reste 72 % de cet article à lire. La suite est réservée aux abonnés.",
        "Cet article est réservé aux abonnés.",
        "Article réservé aux abonnés",
        "Lire la suite",
        "» Lire la suite de l'article",
        "Pour lire la suite, abonnez-vous.",
        "Abonnez-vous dès 1 € par mois pour lire l’intégralité de cet article.",
        "S'abonner\nDéjà abonné ? Se connecter",
        "Vous n'êtes pas encore abonné ? Découvrez nos offres.",
        "Connectez-vous pour lire la suite de cet article.",
        "En savoir plus",
        "Suite en page 4",
        "Continue reading",
        "Read more",
        "Subscribe now to continue reading.",
        "Already a subscriber? Log in",
        "This article is for subscribers only.",
        "Subscribe to read the full story",
    ],
)
def test_a_body_that_ends_so_is_an_excerpt(end: str) -> None:
    assert is_excerpt(f"{WHOLE}\n{end}")
    assert is_excerpt(f"{WHOLE} {end}\n>\n>\u200b ")


@pytest.mark.parametrize(
    "end",
    [
        "Le préfet a répondu aux habitants du quartier que la halle aux grai",
        "Le préfet a répondu aux habitants du quartier, a indiqué hier Jeanne",
    ],
)
def test_a_paragraph_that_breaks_off_is_an_excerpt_and_a_line_of_its_own_may_be_a_headline(end: str) -> None:
    assert is_excerpt(f"{WHOLE} {end}")
    assert is_excerpt(end)
    assert not is_excerpt(f"{WHOLE}\n{end}")


@pytest.mark.parametrize(
    "end",
    [
        "",
        "« Je ne partirai pas... »",
        "« Je ne partirai pas », dit-elle… ou pas.",
        'Elle répond : "Jamais."',
        "Et demain ?",
        "Le score : 3-1.",
        "Jeanne Martin",
        "Jeanne Martin (AFP)",
        "(AFP)",
        "© 2019 AFP",
        "12/01/2019 14:44:00 - \n Paris (AFP) - \n © 2019 AFP",
        "Photo : Jeanne Martin",
        "Propos recueillis par Jeanne Martin",
        "JEANNE MARTIN",
        "Jeanne Martin, Paul Durand, Lucie Petit et Yves Moreau",
        "Jeanne Martin – maire ; Paul Durand – adjoint ; Lucie Petit – conseillère déléguée aux écoles",
        "Lire aussi : Le préfet refuse de quitter le vieux moulin",
        "Lire aussi Le préfet refuse de quitter la halle",
        "La maire inaugure un pont suspendu - Regarder sur Rivage Live",
        "Un pont suspendu pour le bourg",
        "Abonnez-vous à notre newsletter.",
        "Inscrivez-vous à notre lettre hebdomadaire et abonnez-vous à notre chaîne YouTube.",
        "En savoir plus : www.ville.example",
        "Inscrivez-vous sur le site de la mairie avant vendredi.",
        "L'accès au parking est réservé aux riverains.",
        "Toutes les dates de la tournée : www.spectacle.example.fr",
        "Suivez toute l'actualité du bourg en direct sur Rivage.",
    ],
)
def test_a_whole_article_may_end_so(end: str) -> None:
    assert not is_excerpt(f"{WHOLE}\n{end}")


@pytest.mark.parametrize("call", ["Abonnez-vous", "La suite est réservée aux abonnés", "Lire la suite"])
def test_a_call_far_from_the_end_is_what_the_article_is_about(call: str) -> None:
    assert not is_excerpt(f"{text(2)}\n{call}.\n{WHOLE}")


def test_a_body_of_nothing_but_signs_is_no_excerpt() -> None:
    assert not is_excerpt("\u200b\n>\n")


@pytest.mark.real_data
def test_few_whole_articles_of_the_press_are_taken_for_excerpts_and_teasers_are_found(
    real_data: Path,
) -> None:
    lines = (real_data / "press" / "articles.jsonl").read_text("utf-8").splitlines()
    bodies = [json.loads(line)["text"] for line in lines]
    teasers = [body for body in bodies if body.rstrip("> \n").endswith(("(...)", "[...]", " ..."))]
    assert len(teasers) > 60
    assert all(map(is_excerpt, teasers))
    others = [body for body in bodies if body not in teasers]
    assert sum(map(is_excerpt, others)) <= 0.02 * len(others)
    assert sum(is_excerpt(body) for body in others if not body.rstrip("> \n").endswith(("…", "..."))) <= 8
