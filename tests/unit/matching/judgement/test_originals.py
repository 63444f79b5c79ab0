"""The original of a copy in an archive, a cache or a translator is found by the copy's address."""

from urllib.parse import quote

from presswatch_spark.matching.judgement.originals import DEPTH, copy_at, may_be_copy, original_page
from presswatch_spark.matching.judgement.urls import host_of, normalise_url
from tests.world.proofs import cases

ORIGINAL = "https://www.journal.example/une/1"
ENCODED = quote(ORIGINAL, safe="")
ADDRESSES = [
    f"https://web.archive.org/web/20190101000000/{ORIGINAL}",
    f"https://web.archive.org/web/20190101000000id_/{ORIGINAL}",
    "https://web.archive.org/web/2019*/https:/www.journal.example/une/1",
    "http://web.archive.org/web/2019/journal.example/une/1",
    f"https://web.archive.org/web/{ORIGINAL}",
    f"https://web.archive.org/save/{ORIGINAL}",
    f"HTTPS://WEB.ARCHIVE.ORG./web/2019/{ENCODED.replace('https', 'HTTPS')}",
    f"https://web.archive.org:443/web/2019/{quote(ENCODED)}",
    f"https://archive.ph/2019.01.01-123456/{ORIGINAL}",
    f"https://archive.is/newest/{ORIGINAL}",
    f"https://archive.today/o/AbCdE/{ORIGINAL}",
    f"https://arquivo.pt/wayback/20190101000000/{ORIGINAL}",
    f"https://wayback.archive-it.org/1234/20190101000000/{ORIGINAL}",
    f"https://www.webcitation.org/query?url={ENCODED}&date=2019",
    f"https://megalodon.jp/2019-0101-1200-00/{ORIGINAL}",
    f"https://webcache.googleusercontent.com/search?q=cache:ABCDEFGHIJKL:{ORIGINAL}+mots&cd=1",
    f"https://webcache.googleusercontent.com/search?q=cache%3AABCDEFGHIJKL%3A{ENCODED}+mots",
    "https://webcache.googleusercontent.com/search?q=cache:www.journal.example/une/1",
    "https://journal-example.cdn.ampproject.org/c/s/journal.example/une/1/amp?amp_js_v=0.1",
    "https://www.google.com/amp/s/www.journal.example/une/1",
    f"https://12ft.io/proxy?q={ENCODED}",
    "http://www.journal.example.nyud.net:8090/une/1",
    "https://www-journal-example.translate.goog/une/1?_x_tr_sl=fr&_x_tr_tl=en&_x_tr_hl=en",
    f"https://translate.google.com/translate?hl=en&sl=fr&u={ORIGINAL}&prev=search",
    f"https://translate.googleusercontent.com/translate_c?depth=1&u={ENCODED}&usg=AL",
    "https://translated.turbopages.org/proxy_u/fr-en.en.1/https/www.journal.example/une/1",
    f"https://web.archive.org/web/2019/https://translate.google.com/translate?u={ENCODED}",
]


@cases("address", ADDRESSES)
def test_a_copys_address_names_the_original(address: str) -> None:
    assert normalise_url(copy_at(address) or "") == "https://journal.example/une/1"
    page = original_page(address)
    assert page is not None
    assert page.site == "journal.example"


@cases(
    ("address", "original"),
    [
        # Hyphens and parameters of the original are kept.
        (
            "https://mon--journal-example.translate.goog/une?b=1&_x_tr_sl=fr&_x_tr_tl=en",
            "https://mon-journal.example/une?b=1",
        ),
        (
            "https://web.archive.org/web/2019/https://journal.example/?p=12&q=1",
            "https://journal.example/?p=12&q=1",
        ),
        # The address does not name it.
        ("https://archive.ph/AbCdE", None),
        ("https://perma.cc/AB12-CD34", None),
        ("https://web.archive.org/web/20190101000000/", None),
        ("https://cc.bingj.com/cache.aspx?q=journal&d=4567", None),
    ],
)
def test_the_original_of_a_copy_is_as_its_address_has_it_or_unknown(
    address: str, original: str | None
) -> None:
    assert copy_at(address) == (original or "")


@cases(
    "address",
    [
        ORIGINAL,
        f"https://web.archive.org.portail.example/web/2019/{ORIGINAL}",
        f"https://web.archive.org@portail.example/web/2019/{ORIGINAL}",
        f"https://portail.example/web/2019/{ORIGINAL}",
        f"https://portail.example/?u={ENCODED}",
        f"https://www.google.com/url?q={ENCODED}",
        "https://archive.org/details/un-livre",
        "https://fr.wikipedia.org/wiki/Journal",
        "pas une url",
        "",
    ],
)
def test_pages_of_other_sites_are_no_copies_whatever_their_addresses_hold(address: str) -> None:
    assert copy_at(address) is None


def test_copies_of_copies_lead_back_up_to_a_depth_and_cost_no_more_than_their_length() -> None:
    address = ORIGINAL
    for depth in range(1, DEPTH + 1):
        address = f"https://web.archive.org/web/2019/{address}"
        assert copy_at(address) == ORIGINAL, depth
    for _ in range(300):
        address = f"https://web.archive.org/web/2019/{address}"
    assert copy_at(address[:16_000]) == ""


def test_only_hosts_of_services_are_asked() -> None:
    assert may_be_copy("www-journal-example.translate.goog")
    assert not may_be_copy("journal.example")
    assert not may_be_copy(None)
    assert host_of("https://archive.ph/x") == "archive.ph"
