"""Who owns what: publishers, their titles, and the titles' places on the web.

`members.yaml` is checked as a whole: every mistake is reported at once, each with its line.

A title has the whole of its `domains`, with all hosts below them; on a host with `url_prefixes` of the title,
it has those alone. A prefix is a folder with all below it, by whole names: `journal.example/eco` is also
`/eco/budget`, never `/economie`. Prefixes are compared in the normal form of pages' URLs (see
`judgement.urls`). That form drops AMP endings and `..`: a prefix with such parts would claim pages of others,
and is refused. So is a public suffix such as `co.uk` or `github.io`, where anybody can have a name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from presswatch_spark.errors import ConfigError
from presswatch_spark.judgement.suffixes import PLATFORMS, is_shared
from presswatch_spark.judgement.urls import path_prefix, without_www

_TEXT_TAG, _NULL_TAG = "tag:yaml.org,2002:str", "tag:yaml.org,2002:null"
_TIME_TAG = "tag:yaml.org,2002:timestamp"


@dataclass(frozen=True, slots=True)
class Title:
    """A newspaper, magazine or site. `domains` are ASCII host names in lower case, prefixes `host/path/`."""

    id: str
    name: str
    publisher_id: str
    domains: tuple[str, ...]
    url_prefixes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Publisher:
    """A member. The mandate's dates are inclusive; None means open."""

    id: str
    name: str
    association: str | None
    mandate_from: date | None
    mandate_to: date | None
    titles: tuple[Title, ...]


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
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(
            f"the members file cannot be read: {error.strerror}",
            where=str(path),
            remedy="give --members a file",
        ) from error
    return parse_registry(raw, str(path))


def parse_registry(raw: bytes, name: str, *, built: bool = False) -> Registry:
    """As `load_registry`, from bytes; `name` stands for the file in messages.

    `built`: the file is that of a corpus, and was checked when it was built. The list of public suffixes has
    moved since, and no corpus may become unreadable by that.
    """
    check = _Check(suffixes=not built)
    root = _compose(raw, check)
    publishers = tuple(_publishers(root, check)) if root is not None else ()
    _check_sites(publishers, check)
    if check.problems:
        listed = "\n".join(f"{name}:{line}: {message}" for line, message in sorted(check.problems))
        count = len(check.problems)
        raise ConfigError(f"{count} mistake{'s' * (count > 1)} in the members file\n{listed}", where=name)
    return Registry(publishers)


