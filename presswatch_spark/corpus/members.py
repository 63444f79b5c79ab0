"""Reads publishers, their titles, and the titles' places on the web from `members.yaml`.

The file is checked as a whole: every mistake is reported at once, each with its line. A title owns its
`domains` and all hosts below them; on a host for which it has `url_prefixes`, it owns only these paths.
Prefixes are compared in the normal form of URLs (`judgement.urls`): parts that this form drops are refused,
and so are public suffixes such as `co.uk` or `github.io`, where anyone can have a name.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property, lru_cache
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import available_timezones

import yaml

from presswatch_spark.core.errors import ConfigError
from presswatch_spark.core.scan_values import Title
from presswatch_spark.core.settings.checked_yaml import Check, compose, file_bytes, line_of
from presswatch_spark.core.terminal import did_you_mean
from presswatch_spark.matching.judgement.public_suffixes import PLATFORMS, is_shared
from presswatch_spark.matching.judgement.urls import ascii_name, path_prefix, without_www
from presswatch_spark.storage.disk import file_sha256
from presswatch_spark.storage.uris import SHA256

_COUNTRIES = """
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY
BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK
FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR
IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK
ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM
PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF
TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW
"""
COUNTRIES = frozenset(re.findall(r"\w+", _COUNTRIES))
"""Codes of countries (ISO 3166-1 alpha-2)."""
_EEA = """
AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK
AX GF GP MF MQ RE YT IS LI NO
"""
EEA = frozenset(re.findall(r"\w+", _EEA))
"""Countries of publishers with the right of Directive (EU) 2019/790, article 15(1): EU and EEA."""


@dataclass(frozen=True, slots=True)
class MandateDocument:
    """The document of a mandate: its path in the members file, its SHA-256 (hex), its day of signature.

    `signatory`: who signed it for the publisher. `scope`: what it covers, in words of the document.
    """

    path: str
    sha256: str
    signed_on: date | None = None
    signatory: str | None = None
    scope: str | None = None


RIGHTS_BASES: Mapping[str, str] = {
    "authors": "CPI, art. L. 113-1",
    "contract": "CPI, art. L. 131-3, L. 132-36",
    "presumption": "CPI, art. L. 113-5",
}
"""Bases of a publisher's author's right, each with its provision.

