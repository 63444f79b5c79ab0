"""Writes the files that a publisher serves to reserve uses of a title's pages: a pack.

Each form states only what it can. TDMRep has one value for training and other mining: it is left out if they
differ. robots.txt refuses an agent all of its uses: it names only agents whose uses are all reserved.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from presswatch_spark.core.errors import OutputError
from presswatch_spark.core.model import Title
from presswatch_spark.core.translation import N_, Translator
from presswatch_spark.matching.judgement.urls import without_www
from presswatch_spark.matching.rights.agents import agents_to_refuse
from presswatch_spark.matching.rights.current import HEAD_FILE, HEADERS_FILE, report_of_folder
from presswatch_spark.matching.rights.declaration import ALLOWED, RESERVED
from presswatch_spark.storage.disk import Folder
from presswatch_spark.storage.drafts import new_folder
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.literals import USES, Use

RSL_FILE, TDMREP_FILE, README_FILE = "rsl.xml", ".well-known/tdmrep.json", "README.md"
USE_NAMES: Mapping[Use, str] = {
    "train": N_("training of AI models"),
    "search": N_("search"),
    "tdm": N_("other text and data mining"),
}
USAGE: Mapping[Use, str] = {"train": "train-ai", "tdm": "ai-use", "search": "search"}
"""Names in AIPREF's vocabulary (draft-ietf-aipref-vocab-08)."""
SIGNAL: Mapping[Use, str] = {"search": "search", "tdm": "ai-input", "train": "ai-train"}
"""Names in Cloudflare's Content Signals Policy."""
RSL: Mapping[frozenset[Use], str] = {
    frozenset(USES): "all",
    frozenset[Use](("train", "tdm")): "ai-all",
    frozenset[Use](("train", "search")): "ai-train search",
    frozenset[Use](("tdm", "search")): "ai-input ai-index search",
    frozenset[Use](("train",)): "ai-train",
    frozenset[Use](("tdm",)): "ai-input ai-index",
    frozenset[Use](("search",)): "search",
}
"""Words of RSL for uses."""
INSTRUCTIONS = (
    N_(
        "Each folder has the files of one host. Serve them on its other names, too, such as `www.`: a"
        " declaration counts only for the host that serves it."
    ),
    N_(
        "`robots.txt`: merge it into the file that the site serves, and replace nothing there. If that has a"
        " group for an agent, add the lines to this group. To a group for `*`, add only `Content-Usage` and"
        " `Content-Signal`."
    ),
    N_(
        "`.well-known/tdmrep.json`: serve it at this address. Put its rules before others: the first one that"
        " covers a page counts. There is no such file if TDMRep cannot state the choice."
    ),
    N_("`rsl.xml`: serve it at this address, as `application/rsl+xml`."),
    N_("`headers.txt`: send these headers with all pages and files below {paths}."),
    N_("`head.html`: put these elements into the `head` of all pages below {paths}."),
)
"""Sentences of README.md."""


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

    def files(self, host: str) -> dict[str, str]:
        """Return the files for one host, by their path in its folder."""
        tdmrep = self._tdmrep()
        headers = {
            **({"TDM-Reservation": str(tdmrep["tdm-reservation"])} if tdmrep else {}),
            **({"TDM-Policy": str(self.policy)} if tdmrep and self.policy else {}),
            "Content-Usage": self._stated(USAGE, "y", "n"),
            "Link": f'<https://{host}/{RSL_FILE}>; rel="license"; type="application/rsl+xml"',
        }
        metas = {"tdm-reservation": headers.get("TDM-Reservation"), "tdm-policy": headers.get("TDM-Policy")}
        if "train" in self.reserved or "search" in self.reserved:
            directives = {"train": "noai", "search": "noindex"}
            robots = ", ".join(word for use, word in directives.items() if use in self.reserved)
            headers["X-Robots-Tag"] = metas["robots"] = robots
        elements = [f'<meta name="{name}" content={quoteattr(text)}>' for name, text in metas.items() if text]
        link = f'<link rel="license" type="application/rsl+xml" href="https://{host}/{RSL_FILE}">'
        # The first rule that covers a page counts: a longer path must come first.
        rules = [{"location": path, **tdmrep} for path in sorted(self.paths(host), key=len, reverse=True)]
        return {
            "robots.txt": self._robots(host),
            **({TDMREP_FILE: json.dumps(rules, indent=2) + "\n"} if tdmrep else {}),
            RSL_FILE: self._rsl(host),
            HEADERS_FILE: "".join(f"{name}: {value}\n" for name, value in headers.items()),
            HEAD_FILE: "\n".join([*elements, link, ""]),
        }

    def _stated(self, names: Mapping[Use, str], yes: str, no: str) -> str:
        return ", ".join(f"{name}={no if use in self.reserved else yes}" for use, name in names.items())

    def _tdmrep(self) -> dict[str, str | int]:
        if ("train" in self.reserved) != ("tdm" in self.reserved):
            return {}
        policy = {"tdm-policy": self.policy} if self.policy else {}
        return {"tdm-reservation": int("tdm" in self.reserved), **policy}

    def _robots(self, host: str) -> str:
        paths, usage = self.paths(host), self._stated(USAGE, "y", "n")
        refused = [f"User-agent: {agent}" for agent in agents_to_refuse(self.reserved)[0]]
        lines = [f"License: https://{host}/{RSL_FILE}", ""]
        if refused:
            lines += [*refused, *(f"Disallow: {path}" for path in paths), ""]
        lines += ["User-agent: *", "Allow: /"]
        if paths == ["/"]:
            # Content-Signal has no form for a part of a site.
            lines += [f"Content-Usage: {usage}", f"Content-Signal: {self._stated(SIGNAL, 'yes', 'no')}"]
        else:
            lines += [f"Content-Usage: {path} {usage}" for path in paths]
        return "\n".join([*lines, ""])

    def _rsl(self, host: str) -> str:
        uses = {"permits": frozenset(USES) - self.reserved, "prohibits": self.reserved}
        licence = "".join(f'<{name} type="usage">{RSL[each]}</{name}>' for name, each in uses.items() if each)
        contact = ""
        if self.contact:
            kind = "contactEmail" if "@" in self.contact else "contactUrl"
            contact = f" {kind}={quoteattr(self.contact)}"
        terms = f"    <terms>{escape(self.licence)}</terms>\n" if self.licence else ""
        contents = "".join(
            f"  <content url={quoteattr(path)}>\n    <license>{licence}</license>\n"
            f'    <copyright type="organization"{contact}>{escape(self.holder)}</copyright>\n'
            f"{terms}  </content>\n"
            for path in self.paths(host)
        )
        return f'<rsl xmlns="https://rslstandard.org/rsl">\n{contents}</rsl>\n'


