"""Reasons for the confidence (A to D) of rows and claims, with sentences for readers who do not program.

A reason that *gives* a letter supports the claim; one that *caps* limits the confidence to a letter. Other
sources of the words (`prior_capture` to `press_page`) limit a claim only if few words are beyond them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from presswatch_spark.core.translation import N_, p
from presswatch_spark.tables.column_values import Confidence


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason: the letter that it gives, or the highest that it allows; a label for tables; its meaning.

    `mend`: the evidence that would remove it; None if it supports a claim, or if no evidence can.
    """

    gives: Confidence | None
    caps: Confidence | None
    label: str
    sentence: str
    mend: str | None = None


def _gives(label: str, sentence: str, letter: Confidence) -> Reason:
    return Reason(letter, None, label, sentence)


def _caps(label: str, sentence: str, mend: str | None = None, caps: Confidence | None = "C") -> Reason:
    return Reason(None, caps, label, sentence, mend)


OF_ROWS = {
    "own_url": _gives(
        p("reason", "the article's address"),
        N_(
            "The page is at the article's own address, and has at least 40 words of the article in a "
            "row. The finding is that this page is there, whoever wrote its text."
        ),
        "A",
    ),
    "sole_full_copy": _gives(
        p("reason", "whole article, or nearly"),
        N_(
            "The page has at least nine tenths of the words of the article's supplied text. It is the"
            " publisher's own, or names as its source the publisher, one of its titles or the article's"
            " address. Among the supplied articles, those of other publishers have less than a fifth"
            " of these words, in runs of 11 words or more."
        ),
        "A",
    ),
    "full_copy": _gives(
        p("reason", "whole article, no source"),
        N_(
            "The page has at least nine tenths of the words of the article's supplied text. Among the"
            " supplied articles, those of other publishers have less than a fifth of these words, in"
            " runs of 11 words or more. Not all texts that other media have published are known."
        ),
        "B",
    ),
    "strong_copy": _gives(
        p("reason", "large part of the article"),
        N_(
            "The page has a large part of the article, at least 40 words. A run of these words has at"
            " least 17. Apart from articles with nearly the same text, no supplied article of another"
            " publisher has it from its first word to its last."
        ),
        "B",
    ),
    "rare_passage": _gives(
        p("reason", "long, rare passage"),
        N_(
            "The page has a long passage of the article: at least 50 words in a row. Apart from articles"
            " with nearly the same text, no supplied article of another publisher has it from its first"
            " word to its last."
        ),
        "B",
    ),
    "url_only": _caps(
        p("reason", "address only, no text"),
        N_("The page is at an address of the title, but no text of an article was found on it."),
        mend=N_("A record of the page that has the text of an article."),
    ),
    "record_damaged": _caps(
        p("reason", "damaged record"),
        N_("The record that the text was read from is damaged: the text may come from another page."),
        mend=N_("An undamaged copy of the same record."),
    ),
    "url_unknown": _caps(
        p("reason", "unknown address"),
        N_("The address of the page is not known: its owner is unknown."),
        mend=N_("The address of the page, as in the record of Common Crawl that the dataset was made from."),
    ),
    "own_page_copy": _caps(
        p("reason", "copy of an own page"),
        N_(
            "The page is a copy of one of the publisher's own pages, made by an archive, a cache "
            "or a translator: it shows the publisher's page, not a copy by a third party."
        ),
        mend=N_("A record of the publisher's page itself."),
    ),
    "copy_of_unknown_page": _caps(
        p("reason", "copy of an unknown page"),
        N_(
            "The page is a copy made by an archive, a cache or a translator. Its address does not contain"
            " that of the original page, which may be the publisher's own."
        ),
        mend=N_("The address of the original page."),
    ),
    "on_member_site": _caps(
        p("reason", "another member's site"),
        N_("The page is on another member's site, which may have reprinted the text by agreement."),
        mend=N_("A statement by the other member that it reprinted the text without an agreement."),
    ),
    "address_elsewhere": _caps(
        p("reason", "address not on its sites"),
        N_(
            "The publisher gave this page's address as the article's, but the address is on none of its"
            " sites. Whether the page is its own is unknown."
        ),
        mend=N_(
            "The article's address on the title's site, or this site among those that the publisher declared."
        ),
    ),
    "capture_date_unknown": _caps(
        p("reason", "no date of capture"),
        N_(
            "The day on which the page was recorded is not known: either the page or the article may have"
            " come first."
        ),
        mend=N_("The date of the record."),
    ),
    "publication_date_unknown": _caps(
        p("reason", "no date of publication"),
        N_(
            "The article's date of publication is not known: either the page or the article may have"
            " come first."
        ),
        mend=N_("The article's date of publication, given by the publisher, and a new corpus."),
    ),
    "captured_before_publication": _caps(
        p("reason", "captured before published"),
        N_(
            "The page was recorded before the article's date of publication: if that date is right, it"
            " cannot be a copy of it."
        ),
        mend=N_("Proof that the article was published earlier than the stated date."),
    ),
    "captured_within_a_day": _caps(
        p("reason", "captured within a day"),
        N_(
            "The page was recorded before the article's day of publication had ended everywhere. A day"
            " without a time ends at 12:00 UTC of the next day, unless the title's time zone is known. A"
            " stated time leaves a day of doubt, before and after: it is unknown which came first."
        ),
        mend=N_("A later record of the page, or the title's time zone in the members' file and a new scan."),
    ),
    "page_dated_earlier": _caps(
        p("reason", "page dated before article"),
        N_("The page states a date of publication that is before the article's."),
        mend=N_("Proof that the date stated by the page is wrong, or that the article is older."),
    ),
    "page_of_other_publisher": _caps(
        p("reason", "names another publisher"),
        N_(
            "The page names a publisher other than the article's, who may have the text from another"
            " source, or by agreement."
        ),
        mend=N_("Proof that this publisher took the text from the title, without an agreement."),
    ),
    "credits_other": _caps(
        p("reason", "credits another source"),
        N_("The page credits the text to another source (an agency, another newspaper)."),
        mend=N_(
            "Proof that the page credits the wrong source: the one that it names did not publish this text."
        ),
    ),
    "agency_text": _caps(
        p("reason", "agency copy"),
        N_(
            "The article, or one with nearly the same text, names an agency; or several other publishers"
            " have printed at least half of these words, in pieces or in nearly the same text. The page may"
            " have them from another source, by agreement."
        ),
        mend=N_("A copied passage written only by the title's own staff."),
    ),
    "shared_text": _caps(
        p("reason", "another member has it too"),
        N_(
            "Among the articles that members supplied, those of other publishers, or very many articles,"
            " have at least half of the copied words: the page may have them from there."
        ),
        mend=N_("A copied passage that the other member has not printed."),
    ),
    "outside_main_content": _caps(
        p("reason", "outside the main text"),
        N_(
            "The passage is outside the page's main text: for example in a reader's comment, a"
            " teaser or a menu."
        ),
        mend=N_("A person who sees on the page that the passage belongs to the main text."),
    ),
    "in_pieces": _caps(
        p("reason", "in pieces"),
        N_(
            "The copied words are in pieces, with other words in place of the article's: two newspapers"
            " that edit the same wire story produce such texts."
        ),
        mend=N_("A copied passage in one piece, or a page that names the title as its source."),
    ),
    "not_rare": _caps(
        p("reason", "common words, or few"),
        N_("The words copied in a row are too common or too few: they may appear elsewhere."),
        mend=N_("A longer copied passage."),
    ),
    "not_large": _caps(
        p("reason", "few words copied"),
        N_("Few words are copied: it may be a short quotation."),
        mend=N_("A longer copied passage."),
    ),
    "article_excerpt": _caps(
        p("reason", "excerpt of the article"),
        N_(
            "The text that the publisher supplied is only an excerpt of the article, or breaks off before"
            " its end. The comparison is with this excerpt: it does not show that the page has the entire"
            " article."
        ),
        mend=N_("The complete text of the article, supplied by the publisher, and a new corpus."),
        caps="B",
    ),
    "published_again": _caps(
        p("reason", "published again"),
        N_(
            "The title has published at least a part of these words in another article too: the page yields"
            " one claim, for this article."
        ),
        caps=None,
    ),
    "common_words": _caps(
        p("reason", "formula, or common words"),
        N_(
            "The copied words prove nothing: they are a formula, common words, or a passage that other"
            " known texts contain."
        ),
        mend=N_("A longer copied passage, which other texts do not contain."),
        caps="D",
    ),
    "page_furniture": _caps(
        p("reason", "caption, list or link"),
        N_(
            "The copied words are a caption, a list of practical facts or a link to another article: a page"
            " may have such lines without the article."
        ),
        mend=N_("A copied passage of the article's own text."),
        caps="D",
    ),
    "repeats_article": _caps(
        p("reason", "repeats another article"),
        N_(
            "The title has published at least nine tenths of these words in another article: the claim is"
            " that other article's. That article is at the page's address, or its date is not later."
        ),
        mend=N_("A copied passage that the other article does not have."),
        caps="D",
    ),
}