@dataclass(slots=True)
class _Check:
    """Collects mistakes, and remembers where each id and title was seen, for mistakes across entries."""

    suffixes: bool = True
    problems: list[tuple[int, str]] = field(default_factory=list)
    ids: dict[tuple[str, str], int] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)

    def say(self, line: int, message: str) -> None:
        self.problems.append((line, message))

    def entry(self, node: yaml.Node, what: str, required: str, optional: str = "") -> dict[str, yaml.Node]:
        """The keys of a mapping; says which are missing, unknown or given twice. Null is not given."""
        if not isinstance(node, yaml.MappingNode):
            self.say(_line(node), f"{what} must be a mapping with {', '.join(required.split())}")
            return {}
        known, given = {*required.split(), *optional.split()}, dict[str, yaml.Node]()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.say(_line(key), f"{what}: a key must be one of {', '.join(sorted(known))}")
                continue
            if key.value in given:
                self.say(_line(key), f"{what}: key `{key.value}` is given twice")
            elif key.value not in known:
                self.say(_line(key), f"{what}: unknown key `{key.value}` (known: {', '.join(sorted(known))})")
            given[key.value] = value
        missing = [key for key in required.split() if key not in given or given[key].tag == _NULL_TAG]
        for key in missing:
            self.say(_line(node), f"{what}: `{key}` is missing")
        return {key: value for key, value in given.items() if value.tag != _NULL_TAG and key in known}

    def text(self, node: yaml.Node | None, what: str) -> str | None:
        if node is None:
            return None
        if not isinstance(node, yaml.ScalarNode) or node.tag not in (_TEXT_TAG, _TIME_TAG):
            self.say(_line(node), f"{what} must be text (put it in quotes)")
            return None
        value = str(node.value).strip()
        if not value:
            self.say(_line(node), f"{what} is empty")
        return value or None

    def unique_id(self, node: yaml.Node | None, kind: str) -> str | None:
        value = self.text(node, f"{kind} id")
        if node is None or value is None:
            return None
        if not value.isprintable():
            self.say(_line(node), f"{kind} id {value!r} holds characters that cannot be shown")
        if (kind, value) in self.ids:
            self.say(_line(node), f"{kind} id `{value}` is already used on line {self.ids[kind, value]}")
        self.ids.setdefault((kind, value), _line(node))
        return value

    def date(self, node: yaml.Node | None, what: str) -> date | None:
        value = self.text(node, what)
        if node is None or value is None:
            return None
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.say(_line(node), f"{what} `{value}` is not a date (write it as 2024-01-31)")
            return None

    def items(self, node: yaml.Node | None, what: str) -> list[yaml.Node]:
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode):
            self.say(_line(node), f"{what} must be a list")
            return []
        if not node.value:
            self.say(_line(node), f"{what} is an empty list")
        return list(node.value)


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _compose(raw: bytes, check: _Check) -> yaml.Node | None:
    """Return the YAML tree with its marks, or None after noting why there is none."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        check.say(line, f"byte 0x{raw[error.start]:02x} is not UTF-8 (save the file as UTF-8)")
        return None
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        check.say(line, f"character U+{int(error.character):04X} is not allowed in YAML")
        return None
    except RecursionError:
        check.say(1, "nested too deeply: publishers hold titles, and titles hold no more")
        return None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        tab = " (indent with spaces, not tabs)" if "\\t" in str(error.problem) else ""
        check.say(mark.line + 1 if mark else 1, f"not valid YAML: {error.problem}{tab}")
        return None
    if root is None:
        check.say(1, "the file is empty (it needs `publishers:`)")
    return root


def _publishers(root: yaml.Node, check: _Check) -> Iterator[Publisher]:
    top = check.entry(root, "members file", "publishers")
    for node in check.items(top.get("publishers"), "publishers"):
        keys = check.entry(node, "publisher", "id name titles", "association mandate_from mandate_to")
        own_id = check.unique_id(keys.get("id"), "publisher") or ""
        what = f"publisher `{own_id}`"
        starts = check.date(keys.get("mandate_from"), f"{what}: mandate_from")
        ends = check.date(keys.get("mandate_to"), f"{what}: mandate_to")
        if starts and ends and ends < starts:
            check.say(_line(keys["mandate_to"]), f"{what}: mandate_to {ends} is before mandate_from {starts}")
        nodes = check.items(keys.get("titles"), f"{what}: titles")
        yield Publisher(
            id=own_id,
            name=check.text(keys.get("name"), f"{what}: name") or "",
            association=check.text(keys.get("association"), f"{what}: association"),
            mandate_from=starts,
            mandate_to=ends,
            titles=tuple(_title(title, own_id, check) for title in nodes),
        )


def _title(node: yaml.Node, publisher_id: str, check: _Check) -> Title:
    keys = check.entry(node, "title", "id name domains", "url_prefixes")
    own_id = check.unique_id(keys.get("id"), "title") or ""
    what = f"title `{own_id}`"
    check.lines[own_id] = _line(node)
    domains = [_domain(item, what, check) for item in check.items(keys.get("domains"), f"{what}: domains")]
    prefixes = [
        _prefix(item, what, check) for item in check.items(keys.get("url_prefixes"), f"{what}: url_prefixes")
    ]
    return Title(
        id=own_id,
        name=check.text(keys.get("name"), f"{what}: name") or "",
        publisher_id=publisher_id,
        domains=tuple(dict.fromkeys(filter(None, domains))),
        url_prefixes=tuple(dict.fromkeys(filter(None, prefixes))),
    )


def _domain(node: yaml.Node, what: str, check: _Check) -> str | None:
    value = check.text(node, f"{what}: domain")
    if value is None:
        return None
    host = host_name(value)
    if host is None:
        check.say(
            _line(node),
            f"{what}: `{value}` is not a domain (write it as journal.example: no scheme, port or path)",
        )
    elif check.suffixes and (wrong := shared_site(host)):
        check.say(_line(node), f"{what}: `{value}` {wrong}")
    return host


def _prefix(node: yaml.Node, what: str, check: _Check) -> str | None:
    value = check.text(node, f"{what}: URL prefix")
    if value is None:
        return None
    try:
        prefix = url_prefix(value)
    except ConfigError as error:
        check.say(_line(node), f"{what}: `{value}` {error.what} ({error.remedy})")
        return None
    host, _, path = prefix.partition("/")
    if check.suffixes and (wrong := shared_site(host, f"/{path}")):
        check.say(_line(node), f"{what}: `{value}` {wrong}")
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
