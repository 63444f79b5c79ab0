"""Extracts the plain text of a body, repairs garbled letters, and recognises excerpts.

Members' exports contain HTML, escaped HTML (`&lt;p&gt;`), and UTF-8 read as Windows-1252 (`l'Ã©tÃ©`). Signs
such as in `a < b` are no markup, nor are tags that a text mentions. A body is an excerpt if it ends with an
ellipsis, with a call to subscribe or to read on, or in mid-sentence; but a complete article may end with a
signature, a credit, a related headline, an invitation to a newsletter or a quotation with dots.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html.entities import html5

from presswatch_spark.reading.html.reader import text_of_page

AUTO, TEXT, HTML = "auto", "text", "html"
FORMATS = (AUTO, TEXT, HTML)
"""Ways to read a body: as HTML if it looks like HTML; as plain text; as HTML in any case."""
MOST_ROUNDS = 3
"""Exports escape HTML once or twice (`&amp;lt;p&amp;gt;`)."""


@dataclass(frozen=True, slots=True)
class PlainText:
    """A text without markup. `format`: how it was given, `text` or `html`; `repaired`: it was garbled."""

    text: str
    format: str
    repaired: bool


def plain_text(given: str, declared: str = AUTO) -> PlainText:
    """Return the plain text of a body or headline; `declared` is one of `FORMATS`."""
    text, found = given, TEXT
    if declared == HTML:
        text, found = _extracted(text), HTML
    rounds = 0
    while declared != TEXT and rounds < MOST_ROUNDS and is_markup(text):
        text, found, rounds = _extracted(text), HTML, rounds + 1
    repaired = _repaired(text)
    return PlainText(repaired, found, repaired != text)


_CDATA = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)


def _extracted(markup: str) -> str:
    page = _CDATA.sub(r"\1", markup).encode("utf-8", "replace")
    return text_of_page(page).decode("utf-8", "replace").strip()


_BLOCKS = """
    address article aside blockquote body center dd div dl dt figcaption figure footer form h1 h2 h3 h4 h5 h6
    head header hr html iframe li main nav ol p pre script section style table tbody td th thead tr ul
"""
_INLINE = """
    a abbr acronym b big br cite code del em embed font i img ins mark noscript picture q s small source span
    strike strong sub sup time tt u video audio object
"""
_NAMES = frozenset((_BLOCKS + _INLINE).split())
_WITHOUT_END = frozenset(("br", "embed", "hr", "img", "li", "p", "source"))
_SEPARATORS = frozenset(("br", "hr"))
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)(\s[^<>]*=[^<>]*|\s*/?)>")
_DOCUMENT = re.compile(r"\s*<(?:!doctype\b|!--|\?xml\b|!\[CDATA\[)", re.IGNORECASE)
_REFERENCE = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|([A-Za-z][A-Za-z0-9]{1,31}));")
# Texts with such words may mention tags and references.
_ABOUT_MARKUP = re.compile(r"(?i)\b(?:x?html5?|xml|css|balises?|markup|code source|javascript)\b")
_BLANK_OR_OPENING, _BLANK_OR_CLOSING = " \t\u00a0\u202f«“\"'’‘(`[", " \t\u00a0\u202f»”\"'’)`],.;:…?!"
_SENTENCE_ENDS = '.!?…»”"\n\r>'


def is_markup(text: str) -> bool:
    """Return whether a text is HTML: it uses tags or character references, and does not only mention them."""
    if "<" not in text and "&" not in text:
        return False
    if _DOCUMENT.match(text):
        return True
    # Tags have known names; they are in pairs, have attributes, or are of elements without an end.
    tags = [tag for tag in _TAG.finditer(text) if tag[2].lower() in _NAMES]
    opened = {tag[2].lower() for tag in tags if not tag[1]}
    closed = {tag[2].lower() for tag in tags if tag[1]}
    certain = (opened & closed) | _WITHOUT_END
    tags = [tag for tag in tags if tag[2].lower() in certain or "=" in tag[3]]
    references = [one for one in _REFERENCE.finditer(text) if not one[1] or f"{one[1]};" in html5]
    if not _ABOUT_MARKUP.search(text):
        return bool(tags or references)
    if tags and tags[0].start() == len(text) - len(text.lstrip()) and not _is_mentioned(text, tags[0]):
        return True
    mentioned = sum(_is_mentioned(text, one) for one in (*tags, *references))
    # If most of the text is outside of all tags, these are examples of code.
    is_shown = bool(tags) and tags[-1].end() - tags[0].start() < len(text) / 2
    return len(tags) + len(references) - mentioned > 4 * mentioned and not is_shown


def _is_mentioned(text: str, found: re.Match[str]) -> bool:
    # A mentioned tag or reference has blanks or quotes around it, as a word has.
    before, after = text[found.start() - 1 : found.start()], text[found.end() : found.end() + 1]
    if not before or not after or before not in _BLANK_OR_OPENING or after not in _BLANK_OR_CLOSING:
        return False
    if found.re is _TAG and found[2].lower() in _SEPARATORS:
        preceding = text[max(0, found.start() - 10) : found.start()].rstrip()[-1:]
        return preceding not in _SENTENCE_ENDS
    return True


# --- garbled letters

# A garbled letter is two signs or more; the second sign of `à` is a no-break space, which editors replace.
_MAY_BE_GARBLED = re.compile(r"[^\x00-\x7f]{2}|Ã ")
_REPAIRED_SIGNS = re.compile(
    r"[\x00-\u017f\u02b0-\u036f\u2000-\u2bff\ufb00-\ufb06\ufe00-\ufe0f\U0001f000-\U0001faff]*"
)


def _repaired(text: str) -> str:
    """Return a text with repaired lines where UTF-8 was read in another encoding; other lines are kept."""
    if text.isascii() or not _MAY_BE_GARBLED.search(text):
        return text
    from ftfy import fix_encoding

    lines = text.split("\n")  # Garbled letters contain U+0085, which is a line end for `splitlines`.
    for number, line in enumerate(lines):
        fixed: str = fix_encoding(line) if _MAY_BE_GARBLED.search(line) else line
        # Reject repairs into another script: correct French such as `«écrasé»«jugé»` may look garbled.
        if _REPAIRED_SIGNS.fullmatch("".join(set(fixed) - set(line))):
            lines[number] = fixed
    return "\n".join(lines)


# --- excerpts

CALL_WORDS = 60
"""Last words in which a call to subscribe shows an excerpt; further up, it is the article's topic."""
FRAGMENT_WORDS = 6
"""A shorter sentence without end may be a signature or a credit."""
PROSE_WORDS = 7
"""With so many words in lower case, a sentence is prose even if its last word is a name or a number."""
PARAGRAPH_WORDS = 20
"""A shorter last line of one sentence without end may be a related headline."""
LIST_ITEMS = 3
"""With so many separators, the last line is a list, such as of signatories."""


