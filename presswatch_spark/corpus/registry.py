"""Who owns what: publishers, their titles, and the titles' places on the web.

`members.yaml` is checked as a whole: every mistake is reported at once, each with its line.

A title has the whole of its `domains`, with all hosts below them; on a host with `url_prefixes` of the title,
it has those alone. A prefix is a folder with all below it, by whole names: `journal.example/eco` is also
`/eco/budget`, never `/economie`. Prefixes are compared in the normal form of pages' URLs (see
`judgement.urls`). That form drops AMP endings and `..`: a prefix with such parts would claim pages of others,
and is refused. So is a public suffix such as `co.uk` or `github.io`, where anybody can have a name.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from presswatch_spark.corpus.countries import CODES, EEA
from presswatch_spark.errors import ConfigError
from presswatch_spark.judgement.publication import is_time_zone, time_zones
from presswatch_spark.judgement.suffixes import PLATFORMS, is_shared
from presswatch_spark.judgement.urls import path_prefix, without_www
from presswatch_spark.settings.checked_yaml import Check, compose, file_bytes, line_of
from presswatch_spark.storage.disk import file_sha256
from presswatch_spark.terminal import did_you_mean


@dataclass(frozen=True, slots=True)
class Title:
    """A newspaper, magazine or site. `domains` are ASCII host names in lower case, prefixes `host/path/`.

    `timezone`: the IANA time zone in which it dates its articles; None if the members file names none.
    """

    id: str
    name: str
    publisher_id: str
    domains: tuple[str, ...]
    url_prefixes: tuple[str, ...]
    timezone: str | None = None


@dataclass(frozen=True, slots=True)
class MandateDocument:
    """The deed that gives a mandate: its path as the members file has it, its SHA-256 (hex), and its day."""

    path: str
    sha256: str
    signed_on: date | None = None


RIGHTS_BASES: Mapping[str, str] = {
    "authors": "CPI, art. L. 113-1",
    "contract": "CPI, art. L. 131-3, L. 132-36",
    "presumption": "CPI, art. L. 113-5",
}
"""What a publisher's author's right can rest on, each with its provision.

`authors`: the authors themselves act with the publisher. `contract`: they assigned their rights, journalists
by their employment. `presumption`: the title is a collective work, published under the publisher's name.
"""


@dataclass(frozen=True, slots=True)
class Publisher:
    """A member. The mandate's dates are inclusive; None means open.

    `legal_name`, `siren` (nine digits) and `address` are those of the legal person that claims. `country`:
    where it is established (ISO 3166-1 alpha-2); None if the members file does not say. `rights_basis`: what
    its author's right rests on, of `RIGHTS_BASES`; without one, nothing may call it the holder of that right.
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

    @property
    def is_in_eea(self) -> bool:
        """Return whether the publisher is known to be established in the EU or EEA."""
        return self.country in EEA

    @property
    def has_mandate(self) -> bool:
        """Whether the members file states a mandate: a first day, a last day or a document."""
        return any((self.mandate_from, self.mandate_to, self.mandate_document))


@dataclass(frozen=True)
class Registry:
    """All members, in the order of the file."""

    publishers: tuple[Publisher, ...]

    @cached_property
    def titles(self) -> Mapping[str, Title]:
        """Every title by its id."""
        return {title.id: title for publisher in self.publishers for title in publisher.titles}

    @cached_property
    def publisher_of(self) -> Mapping[str, str]:
        """Publisher id by title id."""
        return {title.id: title.publisher_id for title in self.titles.values()}


def load_registry(path: str | Path) -> Registry:
    """Read and check `members.yaml`.

    Raises:
        ConfigError: the file cannot be read, or has mistakes; all of them are listed as `file:line: message`.
    """
    raw = file_bytes(path, "the members file", "--members")
    return parse_registry(raw, str(path), folder=Path(path).parent)


def parse_registry(raw: bytes, name: str, *, built: bool = False, folder: Path | None = None) -> Registry:
    """As `load_registry`, from bytes; `name` stands for the file in messages.

    Args:
        built: the file is that of a corpus, and was checked when it was built. The list of public suffixes
            has moved since, and no corpus may become unreadable by that.
        folder: where paths of mandates' documents begin; without it, documents are not looked for.
    """
    check = _Check(suffixes=not built, folder=folder)
    root = compose(raw, check, "publishers hold titles, and titles hold no more", "publishers")
    publishers = tuple(_publishers(root, check)) if root is not None else ()
    _check_sites(publishers, check)
    check.finish(name, "the members file")
    return Registry(publishers)


@dataclass(slots=True)
class _Check(Check):
    """As `Check`; `lines` are those of titles.

    Without `suffixes`, shared sites are no mistakes. `folder`: see `parse_registry`.
    """

    suffixes: bool = True
    folder: Path | None = None
    lines: dict[str, int] = field(default_factory=dict)


_OF_PUBLISHER = (
    "association legal_name siren address country rights_basis mandate_from mandate_to mandate_document"
)


