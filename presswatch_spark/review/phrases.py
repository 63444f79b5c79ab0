"""What the page of reviews says, in French and English."""

from types import MappingProxyType

from presswatch_spark.claims.told_phrases import TOLD

# What all accounts of a claim call so.
_AS_TOLD = (
    "article", "page", "headline", "title", "published", "address", "dataset", "kind", "mandate",
    "reservation", "unknown", "why", "no article by address",
)  # fmt: skip
PHRASES = MappingProxyType(
    {
        **{name: TOLD[name] for name in _AS_TOLD},
        "no article": (
            "Le texte de l'article n'est pas à disposition : donnez --corpus avec le corpus de l'analyse.",
            "The article's text is not at hand: give --corpus with the corpus of the scan.",
        ),
        "name": ("Examen des demandes", "Review of claims"),
        "reviewer": ("Examen par {reviewer}", "Reviewed by {reviewer}"),
        "left": ("Restent à examiner : {left} sur {all}", "Left without a verdict: {left} of {all}"),
        "place": ("{number} sur {all} dans ce choix", "{number} of {all} in this choice"),
        "other language": ("English", "Français"),
        "filters": ("Choix", "Filters"),
        "letter": ("Lettre", "Letter"),
        "verdict": ("Avis", "Verdict"),
        "host": ("Site", "Host"),
        "reason": ("Motif", "Reason"),
        "show": ("Afficher", "Show"),
        "all": ("tous", "all"),
        "any": ("tous", "all"),
        "none": ("sans avis", "without a verdict"),
        "claim": ("à réclamer", "claim"),
        "no_claim": ("rien à réclamer", "no claim"),
        "unsure": ("sans conclusion", "unsure"),
        "disputed": ("avis divergents", "reviewers disagree"),
        "previous": ("Précédente", "Previous"),
        "next": ("Suivante", "Next"),
        "nothing": ("Aucune demande ne répond à ce choix.", "No claim is left by these filters."),
        "nothing without": (
            "Toutes ont un avis. Pour les revoir, choisissez un autre avis.",
            "All have a verdict. To see them again, choose another verdict.",
        ),
        "licensed": ("Sous licence, non montrées : {count}", "Licensed, and not shown: {count}"),
        "written": ("Les avis sont écrits dans {file}.", "Verdicts are written to {file}."),
        "publisher": ("Éditeur", "Publisher"),
        "captured": ("Enregistrement", "Captured"),
        "words": ("Mots repris", "Words copied"),
        "of words": ("{copied} sur {words} ({share})", "{copied} of {words} ({share})"),
        "row": ("Ligne", "Row"),
        "by claims": ("Avis dans ces demandes", "Verdict in these claims"),
        "side by side": ("Les deux textes, mots repris marqués", "Both texts, copied words marked"),
        "in article": ("Dans l'article", "In the article"),
        "in page": ("Sur la page", "On the page"),
        "no page": (
            "Le texte de la page n'a pu être relu maintenant : {why}",
            "The page's text could not be read again now: {why}",
        ),
        "no case": (
            "Le dossier n'a pu être lu maintenant : {why}",
            "The case could not be read now: {why}",
        ),
        "again": ("Relire", "Read again"),
        "whole case": ("Le dossier entier", "The whole case"),
        "verdicts": ("Avis donnés", "Verdicts given"),
        "given": ("{reviewer}, {at} : {verdict}", "{reviewer}, {at}: {verdict}"),
        "disagree": (
            "Les avis divergent. Tous sont gardés ; le plus récent compte.",
            "Reviewers disagree. All verdicts are kept; the newest counts.",
        ),
        "note": ("Remarque", "Note"),
        "keys": (
            "Touches : 1 à réclamer, 2 rien à réclamer, 3 sans conclusion, n remarque, Échap la quitter,"
            " j suivante, k précédente",
            "Keys: 1 claim, 2 no claim, 3 unsure, n note, Esc leave the note, j next, k previous",
        ),
        "saved": ("Écrit : {verdict}.", "Saved: {verdict}."),
        "back": ("Revoir cette demande", "Look at that claim again"),
        "meanwhile": (
            "Écrit : {verdict}. Entre-temps, quelqu'un d'autre a donné un avis. Tous sont gardés ; le plus"
            " récent compte.",
            "Saved: {verdict}. Meanwhile somebody else gave a verdict. All are kept; the newest counts.",
        ),
        "not saved": ("L'avis n'a PAS été écrit : {why}", "The verdict was NOT saved: {why}"),
        "long note": (
            "la remarque a plus de {most} caractères",
            "the note has more than {most} characters",
        ),
        "failed": ("Cela n'a pas réussi : {why}", "This failed: {why}"),
        "closed": (
            "Cette adresse a déjà servi, ou n'est pas la bonne. Relancez presswatch review, et ouvrez"
            " l'adresse qu'il affiche.",
            "This address was used already, or is not the right one. Start presswatch review again, and open"
            " the address that it prints.",
        ),
        "enter": ("Ouvrir l'examen", "Open the review"),
    }
)
"""Phrases by name: French, then English."""