`authors`: the authors themselves act with the publisher. `contract`: they assigned their rights, journalists
by their employment. `presumption`: the title is a collective work, published under the publisher's name.
"""


@dataclass(frozen=True, slots=True)
class Publisher:
    """A member. The mandate's dates are inclusive; None means open. `country`: ISO 3166-1 alpha-2.

    `legal_name`, `siren` (nine digits) and `address` describe the legal person that claims. Without a
    `rights_basis` (keys of `RIGHTS_BASES`), no document may call it the holder of author's right.
    `database_right`: it claims the right of the maker of a database (CPI, L. 341-1).
    """

    id: str
    name: str
    association: str | None
    mandate_from: date | None
    mandate_to: date | None
    titles: tuple[Title, ...]
    legal_name: str | None = None
    siren: str | None = None
    address: str | None = None
    mandate_document: MandateDocument | None = None
    country: str | None = None
    rights_basis: tuple[str, ...] = ()
    database_right: bool = False

    @property
    def is_in_eea(self) -> bool:
        """Return whether the publisher is known to be established in the EU or EEA."""
        return self.country in EEA

    @property
    def has_mandate(self) -> bool:
        """Return whether the members file states a mandate: a first day, a last day or a document."""
        return any((self.mandate_from, self.mandate_to, self.mandate_document))


@dataclass(frozen=True)
class Registry:
    """All members, in the order of the file."""

    publishers: tuple[Publisher, ...]

    @cached_property
    def by_id(self) -> Mapping[str, Publisher]:
        """Every publisher by its id."""
        return {publisher.id: publisher for publisher in self.publishers}

    @cached_property
    def titles(self) -> Mapping[str, Title]:
        """Every title by its id."""
        return {title.id: title for publisher in self.publishers for title in publisher.titles}

    @cached_property
    def publisher_of(self) -> Mapping[str, str]:
        """Publisher id by title id."""
        return {title.id: title.publisher_id for title in self.titles.values()}


def load_registry(path: str | Path) -> Registry:
    """Read and check `members.yaml`; `ConfigError` with all mistakes as `file:line: message`."""
    raw = file_bytes(path, "the members file", "--members")
    return parse_registry(raw, str(path), folder=Path(path).parent)


def parse_registry(raw: bytes, name: str, *, built: bool = False, folder: Path | None = None) -> Registry:
    """Parse the bytes of `members.yaml`; `name`: of the file, in messages; `folder`: of mandates' documents.

    `built`: the file is that of a built corpus, which stays readable if the list of public suffixes changes.
    """
    check = _Check(suffixes=not built, folder=folder)
    root = compose(raw, check, "publishers contain titles, and nothing is nested deeper", "publishers")
    publishers = tuple(_publishers(root, check)) if root is not None else ()
    # Two titles may share a domain only if they have prefixes; at most one may own the domain without prefix.
    owners: dict[str, str] = {}
    for title in (title for publisher in publishers for title in publisher.titles):
        prefixed = {without_www(prefix.partition("/")[0]) for prefix in title.url_prefixes}
        for site in [*(d for d in title.domains if without_www(d) not in prefixed), *title.url_prefixes]:
            first = owners.setdefault(without_www(site).rstrip("/"), title.id)
            if first != title.id:
                check.report(
                    check.lines[title.id],
                    f"title `{title.id}`: `{site}` also belongs to title `{first}`"
                    f" on line {check.lines[first]} (separate them by url_prefixes)",
                )
    check.finish(name, "the members file")
    return Registry(publishers)


@dataclass(slots=True)
class _Check(Check):
    """A `Check` with the `lines` of titles by id. Without `suffixes`, shared sites are no mistakes."""

    suffixes: bool = True
    folder: Path | None = None
    lines: dict[str, int] = field(default_factory=dict)


_OF_PUBLISHER = (
    "association legal_name siren address country rights_basis database_right mandate_from mandate_to"
    " mandate_document"
)


def _publishers(root: yaml.Node, check: _Check) -> Iterator[Publisher]:
    top = check.entry(root, "members file", "publishers")
    for node in check.items(top.get("publishers"), "publishers"):
        keys, own_id, what = check.named_entry(node, "publisher", "id name titles", _OF_PUBLISHER)
        starts, ends = check.period(keys, "mandate_from", "mandate_to", what)
        nodes = check.items(keys.get("titles"), f"{what}: titles")
        yield Publisher(
            id=own_id,
            name=check.text(keys.get("name"), f"{what}: name") or "",
            association=check.text(keys.get("association"), f"{what}: association"),
            mandate_from=starts,
            mandate_to=ends,
            titles=tuple(_title(title, own_id, check) for title in nodes),
            legal_name=check.text(keys.get("legal_name"), f"{what}: legal_name"),
            siren=siren_of(keys.get("siren"), f"{what}: siren", check),
            address=check.text(keys.get("address"), f"{what}: address"),
            mandate_document=_mandate_document(keys.get("mandate_document"), what, check),
            country=country_code(keys.get("country"), f"{what}: country", check),
            rights_basis=_rights_basis(keys.get("rights_basis"), f"{what}: rights_basis", check),
            database_right=check.flag(keys.get("database_right"), f"{what}: database_right"),
        )


def country_code(node: yaml.Node | None, what: str, check: Check) -> str | None:
    """Return the code of a country, as written: YAML itself reads Norway's `NO` as false."""
    if node is None:
        return None
    code = str(node.value).strip().upper() if isinstance(node, yaml.ScalarNode) else ""
    if code not in COUNTRIES:
        check.report(node, f"{what} must be a code of two letters (ISO 3166-1), as FR or BE")
        return None
    return code


def _rights_basis(node: yaml.Node | None, where: str, check: _Check) -> tuple[str, ...]:
    if node is None:
        return ()
    given = check.items(node, where) if isinstance(node, yaml.SequenceNode) else [node]
    bases = {check.one_of(each, where, RIGHTS_BASES) for each in given}
    return tuple(name for name in RIGHTS_BASES if name in bases)


def siren_of(node: yaml.Node | None, what: str, check: Check) -> str | None:
    """Return the nine digits of a SIREN; report other values as mistakes."""
    if node is None:
        return None
    # Nine digits without quotes are a number in YAML; the node has the digits as written.
    written = str(node.value) if isinstance(node, yaml.ScalarNode) else ""
    digits = written.replace(" ", "")
    if not re.fullmatch(r"[0-9]{9}", digits):
        check.report(node, f"{what} `{written}` is not nine digits (a SIRET's first nine)")
        return None
    # Luhn's rule: the last digit checks the others.
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    if sum(value - 9 if value > 9 else value for value in doubled) % 10:
        check.report(node, f"{what} `{written}` has a wrong digit (its check digit does not fit)")
        return None
    return digits


def _mandate_document(node: yaml.Node | None, what: str, check: _Check) -> MandateDocument | None:
    if node is None:
        return None
    where = f"{what}: mandate_document"
    keys = check.entry(node, where, "path sha256", "signed_on signatory scope")
    signed = check.date(keys.get("signed_on"), f"{where}: signed_on")
    path = check.text(keys.get("path"), f"{where}: path")
    sha256 = check.text(keys.get("sha256"), f"{where}: sha256")
    if path is None or sha256 is None:
        return None
    if not SHA256.fullmatch(sha256):
        check.report(keys["sha256"], f"{where}: sha256 must be 64 digits of 0-9 and a-f")
    elif check.folder is not None and (wrong := _wrong_document(check.folder, path, sha256)):
        check.report(keys["path"], f"{where}: `{path}` {wrong}")
    signatory, scope = (check.text(keys.get(name), f"{where}: {name}") for name in ("signatory", "scope"))
    return MandateDocument(path, sha256, signed, signatory, scope)


