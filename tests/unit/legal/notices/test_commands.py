"""`presswatch notice` as people call it; the guide, step by step, from the draft to what came of it."""

from __future__ import annotations

import json
import os
import re

import pytest
import yaml

from presswatch_spark.cli import main as cli
from presswatch_spark.legal.notices.notice import SCHEMA
from tests.world.documents import blocks, commands, text_of
from tests.world.notices import Bureau

GUIDE = "how-to/send-a-notice"


@pytest.fixture
def at_home(office: Bureau, monkeypatch: pytest.MonkeyPatch) -> Bureau:
    """A folder with all that the guide takes for granted."""
    (sender,) = blocks(text_of(GUIDE), "yaml")
    office.sender_file.write_text(sender, encoding="utf-8")
    assert yaml.safe_load(sender)["sender"]["members"] == "members.yaml"
    (office.folder / "corpus").symlink_to(office.crawl.corpus)
    monkeypatch.chdir(office.folder)
    return office


def run(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = cli.run(words)
    said = capsys.readouterr()
    return code, said.out, said.err


def guide_of(office: Bureau) -> list[list[str]]:
    """The commands of the guide, whose shards lie where all tests read them."""
    shards = f"{office.crawl.shards}="
    return [
        [word.replace("shards=", shards) if word.startswith("shards=") else word for word in words[1:]]
        for words in commands(text_of(GUIDE))
    ]


def test_the_guide_leads_from_the_draft_to_what_came_of_it(
    at_home: Bureau, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = guide_of(at_home)
    draft, check, edited, sign, sent, answer, status, probe, again = steps
    code, said, warned = run(draft, capsys)
    assert (code, "17 lignes pour 13 adresses" in said) == (0, True)
    assert "à vérifier avant l'envoi : voie d'envoi de common-crawl" in warned
    assert {entry for entry in os.listdir("notice") if entry != "events"} == {
        "letter.docx", "letter.pdf", "form.txt", "notice.json", "annex", "SHA256SUMS",
    }  # fmt: skip
    assert run(check, capsys)[:2] == (0, "nothing refuses this notice\n")
    assert run(edited, capsys)[0] == 0
    for step in (sign, sent, answer):
        code, said, errors = run(step, capsys)
        assert (code, errors) == (0, "")
        assert said.startswith("noted: ")
    code, said, _ = run(status, capsys)
    assert (code, "state: acknowledged" in said, "removed: 0 of 17 places" in said) == (0, True, True)
    assert "a registered letter" in said
    assert run(probe, capsys)[0] == 0
    assert json.loads(run([*again, "--json"], capsys)[1])["state"] == "acknowledged"


def test_a_refused_notice_ends_with_1_and_names_its_rules(
    at_home: Bureau, capsys: pytest.CaptureFixture[str]
) -> None:
    draft = guide_of(at_home)[0]
    words = [
        "dmca512" if word == "fr" and draft[place - 1] == "--law" else word
        for place, word in enumerate(draft)
    ]
    assert run(words, capsys)[0] == 0
    code, said, _ = run(["notice", "check", "notice"], capsys)
    assert (code, "refused: unsigned_perjury: perjury: " in said) == (1, True)
    code, said, _ = run(["notice", "check", "--json", "notice"], capsys)
    # The guide's mirror names files that the case did not read.
    assert {json.loads(line)["rule"] for line in said.splitlines()} == {
        "unsigned_perjury",
        "read_from_a_copy",
    }
    code, _, errors = run(["notice", "sent", "notice"], capsys)
    assert (code, "was not checked" in errors) == (1, True)
    code, _, errors = run(words, capsys)
    assert (code, "something already" in errors) == (1, True)


def test_checks_events_and_states_are_told_in_french(
    at_home: Bureau, capsys: pytest.CaptureFixture[str]
) -> None:
    draft = guide_of(at_home)[0]
    assert run(draft, capsys)[0] == 0
    kept = (at_home.folder / "notice/annex/rows.csv").read_bytes()
    (at_home.folder / "notice/annex/rows.csv").write_bytes(kept[:-1])
    code, said, warned = run(["notice", "check", "--lang", "fr", "--days", "1", "notice"], capsys)
    assert code == 1
    assert said.startswith(
        "refusé : changed_file : annex/rows.csv : un fichier n'est plus tel qu'il a été rédigé, manque, ou a"
        " été ajouté (il a changé)\n"
    )
    assert said.endswith("refus\n")
    assert "les réclamations ont été faites sans --licences" in warned
    assert "à vérifier avant l'envoi : langue de common-crawl : personne n'a lu" in warned
    assert not re.search(r"\b(route|language|publishes|elements|columns)\b", warned)
    (at_home.folder / "notice/annex/rows.csv").write_bytes(kept)
    assert (
        run(["notice", "check", "--lang", "fr", "notice"], capsys)[1] == "rien ne s'oppose à cette lettre\n"
    )
    noted = {
        "sign": ([*("--by", "Jeanne Valmont")], "noté : signée par Jeanne Valmont le "),
        "sent": ([], "noté : envoyée le "),
        "answer": (["--kind", "says_complied"], "noté : dit avoir fait le nécessaire le "),
    }
    for step, (words, begins) in noted.items():
        assert run(["notice", step, "--lang", "fr", *words, "notice"], capsys)[1].startswith(begins)
    code, said, _ = run(["notice", "status", "--lang", "fr", "notice"], capsys)
    assert "état : réponse reçue (le destinataire a répondu)\n" in said
    assert "retirés : 0 sur 17 lieux, d'après l'affaire\n" in said
    for event in ("rédigée", "contrôlée", "signée  Jeanne Valmont", "envoyée", "réponse  dit avoir fait"):
        assert f"  {event}" in said


def test_the_schema_is_printed_whole(capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(run(["notice", "schema"], capsys)[1]) == json.loads(SCHEMA.read_bytes())


def test_rows_and_letters_are_not_asked_for_together(
    at_home: Bureau, capsys: pytest.CaptureFixture[str]
) -> None:
    draft = commands(text_of(GUIDE))[0][1:]
    assert run([*draft, "--rows", "x", "--confidence", "A"], capsys)[0] == 2
