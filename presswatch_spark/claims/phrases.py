"""What `explain` says, in French and English."""

from collections.abc import Mapping
from types import MappingProxyType

Phrases = Mapping[str, tuple[str, str]]
"""Phrases by name: French, then English."""

MONTHS = (
    (
        *("janvier", "février", "mars", "avril", "mai", "juin"),
        *("juillet", "août", "septembre", "octobre", "novembre", "décembre"),
    ),
    (
        *("January", "February", "March", "April", "May", "June"),
        *("July", "August", "September", "October", "November", "December"),
    ),
)
"""Names of months: French, then English."""

LETTERS: Phrases = MappingProxyType(
    {
        "A": (
            "Le résultat parle de lui-même et peut être produit tel quel.",
            "The finding speaks for itself, and can be produced as it is.",
        ),
        "B": (
            "Le résultat repose sur des indices sérieux et peut être produit.",
            "The finding rests on strong evidence, and can be produced.",
        ),
        "C": (
            "Le résultat ne doit pas être produit avant qu'une personne l'ait examiné.",
            "The finding must not be produced before a person has examined it.",
        ),
        "D": (
            "Le résultat ne doit être produit dans aucune réclamation.",
            "The finding must not be produced in any claim.",
        ),
    }
)

FINDINGS: Phrases = MappingProxyType(
    {
        "own page": (
            "Résultat : {dataset} contient une page de l'éditeur, avec des mots de l'article.",
            "Finding: {dataset} holds a page of the publisher's own, with words of the article.",
        ),
        "own page copy": (
            "Résultat : {dataset} contient la copie d'une page de l'éditeur, avec des mots de l'article.",
            "Finding: {dataset} holds a copy of a page of the publisher's own, with words of the article.",
        ),
        "member page": (
            "Résultat : {dataset} contient une page d'un autre membre, avec des mots de l'article.",
            "Finding: {dataset} holds a page of another member's, with words of the article.",
        ),
        "other page": (
            "Résultat : {dataset} contient une page d'un tiers, avec des mots de l'article.",
            "Finding: {dataset} holds a page of somebody else's, with words of the article.",
        ),
        "unknown page": (
            "Résultat : {dataset} contient un texte d'adresse inconnue, avec des mots de l'article.",
            "Finding: {dataset} holds a text of unknown address, with words of the article.",
        ),
        "address": (
            "Résultat : {dataset} contient une page à une adresse de l'éditeur.",
            "Finding: {dataset} holds a page at an address of the publisher's.",
        ),
    }
)
"""What a row says, whatever its letter."""

MANDATES: Phrases = MappingProxyType(
    {
        "in_force": (
            "Le mandat de l'éditeur est en vigueur au jour de l'examen.",
            "The publisher's mandate is in force on the day of judgement.",
        ),
        "before": (
            "Le mandat de l'éditeur n'est pas encore en vigueur au jour de l'examen.",
            "The publisher's mandate is not yet in force on the day of judgement.",
        ),
        "after": (
            "Le mandat de l'éditeur n'est plus en vigueur au jour de l'examen.",
            "The publisher's mandate is no longer in force on the day of judgement.",
        ),
        "none": (
            "Aucun mandat de l'éditeur n'est connu.",
            "No mandate of the publisher is known.",
        ),
    }
)

RIGHTS: Phrases = MappingProxyType(
    {
        "author": (
            "Droit d'auteur (Code de la propriété intellectuelle, ou CPI, art. L. 111-1 et s. ; durée :"
            " art. L. 123-1 et s.).",
            "Author's right (CPI, the French code of intellectual property, art. L. 111-1 and following;"
            " term: art. L. 123-1 and following).",
        ),
        "press_publisher": (
            "Droit voisin des éditeurs de presse (CPI, art. L. 218-1 et s.), en vigueur jusqu'au {until}.",
            "Press publishers' neighbouring right (CPI, art. L. 218-1 and following), in force until"
            " {until}.",
        ),
        "press_publisher_at_capture": (
            "Droit voisin des éditeurs de presse (CPI, art. L. 218-1 et s.), en vigueur quand la page a été"
            " enregistrée. Il a pris fin le {until}.",
            "Press publishers' neighbouring right (CPI, art. L. 218-1 and following), in force when the page"
            " was recorded. It ended on {until}.",
        ),
    }
)