def _publishers(root: yaml.Node, check: _Check) -> Iterator[Publisher]:
    top = check.entry(root, "members file", "publishers")
    for node in check.items(top.get("publishers"), "publishers"):
        keys = check.entry(node, "publisher", "id name titles", _OF_PUBLISHER)
        own_id = check.unique_id(keys.get("id"), "publisher") or ""
        what = f"publisher `{own_id}`"
        starts = check.date(keys.get("mandate_from"), f"{what}: mandate_from")
        ends = check.date(keys.get("mandate_to"), f"{what}: mandate_to")
        if starts and ends and ends < starts:
            check.say(keys["mandate_to"], f"{what}: mandate_to {ends} is before mandate_from {starts}")
        nodes = check.items(keys.get("titles"), f"{what}: titles")
        yield Publisher(
            id=own_id,
            name=check.text(keys.get("name"), f"{what}: name") or "",
            association=check.text(keys.get("association"), f"{what}: association"),
            mandate_from=starts,
            mandate_to=ends,
            titles=tuple(_title(title, own_id, check) for title in nodes),
            legal_name=check.text(keys.get("legal_name"), f"{what}: legal_name"),
            siren=_siren(keys.get("siren"), what, check),
            address=check.text(keys.get("address"), f"{what}: address"),
            mandate_document=_mandate_document(keys.get("mandate_document"), what, check),
            country=_country(keys.get("country"), what, check),
            rights_basis=_rights_basis(keys.get("rights_basis"), what, check),
        )


def _country(node: yaml.Node | None, what: str, check: _Check) -> str | None:
    """Return the code of a country, as written: YAML itself reads Norway's `NO` as false."""
    if node is None:
        return None
    code = str(node.value).strip().upper() if isinstance(node, yaml.ScalarNode) else ""
    if code not in CODES:
        check.say(node, f"{what}: country must be a code of two letters (ISO 3166-1), as FR or BE")
        return None
    return code


def _rights_basis(node: yaml.Node | None, what: str, check: _Check) -> tuple[str, ...]:
    """Return what a publisher's author's right rests on: one name, or a list of names."""
    if node is None:
        return ()
    where = f"{what}: rights_basis"
    nodes = check.items(node, where) if isinstance(node, yaml.SequenceNode) else [node]
    named = [(each, check.text(each, where)) for each in nodes]
    for each, value in named:
        check.known(each, value, where, RIGHTS_BASES)
    return tuple(name for name in RIGHTS_BASES if any(value == name for _, value in named))


def _siren(node: yaml.Node | None, what: str, check: _Check) -> str | None:
    """Return the nine digits of a company's number in the French register, which end with a check digit."""
    if node is None:
        return None
    # YAML reads nine digits without quotes as a number, which means the same.
    written = str(node.value) if isinstance(node, yaml.ScalarNode) else ""
    digits = written.replace(" ", "")
    if not re.fullmatch(r"[0-9]{9}", digits):
        check.say(node, f"{what}: siren `{written}` is not nine digits (a SIRET's first nine)")
        return None
    if not passes_luhn(digits):
        check.say(node, f"{what}: siren `{written}` has a wrong digit (its check digit does not fit)")
        return None
    return digits


def passes_luhn(digits: str) -> bool:
    """Whether the last digit checks the others, by Luhn's rule."""
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def _mandate_document(node: yaml.Node | None, what: str, check: _Check) -> MandateDocument | None:
    if node is None:
        return None
    where = f"{what}: mandate_document"
    keys = check.entry(node, where, "path sha256", "signed_on")
    signed = check.date(keys.get("signed_on"), f"{where}: signed_on")
    path, sha256 = (
        check.text(keys.get("path"), f"{where}: path"),
        check.text(keys.get("sha256"), f"{where}: sha256"),
    )
    if path is None or sha256 is None:
        return None
    if not re.fullmatch(r"[0-9a-f]{64}", sha256):
        check.say(keys["sha256"], f"{where}: sha256 must be 64 digits of 0-9 and a-f")
    elif check.folder is not None and (wrong := _wrong_document(check.folder, path, sha256)):
        check.say(keys["path"], f"{where}: `{path}` {wrong}")
    return MandateDocument(path, sha256, signed)


def _wrong_document(folder: Path, path: str, sha256: str) -> str | None:
    """Return what is wrong with a document on disk, or None if its bytes have that SHA-256.

    Who wrote the members file may be somebody else: it leads to no other files of this machine.
    """
    file = folder / path
    if Path(path).is_absolute() or ".." in Path(path).parts:
        return "must lie in the folder of the members file, or below it"
    if file.exists() and not file.is_file():
        return "is no file"
    try:
        actual = file_sha256(file)
    except OSError as error:
        return f"cannot be read: {error.strerror} (its path begins at the folder of the members file)"
    return None if actual == sha256 else f"has another content: its SHA-256 is {actual}"


