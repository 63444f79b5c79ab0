"""Recognises bodies that are excerpts: teasers, and texts whose end is missing.

A body is an excerpt if it ends with an ellipsis, with a call to subscribe or to read on, or in mid-sentence.
What often follows the last sentence of a whole article does not count: a signature, a credit of an agency or
a photographer, a related headline, an invitation to a newsletter, a quotation that ends with dots.
"""

import re
from collections.abc import Sequence

CALL_WORDS = 60
"""A call to subscribe is among the last words of an excerpt; in prose before them it is the topic."""
FRAGMENT_WORDS = 6
"""A sentence without end that is shorter may be a signature or a credit."""
PROSE_WORDS = 7
"""Words in lower case that make prose of a sentence whose last word is a name or a number."""
PARAGRAPH_WORDS = 20
"""A last line that is one sentence without end, and shorter, may be a related headline."""
LIST_ITEMS = 3
"""With so many separators, a last line is a list, as of signatories."""


def _any_of(phrases: str) -> re.Pattern[str]:
    """Compile expressions, one per line, in which a space matches any white space."""
    lines = (line.strip().replace(" ", r"\s") for line in phrases.strip().splitlines())
    return re.compile(f"(?:{'|'.join(lines)})", re.IGNORECASE)


# Sentences that call to subscribe, by their beginnings. Apostrophes are `'`.
_CALLS = _any_of(r"""
    (?:cet |l')article(?: (?:complet|intégral|entier))? est (?:\w+ment )?(?:réservé|payant)
    (?:la suite|la fin|le reste|l'intégralité)(?: (?:de (?:cet |l')|du |de ce )\w+)? est (?:\w+ment )?réservé
    ce (?:contenu|texte|dossier|reportage) est (?:(?:exclusivement|uniquement) )?(?:réservé|payant)
    (?:(?:article|contenu|édition|(?:la )?suite) )?(?:\w+ment )?réservée?s? (?:aux|à nos) abonn
    il (?:vous )?reste [\d.,]+ ?% (?:de|à)
    vous (?:avez lu|venez de lire) [\d.,]+ ?%
    (?:pour )?(?:lire|lisez|découvr(?:ir|ez)|consulte[rz]|accéder à|débloque[rz]) (?:la suite|l'intégralité)
    (?:pour )?(?:lisez|retrouve[rz]) (?:la suite|la totalité|l'intégralité)
    (?:pour )?(?:lire|lisez|accéder à) (?:tout )?(?:l'|cet )article (?:complet|intégral|entier|en entier)
    (?:pour )?(?:poursuiv(?:re|ez)|continue[rz]) (?:(?:la|votre) lecture|à lire)
    (?:inscrivez|connectez|identifiez)-vous (?:\w+ment )?pour (?:lire|continuer|poursuivre|accéder)
    (?:s'inscrire|se connecter) pour (?:lire|continuer|poursuivre|accéder|découvrir|profiter)
    (?:abonnez-vous|je m'abonne|s'abonner)\b
    (?:(?:vous êtes )?déjà|(?:vous n'êtes )?pas encore) (?:une? )?(?:abonné|inscrit)
    (?:to )?(?:continue reading|read on\b)
    (?:to )?(?:read|unlock|access) (?:the )?(?:full|rest|whole|complete)\b
    (?:to )?(?:read|unlock|access) (?:this|the) (?:article|story)
    (?:subscribe|sign (?:in|up)|log ?in|register|join) (?:now |today |here )?to (?:read|continue|keep|unlock)
    (?:subscribe|sign (?:in|up)|log ?in|register|join) (?:now |today |here )?(?:to|for) (?:access|full)
    (?:this|the rest of this|the full) (?:article|story) is (?:\w+ly )?(?:for|available|reserved|locked)
    (?:for )?subscribers only
    already an? (?:(?:paying|registered) )?(?:subscriber|member)
    you(?: have|'ve) read \d+ ?%
""")
# Calls that count only if nothing follows: `En savoir plus : www.ville.example` may end a whole article.
_LINKS = _any_of(r"""
    (?:lire|voir) (?:plus|la suite|(?:tout )?l'article)
    (?:la )?suite(?: (?:en|à la|de l'article(?: en)?))?(?: page)?(?: \d+)?
    (?:suite )?(?:en|à la) page \d+
    en (?:savoir|lire) plus
    l'article complet
    (?:read )?(?:more|on)
    full (?:story|article)
    subscribe(?: (?:now|today))?
    (?:déjà )?abonnés?
""")
_OTHER_OFFERS = re.compile(
    r"(?i)\b(?:newsletters?|infolettres?|lettres?|chaîne|channel|vidéos?|videos?|live|direct|émissions?|podcasts?"
    r"|alertes?|alerts?|notifications?|whatsapp|telegram|youtube|twitter|facebook|instagram|comptes?|flux|feed)\b"
)

