"""Writes the files that a publisher serves to reserve uses of a title's pages: a pack.

Each form states only what it can. TDMRep has one value for training and other mining: it is left out if they
differ. robots.txt refuses an agent all of its uses: it names only agents whose uses are all reserved.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from xml.sax.saxutils import quoteattr

from presswatch_spark.core.errors import OutputError
from presswatch_spark.core.extras import library
from presswatch_spark.core.model import Title
from presswatch_spark.core.translation import N_, Translator
from presswatch_spark.legal.evidence.typesetting import environment
from presswatch_spark.matching.judgement.urls import without_www
from presswatch_spark.matching.rights.agents import agents_to_refuse
from presswatch_spark.matching.rights.current import HEAD_FILE, HEADERS_FILE, report_of_folder
from presswatch_spark.matching.rights.declaration import ALLOWED, RESERVED
from presswatch_spark.storage.disk import Folder
from presswatch_spark.storage.drafts import new_folder
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.literals import USES, Use

TEMPLATES = Path(__file__).parent / "templates"
README_FILE, TDMREP_FILE, RSL_FILE = "README.md", ".well-known/tdmrep.json", "rsl.xml"
FILES = ("robots.txt", TDMREP_FILE, RSL_FILE, HEADERS_FILE, HEAD_FILE)
"""Files of a host; each has a template."""
USE_NAMES: Mapping[Use, str] = {
    "train": N_("training of AI models"),
    "search": N_("search"),
    "tdm": N_("other text and data mining"),
}
USAGE: Mapping[Use, str] = {"train": "train-ai", "tdm": "ai-use", "search": "search"}
"""Names in AIPREF's vocabulary (draft-ietf-aipref-vocab-08)."""
SIGNAL: Mapping[Use, str] = {"search": "search", "tdm": "ai-input", "train": "ai-train"}
"""Names in Cloudflare's Content Signals Policy."""
RSL: Mapping[Use, str] = {"train": "ai-train", "tdm": "ai-input ai-index", "search": "search"}
"""Names in RSL; `ai-all` includes those of training and mining."""
DIRECTIVES: Mapping[Use, str] = {"train": "noai", "search": "noindex"}


@dataclass(frozen=True, slots=True)
class Pack:
    """The contents of a pack. `holder`: the legal person that holds the rights.

    `policy`: page of the licensing policy, for TDMRep. `licence`: page of the terms, for RSL. `contact`: an
    e-mail address, or a page, for RSL.
    """

    title: Title
    holder: str
    reserved: frozenset[Use]
    policy: str | None = None
    licence: str | None = None
    contact: str | None = None

    def paths(self, host: str) -> list[str]:
        """Return the paths of the title on a host: `/`, or those of its prefixes."""
        prefixes = [prefix.partition("/") for prefix in self.title.url_prefixes]
        return [f"/{path}" for site, _, path in prefixes if without_www(site) == without_www(host)] or ["/"]

    def files(self, pages: Mapping[str, Sequence[str]], _: Translator) -> dict[str, str]:
        """Return the text of each file by its name; `pages`: the paths of the title by host."""
        refused, mixed = agents_to_refuse(self.reserved)
        kind = "contactEmail" if "@" in (self.contact or "") else "contactUrl"
        facts = {
            **{name: value for name, value in asdict(self).items() if name != "title"},
            "title": self.title.name,
            "uses": ", ".join(_(name) for use, name in USE_NAMES.items() if use in self.reserved),
            "pages": [f"https://{host}{path}" for host, paths in pages.items() for path in paths],
            "refused": refused,
            "mixed": mixed,
            "usage": self._stated(USAGE, "y", "n"),
            "signal": self._stated(SIGNAL, "yes", "no"),
            "directives": ", ".join(word for use, word in DIRECTIVES.items() if use in self.reserved),
            "permitted": _rsl(frozenset(USES) - self.reserved),
            "prohibited": _rsl(self.reserved),
            "contact_attribute": f" {kind}={quoteattr(self.contact)}" if self.contact else "",
            "tdm": self._tdm(),
        }
        files = {README_FILE: _rendered(README_FILE, facts, _)}
        for host, paths in pages.items():
            of_host = {"paths": sorted(paths, key=len, reverse=True), "rsl": f"https://{host}/{RSL_FILE}"}
            for name in FILES:
                if name != TDMREP_FILE or facts["tdm"] is not None:
                    files[f"{host}/{name}"] = _rendered(name, facts | of_host, _)
        return files

    def _stated(self, names: Mapping[Use, str], yes: str, no: str) -> str:
        return ", ".join(f"{name}={no if use in self.reserved else yes}" for use, name in names.items())

    def _tdm(self) -> int | None:
        values = {int(use in self.reserved) for use in ("train", "tdm")}
        return values.pop() if len(values) == 1 else None


def _rsl(uses: frozenset[Use]) -> str:
    words = " ".join(word for use, word in RSL.items() if use in uses)
    return words.replace("ai-train ai-input ai-index", "ai-all")


def _rendered(name: str, facts: Mapping[str, object], _: Translator) -> str:
    template = environment(TEMPLATES, html=False).get_template(f"{name.rpartition('/')[2]}.jinja")
    return template.render(facts, _=_).rstrip("\n") + "\n"


def write_pack(pack: Pack, out: str, storage: StorageOptions, _: Translator) -> list[str]:
    """Write a pack into the new folder `out`, a folder for each host, and return the names of its files.

    Before the folder appears, its files are read as those of a site would be. Raises `OutputError` if they do
    not mean what was chosen, or if the folder is not new; `ConfigError` if Jinja is missing.
    """
    library("jinja2", "reservations pack")
    hosts = dict[str, str]()
    for name in (*pack.title.domains, *pack.title.url_prefixes):
        host = name.partition("/")[0]
        hosts.setdefault(without_www(host), host)
    pages = {host: pack.paths(host) for host in hosts.values()}
    files = pack.files(pages, _)
    with new_folder(out, storage, README_FILE) as draft:
        for name, text in files.items():
            (draft / name).parent.mkdir(parents=True, exist_ok=True)
            (draft / name).write_text(text, "utf-8")
        for host, path in ((host, path) for host, paths in pages.items() for path in paths):
            report = report_of_folder(Folder.of(str(draft / host), storage), path)
            for use, verdict in report.verdicts.items():
                if verdict not in ((RESERVED,) if use in pack.reserved else (ALLOWED, None)):
                    what = f"the files would declare `{verdict}` about {use}, against the choice"
                    raise OutputError(what, where=f"{host}{path}", remedy="report it")
    return sorted(files)
