"""A page for each claim: its account, and article and document next to each other with copied words marked.

It is in French and English at once: the two buttons at its top choose. Nobody knows who will read a bag when
it is sealed, and the texts stand in it once. All text is hostile. It is escaped, and the page's policy lets
it load and run nothing, so that a browser shows it as text whatever it says.
"""

import base64
import hashlib
import html
from collections.abc import Sequence
from dataclasses import dataclass

from presswatch_spark.claims.case import Case
from presswatch_spark.claims.exposed import exposures_of, product_of_row
from presswatch_spark.claims.exposures import Exposure
from presswatch_spark.claims.marks import escaped, ranges_of
from presswatch_spark.claims.side_by_side import (
    STYLE,
    account_html,
    commands_html,
    exposure_html,
    text_html,
)
from presswatch_spark.claims.speaker import Speaker
from presswatch_spark.claims.told import told
from presswatch_spark.claims.told_phrases import FAILURES, TOLD

FOLDER = "data/pages"
LANGUAGES = {"fr": "Français", "en": "English"}
_OWN_STYLE = """\
:root { color-scheme: light dark; }
body { margin: 0; background: #fbfaf7; }
.claim { max-width: 84rem; margin: 0 auto; padding: 1.25rem 1.5rem 3rem; background: var(--ground); }
.choose { position: absolute; opacity: 0; }
label { display: inline-block; padding: .2rem .7rem; margin: 0 .4rem 1.25rem 0; border: 1px solid var(--line);
  border-radius: 1rem; color: var(--soft); font-size: .9rem; cursor: pointer; }
#fr:checked ~ .en, #en:checked ~ .fr { display: none; }
#fr:checked + label, #en:checked + label { color: var(--ink); border-color: var(--ink); }
.choose:focus-visible + label { outline: 3px solid #0b4fa8; outline-offset: 2px; }
#fr:checked ~ .pair .en, #en:checked ~ .pair .fr { display: none; }
@media (prefers-color-scheme: dark) { body { background: #17181b; } }
@media (max-width: 52rem) { .claim { padding: 1rem; } }
@media print { body { background: #fff; } label { display: none; } .claim { max-width: none; padding: 0; } }
"""
_WHOLE_STYLE = STYLE + _OWN_STYLE
_STYLE_DIGEST = base64.b64encode(hashlib.sha256(_WHOLE_STYLE.encode()).digest()).decode()
_POLICY = f"default-src 'none'; style-src 'sha256-{_STYLE_DIGEST}'; base-uri 'none'; form-action 'none'"


@dataclass(frozen=True, slots=True)
class Shown:
    """A claim as the bag shows it.

    `case`: with the texts that may be shown. `exposures`: those that the bag is made with.
    """

    case: Case
    exposures: Sequence[Exposure]

    def why_not(self, say: Speaker) -> str:
        """Return what is wrong with its record; nothing if it is as its row says."""
        failure = self.case.page_missing
        return say.of(FAILURES, failure.reason) if failure else ""

    def missing(self, side: str, say: Speaker) -> str:
        """Return why a text is not shown, `article` or `document`."""
        if side == "document":
            return say.of(TOLD, "no text of page", why=self.why_not(say))
        is_address = self.case.row["article_id"] is None
        return say.of(TOLD, "no article by address" if is_address else "no text of article")


def page_of(shown: Shown) -> str:
    """Return the page of a claim as HTML."""
    languages = "".join(
        f'<input type="radio" class="choose" name="language" id="{code}"{" checked" if code == "fr" else ""}>'
        f'<label for="{code}" lang="{code}">{name}</label>\n'
        for code, name in LANGUAGES.items()
    )
    accounts = "".join(_in_language(shown, code) for code in LANGUAGES)
    return (
        '<!doctype html>\n<html lang="fr">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{html.escape(_POLICY)}">\n'
        '<meta name="referrer" content="no-referrer">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escaped(str(shown.case.row['row_sha256']))}</title>\n"
        f'<style>{_WHOLE_STYLE}</style>\n</head>\n<body>\n<main class="claim">\n'
        f"{languages}{accounts}{_texts(shown)}</main>\n</body>\n</html>\n"
    )


def _in_language(shown: Shown, code: str) -> str:
    """Return the account of a claim, what models it is exposed to, and how to read its record again."""
    case, say = shown.case, Speaker(code, for_print=True)
    account, why_not = told(case, say), shown.why_not(say)
    speaking = exposures_of(case.row, case.letter, shown.exposures)
    exposure = exposure_html(product_of_row(case.row), speaking, case.letter, say)
    other = f"<p>{escaped(say.of(TOLD, 'no longer as said', why=why_not))}</p>\n" * bool(why_not)
    return (
        f'<div class="{code}" lang="{code}">\n{account_html(account, say)}{exposure}'
        f"{commands_html(account.commands, say)}{other}"
        f"<h3>{escaped(say.of(TOLD, 'side by side'))}</h3>\n</div>\n"
    )


def _texts(shown: Shown) -> str:
    """Return both texts next to each other, once, with their names in both languages."""
    case = shown.case
    sides = []
    for side, name, text in (("article", "in article", case.article), ("document", "in page", case.page)):
        spans = ranges_of(case.row.get("spans") or (), side)
        says = [Speaker(code, for_print=True) for code in LANGUAGES]
        headings = "".join(_only_in(say, f"<h3>{escaped(say.of(TOLD, name))}</h3>") for say in says)
        if text is not None:
            sides.append(f"<section>{headings}{text_html(text, spans)}</section>")
            continue
        why = "".join(_only_in(say, text_html(None, (), shown.missing(side, say))) for say in says)
        sides.append(f"<section>{headings}{why}</section>")
    return f'<div class="pair">{"".join(sides)}</div>\n'


def _only_in(say: Speaker, content: str) -> str:
    return f'<div class="{say.language}" lang="{say.language}">{content}</div>'