def _any_of(phrases: str) -> re.Pattern[str]:
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
# Calls that must be the whole sentence: `En savoir plus : www.ville.example` may end a complete article.
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
_ENDLESS = """
    à au aux avec car ce ces cet cette chez comme dans de des dont du elle en et il ils la le les leur
    leurs lors mais ne ni nos notre nous on ou où par pour puis qu qui quand que sa sans se ses si son
    sont sous sur un une vers afin alors après aussi avait avaient avant avoir contre depuis devant dès
    entre est était étaient être ont pendant peut selon sera très va
    a an and are as at because but by for from his if in into is its nor of or our that the their to
    was were which who with
"""
_OPEN_WORDS = frozenset(_ENDLESS.split())
_OPEN_SIGNS = (",", ";", "«", "“", "(", "'")
_WORD = re.compile(r"[^\W_]+(?:['-][^\W_]+)*'?")

# Beginnings of lines below an article; and words of such lines if they follow its last sentence.
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

# Enough characters for the last paragraph, and for the last words: long bodies are not read in full.
_TAIL_CHARACTERS, _CALL_CHARACTERS = 6_000, 600
# Signs of quoted mails and invisible characters after the text.
_AFTER = " \t\r\n>\u200b\u200c\u200d\u2060\ufeff|*_"
_PLAIN = (("’", "'"), ("\u02bc", "'"), ("\u00a0", " "), ("\u202f", " "), ("\u2009", " "))
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
    if not lines:
        return False
    if _ELLIPSIS.search(text[-8:]):
        return True
    words_and_spaces = re.split(r"(\s+)", _plain(text))
    sentences = _CUT.split("".join(words_and_spaces[-2 * CALL_WORDS :]))
    if len(text) > _CALL_CHARACTERS or len(words_and_spaces) > 2 * CALL_WORDS:
        # The first sentence may be cut.
        sentences = sentences[1:]
    for sentence in sentences:
        plain = " ".join(sentence.split()).strip("-–—•→➔►▶·[](){}:;.,!?»«>| ")
        if (_CALLS.match(plain) and not _OTHER_OFFERS.search(plain)) or _LINKS.fullmatch(plain):
            return True
    return _breaks_off(lines)


def _plain(text: str) -> str:
    """Return the last characters of a text with plain apostrophes and blanks; `translate` is slow here."""
    text = text[-_CALL_CHARACTERS:]
    for sign, plain in _PLAIN:
        text = text.replace(sign, plain)
    return text


def _breaks_off(lines: Sequence[str]) -> bool:
    last = _plain(lines[-1])
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
