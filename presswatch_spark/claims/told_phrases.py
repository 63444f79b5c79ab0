"""What the account of a claim says beside the sentences of `explain`: names of facts, headings, and notes."""

from collections.abc import Mapping
from types import MappingProxyType

Phrases = Mapping[str, tuple[str, str]]
"""Phrases by name: French, then English."""

TOLD: Phrases = MappingProxyType(
    {
        "claim": ("Réclamation", "Claim"),
        "number": ("{number} sur {all}", "{number} of {all}"),
        "article": ("L'article", "The article"),
        "page": ("La page", "The page"),
        "why": ("Pourquoi la lettre {letter}", "Why the letter {letter}"),
        "for": ("pour", "for"),
        "against": ("contre", "against"),
        "words": ("Les mots repris", "The copied words"),
        "side by side": ("Article et page, côte à côte", "Article and page, side by side"),
        "in article": ("L'article", "The article"),
        "in page": ("La page, telle que le jeu de données la conserve", "The page, as the dataset stores it"),
        "again": ("Relire la page à sa source", "Read the page again at its source"),
        "exposure": (
            "Modèles dont l'éditeur dit s'être servi de ce jeu de données",
            "Models whose publishers say that they used this dataset",
        ),
        "headline": ("Intitulé", "Headline"),
        "title": ("Titre de presse", "Title"),
        "owner": ("Titulaire", "Owner"),
        "publisher": ("Éditeur", "Publisher"),
        "address": ("Adresse", "Address"),
        "published": ("Publication", "Published"),
        "published again": ("Publié aussi dans", "Published again in"),
        "repeats": ("Réclamation de l'article", "Claim of the article"),
        "mandate": ("Mandat", "Mandate"),
        "rights": ("Droits", "Rights"),
        "reservation": ("Opposition", "Reservation"),
        "article digest": ("Empreinte du texte (SHA-256)", "Digest of the text (SHA-256)"),
        "recorded": ("Enregistrement", "Recorded"),
        "site": ("Site", "Site"),
        "dataset": ("Jeu de données", "Dataset"),
        "file": ("Fichier", "File"),
        "place": ("Place dans le fichier", "Place in the file"),
        "bytes": ("octets {first} à {last}", "bytes {first} to {last}"),
        "inflated bytes": (
            "octets {first} à {last} du fichier décompressé",
            "bytes {first} to {last} of the inflated file",
        ),
        "row": ("ligne n° {number}, comptée à partir de 0", "row {number}, counted from 0"),
        "credits": ("Sources citées", "Credits"),
        "page says": ("Selon la page", "The page says"),
        "kind": ("Nature", "Kind"),
        "licence": ("Licence", "Licence"),
        "review": ("Avis d'une personne", "Verdict of a person"),
        "review claim": ("à réclamer", "to be claimed"),
        "review no_claim": ("rien à réclamer", "nothing to claim"),
        "review unsure": ("sans conclusion", "could not tell"),
        "row digest": ("Empreinte de la ligne (SHA-256)", "Digest of the row (SHA-256)"),
        "unknown": ("inconnu", "not known"),
        "also written": ("{ascii} (en clair : {plain})", "{ascii} (in plain letters: {plain})"),
        "no article by address": (
            "Ce résultat porte sur l'adresse de la page seule : aucun article n'y a été relevé.",
            "This finding is about the page's address alone: no article was found on it.",
        ),
        "no text of article": (
            "Le texte de l'article n'est pas reproduit ici. Son empreinte SHA-256 permet de reconnaître le"
            " texte, s'il est produit.",
            "The article's text is not shown here. Its SHA-256 digest tells whether a text that is produced"
            " is the same.",
        ),
        "no text of page": (
            "Le texte de la page n'a pu être relu. Motif : {why}",
            "The page's text could not be read. The reason: {why}",
        ),
        "no longer as said": (
            "L'enregistrement n'est plus tel que la ligne le dit. Motif : {why}",
            "The record is no longer as the row says. The reason: {why}",
        ),
        "on disk": (
            "Le fichier se trouvait sur un disque : personne d'autre ne peut l'y relire. L'enregistrement"
            " est joint.",
            "The file lay on a disk: nobody else can read it there. The record is enclosed.",
        ),
        "fetched": (
            "Ces commandes écrivent l'enregistrement dans un fichier nommé record (terminal de Linux ou de"
            " macOS).",
            "These commands write the record to a file named record (a terminal of Linux or macOS).",
        ),
        "left out": (
            "[… {count} caractères ne sont pas reproduits ici …]",
            "[… {count} characters are not shown here …]",
        ),
        "extent whole": ("sans parler d'un choix", "with no word of a selection"),
        "extent part": ("une partie, choisie par lui", "a part that it chose"),
        "trained": (
            "{publisher} dit avoir entraîné {model} sur {dataset} ({extent}).",
            "{publisher} says that it trained {model} on {dataset} ({extent}).",
        ),
        "named": ("Le document nomme cette livraison.", "The document names this release."),
        "not_named": (
            "Le document nomme le jeu de données, et non cette livraison.",
            "The document names the dataset, and not this release.",
        ),
        "read at": (
            "{where} ; lu le {day} à l'adresse {seen}",
            "{where}; read on {day} at {seen}",
        ),
        "proves nothing": (
            "Ces déclarations ne prouvent ni qu'un modèle a lu ce texte, ni une faute.",
            "These statements prove neither that a model read this text, nor a wrong.",
        ),
        "no exposure": (
            "Aucun éditeur de modèle connu ne dit s'être servi de ce jeu de données.",
            "No publisher of a model that is known says that it used this dataset.",
        ),
        "dataset unknown": (
            "Rien ne dit de quel jeu de données cette page fait partie.",
            "Nothing says of which dataset this page is part.",
        ),
        "letter too low": (
            "Une réclamation de lettre D n'est rapprochée d'aucun modèle.",
            "A claim of letter D is held against no model.",
        ),
    }
)
"""French, then English."""

