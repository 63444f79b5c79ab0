"""Writes the files by which a publisher reserves uses (a pack), and reads those that a site serves now.

Each form of a pack states only what it can. TDMRep has one value for training and other mining: it is left
out if they differ. robots.txt refuses an agent all of its uses: it names only agents whose uses are all
reserved.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from presswatch_spark.core.errors import InputError, OutputError
from presswatch_spark.core.extras import library
from presswatch_spark.core.locators import Locator
from presswatch_spark.core.scan_values import Capture, Title
from presswatch_spark.core.translation import Translator
from presswatch_spark.legal.typesetting import rendered
from presswatch_spark.matching.judgement.sites import Owner
from presswatch_spark.matching.judgement.urls import without_www
from presswatch_spark.matching.reservations.in_force import verdicts_of
from presswatch_spark.matching.reservations.licences_in_documents import RSL_TYPE
from presswatch_spark.matching.reservations.signals import signal_rows
from presswatch_spark.matching.reservations.verdicts import (
    ALLOWED,
    RESERVED,
    RULE_FILES,
    agents_to_refuse,
    place_from,
    place_of,
)
from presswatch_spark.reading.http.message import SITE_FILES, encoding_of, media_type
from presswatch_spark.reading.page_metadata import PAGE_BYTES
from presswatch_spark.storage.addresses import name_of
from presswatch_spark.storage.disk import Folder
from presswatch_spark.storage.drafts import new_folder
from presswatch_spark.storage.host_limits import BlockedError
from presswatch_spark.storage.http import HttpStore, unpacked_body
from presswatch_spark.storage.objects import RawResponse, StorageOptions, ask
from presswatch_spark.tables.column_values import USES, SignalName, Use, UseVerdict
from presswatch_spark.tables.declarations import RightsSignal

HEADERS_FILE, HEAD_FILE = "headers.txt", "head.html"
"""In a folder, the headers of its pages, and elements of their heads."""
USUAL_FORMS: Mapping[str, tuple[SignalName, *tuple[Use, ...]]] = {
    "robots.txt": ("robots_txt", *USES),
    "TDMRep": ("tdm_reservation", "tdm"),
    "AIPREF": ("content_usage", *USES),
    "RSL": ("rsl", *USES),
}
"""Forms that a site with a reservation should have, each with its signal and the uses that it covers."""
LICENSING: tuple[SignalName, ...] = ("rsl", "tdm_policy")
"""Signals of addresses of licence documents; `rsl` of a path is a licence itself."""
MOST_BYTES = PAGE_BYTES + 1
LICENCES = 5
"""Most licence documents of a site that are read."""
ABSENT = (404, 410)
Verdicts = Mapping[Use, UseVerdict | None]
TEMPLATES = Path(__file__).parent / "templates"
README_FILE, RSL_FILE = "README.md", "rsl.xml"
FILES = ("robots.txt", ".well-known/tdmrep.json", RSL_FILE, HEADERS_FILE, HEAD_FILE)
"""Files of a host; each has a template."""


@dataclass(frozen=True, slots=True)
class Pack:
    """The contents of a pack. `holder`: the legal person that holds the rights.

    `policy`: page of the licensing policy, for TDMRep. `licence`: page of the terms, for RSL. `contact`: an
    e-mail address, or a page, for RSL.
    """

    title: Title
    holder: str
    reserved: Sequence[Use]
    policy: str | None = None
    licence: str | None = None
    contact: str | None = None

    def pages(self) -> dict[str, list[str]]:
        """Return the paths of the title by host: those of its prefixes on the host, or else `/`."""
        pages, names = dict[str, list[str]](), dict[str, str]()
        for site in (*self.title.url_prefixes, *self.title.domains):
            host, is_prefix, path = site.partition("/")
            name = names.setdefault(without_www(host), host)
            if is_prefix or name not in pages:
                pages.setdefault(name, []).append(f"/{path}")
        return pages

    def files(self, _: Translator) -> dict[str, str]:
        """Return the text of each file by its name."""
        pages, (refused, mixed) = self.pages(), agents_to_refuse(self.reserved)
        facts: dict[str, Any] = {
            **{name: getattr(self, name) for name in ("title", "holder", "policy", "licence", "contact")},
            "reserved": self.reserved,
            "allowed": [use for use in USES if use not in self.reserved],
            "pages": [f"https://{host}{path}" for host, paths in pages.items() for path in paths],
            "refused": refused,
            "mixed": mixed,
        }
        files = {README_FILE: rendered(TEMPLATES, f"{README_FILE}.jinja", _, html=False, **facts)}
        for host, paths in pages.items():
            facts |= {"paths": sorted(paths, key=len, reverse=True), "rsl": f"https://{host}/{RSL_FILE}"}
            for name in FILES:
                template = f"{name.rpartition('/')[2]}.jinja"
                files[f"{host}/{name}"] = rendered(TEMPLATES, template, _, html=False, **facts)
        # A form that cannot state the choice is empty.
        return {name: f"{text.strip()}\n" for name, text in files.items() if text.strip()}


def write_pack(pack: Pack, out: str, storage: StorageOptions, _: Translator) -> list[str]:
    """Write a pack into the new folder `out`, a folder for each host, and return the names of its files.

    Before the folder appears, its files are read as those of a site would be. Raises `OutputError` if they do
    not mean what was chosen, or if the folder is not new; `ConfigError` if Jinja is missing.
    """
    library("jinja2", "reservations pack")
    files = pack.files(_)
    with new_folder(out, storage, README_FILE) as draft:
        for name, text in files.items():
            (draft / name).parent.mkdir(parents=True, exist_ok=True)
            (draft / name).write_text(text, "utf-8")
        for host, path in ((host, path) for host, paths in pack.pages().items() for path in paths):
            report = report_of_folder(Folder.of(str(draft / host), storage), path)
            for use, verdict in report.verdicts.items():
                if verdict not in ((RESERVED,) if use in pack.reserved else (ALLOWED, None)):
                    what = f"the files would declare `{verdict}` about {use}, against the choice"
                    raise OutputError(what, where=f"{host}{path}", remedy="report it")
    return sorted(files)


@dataclass(frozen=True, slots=True)
class Form:
    """The declarations of one form at one address, with the verdict on each use.

    `agents`: those towards whom it reserves. `values`: its values, of robots.txt and ai.txt only remarks.
    """

    address: str
    signal: SignalName
    source: str
    agents: tuple[str, ...]
    values: tuple[str, ...]
    verdicts: Verdicts


@dataclass(frozen=True, slots=True)
class SiteReport:
    """The declarations about the page at `url`, and the verdict on each use by all forms together.

    `agents_let_in`: known agents all whose uses are reserved, but whom robots.txt does not refuse. `missing`:
    keys of `USUAL_FORMS` that do not declare the reservation. `unread`: reasons, by address.
    """

    url: str
    verdicts: Verdicts
    forms: list[Form]
    agents_let_in: list[str]
    missing: list[str]
    unread: Mapping[str, str]

    def conflicts(self) -> list[Use]:
        """Return the uses about which forms disagree."""
        return [use for use in USES if self.verdicts[use] == "conflicting"]


def report_of_url(url: str, options: StorageOptions) -> SiteReport:
    """Request the page at a URL, its site's files and its licence documents, each once.

    Raises `InputError` if it is no URL. After a refusal of all requests, the host gets no more.
    """
    if place_of(url) is None:
        raise InputError("this is not a URL of the web", where=url, remedy="write https://HOST/PATH")
    store = HttpStore(options, named=name_of(url))
    return _report(url, lambda address: store.ask_whole(address, MOST_BYTES))


def report_of_folder(folder: Folder, page: str = "/") -> SiteReport:
    """Read a site's files, and the page at a path, from a folder with the name of the host.

    The headers are those in `HEADERS_FILE`. Without the page, its elements are those in `HEAD_FILE`. Raises
    `InputError` if the folder is missing or empty.
    """
    if next(iter(folder.entries()), None) is None:
        raise InputError(
            "the folder is missing or empty", where=str(folder), remedy="pass PACK/HOST, or https://HOST/PATH"
        )
    site = f"https://{folder.uri.rpartition('/')[2]}/"

    def stored(name: str) -> RawResponse:
        # An address must not lead out of the folder.
        found = ask(folder.at(name.replace("..", "_")), 0, MOST_BYTES, folder.storage)
        return replace(found, status=200) if found.status == 206 else found

    def answer(address: str) -> RawResponse:
        if address != urljoin(site, page):
            name = address.removeprefix(site)
            kind = RSL_TYPE if name.endswith(".xml") else "text/plain"
            return replace(stored(name), uri=address, headers=(("Content-Type", kind),))
        names = (f"{page}index.html"[1:] if page.endswith("/") else page[1:], HEAD_FILE)
        found = next((each for each in map(stored, names) if each.status == 200), stored(HEAD_FILE))
        lines = stored(HEADERS_FILE).body.decode("utf-8", "replace").splitlines()
        headers = [(name, text.strip()) for name, _, text in (line.partition(":") for line in lines)]
        return replace(found, uri=address, headers=(("Content-Type", "text/html"), *headers))

    return _report(urljoin(site, page), answer)


def _report(url: str, answer_of: Callable[[str], RawResponse]) -> SiteReport:
    rows, unread = list[RightsSignal](), dict[str, str]()

    def read(address: str) -> Capture:
        try:
            answer = answer_of(address)
        except BlockedError as error:
            answer = RawResponse(address, 0.0, failure=error.what)
        is_absent = answer.status in ABSENT and urlsplit(address).path in SITE_FILES
        if answer.status is None or (answer.status >= 400 and not is_absent):
            unread[address] = f"HTTP {answer.status}" if answer.status else answer.failure
        # A file that leads elsewhere declares for the site that was asked; a page, for its last address.
        capture = _capture(answer, answer.uri if address == url else address)
        if answer.status not in ABSENT:
            rows.extend(signal_rows(capture, Owner(None, None), capture.url, None))
        return capture

    url = read(url).url
    for path in SITE_FILES:
        read(urljoin(url, path))
    stated = [(row.document_url, row.value) for row in rows if row.signal in LICENSING and row.value]
    places = [place_from(base, value) for base, value in stated if not value.startswith("{")]
    for address in list(dict.fromkeys(place.origin + place.path for place in places if place))[:LICENCES]:
        read(address)
    return _compared(url, rows, unread)


def _capture(answer: RawResponse, url: str) -> Capture:
    body, given = unpacked_body(answer, MOST_BYTES), answer.header("Content-Type")
    locator = Locator(record_id=url, captured_at=datetime.now(UTC), http_status=answer.status)
    is_cut = bool(answer.failure)
    return Capture(url, answer.headers, media_type(given), encoding_of(given, body), body, locator, is_cut)


def _compared(url: str, rows: list[RightsSignal], unread: Mapping[str, str]) -> SiteReport:
    groups = dict[tuple[str, SignalName, str], list[RightsSignal]]()
    for row in rows:
        groups.setdefault((row.document_url, row.signal, row.source), []).append(row)
    forms = list[Form]()
    for key, group in groups.items():
        agents = tuple(row.agent for row in group if row.agent and row.verdict == RESERVED)
        texts = [row.note if row.signal in RULE_FILES else row.value or row.note for row in group]
        values = tuple(dict.fromkeys(filter(None, texts)))
        if any((verdicts := verdicts_of(group, url)).values()):
            forms.append(Form(*key, agents, values, verdicts))
    together, declared = verdicts_of(rows, url), {form.signal for form in forms}
    reserved = {use for use in USES if together[use] == RESERVED}
    rules = [row for row in rows if row.signal == "robots_txt"]
    return SiteReport(
        url,
        together,
        forms,
        [each for each in agents_to_refuse(reserved)[0] if not any(verdicts_of(rules, url, each).values())],
        [
            name
            for name, (signal, *uses) in USUAL_FORMS.items()
            if signal not in declared and reserved & {*uses}
        ],
        unread,
    )