_OF_CLAIMS = {
    "goes_beyond": _caps(
        p("reason", "beyond other sources"),
        N_(
            "Some of the copied words may come from elsewhere. The letter rests on the others: copied"
            " words that have no other known source."
        ),
        caps=None,
    ),
    "prior_capture": _caps(
        p("reason", "words older than article"),
        N_(
            "Copied words were already on a page that was recorded before the article was published, or on"
            " the day after at the latest."
        ),
        mend=N_("Proof that the article was published more than a day before the oldest page was recorded."),
    ),
    "credited_elsewhere": _caps(
        p("reason", "credited to another source"),
        N_("Another page, or another record of this one, credits copied words to another source."),
        mend=N_("Proof that the other page credits the wrong source."),
    ),
    "printed_by_press": _caps(
        p("reason", "printed by other press"),
        N_(
            "Another news medium, an agency, an official site or another member has printed copied words:"
            " they may come from a common source."
        ),
        mend=N_("Proof that the other site took these words from the article."),
    ),
    "common_source": _caps(
        p("reason", "a common source"),
        N_(
            "Other sites, not known to be related to this one, have the same passage without the rest of"
            " the article. They may have it from a common source, such as a press release."
        ),
        mend=N_("A copied passage that the other sites do not have."),
    ),
    "known_text": _caps(
        p("reason", "reference text"),
        N_(
            "Copied words are in a reference text that is not the title's: a law, a speech, an old"
            " book, a wire story."
        ),
        mend=N_("A copied passage that is not in the reference text."),
    ),
    "press_page": _caps(
        p("reason", "page of press, or official"),
        N_(
            "The page belongs to another news medium, an agency, an official site or a library. These may"
            " have such words from another source: a wire story, a public document."
        ),
        mend=N_(
            "Proof that this medium took the text from the title, and not from an agency or the same source."
        ),
    ),
    "licensed": _caps(
        p("reason", "licensed"),
        N_("A declared licence covered this title on this site on the day of the record."),
        mend=N_("Proof that the licence did not apply on the day of the record."),
    ),
    "embedded_text": _caps(
        p("reason", "not all in the visible text"),
        N_(
            "Not all of the words are in the visible text of the page: data or attributes of the page, which"
            " the dataset's record contains, have them. A reader of the page may not see them."
        ),
        mend=N_("A person who confirms the claim after reading the record."),
        caps="B",
    ),
    "credits_unread": _caps(
        p("reason", "credits not read"),
        N_("The page's credits were not read: the scan is old."),
        mend=N_("A new scan of the same file."),
    ),
    "rarity_unread": _caps(
        p("reason", "rarity not measured"),
        N_("This scan is old: it did not measure whether the copied words are in other texts too."),
        mend=N_("A new scan of the same file."),
    ),
    "article_unknown": _caps(
        p("reason", "article not in the corpus"),
        N_(
            "The article is not in the given corpus, or has another text there: nothing can be"
            " checked word by word."
        ),
        mend=N_("The corpus that the scan was made with."),
    ),
    "review_unsure": _caps(
        p("reason", "review without conclusion"),
        N_("A person examined the page and could not decide."),
        mend=N_("A new review."),
    ),
    "review_no_claim": _caps(
        p("reason", "review: nothing to claim"),
        N_("A person examined the page and decided that there is no claim."),
        mend=N_("A new review."),
        caps="D",
    ),
}

REASONS: Mapping[str, Reason] = OF_ROWS | _OF_CLAIMS
"""Every reason by its code: those of rows first, then those of claims, in their order."""
