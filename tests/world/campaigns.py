"""An enlarged press: twelve publishers of two senders, copied in two datasets, and four recipients."""

import hashlib
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from presswatch_spark.claims.make import KnowledgePaths
from presswatch_spark.cli.demo.generate import Page, page
from presswatch_spark.legal.notices.campaign import PlanOrder
from presswatch_spark.legal.removal.case import RemovalCase
from tests.world.claims import AS_OF, judge_all
from tests.world.corpora import build, write_jsonl
from tests.world.notices import PROBED, SENDER, opened_earlier, recipients_with
from tests.world.prose import articles
from tests.world.release import Made, Release
from tests.world.scanned import FORMS, scan_here
from tests.world.servers import Server

PUBLISHERS = 12
PLANNED = PROBED + timedelta(days=1)
SENDERS = {"alliance": (0, 7), "syndicat": (7, 12)}
LAWS = {
    "common-crawl": ["fr", "dsa16"],
    "ai2-c4": ["dmca512"],
    "hugging-face": ["dsa16", "dmca512"],
    "aws": ["fr"],
}


@dataclass
class Bureaux:
    """A case of the enlarged press, read once, and the files of its senders and recipients."""

    crawl: Release
    case: RemovalCase

    @property
    def folder(self) -> Path:
        return self.crawl.folder

    @property
    def recipients(self) -> Path:
        return self.folder / "recipients.yaml"

    def order(self, **changed: Any) -> PlanOrder:
        order = PlanOrder(
            cases=(str(self.case.folder),),
            members=str(self.folder / "members.yaml"),
            recipients=str(self.recipients),
            senders=[str(self.folder / f"{name}.yaml") for name in SENDERS],
            days=15,
            mirrors=(self.crawl.mirror,),
            lang="fr",
            drafted=PLANNED,
        )
        return replace(order, **changed)

    def plan_words(self, out: str) -> list[str]:
        """The words of the command that plans the campaign."""
        order = self.order()
        senders = [word for sender in order.senders for word in ("--sender", sender)]
        files = ["--members", order.members, "--recipients", str(order.recipients), *senders]
        rest = ["--mirror", self.crawl.mirror_option, "--lang", "fr", "--date", PLANNED.isoformat()]
        return ["notice", "plan", *files, *rest, "--out", out, *order.cases]


def bureaux(folder: Path, server: Server, laws: Mapping[str, Sequence[str]] = LAWS) -> Bureaux:
    """Open a case of the enlarged press, read it once, and write members, senders and recipients.

    `laws`: those of each recipient.
    """
    made = _made()
    server.objects |= {f"/crawl/{name}": data for name, data in made.contents.items()}
    shutil.copytree(made.folder / "tables", folder / "tables")
    crawl = Release(folder, server, made)
    for id in _ids():
        (folder / f"{id}.txt").write_text(f"mandate of {id}", encoding="utf-8")
    (folder / "members.yaml").write_text(_members(), encoding="utf-8")
    for name, (first, last) in SENDERS.items():
        sender = SENDER | {"name": f"{name.capitalize()} de la presse", "publishers": _ids()[first:last]}
        (folder / f"{name}.yaml").write_text(yaml.safe_dump({"sender": sender}, allow_unicode=True), "utf-8")
    recipients(folder / "recipients.yaml", server, laws)
    return Bureaux(crawl, opened_earlier(crawl))


def recipients(path: Path, server: Server, laws: Mapping[str, Sequence[str]]) -> None:
    """Write four recipients with their laws; two are hosts of the web server."""
    places = {"places": [f"{server.url}/crawl/"], "datasets": []}
    entries: dict[str, Any] = {
        id: {"laws": {"value": [*of], "source": "https://law.example/", "checked": None}}
        | (places if id in ("hugging-face", "aws") else {})
        for id, of in laws.items()
    }
    recipients_with(path, **entries)
    kept = yaml.safe_load(path.read_bytes())
    kept["recipients"] = [each for each in kept["recipients"] if each["id"] in laws]
    path.write_text(yaml.safe_dump(kept, allow_unicode=True), encoding="utf-8")


def _ids() -> Sequence[str]:
    return [f"editeur-{number:02}" for number in range(PUBLISHERS)]


def _members() -> str:
    publishers = [
        {
            "id": id,
            "name": f"Éditeur {id[-2:]}",
            "association": "presse",
            "country": "FR",
            "rights_basis": "contract",
            "mandate_document": {
                "path": f"{id}.txt",
                "sha256": hashlib.sha256(f"mandate of {id}".encode()).hexdigest(),
                "signed_on": date(2024, 1, 1),
                "signatory": "Paul Armand",
                "scope": "demander le retrait des articles",
            },
            "titles": [{"id": f"titre-{id[-2:]}", "name": f"Titre {id[-2:]}", "domains": [f"{id}.example"]}],
        }
        for id in _ids()
    ]
    return yaml.safe_dump({"publishers": publishers}, allow_unicode=True)


@cache
def _made() -> Made:
    """Write an article of each publisher and a copy of it in two files, scan them, and make claims."""
    folder = Path(tempfile.mkdtemp(prefix="campaign-"))
    shards, press = folder / "shards", folder / "press"
    for each in (shards, press):
        each.mkdir(parents=True)
    found = [
        replace(each, title_id=f"titre-{id[-2:]}", url=f"https://{id}.example/{number}")
        for number, (id, each) in enumerate(zip(_ids(), articles(PUBLISHERS, 7), strict=True))
    ]
    pages = [
        Page(f"https://copie-{n}.example/", page(each.headline, each.body), copies=(each.article_id,))
        for n, each in enumerate(found)
    ]
    forms = {"a.warc.wet.gz": pages, "c4-train.json.gz": pages}
    for name, some in forms.items():
        FORMS[name](shards / name, some)
    for id in _ids():
        (press / f"{id}.txt").write_text(f"mandate of {id}", encoding="utf-8")
    rows = write_jsonl(press / "articles.jsonl", [asdict(each) for each in found])
    build(press / "corpus", [rows], members_file=_members())
    scan_here([shards / name for name in forms], press / "corpus", folder / "tables")
    judge_all(folder / "tables", folder / "tables", KnowledgePaths(corpus=str(press / "corpus"), as_of=AS_OF))
    return Made(folder, "shards", {path.name: path.read_bytes() for path in shards.iterdir()})