def write_pack(pack: Pack, out: str, storage: StorageOptions, _: Translator) -> list[str]:
    """Write a pack into the new folder `out`, a folder for each host, and return the names of its files.

    Before the folder appears, its files are read as those of a site would be. Raises `OutputError` if they do
    not mean what was chosen, or if the folder is not new.
    """
    hosts = dict[str, str]()
    for name in (*pack.title.domains, *pack.title.url_prefixes):
        host = name.partition("/")[0]
        hosts.setdefault(without_www(host), host)
    pages = [(host, path) for host in hosts.values() for path in pack.paths(host)]
    files = {f"{host}/{name}": text for host in hosts.values() for name, text in pack.files(host).items()}
    files[README_FILE] = readme(pack, [f"https://{host}{path}" for host, path in pages], _)
    with new_folder(out, storage, README_FILE) as draft:
        for name, text in files.items():
            (draft / name).parent.mkdir(parents=True, exist_ok=True)
            (draft / name).write_text(text, "utf-8")
        for host, path in pages:
            report = report_of_folder(Folder.of(str(draft / host), storage), path)
            for use, verdict in report.verdicts.items():
                if verdict not in ((RESERVED,) if use in pack.reserved else (ALLOWED, None)):
                    what = f"the files would declare `{verdict}` about {use}, against the choice"
                    raise OutputError(what, where=f"{host}{path}", remedy="report it")
    return sorted(files)


def readme(pack: Pack, pages: Collection[str], _: Translator) -> str:
    """Return the instructions for the publisher's webmaster; `pages`: the first addresses of the title."""
    reserved = ", ".join(_(name) for use, name in USE_NAMES.items() if use in pack.reserved)
    paragraphs = [
        "# " + _("Reservation of rights: {title}", title=pack.title.name),
        _("Reserved uses: {uses}.", uses=reserved),
        *(_(text, paths=", ".join(pages)) for text in INSTRUCTIONS),
    ]
    if mixed := agents_to_refuse(pack.reserved)[1]:
        text = N_(
            "robots.txt cannot tell the uses of an agent apart. It does not name these, which also make"
            " allowed uses: {agents}."
        )
        paragraphs.append(_(text, agents=", ".join(mixed)))
    command = "".join(f"\n    presswatch reservations check {page}" for page in pages)
    paragraphs.append(_("Afterwards, check what the site serves:") + "\n" + command)
    return "\n\n".join(paragraphs) + "\n"
