"""The files that a publisher serves: own reader, public parsers and schemas read the intended meaning."""

import json
from itertools import chain, combinations, product
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from protego import Protego

from presswatch_spark.core.errors import OutputError
from presswatch_spark.core.scan_values import Title
from presswatch_spark.core.settings.config import StorageOptions
from presswatch_spark.core.translation import Translator
from presswatch_spark.legal.reservations.pack import Pack, report_of_folder, write_pack
from presswatch_spark.matching.reservations.verdicts import known_agents
from presswatch_spark.storage.disk import Folder
from presswatch_spark.tables.column_values import USES, Use
from tests.conftest import ROOT
from tests.world.commands import outcome, presswatch
from tests.world.golden import assert_golden, transcript
from tests.world.proofs import each_time

CHOICES = [frozenset(each) for each in chain.from_iterable(combinations(USES, n) for n in (1, 2, 3))]
STORAGE = StorageOptions()
HOST, OTHER = "courrier.example", "courrier-sport.example"
WHOLE = Title("courrier", "Le Courrier", "rives", (HOST, OTHER), ())
PART = Title("sport", "Sport & Loisirs", "rives", (HOST,), (f"{HOST}/sport/", f"{HOST}/sport/%C3%A9t%C3%A9/"))
FACTS = {
    "policy": 'https://rives.example/p?a="1"&b=<2>',
    "licence": "https://rives.example/l",
    "contact": "a@b.example",
}
SCHEMA = etree.XMLSchema(etree.parse(ROOT / "tests" / "world" / "rsl.xsd"))


def written(folder: Path, title: Title, reserved: frozenset[Use], **facts: str) -> Path:
    write_pack(Pack(title, "Éditions & <Rives>", [*reserved], **facts), str(folder), STORAGE, Translator())
    return folder


# A title without further facts and one with them take turns; all uses are reserved in each form.
PACKS = list(product(CHOICES, [WHOLE, PART], [{}, FACTS]))
SOME_PACKS = [*PACKS[0::8], *PACKS[7::8], *PACKS[-4:]]


@pytest.mark.parametrize(("reserved", "title", "facts"), each_time(SOME_PACKS, PACKS))
def test_every_reader_reads_the_choice_back(
    tmp_path: Path, reserved: frozenset[Use], title: Title, facts: dict[str, Any]
) -> None:
    pack = written(tmp_path / "pack", title, reserved, **facts)
    pages = ["/sport/rugby", "/sport/%C3%A9t%C3%A9/"] if title is PART else ["/", "/a/b?c"]
    for host in title.domains:
        folder = Folder.of(str(pack / host), STORAGE)
        for page in pages:
            verdicts = report_of_folder(folder, page).verdicts
            assert {use for use in USES if verdicts[use] == "reserved"} == reserved, verdicts
            assert set(verdicts.values()) <= {"reserved", "allowed", None}

        robots = (pack / host / "robots.txt").read_text("utf-8")
        rules = Protego.parse(robots)
        refused = [name for name, agent in known_agents().items() if set(agent.purpose) <= reserved]
        for name, agent in known_agents().items():
            # Protego takes `Applebot` for a name of Applebot-Extended; by RFC 9309 it is not.
            is_refused = any(each in name for each in refused)
            for page in pages:
                assert rules.can_fetch(f"https://{host}{page}", agent.name) != is_refused, agent
        assert rules.can_fetch(f"https://{host}{pages[0]}", "any-other")
        assert title is WHOLE or rules.can_fetch(f"https://{host}/une", "GPTBot")

        SCHEMA.assertValid(etree.parse(pack / host / "rsl.xml"))
        tdmrep = pack / host / ".well-known" / "tdmrep.json"
        assert tdmrep.exists() == (("train" in reserved) == ("tdm" in reserved))
        if tdmrep.exists():
            rules_of_tdm = json.loads(tdmrep.read_text("utf-8"))
            assert {rule["tdm-reservation"] for rule in rules_of_tdm} == {int("tdm" in reserved)}
            assert all(rule.get("tdm-policy") == facts.get("policy") for rule in rules_of_tdm)


def test_the_lines_keep_their_meaning_in_a_file_that_exists(tmp_path: Path) -> None:
    pack = written(tmp_path / "pack", WHOLE, frozenset(("train", "tdm")))
    robots = pack / HOST / "robots.txt"
    groups, _, of_any = robots.read_text("utf-8").partition("User-agent: *\nAllow: /\n")
    present = f"User-agent: *\nDisallow: /admin/\n{of_any}\nUser-agent: Bingbot\nDisallow: /search\n\n"
    robots.write_text(present + groups, "utf-8")
    for page in ("/", "/admin/x"):
        report = report_of_folder(Folder.of(str(pack / HOST), STORAGE), page)
        assert (report.verdicts["train"], report.verdicts["tdm"]) == ("reserved", "reserved")
        assert report.agents_let_in == []
    assert not Protego.parse(present + groups).can_fetch(f"https://{HOST}/admin/x", "any-other")


def test_a_pack_that_contradicts_the_choice_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = Pack.files
    headers = {"courrier.example/headers.txt": "Content-Usage: train-ai=y"}
    monkeypatch.setattr(Pack, "files", lambda self, _: files(self, _) | headers)
    with pytest.raises(OutputError, match="the files would declare `conflicting` about train"):
        written(tmp_path / "pack", WHOLE, frozenset(("train", "tdm")))
    assert not (tmp_path / "pack").exists()


MEMBERS = """
publishers:
  - id: rives
    name: Éditions des Rives
    titles:
      - {id: courrier, name: Le Courrier des Rives, domains: [courrier.example, lecourrier.example]}
"""


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_a_person_reads_what_was_written_and_what_it_declares(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lang: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("members.yaml").write_text(MEMBERS, "utf-8")
    given = ["reservations", "pack", "--members", "members.yaml", "--title", "courrier", "--out", "pack"]
    checked = ["reservations", "check", f"pack/{HOST}"]
    text = transcript([*given, "--policy", "https://courrier.example/droits"], checked, lang=lang)
    files = ["README.md", f"{HOST}/robots.txt", f"{HOST}/headers.txt", f"{HOST}/head.html", f"{HOST}/rsl.xml"]
    shown = "".join(f"== {name}\n{Path('pack', name).read_text('utf-8')}" for name in files)
    assert_golden(f"pack.{lang}.txt", text + shown)


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    members, out = tmp_path / "members.yaml", tmp_path / "pack"
    members.write_text(MEMBERS, "utf-8")
    given = ("reservations", "pack", "--members", members, "--out", out)
    presswatch(*given, "--title", "courrier")
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    again = outcome("", *given, "--title", "courrier", "--reserve", "search")
    assert (again.code, "the folder already exists" in again.err) == (1, True)
    assert before == {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert "did you mean courrier?" in outcome("", *given, "--title", "courier").err