FAILURES: Phrases = MappingProxyType(
    {
        "row edited": (
            "la ligne n'est plus telle que l'analyse l'a écrite",
            "the row is no longer as the scan wrote it",
        ),
        "no shard": ("le fichier n'est plus là", "the file is no longer there"),
        "not reached": ("le fichier n'a pu être atteint", "the file could not be reached"),
        "record gone": (
            "l'enregistrement n'est plus à sa place dans le fichier",
            "the record is no longer at its place in the file",
        ),
        "unreadable": ("l'enregistrement ne se lit plus", "the record can no longer be read"),
        "other URI": ("il s'y trouve une page d'une autre adresse", "a page of another address stands there"),
        "other record id": ("il s'y trouve un autre enregistrement", "another record stands there"),
        "other digest": (
            "l'enregistrement déclare une autre empreinte",
            "the record declares another digest",
        ),
        "other payload": ("le contenu de la page est un autre", "the content of the page is another"),
        "other extraction": (
            "le texte en serait extrait d'une autre manière",
            "its text would be extracted in another way",
        ),
        "other text": ("le texte de la page est un autre", "the text of the page is another"),
        "other facts": (
            "la date, l'état ou la place de l'enregistrement ont changé",
            "date, status or place of the record have changed",
        ),
        "damaged record": ("l'enregistrement est endommagé", "the record is damaged"),
        "other article": (
            "le corpus donné n'a plus ce texte de l'article",
            "the corpus that was given has this text of the article no more",
        ),
        "other words": (
            "les mots ne sont pas les mêmes des deux côtés",
            "the words are not the same on both sides",
        ),
        "other signal": ("la déclaration du site est une autre", "the site's declaration is another"),
    }
)
"""Why a record is not what its row says, by the codes of `pointers.checks.REASONS`."""
