"""One language is written in several ways, and each of them is that language for the gate."""

from pathlib import Path

import pytest

from presswatch_spark.core.errors import ConfigError
from presswatch_spark.core.languages import UNIDENTIFIED, language_of, language_problem, spellings_of
from presswatch_spark.core.settings.config import load_scan_config
from presswatch_spark.reading.source import ReadOptions
from tests.world.commands import outcome
from tests.world.proofs import cases
from tests.world.shards import as_jsonl, as_parquet, read, texts

FRENCH = ["fr", "fra", "fre", "fr-CA", "fra_Latn", " FR ", "fr_Latn_FR"]


@cases(
    ("code", "language"),
    [
        *((code, "fra") for code in (*FRENCH, "French", "Français")),
        *(("zh", "zho"), ("cmn_Hani", "zho"), ("zh-Latn", "zho"), ("iw", "heb")),
        *((code, code) for code in ("ceb", "f", "fr;en", "", "xx", "fran")),
    ],
)
def test_a_code_names_a_language_whatever_its_form(code: str, language: str) -> None:
    assert language_of(code) == language


def test_all_codes_of_a_language_are_spelled() -> None:
    assert spellings_of(["fra_Latn"]) == {"fra_latn", "fra", "fr", "fre"} | UNIDENTIFIED
    assert spellings_of([]) == frozenset()


@cases("asked", ["fr", "fra", "fra_Latn"])
@cases("name", ["rows.jsonl", "rows.parquet"])
def test_rows_pass_the_gate_however_their_dataset_spells_the_language(
    tmp_path: Path, name: str, asked: str
) -> None:
    unknown = ["", None, "und", "UND_Latn", "mul", "unknown"]
    spelled = [*FRENCH, "eng", "en_Latn", "fro", *unknown, "French"]
    rows = [{"text": f"{n} {code}", "language": code} for n, code in enumerate(spelled)]
    path = (as_parquet if name.endswith("parquet") else as_jsonl)(tmp_path, rows)
    documents, report = read(path, "rows", ReadOptions(languages=frozenset({asked})))
    assert texts(documents) == [
        row["text"] for row in rows if row["language"] in (*FRENCH, *unknown, "French")
    ]
    assert report.skipped["language"] == 3
    alone = ReadOptions(languages=frozenset({asked}), rows=frozenset({0}))
    documents, report = read(path, "rows", alone)
    assert (texts(documents), report.skipped.get("language", 0)) == (["0 fr"], 0)


def test_rows_of_oscar_are_french_by_their_header_or_by_their_label(tmp_path: Path) -> None:
    """A row without the header of WET has a label, which is spelled in two letters."""
    headers = [{"warc-identified-content-language": code} for code in ("fra,eng", "eng")]
    rows = [
        {
            "content": f"texte {n}",
            "warc_headers": {"warc-target-uri": "https://exemple.fr/", **each},
            "metadata": {"identification": {"label": "fr"}},
        }
        for n, each in enumerate([*headers, {}])
    ]
    path = as_jsonl(tmp_path, rows)
    for asked in ("fr", "fra"):
        documents, _ = read(path, "oscar", ReadOptions(languages=frozenset({asked})))
        assert texts(documents) == ["texte 0", "texte 2"]


def test_a_gate_without_languages_leaves_nothing_out() -> None:
    assert not ReadOptions().skips_languages(("eng",))


@cases(
    ("given", "meant"),
    [("french", "fra"), ("Français", "fra"), ("klingon", "tlh"), ("Frensh", "fra"), ("fraa", "fra")],
)
def test_a_scan_for_what_is_no_code_is_a_usage_error_that_names_the_code(given: str, meant: str) -> None:
    scan = "scan --format wet --corpus c --out o x.wet --languages"
    done = outcome(scan, given)
    assert done.code == 2
    assert f"'{given}' is not a code of ISO 639; did you mean {meant}?" in done.err
    several = outcome(scan, "fra,oci")
    assert (several.code, "pass one code at a time, such as fra" in several.err) == (2, True)


def test_settings_in_a_file_or_in_the_environment_are_checked_alike(tmp_path: Path) -> None:
    file = tmp_path / "scan.yaml"
    file.write_text("read: {languages: [french]}\n")
    with pytest.raises(ConfigError, match="did you mean fra"):
        load_scan_config(str(file))
    with pytest.raises(ConfigError, match="did you mean fra"):
        load_scan_config(None, {"PRESSWATCH_READ__LANGUAGES": "eng,french"})


@cases("code", [*FRENCH, "und", "ceb", "gsw_Latn", "wln", "wa", "cmn_Hani", "zh-Latn", "iw"])
def test_all_codes_that_datasets_write_can_be_asked_for(code: str) -> None:
    assert language_problem(code) == ""