def _wrong_document(folder: Path, path: str, sha256: str) -> str | None:
    """Return the mistake in a document on disk, or None if its bytes have that SHA-256."""
    file = folder / path
    # A third party may have written the members file: refuse paths to other files of this machine.
    if Path(path).is_absolute() or ".." in Path(path).parts:
        return "must be in the folder of the members file, or below it"
    try:
        if file.exists() and not file.is_file():
            return "is not a file"
        actual = file_sha256(file)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        return f"cannot be read: {why} (its path begins at the folder of the members file)"
    return None if actual == sha256 else f"has different content: its SHA-256 is {actual}"


def _title(node: yaml.Node, publisher_id: str, check: _Check) -> Title:
    keys, own_id, what = check.named_entry(node, "title", "id name domains", "url_prefixes timezone")
    check.lines[own_id] = line_of(node)
    domains = [
        checked_host(item, what, check, "domain", "journal.example", refuse_shared=check.suffixes)
        for item in check.items(keys.get("domains"), f"{what}: domains")
    ]
    prefixes = [
        _prefix(item, what, check) for item in check.items(keys.get("url_prefixes"), f"{what}: url_prefixes")
    ]
    zone = check.text(keys.get("timezone"), f"{what}: timezone")
    if zone is not None and zone not in time_zones():
        meant = did_you_mean(zone, time_zones())
        check.report(
            keys["timezone"],
            f"{what}: timezone `{zone}` is not an IANA time zone such as Europe/Paris{meant}",
        )
        zone = None
    return Title(
        id=own_id,
        name=check.text(keys.get("name"), f"{what}: name") or "",
        publisher_id=publisher_id,
        domains=tuple(dict.fromkeys(filter(None, domains))),
        url_prefixes=tuple(dict.fromkeys(filter(None, prefixes))),
        timezone=zone,
    )


@lru_cache(1)
def time_zones() -> frozenset[str]:
    """Return the names of the time zones that a members file may give."""
    return frozenset(name for name in available_timezones() if "/" in name or name == "UTC")


def _prefix(node: yaml.Node, what: str, check: _Check) -> str | None:
    value = check.text(node, f"{what}: URL prefix")
    if value is None:
        return None
    try:
        parts = urlsplit(value if "://" in value else f"https://{value}")
        host = host_name(parts.netloc)
    except ValueError:  # a bracket too many, or letters that a host only seems to consist of
        host = None
    wrong = host is None or parts.scheme not in ("http", "https") or parts.query or parts.fragment
    if host is None or wrong or any(character.isspace() for character in value):
        remedy = "write it as https://journal.example/section/"
        check.report(node, f"{what}: `{value}` is not a URL prefix ({remedy})")
        return None
    try:
        path = path_prefix(parts.path)
    except ConfigError as error:
        check.report(node, f"{what}: `{value}` {error.what} ({error.remedy})")
        return None
    if check.suffixes and (mistake := shared_site(host, path)):
        check.report(node, f"{what}: `{value}` {mistake}")
    return f"{host}{path}"


_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")


def checked_host(
    node: yaml.Node, what: str, check: Check, word: str, example: str, *, refuse_shared: bool = True
) -> str | None:
    """Return the host name of one site; report other values as mistakes.

    Args: `what`: its owner; `word`, `example`: its name and form in messages; `refuse_shared`: hosts that
    several publishers share are mistakes, too.
    """
    value = check.text(node, f"{what}: {word}")
    if value is None:
        return None
    host = host_name(value)
    if host is None:
        check.report(
            node, f"{what}: `{value}` is not a {word} (write it as {example}: no scheme, port or path)"
        )
    elif refuse_shared and (wrong := shared_site(host)):
        check.report(node, f"{what}: `{value}` {wrong}")
    return host


def host_name(value: str) -> str | None:
    """Return the lower-case ASCII form of a host name, or None for anything else."""
    ascii_form = ascii_name(value) or ""
    labels = ascii_form.split(".")
    if len(labels) < 2 or labels[-1].isdigit() or not all(_LABEL.fullmatch(label) for label in labels):
        return None
    return ascii_form


def shared_site(host: str, path: str | None = None) -> str | None:
    """Return the mistake if anyone can have a part of the site, with the remedy; None if it is not shared.

    `path`: that of a URL prefix, which is wrong on shared hosts, except on a platform that gives out paths.
    """
    bare = host.removeprefix("www.")
    shared = next((name for name in (bare, host) if "." in name and is_shared(name)), None)
    if shared is None or (shared in PLATFORMS and path not in (None, "/")):
        return None
    own = f"journal.{shared}" if path is None else f"https://journal.{shared}/"
    other = f", or a URL prefix with its path, as https://{shared}/@journal/" if shared in PLATFORMS else ""
    return f"is not one site: anyone can have a name under `{shared}` (write the site, as {own}{other})"
