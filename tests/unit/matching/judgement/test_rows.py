"""Rows of `matches`: which there are, what they say, and how their digests are recomputed from Parquet."""

import hashlib
import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from presswatch_spark.core.locators import Locator
from presswatch_spark.core.scan_values import DocumentBatch, PageMetadata, TextColumn
from presswatch_spark.core.settings.config import ConfidenceRules, GradeRules, VerifyRules
from presswatch_spark.core.translation import Translator
from presswatch_spark.matching.judgement.match_rows import (
    MatchedDocument,
    Origin,
    VerifiedOverlap,
    document_rows,
    span_places,
)
from presswatch_spark.matching.judgement.sites import SiteMatch
from presswatch_spark.matching.verify.verification import Joined, NamedDocument, verify
from presswatch_spark.reading.text.words import words_of
from presswatch_spark.tables.confidence_reasons import REASONS
from presswatch_spark.tables.declarations import Match
from presswatch_spark.tables.digests import (
    NOT_DIGESTED,
    canonical_form,
    numbers_form,
    row_digest,
    table_digest,
)
from tests.world.proofs import cases

CAPTURED = datetime(2024, 5, 18, 3, 58, 10, tzinfo=timezone(timedelta(hours=2)))
PUBLISHED = CAPTURED - timedelta(days=1)
LOCATOR = Locator(
    record_id="<urn:uuid:1>",
    record_offset=7,
    record_length=9,
    record_encoding="gzip",
    payload_digest="sha1:X",
    captured_at=CAPTURED,
    languages=("fra",),
)
ORIGIN = Origin("wet", "CC-MAIN-2024-22", "s3://bucket/shard.wet.gz")
BODY = " ".join(f"mot{k}" for k in range(40)).encode()
PAGE = "Très « ".encode() + BODY + b" \xff fin"


@dataclass(frozen=True)
class Article:
    article_id: str
    title_id: str
    publisher_id: str
    url: str | None = "https://gazette.example/1"
    headline: str | None = "Quarante mots"
    cluster_id: str | None = None
    published_at: datetime | None = PUBLISHED
    body: bytes = BODY
    words: int = 40
    time_zone: str | None = None
    is_excerpt: bool = False


ARTICLES = [
    Article("a0", "gazette", "north"),
    Article("a1", "gazette", "north"),
    Article("a2", "courrier", "south", cluster_id="a0"),
    Article("a3", "gazette", "north", is_excerpt=True),
    Article("a4", "gazette", "north", published_at=PUBLISHED - timedelta(seconds=1)),
    Article("a5", "gazette", "north", published_at=None),
]


def document(text: bytes, url: str = "https://copy.example/1", locator: Locator = LOCATOR) -> DocumentBatch:
    return DocumentBatch(TextColumn.joined([text]), TextColumn.joined([url.encode()]), lambda _: locator)


def rows_of(
    *found: int,
    text: bytes = PAGE,
    site: SiteMatch | None = None,
    batch: DocumentBatch | None = None,
    **more: Any,
) -> list[Match]:
    words, body = words_of(text), words_of(BODY)
    overlap = verify(NamedDocument(Joined(words), VerifyRules().anchor_words), Joined(body), VerifyRules())
    places = span_places([overlap], 1, body)[0]
    findings = [
        VerifiedOverlap(n, ARTICLES[n], overlap, places, 0.5, 300, 4, "exclusive", **more) for n in found
    ]
    batch = batch or document(text)
    found_document = MatchedDocument(i=0, text=batch.text_of(0), site=site, words=words, findings=findings)
    rows = document_rows(
        batch, [found_document], ORIGIN, ARTICLES.__getitem__, GradeRules(), ConfidenceRules()
    )
    return list(rows)


def brief(rows: list[Match]) -> list[tuple[object, ...]]:
    return [(row.title_id, row.article_id, row.url_match, row.grade, row.own_site) for row in rows]