# Words that no sentence ends with.
_OPEN_WORDS = frozenset(
    word
    for line in (
        "à au aux avec car ce ces cet cette chez comme dans de des dont du elle en et il ils la le les leur",
        "leurs lors mais ne ni nos notre nous on ou où par pour puis qu qui quand que sa sans se ses si son",
        "sont sous sur un une vers afin alors après aussi avait avaient avant avoir contre depuis devant dès",
        "entre est était étaient être ont pendant peut selon sera très va",
        "a an and are as at because but by for from his if in into is its nor of or our that the their to",
        "was were which who with",
    )
    for word in line.split()
)
_OPEN_SIGNS = (",", ";", "«", "“", "(", "'")
_WORD = re.compile(r"[^\W_]+(?:['-][^\W_]+)*'?")

# Beginnings of lines that stand below an article, and words of such lines that follow its last sentence.
_BELOW = _any_of(r"""
    [\W_]*(?:[àa] )?(?:lire|voir|écouter|noter|relire|regarder|suivre)\b
    [\W_]*(?:sur le même|liens?\b|https?:|www\.|photos?\b|vidéos?\b|crédits?\b|copyright)
    [\W_]*(?:source|avec )
    \W*(?:©|\(c\)|\#|@)
    [\W_]*(?:propos recueillis|par |traduit|traduction|texte|infos?\b|renseignements?|contact)
    [\W_]*(?:related|see also|by |reporting|editing|follow)
""")
_RELATED = re.compile(r"(?i)\b(?:regarder sur|(?:lire|voir) (?:aussi|d'autres)|retrouvez)\b")
_ADDRESS = re.compile(r"(?i)(?:www\.|https?:|@|\.(?:fr|be|ch|ca|com|org|net|eu|dz)\b)\S*$")
_ITEM = re.compile(r"[;–•]|, (?=[A-ZÀ-Þ])")

# Enough for the last paragraph, and for the last words: the whole of long bodies need not be looked at.
_TAIL_CHARACTERS, _CALL_CHARACTERS = 6_000, 600
# Signs of quoted mails and invisible characters after the text.
_AFTER = " \t\r\n>\u200b\u200c\u200d\u2060\ufeff|*_"
_PLAIN = str.maketrans({"’": "'", "\u02bc": "'", "\u00a0": " ", "\u202f": " ", "\u2009": " "})
_DOTS = r"(?:…|\.\s?\.\s?\.)"
_ELLIPSIS = re.compile(rf"{_DOTS}\.*$|[(\[]\s*{_DOTS}\s*[)\]]\.?$")
_CLOSING = re.escape("»”\"')]›")
_ENDED = re.compile(rf"(?:[.!?…]|[»”\")\]›])[{_CLOSING}\s]*$")
_SENTENCE_END = re.compile(rf"[.!?…][{_CLOSING}\s]*\s")
_CUT = re.compile(rf"[.!?…]+[{_CLOSING}]*\s+|[\r\n]+|\s[-–—|•>→]\s")


def is_excerpt(body: str) -> bool:
    """Return whether a body, plain text, is a teaser or breaks off before its end."""
    text = body[-_TAIL_CHARACTERS:].rstrip(_AFTER)
    lines = [stripped for line in text.splitlines() if (stripped := line.strip(_AFTER))]
    return bool(lines) and (
        bool(_ELLIPSIS.search(text[-8:])) or _calls_to_read_on(text) or _breaks_off(lines)
    )


def _calls_to_read_on(text: str) -> bool:
    """Return whether a sentence among the last words calls to subscribe or to read the rest."""
    words_and_spaces = re.split(r"(\s+)", text[-_CALL_CHARACTERS:].translate(_PLAIN))
    sentences = _CUT.split("".join(words_and_spaces[-2 * CALL_WORDS :]))
    if len(text) > _CALL_CHARACTERS or len(words_and_spaces) > 2 * CALL_WORDS:
        sentences = sentences[1:]
    for sentence in sentences:
        plain = " ".join(sentence.split()).strip("-–—•→➔►▶·[](){}:;.,!?»«>| ")
        if (_CALLS.match(plain) and not _OTHER_OFFERS.search(plain)) or _LINKS.fullmatch(plain):
            return True
    return False


def _breaks_off(lines: Sequence[str]) -> bool:
    """Return whether the last line is prose that ends in mid-sentence."""
    last = lines[-1][-_CALL_CHARACTERS:].translate(_PLAIN)
    if _ENDED.search(last) or _BELOW.match(last):
        return False
    ends = list(_SENTENCE_END.finditer(last))
    fragment = last[ends[-1].end() :] if ends else last
    words = _WORD.findall(fragment)
    if not words or _RELATED.search(fragment) or _ADDRESS.search(fragment):
        return False
    if len(_ITEM.findall(fragment)) >= LIST_ITEMS:
        return False
    if words[-1].casefold().strip("'") in _OPEN_WORDS or fragment.endswith(_OPEN_SIGNS):
        return len(words) > 1 or bool(ends)
    if fragment.count("«") > fragment.count("»"):
        return True
    in_lower_case = sum(word[0].islower() for word in words)
    if len(words) < FRAGMENT_WORDS or _BELOW.match(fragment):
        return False
    if not words[-1][0].islower() and in_lower_case < PROSE_WORDS:
        return False
    return bool(ends) or len(lines) == 1 or len(words) >= PARAGRAPH_WORDS
