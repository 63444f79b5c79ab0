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
            "Résultat : le jeu de données {dataset} contient une page de l'éditeur, avec des mots de"
            " l'article.",
            "Finding: the dataset {dataset} holds a page of the publisher's own, with words of the article.",
        ),
        "other page": (
            "Résultat : le jeu de données {dataset} contient une page d'un tiers, avec des mots de"
            " l'article.",
            "Finding: the dataset {dataset} holds a page of somebody else's, with words of the article.",
        ),
        "unknown page": (
            "Résultat : le jeu de données {dataset} contient un texte d'adresse inconnue, avec des mots de"
            " l'article.",
            "Finding: the dataset {dataset} holds a text of unknown address, with words of the article.",
        ),
        "address": (
            "Résultat : le jeu de données {dataset} contient une page à une adresse de l'éditeur.",
            "Finding: the dataset {dataset} holds a page at an address of the publisher's.",
        ),
    }
)
"""What a row says, whatever its letter."""

MANDATES: Phrases = MappingProxyType(
    {
        "in_force": (
            "Il couvre le jour de publication et le jour de l'examen.",
            "It covers the day of publication and the day of judgement.",
        ),
        "before": (
            "Il ne couvre pas l'article : la publication ou l'examen précède son premier jour.",
            "It does not cover the article: publication or judgement is before its first day.",
        ),
        "after": (
            "Il ne couvre pas l'article : la publication ou l'examen suit son dernier jour.",
            "It does not cover the article: publication or judgement is after its last day.",
        ),
        "none": (
            "Aucun mandat connu ne couvre l'article.",
            "No mandate that is known covers the article.",
        ),
    }
)