class TestWhichRowsThereAre:
    def test_one_for_each_article_found_sorted_by_title_and_article(self) -> None:
        assert brief(rows_of(1, 2, 0)) == [
            ("courrier", "a2", "none", "full_copy", False),
            ("gazette", "a0", "none", "full_copy", False),
            ("gazette", "a1", "none", "full_copy", False),
        ]

    def test_none_for_a_document_that_nothing_points_at(self) -> None:
        assert rows_of() == []

    def test_on_a_site_of_the_publisher_each_says_so_and_a_page_without_a_copy_is_url_only_once(self) -> None:
        site, its_page = SiteMatch("gazette", "north", ()), SiteMatch("gazette", "north", (0,))
        assert brief(rows_of(0, 2, site=site)) == [
            ("courrier", "a2", "none", "full_copy", False),
            ("gazette", "a0", "title", "full_copy", True),
        ]
        assert brief(rows_of(0, site=SiteMatch("gazette-sport", "north", ()))) == [
            ("gazette", "a0", "none", "full_copy", True),
            ("gazette-sport", None, "title", "url_only", True),
        ]
        assert brief(rows_of(site=site)) == [("gazette", None, "title", "url_only", True)]
        assert brief(rows_of(0, site=its_page)) == [("gazette", "a0", "article", "full_copy", True)]
        # An article's address without its text is one, even beside other rows of the title.
        assert brief(rows_of(1, site=its_page)) == [
            ("gazette", "a0", "article", "url_only", True),
            ("gazette", "a1", "title", "full_copy", True),
        ]

    def test_an_articles_url_off_the_publishers_sites_makes_no_page_its_own(self) -> None:
        (row,) = rows_of(2, site=SiteMatch(None, None, (2,)))
        assert brief([row]) == [("courrier", "a2", "article", "full_copy", False)]
        assert (row.confidence, row.confidence_reasons[1:]) == ("C", ["address_elsewhere"])

    def test_nor_does_it_where_the_text_is_not_there_or_another_member_has_the_site(self) -> None:
        assert brief(rows_of(site=SiteMatch(None, None, (2,)))) == [
            ("courrier", "a2", "article", "url_only", False)
        ]
        (row,) = (row for row in rows_of(2, site=SiteMatch("gazette", "north", (2,))) if row.article_id)
        assert (row.own_site, row.site_title_id, row.confidence) == (False, "gazette", "C")


@cases(
    ("found", "address", "counts"),
    [((1, 0), (), 0), ((0, 4), (), 4), ((5, 1), (), 1), ((0, 4), (0,), 0), ((5, 4), (5,), 5)],
)
def test_of_articles_with_the_same_words_the_one_at_its_address_counts_else_the_earliest(
    found: tuple[int, ...], address: tuple[int, ...], counts: int
) -> None:
    rows = rows_of(2, *found, site=SiteMatch("gazette", "north", address))
    (other,) = {f"a{n}" for n in found} - {f"a{counts}"}
    assert {row.article_id: (row.repeats_article_id, list(row.repeated_by or ())) for row in rows} == {
        "a2": (None, []), other: (f"a{counts}", []), f"a{counts}": (None, [other])
    }  # fmt: skip


class TestExcerpts:
    def test_a_copy_of_a_whole_excerpt_is_no_copy_of_the_whole_article(self) -> None:
        (row,) = rows_of(3)
        assert (row.grade, row.article_coverage, row.article_is_excerpt) == ("full_copy", 1.0, True)
        assert (row.confidence, row.confidence_reasons) == ("B", ["strong_copy", "article_excerpt"])
        for language in ("fr", "en"):
            given = Translator(language)(REASONS[row.confidence_reasons[0]].sentence)
            assert "en entier" not in given
            assert "whole" not in given

    def test_nor_is_the_publishers_own_page_with_an_excerpt_certain(self) -> None:
        (row,) = rows_of(3, site=SiteMatch("gazette", "north", (3,)))
        assert (row.confidence, row.confidence_reasons) == ("B", ["own_url", "article_excerpt"])