RESERVATIONS: Phrases = MappingProxyType(
    {
        "both": (
            "Le site du titre s'opposait à la fouille de textes et de données (CPI, art. L. 122-5-3), avant"
            " et après l'enregistrement.",
            "The title's site reserved text and data mining (CPI, art. L. 122-5-3), before and after the"
            " record.",
        ),
        "before": (
            "Le site du titre s'opposait à la fouille de textes et de données (CPI, art. L. 122-5-3) avant"
            " l'enregistrement ; après, rien n'est connu.",
            "The title's site reserved text and data mining (CPI, art. L. 122-5-3) before the record; after"
            " it nothing is known.",
        ),
        "after": (
            "Le site du titre s'opposait à la fouille de textes et de données (CPI, art. L. 122-5-3) après"
            " l'enregistrement ; avant, rien n'est connu.",
            "The title's site reserved text and data mining (CPI, art. L. 122-5-3) after the record; before"
            " it nothing is known.",
        ),
        "conflicting": (
            "Sur la fouille de textes et de données, les déclarations du site du titre avant et après"
            " l'enregistrement se contredisent.",
            "On text and data mining, the declarations of the title's site before and after the record"
            " contradict each other.",
        ),
        "none": (
            "Le site du titre ne s'opposait pas à la fouille de textes et de données, pour autant qu'on le"
            " sache.",
            "The title's site did not reserve text and data mining, as far as is known.",
        ),
        "unknown": (
            "On ne sait pas ce que le site du titre déclarait alors sur la fouille de textes et de données.",
            "It is not known what the title's site declared about text and data mining then.",
        ),
    }
)

