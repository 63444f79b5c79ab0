"""Bodies as members' exports give them: HTML, references, garbled letters; and what only looks so."""

import html
import json
from pathlib import Path

import pytest

from presswatch_spark.corpus.building.bodies import is_excerpt, plain_text
from tests.world.corpora import text
from tests.world.proofs import cases

TEXT = "L’été revient à Mirebelle : « c’est l’œuvre d’un éclusier », dit la maire — déjà 20 °C…"


def garbled(given: str, encoding: str = "cp1252") -> str:
    """The text as a program shows it that takes its UTF-8 for another encoding."""
    return "".join(
        bytes([byte]).decode(encoding) if encoding != "cp1252" or byte not in CP1252_HOLES else chr(byte)
        for byte in given.encode()
    )


CP1252_HOLES = (0x81, 0x8D, 0x8F, 0x90, 0x9D)


@cases(
    ("given", "expected"),
    [
        ("<p>Le vieux moulin.</p><p>La halle.</p>", "Le vieux moulin.\nLa halle."),
        ("Le vieux moulin.<br><br>La halle.", "Le vieux moulin.\nLa halle."),
        ("Le vieux moulin.<br/>La halle.", "Le vieux moulin.\nLa halle."),
        ("<P CLASS='chapo'>Le vieux moulin.</P>\n<DIV>La halle.</DIV>", "Le vieux moulin.\nLa halle."),
        ('Le vieux <a href="https://x.example/?a=1&b=2">moulin</a> rouvre.', "Le vieux moulin rouvre."),
        ("Dans <i>Le Courrier</i>, la maire l&#8217;a dit.", "Dans Le Courrier, la maire l’a dit."),
        ("l&#39;&eacute;t&eacute; revient", "l'été revient"),
        ("l&#x27;&Eacute;clusier &amp; fils", "l'Éclusier & fils"),
        ("&lt;p&gt;Le vieux moulin.&lt;/p&gt;", "Le vieux moulin."),
        ("&amp;lt;p&amp;gt;L&amp;amp;eacute;on&amp;lt;/p&amp;gt;", "Léon"),
        ("<p>L&amp;#39;&amp;eacute;t&amp;eacute;.</p>", "L'été."),
        ("<![CDATA[<p>Le vieux moulin.</p>]]>", "Le vieux moulin."),
        ("<!-- wp:paragraph --><p>Le vieux moulin.</p><!-- /wp:paragraph -->", "Le vieux moulin."),
        ("<?xml version='1.0'?><nitf><block><p>Le vieux moulin.</p></block></nitf>", "Le vieux moulin."),
        ("<script>var a = 'x';</script>Le vieux moulin.", "Le vieux moulin."),
        ("Le vieux moulin.<style>p { color: red }</style>", "Le vieux moulin."),
        ("<p>Des tags sur la halle, et un site en HTML.</p>", "Des tags sur la halle, et un site en HTML."),
        ("<p>La balise <code>&lt;p&gt;</code> ouvre.</p>", "La balise <p> ouvre."),
        ("<p>a < b</p>", "a < b"),
    ],
)
def test_html_is_reduced_to_the_text_that_a_reader_sees(given: str, expected: str) -> None:
    found = plain_text(given)
    assert (found.text.split(), found.format, found.repaired) == (expected.split(), "html", False)
    assert plain_text(found.text).text == found.text


@cases(
    "given",
    [
        TEXT,
        "a < b et b > c",
        "si x<y alors y>x",
        "<3 et 1<2 & 3>2",
        "écrire à <maire@mirebelle.example> ou voir <https://mirebelle.example>",
        "Durand & Fils, R&D; Q&A",
        "https://x.example/?a=1&eacute=2&copy=3",
        "La balise <p> ouvre un paragraphe, et </p> le ferme.",
        "En HTML, <b> met en gras ; &eacute; donne é, et « <br> » va à la ligne.",
        "Pour écrire un paragraphe en HTML, tapez <p>Bonjour</p> dans la page. Puis enregistrez-la.",
        "<Le Courrier> et <Rivage> paraissent le lundi",
        "»é«écrasé»«jugé» «Part de responsabilité»«Je prends»",
        "SÃO PAULO, TITÃS, Ã Â Å",
        "Âge, âge, Ïle, naïf, ça, À, É»«",
    ],
)
def test_what_is_no_html_and_not_garbled_stays_as_it_is(given: str) -> None:
    found = plain_text(given)
    assert (found.text, found.format, found.repaired) == (given, "text", False)


@cases("encoding", ["latin-1", "cp1252", "mac_roman", "cp437"])
def test_letters_of_utf_8_read_in_another_encoding_are_repaired(encoding: str) -> None:
    body = f"{TEXT}\n{text(3)}"
    assert plain_text(garbled(body, encoding)).text == body
    assert plain_text(garbled(body, encoding)).repaired
    if encoding == "cp1252":
        assert plain_text(garbled(garbled(body))).text == body


def test_garbled_lines_among_sound_ones_are_repaired_alone() -> None:
    sound = "»é«écrasé»«jugé»"
    assert plain_text(f"{sound}\n{garbled(TEXT)}\n{TEXT}").text == f"{sound}\n{TEXT}\n{TEXT}"


def test_a_blank_that_an_editor_put_for_a_hard_one_is_no_obstacle() -> None:
    assert "à Mirebelle" in plain_text(garbled("elle revient à Mirebelle").replace("\u00a0", " ")).text


def test_garbled_html_is_both() -> None:
    found = plain_text(f"<p>{html.escape(garbled(TEXT))}</p>")
    assert (found.text, found.format, found.repaired) == (TEXT, "html", True)
    by_reference = "".join(c if c.isascii() else f"&#{ord(c)};" for c in garbled(TEXT))
    assert plain_text(by_reference).text == TEXT


def test_the_format_may_be_declared() -> None:
    assert plain_text("<p>Le moulin.</p>", "text").text == "<p>Le moulin.</p>"
    declared = plain_text("La balise <p> ouvre, </p> ferme", "html")
    assert (declared.text.split(), declared.format) == (["La", "balise", "ouvre,", "ferme"], "html")


@pytest.mark.real_data
def test_no_real_article_is_changed_and_few_are_taken_for_excerpts(real_data: Path) -> None:
    lines = (real_data / "press" / "articles.jsonl").read_text("utf-8").splitlines()
    bodies = [json.loads(line)["text"] for line in lines]
    assert [body for body in bodies if plain_text(body).text != body] == []
    for body in bodies[::40]:
        assert plain_text(garbled(body)).text == body
        marked = "".join(f"<p>{html.escape(line)}</p>\n" for line in body.splitlines())
        assert plain_text(marked).text.split() == body.split()
    teasers = [body for body in bodies if body.rstrip("> \n").endswith(("(...)", "[...]", " ..."))]
    assert len(teasers) > 60
    assert all(map(is_excerpt, teasers))
    others = [body for body in bodies if body not in teasers]
    assert sum(map(is_excerpt, others)) <= 0.02 * len(others)
    assert sum(is_excerpt(body) for body in others if not body.rstrip("> \n").endswith(("…", "..."))) <= 8


WHOLE = text(1, 12)
"""Several sentences of prose, with a full stop at the end."""


@cases(
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


@cases(
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