class TestWhatTheySay:
    def test_every_column_but_the_runs_with_the_types_of_the_table(self) -> None:
        for row in rows_of(0, 2, site=SiteMatch("x", "south", (1,))):
            assert list(row.as_dict()) == Match.schema.names
            Match.to_batch([row]).validate(full=True)

    def test_the_numbers_the_spans_and_the_pointer(self) -> None:
        row = rows_of(0)[0]
        assert row.document_url == "https://copy.example/1"
        assert (row.headline, row.confidence_reasons) == ("Quarante mots", ["full_copy"])
        assert (row.longest_run_words, row.copied_words, row.article_words) == (40, 40, 40)
        assert (row.article_coverage, row.document_coverage, row.document_words) == (
            1.0,
            40 / 42,
            42,
        )
        (span,) = row.spans
        assert PAGE.decode("utf-8", "replace")[span["document_start"] : span["document_end"]] == BODY.decode()
        assert (span["article_start"], span["article_end"], span["words"]) == (0, len(BODY), 40)
        assert row.text_sha256 == hashlib.sha256(PAGE).hexdigest()
        assert row.article_sha256 == hashlib.sha256(BODY).hexdigest()
        assert (row.article_published_at, row.shared_words) == (PUBLISHED, 4)
        assert (row.record_offset, row.release, row.languages) == (7, "CC-MAIN-2024-22", ["fra"])

    def test_what_is_unknown_is_null(self) -> None:
        (row,) = rows_of(
            site=SiteMatch("gazette", "north", ()), batch=document(PAGE, "", Locator(release="other"))
        )
        nulls = {name for name, value in row.as_dict().items() if value is None}
        assert nulls == {
            "document_url", "article_id", "article_coverage", "document_coverage", "minhash_jaccard",
            "cluster_id", "article_url", "article_words", "record_id", "record_offset",
            "run_rarity", "shared_words", "ownership", "article_published_at", "article_sha256",
            "headline", "document_host", "document_domain", "document_credits", "credits_others",
            "page_publisher", "page_author", "page_published_at", "page_based_on", "page_canonical_url",
            "record_length", "record_encoding", "row_index", "payload_digest", "captured_at", "http_status",
            "payload_digest_computed", "text_extraction", "in_main_content", "charset", "record_damage",
            "product", "product_revision", "upstream_uri", "upstream_offset", "article_time_zone",
            "page_publisher_source", "page_publisher_others",
            "credits_owner", "unbroken_words", "passage_kind", "repeats_article_id",
            "article_is_excerpt", "text_strings",
        }  # fmt: skip
        assert (row.release, row.spans, row.longest_run_words) == ("other", [], 0)

    def test_the_words_of_a_page_are_counted_though_nothing_of_it_is_copied(self) -> None:
        site = SiteMatch("gazette", "north", ())
        (row,) = rows_of(site=site)
        assert (row.grade, row.document_words) == ("url_only", 42)
        (unread,) = rows_of(site=site, text=b"")
        assert unread.document_words is None

    @cases(
        ("credits", "said", "owner", "others", "publisher_others"),
        [
            ((), {}, False, False, None),
            (("AFP",), {}, False, True, None),
            (("AFP", "LA GAZETTE"), {}, True, True, None),
            (("lagazette.example",), {}, True, False, None),
            ((), {"publisher": "La Gazette", "publisher_source": "meta"}, True, False, False),
            ((), {"publisher": "La Gazette", "publisher_source": "site_name"}, False, False, None),
            ((), {"publisher": "Copie", "publisher_source": "json_ld"}, False, False, True),
            ((), {"based_on": "http://www.gazette.example/1/"}, True, False, None),
            ((), {"based_on": "La Gazette"}, True, False, None),
            ((), {"based_on": "https://gazette.example/2"}, False, False, None),
            ((), {"canonical_url": "https://m.lagazette.example/2"}, True, False, None),
            ((), {"canonical_url": "https://la-lagazette.example/1"}, False, False, None),
        ],
    )
    def test_whom_a_page_names_as_its_source(
        self, credits: tuple[str, ...], said: dict[str, Any], owner: bool, others: bool, publisher_others: Any
    ) -> None:
        batch = replace(document(PAGE), page_metadata=lambda _: PageMetadata(**said))
        (row,) = rows_of(0, batch=batch, credits=credits, own_names=("La Gazette", "lagazette.example"))
        assert (row.credits_owner, row.credits_others, row.page_publisher_others) == (
            owner, others, publisher_others
        )  # fmt: skip
        assert rows_of(0, names_address=True)[0].credits_owner

    @cases("url", ["", "n/a", "gazette.example/1", "urn:uuid:1", "https://"])
    def test_without_a_known_url_nobody_says_whose_page_it_is(self, url: str) -> None:
        rows = rows_of(0, 2, batch=document(PAGE, url))
        assert [(row.own_site, row.url_match, row.confidence) for row in rows] == [
            (None, "none", "C"),
            (None, "none", "C"),
        ]
        assert {row.document_url for row in rows} == {url or None}
        Match.to_batch(rows).validate(full=True)
        assert {tuple(row.confidence_reasons) for row in rows} == {("full_copy", "url_unknown")}
        assert {(row.document_host, row.document_domain) for row in rows} == {(None, None)}
        assert [row.confidence for row in rows_of(0, 2)] == ["B", "B"]

    @cases(
        ("url", "host", "domain"),
        [
            ("https://WWW.Blogs.Copy.example:8443/1", "www.blogs.copy.example", "copy.example"),
            ("http://marie.github.io/", "marie.github.io", "marie.github.io"),
            ("//paul.over-blog.com./a", "paul.over-blog.com", "paul.over-blog.com"),
            ("https://news.copy.co.uk", "news.copy.co.uk", "copy.co.uk"),
            ("https://zeitung-köln.example/", "xn--zeitung-kln-zfb.example", "xn--zeitung-kln-zfb.example"),
            ("http://192.0.2.7:80/x", "192.0.2.7", "192.0.2.7"),
            ("http://[2001:DB8::1]/x", "[2001:db8::1]", "[2001:db8::1]"),
            ("http://localhost/x", "localhost", "localhost"),
            ("https://gazette-example.cdn.ampproject.org/c/s/gazette.example/1",
             "gazette-example.cdn.ampproject.org", "ampproject.org"),
        ],
    )  # fmt: skip
    def test_a_row_names_the_host_of_its_page_and_the_domain_that_somebody_registered(
        self, url: str, host: str, domain: str
    ) -> None:
        (row,) = rows_of(0, batch=document(PAGE, url))
        assert (row.document_host, row.document_domain) == (host, domain)

    def test_lone_surrogates_of_json_do_not_reach_parquet(self) -> None:
        (row,) = rows_of(0, batch=document(PAGE, locator=Locator(record_id="id\ud800")))
        assert row.record_id == "id?"

    def test_a_copy_on_another_members_site_names_that_title(self) -> None:
        rows = rows_of(0, site=SiteMatch("courrier", "south", ()))
        assert [(row.article_id, row.site_title_id, row.own_site) for row in rows] == [
            (None, "courrier", True),
            ("a0", "courrier", False),
        ]
        assert rows_of(0)[0].site_title_id is None