SAYS: Phrases = MappingProxyType(
    {
        "case": (
            "Dossier n° {row}, tiré de l'analyse {run}.",
            "Case {row}, from the scan {run}.",
        ),
        "letter": ("Lettre {letter}.", "Letter {letter}."),
        "no claims": (
            "Cette lettre vient de la page seule : elle n'a pas été confrontée aux autres pages connues"
            " (presswatch claims, puis --claims).",
            "This letter comes from the page alone: it was not held against the other pages that are known"
            " (presswatch claims, then --claims).",
        ),
        "lowered": (
            "La page seule donnait la lettre {letter} ; ce que l'on sait par ailleurs l'a abaissée.",
            "The page alone gave the letter {letter}; what is known from elsewhere lowered it.",
        ),
        "facts alone": (
            "Attention : la lettre ne juge que les faits. {besides}",
            "Note that the letter judges the facts alone. {besides}",
        ),
        "as of": ("Examen à la date du {day}.", "Judged as of {day}."),
        "the page": ("la page", "the page"),
        "the article": ("l'article", "the article"),
        "the words": ("les mots de l'article sur la page", "the article's words on the page"),
        "why": ("pourquoi la lettre {letter}", "why the letter {letter}"),
        "what would change it": ("ce qui changerait la lettre", "what would change the letter"),
        "how to check": ("comment vérifier soi-même", "how to check it yourself"),
        "address": ("adresse", "address"),
        "recorded": ("enregistrement", "recorded"),
        "dataset": ("jeu de données", "dataset"),
        "the dataset": ("le jeu de données {which}", "the dataset {which}"),
        "a dataset": ("un jeu de données {which}", "a dataset {which}"),
        "of format": ("sans nom connu (format {format})", "of no known name (format {format})"),
        "file": ("fichier", "file"),
        "site": ("site", "site"),
        "own site": ("un site de l'éditeur nommé plus bas", "a site of the publisher named below"),
        "own site copy": (
            "un service d'archives, de cache ou de traduction, qui montre une page de l'éditeur nommé plus"
            " bas",
            "an archive, a cache or a translator that shows a page of the publisher named below",
        ),
        "elsewhere": ("le site d'un tiers", "somebody else's site"),
        "member site": ("le site d'un autre membre", "another member's site"),
        "site unknown": (
            "inconnu, car l'adresse n'est pas connue",
            "not known, since the address is not known",
        ),
        "credits": ("sources citées", "credits"),
        "page says": ("selon la page", "page says"),
        "page publisher": ("éditeur : {said}", "publisher: {said}"),
        "page author": ("auteur : {said}", "author: {said}"),
        "page published": ("publiée le {said}", "published on {said}"),
        "page earlier": (
            "La page se dit donc antérieure à l'article.",
            "So the page says that it is older than the article.",
        ),
        "based on": ("elle se dit tirée de :", "it says that it is based on:"),
        "own address": ("elle donne pour sa propre adresse :", "it gives as its own address:"),
        "kind": ("nature", "kind"),
        "kind own_page": ("page de l'éditeur de l'article", "the publisher's own page"),
        "kind own_page_copy": (
            "copie d'une page de l'éditeur, par un service d'archives, de cache ou de traduction",
            "copy of the publisher's own page, by an archive, a cache or a translator",
        ),
        "kind copy": (
            "ni page de l'éditeur, ni reprise connue",
            "neither the publisher's own page nor a known reprint",
        ),
        "kind reprint": ("reprise par un autre membre", "reprint by another member"),
        "kind licensed": ("page sous licence", "page under a licence"),
        "licence": ("licence", "licence"),
        "licence of": ("{id}, dans le fichier des licences", "{id}, in the file of licences"),
        "article": ("article", "article"),
        "published again": ("publié aussi dans", "published again in"),
        "repeats": ("réclamation de", "claim of"),
        "none of it": (
            "aucun : ce résultat porte sur l'adresse de la page seule",
            "none: this finding is about the page's address alone",
        ),
        "title": ("titre de presse", "title"),
        "headline": ("intitulé", "headline"),
        "published": ("publication", "published"),
        "owner": ("éditeur", "publisher"),
        "mandate": ("mandat", "mandate"),
        "no mandate": (
            "Il n'est pas à disposition : donnez --corpus avec le corpus de l'analyse.",
            "It is not at hand: give --corpus with the corpus of the scan.",
        ),
        "from": ("à partir du {day}", "from {day}"),
        "to": ("jusqu'au {day}", "until {day}"),
        "document": (
            "Son acte est {path} (empreinte SHA-256 {sha256}…).",
            "Its deed is {path} (SHA-256 fingerprint {sha256}…).",
        ),
        "dated document": (
            "Son acte, du {day}, est {path} (empreinte SHA-256 {sha256}…).",
            "Its deed, of {day}, is {path} (SHA-256 fingerprint {sha256}…).",
        ),
        "mandate facts": ("Il vaut {facts}.", "It holds {facts}."),
        "rights": ("droits", "rights"),
        "no right": (
            "Tous les droits sont éteints au jour de l'examen.",
            "All rights have ended on the day of judgement.",
        ),
        "no right yet": (
            "L'article porte une date de publication postérieure au jour de l'examen : aucun droit n'est"
            " calculé.",
            "The article's date of publication is after the day of judgement: no right is reckoned.",
        ),
        "no right undated": (
            "La date de publication n'est pas connue : aucun droit ne peut être calculé.",
            "The date of publication is not known: no right can be reckoned.",
        ),
        "reservation": ("opposition", "reservation"),
        "unknown": ("inconnue", "not known"),
        "no date": ("date inconnue", "not known"),
        "no address": (
            "inconnue (le jeu de données écrit « {said} »)",
            "not known (the dataset writes “{said}”)",
        ),
        "moment": ("{day} à {clock} (temps universel)", "{day}, {clock} UTC"),
        "no hour": (
            "{day} (sans heure, ou à 0 h 00, temps universel)",
            "{day} (no hour is given, or 00:00 UTC)",
        ),
        "measures": (
            "{copied} mots de l'article, qui en compte {words}, se trouvent sur la page ({share}). La plus"
            " longue suite sans interruption en compte {run}.",
            "{copied} of the article's {words} words stand on the page ({share}). The longest run without"
            " a break has {run}.",
        ),
        "measures excerpt": (
            "L'éditeur n'a remis qu'un extrait de l'article, de {words} mots : {copied} d'entre eux se"
            " trouvent sur la page ({share}). La plus longue suite sans interruption en compte {run}.",
            "The publisher supplied only an excerpt of the article, of {words} words: {copied} of them are"
            " on the page ({share}). The longest run without a break has {run}.",
        ),
        "share": ("{percent} %", "{percent}%"),
        "least share": ("moins de 1 %", "less than 1%"),
        "explained": (
            "Mots qui peuvent venir d'une autre source : {explained} sur {copied}.",
            "Words that may come from another source: {explained} of {copied}.",
        ),
        "none explained": (
            "Ni les autres pages analysées ni les textes de référence n'offrent une autre source pour ces"
            " mots.",
            "Neither the other pages that were scanned nor the texts of reference offer another source for"
            " these words.",
        ),
        "first capture": (
            "La plus ancienne des pages connues et datées qui ont un passage de l'article a été enregistrée"
            " le {moment} : c'est le dossier n° {row}.",
            "The oldest known page with a date that has a passage of the article was recorded on {moment}: it"
            " is case {row}.",
        ),
        "first capture here": (
            "Parmi les pages connues et datées, aucune de plus ancienne n'a de passage de l'article.",
            "Among the known pages with a date, none that is older has a passage of the article.",
        ),
        "witnesses": (
            "Autres sites, sans lien connu avec celui-ci, qui ont une partie de ces mots : {count}.",
            "Other sites, not known to be related to this one, that have some of these words: {count}.",
        ),
        "compared": (
            "Les mots sont comparés un à un ; majuscules, accents et ponctuation ne comptent pas.",
            "Words are compared one by one; capitals, accents and punctuation do not count.",
        ),
        "no words": (
            "Aucun passage d'un article n'a été relevé sur la page.",
            "No passage of an article was found on the page.",
        ),
        "no article": (
            "Le texte de l'article n'est pas à disposition : donnez --corpus avec le corpus de l'analyse.",
            "The article's text is not at hand: give --corpus with the corpus of the scan.",
        ),
        "no page": (
            "Le texte de la page n'a pu être relu maintenant ({why}).",
            "The page's text could not be read again now ({why}).",
        ),
        "not here": ("(pas à disposition)", "(not at hand)"),
        "passage": (
            "Un passage où {words} mots sont les mêmes :",
            "A passage with {words} same words:",
        ),
        "in article": ("dans l'article", "in the article"),
        "in page": ("sur la page", "on the page"),
        "more passages": (
            "Autres passages plus courts : {count}.",
            "Shorter passages besides: {count}.",
        ),
        "signs": (
            "Le signe + parle pour la réclamation, le signe - contre elle. Entre crochets se trouve le nom de"
            " la raison dans les tables.",
            "The sign + speaks for the claim, the sign - against it. In brackets stands the name of the"
            " reason in the tables.",
        ),
        "copied": (
            "« Mots copiés » désigne les mots qui sont dans l'article et sur la page, quel que soit celui"
            " des deux qui les a pris à l'autre.",
            "“Copied words” means the words that are in the article and on the page, whichever of the two"
            " took them from the other.",
        ),
        "known": (
            "« Texte connu » désigne les articles que les membres ont fournis, l'échantillon du web et les"
            " textes de référence donnés à l'analyse.",
            "“Known text” means the articles that the members supplied, the sample of the web, and the texts"
            " of reference that the scan was given.",
        ),
        "member": (
            "« Membre » désigne un éditeur de presse pour lequel l'analyse a été faite.",
            "“Member” means a press publisher that the scan was made for.",
        ),
        "thresholds": (
            "Cette analyse a été faite avec d'autres seuils que ceux que ces phrases nomment : {rules}.",
            "This scan was made with other thresholds than those that these sentences name: {rules}.",
        ),
        "no reasons": (
            "Cette analyse est ancienne : elle n'a pas noté ses raisons. Une nouvelle analyse les donne.",
            "This scan is old: it did not note its reasons. A new scan gives them.",
        ),
        "nothing lowers": ("Rien n'abaisse cette lettre.", "Nothing lowers this letter."),
        "would be a": (
            "La lettre serait A si la page nommait comme source l'éditeur, un de ses titres ou l'adresse de"
            " l'article.",
            "The letter would be A if the page named as its source the publisher, one of its titles or the"
            " article's address.",
        ),
        "falls": (
            "La lettre tomberait si la page avait un accord ou une date antérieure à celle de l'article, ou"
            " si ces mots avaient une source commune.",
            "The letter would fall if the page had leave or a date before the article's, or if these words"
            " had a common source.",
        ),
        "falls own": (
            "La lettre tomberait si la page avait une date antérieure à celle de l'article, ou si ces mots"
            " avaient une source commune.",
            "The letter would fall if the page had a date before the article's, or if these words had a"
            " common source.",
        ),
        "falls itself": (
            "La lettre tomberait si la page avait une date antérieure à celle de l'article, ou si son"
            " enregistrement était endommagé.",
            "The letter would fall if the page had a date before the article's, or if its record were"
            " damaged.",
        ),
        "each holds": (
            "Chaque point marqué - retient la lettre à lui seul. Pour une meilleure lettre, il faudrait au"
            " moins tout ceci :",
            "Each point with the sign - holds the letter down by itself. A better letter would take all of"
            " this, at least:",
        ),
        "lower then": (
            "L'analyse d'alors donnait une lettre plus basse, qui est gardée. Une nouvelle analyse peut la"
            " changer.",
            "The scan gave a lower letter then, and it is kept. A new scan may change it.",
        ),
        "for a person": (
            "Ces éléments aident la personne qui examine le dossier. La lettre elle-même ne change que si"
            " l'analyse ou l'examen est refait.",
            "These help the person who examines the case. The letter itself changes only if the scan or"
            " the judgement is made anew.",
        ),
        "fetch it": (
            "Ces commandes copient l'enregistrement de la page, tel que le jeu de données le contient, dans"
            " un fichier nommé record. Elles se tapent dans un terminal (Linux ou macOS).",
            "These commands copy the record of the page, as the dataset holds it, to a file named record."
            " They are typed into a terminal (Linux or macOS).",
        ),
        "run it": (
            "Enregistrez ce programme sous le nom verifier.py et tapez « python3 verifier.py ». Il lit le"
            " fichier, et affiche d'abord ce que l'enregistrement dit de lui-même, comme son adresse et sa"
            " date, s'il le dit. « digest: True » signifie que c'est l'enregistrement de ce dossier.",
            "Save this program as check.py, and type “python3 check.py”. It reads the file, and shows first"
            " what the record says of itself, such as its address and date, if it says so. “digest: True”"
            " means that it is the record of this case.",
        ),
        "words there": (
            "« words: True » signifie que les mots cités s'y suivent.",
            "“words: True” means that the words quoted follow each other there.",
        ),
        "needs": (
            "Il faut pour cela : {what}.",
            "This needs: {what}.",
        ),
        "zstandard": (
            "la commande zstdcat, du logiciel zstd",
            "the command zstdcat, of the program zstd",
        ),
        "pyarrow": (
            "la bibliothèque pyarrow (« pip install pyarrow »)",
            "the library pyarrow (“pip install pyarrow”)",
        ),
    }
)
