"""Writes the files that a publisher serves to reserve uses of a title's pages: a pack.

Each form states only what it can. TDMRep has one value for training and other mining: it is left out if they
differ. robots.txt refuses an agent all of its uses: it names only agents whose uses are all reserved.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from presswatch_spark.core.errors import OutputError
from presswatch_spark.core.extras import library
from presswatch_spark.core.model import Title
from presswatch_spark.core.translation import Translator
from presswatch_spark.legal.evidence.typesetting import rendered
from presswatch_spark.matching.judgement.urls import without_www
from presswatch_spark.matching.rights.current import HEAD_FILE, HEADERS_FILE, report_of_folder
from presswatch_spark.matching.rights.declaration import ALLOWED, RESERVED, agents_to_refuse
from presswatch_spark.storage.disk import Folder
from presswatch_spark.storage.drafts import new_folder
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.literals import USES, Use

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