class TestDigests:
    def test_a_rows_digest_can_be_recomputed_from_parquet(self, tmp_path: Path) -> None:
        rows = rows_of(0, 2, site=SiteMatch("x", "south", (1,)))
        file = tmp_path / "part.parquet"
        pq.write_table(pa.Table.from_batches([Match.to_batch(rows)]), file)
        stored = pq.read_table(file).to_pylist()
        assert [row_digest(row) for row in stored] == [row.row_sha256 for row in rows]

    def test_the_canonical_form_is_this(self) -> None:
        row = {
            "b": 0.1,
            "a": "é\n",
            "run_id": "r",
            "shard_uri": "s",
            "row_sha256": "x",
            "c": [CAPTURED, None, True],
        }
        form = '{"a":"é\\n","b":0.1,"c":["2024-05-18T01:58:10.000000Z",null,true]}'
        assert row_digest(row) == hashlib.sha256(form.encode()).hexdigest()

    @given(
        st.dictionaries(
            st.text("abcdefgh_", max_size=8),
            st.recursive(
                st.none()
                | st.booleans()
                | st.integers(-(2**70), 2**70)
                | st.floats(allow_nan=False, allow_infinity=False)
                | st.floats(0, 1)
                | st.text(max_size=30)
                | st.datetimes(timezones=st.just(UTC) | st.none()),
                lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab"), inner, max_size=3),
                max_leaves=8,
            ),
            max_size=6,
        )
    )
    def test_the_digest_is_over_the_canonical_form_whoever_writes_it(self, row: dict[str, Any]) -> None:
        columns = {name: value for name, value in row.items() if name not in NOT_DIGESTED}
        assert row_digest(row) == hashlib.sha256(canonical_form(columns).encode()).hexdigest()

    @pytest.mark.parametrize("share", [0.25, 1e-05])
    def test_a_form_that_was_written_before_changes_no_digest(self, share: float) -> None:
        spans = [{"from": 3, "to": 14}, {"from": 2**40, "to": 0}]
        row = {"article_coverage": share, "headline": "Été", "spans": spans, "run_id": "r"}
        assert row_digest(row, {"spans": numbers_form(spans)}) == row_digest(row)
        assert row_digest({"b": 1}, {"a": b"2"}) == row_digest({"a": 2, "b": 1}), (
            "the form is what is digested"
        )

    @cases("value", [1e-05, 9.999e-05, 1e-4, 1e15, 1e16, 1e22, 5e-324, 0.1, 1 / 3, -0.0, 1.0])
    def test_floats_are_written_as_python_writes_them(self, value: float) -> None:
        form = f'{{"a":{value!r},"b":[{{"c":{value!r}}}]}}'
        assert row_digest({"a": value, "b": [{"c": value}]}) == hashlib.sha256(form.encode()).hexdigest()

    def test_every_other_column_counts(self) -> None:
        (row,) = rows_of(0)
        for name in Match.columns:
            changed = row_digest(row.with_columns(**{name: "other"})) != row.row_sha256
            assert changed == (name not in NOT_DIGESTED), name

    def test_rows_that_name_no_record_upstream_have_the_digest_of_earlier_versions(self) -> None:
        (row,) = rows_of(0)
        newer = {
            "product", "product_revision", "upstream_uri", "upstream_offset", "text_source", "text_strings",
        }  # fmt: skip
        older = {name: value for name, value in row.as_dict().items() if name not in newer}
        assert row_digest(older) == row.row_sha256
        assert row_digest(row.with_columns(product="fineweb", product_revision="0" * 40)) == row.row_sha256
        assert row_digest(row.with_columns(upstream_offset=0)) != row.row_sha256
        assert row_digest(row.with_columns(text_source="json_ld")) != row.row_sha256
        assert row_digest(row.with_columns(text_strings=[])) != row.row_sha256

    def test_a_time_without_zone_is_utc(self) -> None:
        naive = CAPTURED.astimezone(UTC).replace(tzinfo=None)
        assert row_digest({"captured_at": naive}) == row_digest({"captured_at": CAPTURED})

    @pytest.mark.parametrize("value", [float("nan"), b"bytes", np.int64(1)])
    def test_what_a_row_never_holds_is_refused(self, value: object) -> None:
        with pytest.raises((TypeError, ValueError)):
            row_digest({"a": value})

    @given(st.lists(st.integers(0, 5).map(lambda n: hashlib.sha256(bytes([n])).hexdigest())), st.randoms())
    def test_a_tables_digest_knows_duplicates_but_no_order(self, rows: list[str], rng: random.Random) -> None:
        shuffled = list(rows)
        rng.shuffle(shuffled)
        digest = table_digest(rows)
        assert table_digest(iter(shuffled)) == digest
        assert table_digest([*rows, *rows[:1]]) != digest or not rows
        assert table_digest(rows[1:]) != digest or not rows

    def test_a_tables_digest_is_this(self) -> None:
        first, second, third = "abc" + "0" * 61, "abc" + "1" * 61, "012" + "0" * 61
        groups = ("012", third), ("abc", first + second)
        joined = "".join(digits + hashlib.sha256(text.encode()).hexdigest() for digits, text in groups)
        assert table_digest([second, third, first]) == hashlib.sha256(joined.encode()).hexdigest()
        assert table_digest([]) == hashlib.sha256(b"").hexdigest()
