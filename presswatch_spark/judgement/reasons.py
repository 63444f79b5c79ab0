"""Why a row or a claim has its letter: a code for each reason, with a sentence in French and English.

A reason that *gives* a letter says what speaks for the claim. One that *caps* says which letter is the
highest that is left. The sentences are written for a reader who knows neither this project nor programming.
"""

from collections.abc import Mapping
from dataclasses import dataclass

LANGUAGES = ("fr", "en")


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason.

    `gives`: the letter that it gives, `caps`: the highest letter that it leaves; None for neither. `fr` and
    `en`: what it says, a sentence each. `mend_fr` and `mend_en`: what would change it, a sentence each; None
    for reasons that speak for a claim, and for those that nothing can change.
    """

    code: str
    gives: str | None
    caps: str | None
    fr: str
    en: str
    mend_fr: str | None = None
    mend_en: str | None = None

    def sentence(self, language: str) -> str:
        """Return what the reason says, in `fr` or `en`."""
        return self.fr if language == "fr" else self.en

    def mend(self, language: str) -> str | None:
        """Return what would change the reason, in `fr` or `en`; None if nothing would."""
        return self.mend_fr if language == "fr" else self.mend_en


def _gives(code: str, letter: str, fr: str, en: str) -> Reason:
    return Reason(code, letter, None, fr, en)


def _caps(code: str, fr: str, en: str, mend_fr: str | None = None, mend_en: str | None = None) -> Reason:
    return Reason(code, None, "C", fr, en, mend_fr, mend_en)


_OF_ROWS = (
    _gives(
        "own_url", "A",
        "La page se trouve à l'adresse même de l'article, et au moins 40 mots de l'article s'y suivent sans"
        " interruption. Le résultat porte sur la présence de cette page, quel que soit l'auteur du texte.",
        "The page stands at the article's own address, and at least 40 words of the article follow each"
        " other there without a break. The finding is that this page is there, whoever wrote its text.",
    ),
    _gives(
        "sole_full_copy", "A",
        "La page contient au moins neuf dixièmes des mots du texte fourni de l'article. Elle est de"
        " l'éditeur, ou nomme comme source l'éditeur, un de ses titres ou l'adresse de l'article. Parmi les"
        " articles fournis, ceux d'autres éditeurs ont moins d'un cinquième de ces mots, par suites de 11"
        " mots ou plus.",
        "The page has at least nine tenths of the words of the article's supplied text. It is the"
        " publisher's own, or names as its source the publisher, one of its titles or the article's address."
        " Among the supplied articles, other publishers' have less than a fifth of these words, in runs of"
        " 11 words or more.",
    ),
    _gives(
        "full_copy", "B",
        "La page contient au moins neuf dixièmes des mots du texte fourni de l'article. Parmi les articles"
        " fournis, ceux d'autres éditeurs ont moins d'un cinquième de ces mots, par suites de 11 mots ou"
        " plus. Les textes que d'autres médias ont publiés ne sont pas tous connus.",
        "The page has at least nine tenths of the words of the article's supplied text. Among the supplied"
        " articles, other publishers' have less than a fifth of these words, in runs of 11 words or more."
        " Not all texts that other media have published are known.",
    ),
    _gives(
        "strong_copy", "B",
        "La page contient une part importante de l'article, 40 mots au moins. Une suite de ces mots en"
        " compte 17 au moins. Parmi les articles fournis, aucun article sans lien d'un autre éditeur ne la"
        " contient du premier mot au dernier.",
        "The page holds a large part of the article, at least 40 words. A run of these words has at least 17."
        " Among the supplied articles, no unrelated article of another publisher has it from its first word"
        " to its last.",
    ),
    _gives(
        "rare_passage", "B",
        "La page contient un long passage de l'article : au moins 50 mots à la suite. Parmi les articles"
        " fournis, aucun article sans lien d'un autre éditeur ne le contient du premier mot au dernier.",
        "The page has a long passage of the article: at least 50 words in a row. Among the supplied"
        " articles, no unrelated article of another publisher has it from its first word to its last.",
    ),
    _caps(
        "url_only",
        "La page se trouve à une adresse du titre, mais aucun texte d'article n'y a été relevé.",
        "The page stands at an address of the title, but no text of an article was found on it.",
        "Un enregistrement de la page qui contient le texte d'un article.",
        "A record of the page that holds the text of an article.",
    ),
    _caps(
        "record_damaged",
        "L'enregistrement dont le texte est tiré est endommagé : ce texte pourrait venir d'une autre page.",
        "The record that the text was read from is damaged: the text may come from another page.",
        "Une copie intacte du même enregistrement.",
        "A sound copy of the same record.",
    ),
    _caps(
        "url_unknown",
        "L'adresse de la page n'est pas connue : on ne peut dire à qui appartient la page.",
        "The address of the page is not known: nobody can say whose page it is.",
        "L'adresse de la page, par exemple dans l'enregistrement de Common Crawl dont le jeu de données est"
        " tiré.",
        "The address of the page, as in the record of Common Crawl that the dataset was made from.",
    ),
    _caps(
        "own_page_copy",
        "La page est la copie d'une page de l'éditeur, faite par un service d'archives, de cache ou de"
        " traduction : elle montre la page de l'éditeur, et non une reprise par un tiers.",
        "The page is a copy of a page of the publisher's own, made by an archive, a cache or a translator: it"
        " shows the publisher's page, and not a copy that somebody else published.",
        "Un enregistrement de la page de l'éditeur elle-même.",
        "A record of the publisher's page itself.",
    ),
    _caps(
        "copy_of_unknown_page",
        "La page est une copie faite par un service d'archives, de cache ou de traduction, et son adresse ne"
        " nomme pas la page d'origine : celle-ci peut être celle de l'éditeur.",
        "The page is a copy made by an archive, a cache or a translator, and its address does not name the"
        " original page: that may be the publisher's own.",
        "L'adresse de la page d'origine.",
        "The address of the original page.",
    ),
    _caps(
        "on_member_site",
        "La page se trouve sur le site d'un autre membre, qui peut avoir repris le texte avec l'accord du"
        " titre.",
        "The page is on another member's site, which may have reprinted the text by agreement.",
        "La déclaration, par l'autre membre, qu'il a repris le texte sans accord.",
        "A statement of the other member that it reprinted the text without an agreement.",
    ),
    _caps(
        "address_elsewhere",
        "L'éditeur a donné l'adresse de cette page pour celle de l'article, mais elle n'est sur aucun de ses"
        " sites. On ne peut dire si la page est la sienne.",
        "The publisher gave this page's address as the article's, but the address is on none of its sites."
        " Whether the page is its own is unknown.",
        "L'adresse de l'article sur le site du titre, ou ce site parmi ceux que l'éditeur a déclarés.",
        "The article's address on the title's site, or this site among those that the publisher declared.",
    ),
    _caps(
        "capture_date_unknown",
        "Le jour où la page a été enregistrée n'est pas connu. On ne peut donc dire lequel des deux, de la"
        " page ou de l'article, est le plus ancien.",
        "The day on which the page was recorded is not known: nobody can say whether page or article came"
        " first.",
        "La date de l'enregistrement.",
        "The date of the record.",
    ),
    _caps(
        "publication_date_unknown",
        "La date de publication de l'article n'est pas connue. On ne peut donc dire lequel des deux, de la"
        " page ou de l'article, est le plus ancien.",
        "The article's date of publication is not known: nobody can say whether page or article came first.",
        "La date de publication de l'article, donnée par l'éditeur, et un nouveau corpus.",
        "The article's date of publication, given by the publisher, and a corpus built anew.",
    ),
    _caps(
        "captured_before_publication",
        "La page a été enregistrée avant la date de publication de l'article : si cette date est exacte, elle"
        " ne peut en être la copie.",
        "The page was recorded before the article's date of publication: if that date is right, it cannot be"
        " a copy of it.",
        "La preuve que l'article a été publié plus tôt que la date indiquée.",
        "Proof that the article was published earlier than the date that is given.",
    ),
    _caps(
        "captured_within_a_day",
        "La page a été enregistrée avant que le jour de publication de l'article soit fini partout. Un jour"
        " sans heure finit le lendemain à 12 h 00, temps universel, sauf si le fuseau horaire du titre est"
        " connu. Une heure laisse un jour de doute, avant et après : on ne peut dire lequel des deux est le"
        " plus ancien.",
        "The page was recorded before the article's day of publication had ended everywhere. A day without a"
        " time ends at 12:00 UTC of the next day, unless the title's time zone is known. A time leaves a day"
        " of doubt, before and after: nobody can say which came first.",
        "Un enregistrement plus tardif de la page, ou le fuseau horaire du titre dans le fichier des membres"
        " et une nouvelle analyse.",
        "A later record of the page, or the title's time zone in the members' file and a new scan.",
    ),
    _caps(
        "page_dated_earlier",
        "La page se donne elle-même une date de publication antérieure à celle de l'article.",
        "The page gives itself a date of publication that is before the article's.",
        "La preuve que la date que la page se donne est fausse, ou que l'article a été publié plus tôt.",
        "Proof that the date which the page gives itself is wrong, or that the article is older.",
    ),
    _caps(
        "page_of_other_publisher",
        "La page nomme elle-même un autre éditeur que celui de l'article : il peut avoir le texte d'une autre"
        " source, ou avec l'accord du titre.",
        "The page names a publisher other than the article's: that one may have the text from another source,"
        " or by agreement.",
        "La preuve que cet éditeur a pris le texte au titre, sans accord.",
        "Proof that this publisher took the text from the title, without an agreement.",
    ),
    _caps(
        "credits_other",
        "La page attribue le texte à une autre source (une agence, un autre journal).",
        "The page credits the text to another source (an agency, another newspaper).",
        "La preuve que la page se trompe de source : celle qu'elle nomme n'a pas publié ce texte.",
        "Proof that the page credits the wrong source: the one that it names did not publish this text.",
    ),
    _caps(
        "agency_text",
        "L'article, ou un texte presque identique, nomme une agence, ou plusieurs éditeurs ont publié ces"
        " mots : la page peut les tenir d'une autre source, avec son accord.",
        "The article, or a nearly identical text, names an agency, or several publishers have printed these"
        " words: the page may have them from another source, by agreement.",
        "Un passage copié qui est de la seule rédaction du titre.",
        "A copied passage that was written by the title's own staff alone.",
    ),
    _caps(
        "shared_text",
        "Parmi les articles fournis par les membres, ceux d'autres éditeurs, ou de très nombreux articles,"
        " ont la moitié au moins des mots copiés : la page peut les tenir de là.",
        "Among the articles that members supplied, those of other publishers, or very many articles, have at"
        " least half of the copied words: the page may have them from there.",
        "Un passage copié que l'autre membre n'a pas publié.",
        "A copied passage that the other member has not printed.",
    ),
    _caps(
        "outside_main_content",
        "Le passage se trouve hors du texte principal de la page : par exemple dans un commentaire de"
        " lecteur, un renvoi vers un autre article ou un menu.",
        "The passage stands outside of the page's main text: for example in a reader's comment, a teaser or"
        " a menu.",
        "Une personne qui vérifie, sur la page, que le passage appartient au texte principal.",
        "A person who sees on the page that the passage belongs to the main text.",
    ),
    _caps(
        "in_pieces",
        "Les mots copiés sont en morceaux, avec d'autres mots à la place de ceux de l'article : deux"
        " rédactions qui reprennent la même dépêche donnent de tels textes.",
        "The copied words are in pieces, with other words in the place of the article's: two papers that"
        " edit the same wire make such texts.",
        "Un passage copié d'un seul tenant, ou une page qui nomme le titre comme source.",
        "A copied passage in one piece, or a page that names the title as its source.",
    ),
    _caps(
        "not_rare",
        "Les mots copiés à la suite sont trop courants ou trop peu nombreux : ils peuvent se trouver"
        " ailleurs.",
        "The words copied in a row are too common or too few: they may stand elsewhere.",
        "Un passage copié plus long.",
        "A longer copied passage.",
    ),
    _caps(
        "not_large",
        "Peu de mots sont copiés : ce peut être une courte citation.",
        "Few words are copied: it may be a short quotation.",
        "Un passage copié plus long.",
        "A longer copied passage.",
    ),
    Reason(
        "article_excerpt", None, "B",
        "Le texte remis par l'éditeur n'est qu'un extrait de l'article, ou s'interrompt avant sa fin. La"
        " comparaison porte sur cet extrait : elle n'établit pas que la page contient l'article entier.",
        "The text that the publisher supplied is only an excerpt of the article, or breaks off before its"
        " end. The comparison is with this excerpt: it does not show that the page has the entire article.",
        "Le texte complet de l'article, remis par l'éditeur, et un nouveau corpus.",
        "The complete text of the article, supplied by the publisher, and a new corpus.",
    ),
    Reason(
        "published_again", None, None,
        "Le titre a publié une partie au moins de ces mots dans un autre article aussi : la page donne une"
        " seule réclamation, pour cet article-ci.",
        "The title has published at least a part of these words in another article too: the page gives one"
        " claim, for this article.",
    ),
    Reason(
        "common_words", None, "D",
        "Les mots copiés ne prouvent rien : c'est une formule, des mots courants, ou un passage que d'autres"
        " textes connus contiennent.",
        "The copied words prove nothing: they are a formula, common words, or a passage that other known"
        " texts contain.",
        "Un passage copié plus long, que d'autres textes ne contiennent pas.",
        "A longer copied passage, which other texts do not contain.",
    ),
    Reason(
        "page_furniture", None, "D",
        "Les mots copiés sont une légende, une liste d'informations pratiques ou un renvoi vers un autre"
        " article : une page peut avoir de telles lignes sans l'article.",
        "The copied words are a caption, a list of practical facts or a link to another article: a page may"
        " have such lines without the article.",
        "Un passage copié du texte même de l'article.",
        "A copied passage of the article's own text.",
    ),
    Reason(
        "repeats_article", None, "D",
        "Le titre a publié neuf dixièmes au moins de ces mots dans un autre article : la réclamation est"
        " celle de cet autre article. Il est à l'adresse de la page, ou sa date n'est pas postérieure.",
        "The title has published at least nine tenths of these words in another article: the claim is that"
        " other article's. That article is at the page's address, or its date is not later.",
        "Un passage copié que l'autre article n'a pas.",
        "A copied passage that the other article does not have.",
    ),
)  # fmt: skip

_OF_CLAIMS = (
    Reason(
        "goes_beyond", None, None,
        "Une partie des mots copiés peut venir d'ailleurs. La lettre est donnée par le reste : des mots"
        " copiés qui n'ont pas d'autre source connue.",
        "Some of the copied words may come from elsewhere. The letter is given by the rest: copied words"
        " that have no other known source.",
    ),
    _caps(
        "prior_capture",
        "Des mots copiés se trouvaient déjà sur une page enregistrée avant la publication de l'article, ou"
        " le lendemain au plus tard.",
        "Copied words already stood on a page that was recorded before the article was published, or on the"
        " day after at the latest.",
        "La preuve que l'article a été publié plus d'un jour avant l'enregistrement de la page la plus"
        " ancienne.",
        "Proof that the article was published more than a day before the oldest page was recorded.",
    ),
    _caps(
        "credited_elsewhere",
        "Une autre page, ou un autre enregistrement de celle-ci, attribue des mots copiés à une autre"
        " source.",
        "Another page, or another record of this one, credits copied words to another source.",
        "La preuve que l'autre page se trompe de source.",
        "Proof that the other page credits the wrong source.",
    ),
    _caps(
        "printed_by_press",
        "Un autre média, une agence, un site officiel ou un autre membre a publié des mots copiés : ils"
        " peuvent venir d'une source commune.",
        "Another news medium, an agency, an official site or another member has printed copied words: they"
        " may come from a common source.",
        "La preuve que l'autre site a pris ces mots dans l'article.",
        "Proof that the other site took these words from the article.",
    ),
    _caps(
        "common_source",
        "D'autres sites, sans lien connu avec celui-ci, ont le même passage sans le reste de l'article. Ils"
        " peuvent le tenir d'une source commune, comme un communiqué.",
        "Other sites, not known to be related to this one, have the same passage without the rest of the"
        " article. They may have it from a common source, such as a press release.",
        "Un passage copié que les autres sites n'ont pas.",
        "A copied passage that the other sites do not have.",
    ),
    _caps(
        "known_text",
        "Des mots copiés se trouvent dans un texte de référence qui n'est pas du titre : une loi, un"
        " discours, un livre ancien, une dépêche.",
        "Copied words stand in a text of reference that is not the title's: a law, a speech, an old book,"
        " a wire.",
        "Un passage copié qui n'est pas dans le texte de référence.",
        "A copied passage that is not in the text of reference.",
    ),
    _caps(
        "press_page",
        "La page est celle d'un autre média, d'une agence, d'un site officiel ou d'une bibliothèque. Ceux-ci"
        " peuvent tenir ces mots d'une autre source : une dépêche, un document public.",
        "The page is of another news medium, an agency, an official site or a library. These may have such"
        " words from another source: a wire, a public document.",
        "La preuve que ce média a pris le texte au titre, et non à une agence ou à la même source.",
        "Proof that this medium took the text from the title, and not from an agency or the same source.",
    ),
    _caps(
        "licensed",
        "Une licence déclarée couvrait ce titre sur ce site le jour de l'enregistrement.",
        "A declared licence covered this title on this site on the day of the record.",
        "La preuve que la licence ne valait pas le jour de l'enregistrement.",
        "Proof that the licence did not hold on the day of the record.",
    ),
    _caps(
        "credits_unread",
        "Les mentions de source de la page n'ont pas été lues : l'analyse est ancienne.",
        "The page's credits were not read: the scan is old.",
        "Une nouvelle analyse du même fichier.",
        "A new scan of the same file.",
    ),
    _caps(
        "rarity_unread",
        "Cette analyse est ancienne : on n'y a pas mesuré si les mots copiés se trouvent aussi dans d'autres"
        " textes.",
        "This scan is old: it did not measure whether the copied words stand in other texts too.",
        "Une nouvelle analyse du même fichier.",
        "A new scan of the same file.",
    ),
    _caps(
        "article_unknown",
        "L'article n'est pas dans le corpus donné, ou son texte y est un autre : rien ne peut être vérifié"
        " mot à mot.",
        "The article is not in the corpus that was given, or has another text there: nothing can be checked"
        " word by word.",
        "Le corpus avec lequel l'analyse a été faite.",
        "The corpus that the scan was made with.",
    ),
    _caps(
        "review_unsure",
        "Une personne a examiné la page et n'a pu conclure.",
        "A person examined the page and could not decide.",
        "Un nouvel examen.",
        "A new review.",
    ),
    Reason(
        "review_no_claim", None, "D",
        "Une personne a examiné la page et conclu qu'il n'y a rien à réclamer.",
        "A person examined the page and decided that there is no claim.",
        "Un nouvel examen.",
        "A new review.",
    ),
)  # fmt: skip

REASONS: Mapping[str, Reason] = {each.code: each for each in (*_OF_ROWS, *_OF_CLAIMS)}
"""Every reason by its code: those of rows first, then those of claims, in the order they are asked."""