RIGHTS: Phrases = MappingProxyType(
    {
        "author": (
            "Droit d'auteur (CPI, art. L. 111-1 et s. ; durée : art. L. 123-1 et s.).",
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
            "Les déclarations du site du titre se contredisent avant et après l'enregistrement.",
            "The declarations of the title's site contradict each other before and after the record.",
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
            "Dossier de la ligne {row}, relevée par l'analyse {run}.",
            "Case of row {row}, found by the scan {run}.",
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
        "as of": ("Examen à la date du {day}.", "Judged as of {day}."),
        "the page": ("la page", "the page"),
        "the article": ("l'article", "the article"),
        "the words": ("les mots copiés", "the copied words"),
        "why": ("pourquoi la lettre {letter}", "why the letter {letter}"),
        "what would change it": ("ce qui changerait la lettre", "what would change the letter"),
        "how to check": ("comment vérifier soi-même", "how to check it yourself"),
        "address": ("adresse", "address"),
        "recorded": ("enregistrée le", "recorded on"),
        "dataset": ("jeu de données", "dataset"),
        "of format": ("au format {format}", "of format {format}"),
        "file": ("fichier", "file"),
        "site": ("site", "site"),
        "own site": ("un site du même éditeur", "a site of the same publisher"),
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
        "based on": ("d'après", "based on"),
        "own address": ("adresse propre", "own address"),
        "kind": ("nature", "kind"),
        "kind own_page": ("page de l'éditeur lui-même", "the publisher's own page"),
        "kind copy": ("copie", "copy"),
        "kind reprint": ("reprise par un autre membre", "reprint by another member"),
        "kind licensed": ("reprise sous licence", "licensed"),
        "licence": ("licence", "licence"),
        "article": ("article", "article"),
        "none of it": (
            "aucun : ce résultat porte sur l'adresse de la page seule",
            "none: this finding is about the page's address alone",
        ),
        "title": ("titre de presse", "title"),
        "headline": ("intitulé", "headline"),
        "published": ("publié le", "published on"),
        "owner": ("éditeur", "publisher"),
        "mandate": ("mandat", "mandate"),
        "undated": (
            "On ne peut dire s'il couvre l'article : la date de publication n'est pas connue.",
            "Nobody can say whether it covers the article: the date of publication is not known.",
        ),
        "no mandate": (
            "Il n'est pas à disposition : donnez --corpus avec le corpus de l'analyse.",
            "It is not at hand: give --corpus with the corpus of the scan.",
        ),
        "from": ("à partir du {day}", "from {day}"),
        "to": ("jusqu'au {day}", "until {day}"),
        "document": ("document {path}, SHA-256 {sha256}…", "document {path}, SHA-256 {sha256}…"),
        "mandate facts": ("Il vaut {facts}.", "It holds {facts}."),
        "rights": ("droits", "rights"),
        "no right": (
            "Aucun droit ne peut être calculé, ou tous sont éteints.",
            "No right can be reckoned, or all have ended.",
        ),
        "reservation": ("opposition", "reservation"),
        "unknown": ("inconnue", "not known"),
        "no date": ("date inconnue", "not known"),
        "no address": (
            "inconnue (le jeu de données écrit « {said} »)",
            "not known (the dataset writes “{said}”)",
        ),
        "moment": ("{day} à {clock} (temps universel)", "{day}, {clock} UTC"),
        "measures": (
            "{copied} mots de l'article, qui en compte {words}, se trouvent sur la page ({share}). La plus"
            " longue suite sans interruption en compte {run}.",
            "{copied} of the article's {words} words stand on the page ({share}). The longest run without"
            " a break has {run}.",
        ),
        "share": ("{percent} %", "{percent}%"),
        "least share": ("moins de 1 %", "less than 1%"),
        "beyond": (
            "Mots copiés qu'aucune autre page et aucun texte de référence n'expliquent : {words}.",
            "Copied words that no other page and no text of reference explains: {words}.",
        ),
        "first capture": (
            "Des mots de l'article ont été relevés pour la première fois sur une page enregistrée le"
            " {moment} (ligne {row}).",
            "Words of the article were first found on a page recorded on {moment} (row {row}).",
        ),
        "first capture here": (
            "Aucune page connue, enregistrée plus tôt que celle-ci, n'a de mots de l'article.",
            "No known page that was recorded earlier than this one has words of the article.",
        ),
        "witnesses": (
            "Autres sites, sans lien connu avec celui-ci, qui ont le même passage : {count}.",
            "Other sites, not known to be related to this one, that have the same passage: {count}.",
        ),
        "compared": (
            "Les mots sont comparés un à un ; majuscules, accents et ponctuation ne comptent pas.",
            "Words are compared one by one; capitals, accents and punctuation do not count.",
        ),
        "no words": ("Aucun mot n'a été comparé.", "No words were compared."),
        "no article": (
            "Le texte de l'article n'est pas à disposition : donnez --corpus avec le corpus de l'analyse.",
            "The article's text is not at hand: give --corpus with the corpus of the scan.",
        ),
        "no page": (
            "Le texte de la page n'a pu être relu maintenant ({why}).",
            "The page's text could not be read again now ({why}).",
        ),
        "not here": ("(pas à disposition)", "(not at hand)"),
        "passage": ("Un passage de {words} mots :", "A passage of {words} words:"),
        "in article": ("dans l'article", "in the article"),
        "in page": ("sur la page", "on the page"),
        "more passages": (
            "Autres passages plus courts : {count}.",
            "Shorter passages besides: {count}.",
        ),
        "signs": (
            "Le signe + parle pour la réclamation, le signe - contre elle.",
            "The sign + speaks for the claim, the sign - against it.",
        ),
        "known": (
            "« Texte connu » désigne les articles de tous les membres, l'échantillon du web et les textes de"
            " référence donnés à l'analyse.",
            "“Known text” means the articles of all members, the sample of the web, and the texts of"
            " reference that the scan was given.",
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
        "nothing lowers": (
            "Rien n'abaisse cette lettre. Elle tomberait si la page avait un accord, une source commune ou"
            " une date antérieure à l'article.",
            "Nothing lowers this letter. It would fall if the page had leave, a common source, or a date"
            " before the article's.",
        ),
        "nothing lowers page": (
            "Rien n'abaisse cette lettre. Elle tomberait si la page avait une date antérieure à l'article,"
            " ou si son enregistrement était endommagé.",
            "Nothing lowers this letter. It would fall if the page had a date before the article's, or if"
            " its record were damaged.",
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
            " un fichier nommé record :",
            "These commands copy the record of the page, as the dataset holds it, to a file named record:",
        ),
        "run it": (
            "Ce programme en Python lit le fichier. Sa réponse « digest: True » dit que c'est"
            " l'enregistrement de ce dossier ; « words: True », que les mots cités s'y suivent :",
            "This program in Python reads the file. “digest: True” says that it is the record of this"
            " case; “words: True”, that the words quoted follow each other there:",
        ),
    }
)