def _title(node: yaml.Node, publisher_id: str, check: _Check) -> Title:
    keys = check.entry(node, "title", "id name domains", "url_prefixes timezone")
    own_id = check.unique_id(keys.get("id"), "title") or ""
    what = f"title `{own_id}`"
    check.lines[own_id] = line_of(node)
    domains = [
        site_of(item, what, check, "domain", "journal.example", alone=check.suffixes)
        for item in check.items(keys.get("domains"), f"{what}: domains")
    ]
    prefixes = [
        _prefix(item, what, check) for item in check.items(keys.get("url_prefixes"), f"{what}: url_prefixes")
    ]
    return Title(
        id=own_id,
        name=check.text(keys.get("name"), f"{what}: name") or "",
        publisher_id=publisher_id,
        domains=tuple(dict.fromkeys(filter(None, domains))),
        url_prefixes=tuple(dict.fromkeys(filter(None, prefixes))),
        timezone=_timezone(keys.get("timezone"), what, check),
    )


def _timezone(node: yaml.Node | None, what: str, check: _Check) -> str | None:
    name = check.text(node, f"{what}: timezone")
    if node is None or name is None or is_time_zone(name):
        return name
    meant = did_you_mean(name, time_zones())
    check.say(node, f"{what}: timezone `{name}` is not an IANA time zone such as Europe/Paris{meant}")
    return None


def _prefix(node: yaml.Node, what: str, check: _Check) -> str | None:
    value = check.text(node, f"{what}: URL prefix")
    if value is None:
        return None
    try:
        prefix = url_prefix(value)
    except ConfigError as error:
        check.say(node, f"{what}: `{value}` {error.what} ({error.remedy})")
        return None
    host, _, path = prefix.partition("/")
    if check.suffixes and (wrong := shared_site(host, f"/{path}")):
        check.say(node, f"{what}: `{value}` {wrong}")
    return prefix


def _check_sites(publishers: tuple[Publisher, ...], check: _Check) -> None:
    """Two titles may share a domain only if prefixes tell them apart: at most one may own the bare domain."""
    owners: dict[str, str] = {}
    for title in (title for publisher in publishers for title in publisher.titles):
        prefixed = {without_www(prefix.partition("/")[0]) for prefix in title.url_prefixes}
        for site in [*(d for d in title.domains if without_www(d) not in prefixed), *title.url_prefixes]:
            first = owners.setdefault(without_www(site).rstrip("/"), title.id)
            if first != title.id:
                check.say(
                    check.lines[title.id],
                    f"title `{title.id}`: `{site}` also belongs to title `{first}`"
                    f" on line {check.lines[first]} (tell them apart by url_prefixes)",
                )


_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")


def site_of(
    node: yaml.Node, what: str, check: Check, word: str, example: str, *, alone: bool = True
) -> str | None:
    """Return the host name of one site, as `host_name` does; note what is none.

    Args:
        what: whose it is, for messages. `word` and `example` name it there.
        alone: note hosts under which anybody can have a site.
    """
    value = check.text(node, f"{what}: {word}")
    if value is None:
        return None
    host = host_name(value)
    if host is None:
        check.say(
            node,
            f"{what}: `{value}` is not a {word} (write it as {example}: no scheme, port or path)",
        )
    elif alone and (wrong := shared_site(host)):
        check.say(node, f"{what}: `{value}` {wrong}")
    return host


def host_name(value: str) -> str | None:
    """Return the lower-case ASCII form of a host name, or None for anything else."""
    try:
        ascii_form = value.lower().removesuffix(".").encode("idna").decode("ascii")
    except UnicodeError:
        return None
    labels = ascii_form.split(".")
    if len(labels) < 2 or labels[-1].isdigit() or not all(_LABEL.fullmatch(label) for label in labels):
        return None
    return ascii_form


def url_prefix(value: str) -> str:
    """Return `host/path/` of a URL prefix, which may be written with or without `http(s)://`.

    Raises `ConfigError` for anything else, and for a path that the normal form of its pages would change.
    """
    try:
        parts = urlsplit(value if "://" in value else f"https://{value}")
        host = host_name(parts.netloc)
    except ValueError:  # a bracket too many, or letters that a host only seems to consist of
        host = None
    wrong = host is None or parts.scheme not in ("http", "https") or parts.query or parts.fragment
    if wrong or any(character.isspace() for character in value):
        raise ConfigError("is not a URL prefix", remedy="write it as https://journal.example/section/")
    return f"{host}{path_prefix(parts.path)}"


def shared_site(host: str, path: str | None = None) -> str | None:
    """Return what is wrong with a site that anybody can have a part of, and what to write instead, or None.

    `path`: that of a URL prefix. A prefix holds on the hosts below its own as well, so any path is wrong,
    except on a platform that gives paths to its users.
    """
    bare = host.removeprefix("www.")
    shared = next((name for name in (bare, host) if "." in name and is_shared(name)), None)
    if shared is None or (shared in PLATFORMS and path not in (None, "/")):
        return None
    own = f"journal.{shared}" if path is None else f"https://journal.{shared}/"
    other = f", or a URL prefix with its path, as https://{shared}/@journal/" if shared in PLATFORMS else ""
    return (
        f"is not one site, anybody can have a name under `{shared}` (name the site itself, as {own}{other})"
    )
