"""Settings: a file, then the environment, then flags; every mistake at once."""

import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from presswatch_spark.cli.options import given_settings
from presswatch_spark.core.errors import ConfigError
from presswatch_spark.core.settings.config import (
    JOB_SETTINGS,
    OTHER_VARIABLES,
    CorpusConfig,
    MinHashRules,
    ScanConfig,
    StorageOptions,
    config_digest,
    load_scan_config,
)
from presswatch_spark.core.settings.load import NAMES
from presswatch_spark.corpus.store import CACHE_VARIABLE
from tests.conftest import ROOT
from tests.world.proofs import cases


def written(folder: Path, text: str) -> str:
    file = folder / "settings.yaml"
    file.write_text(text, encoding="utf-8")
    return str(file)


def problems(*layers: object) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        load_scan_config(*layers)  # type: ignore[arg-type]
    return str(raised.value).splitlines()[1:]


def test_each_layer_overrides_those_before_it_and_without_any_the_defaults_hold(tmp_path: Path) -> None:
    assert load_scan_config() == ScanConfig()
    file = written(
        tmp_path,
        "grade: {min_run_words: 12, partial_copy_words: 50}\nrun: {cores: 1}\n"
        "read: {languages: [fra, oci], columns: {text: body}}\n"
        "corpus: {minhash: {seed: 7}, cluster_jaccard: 1, date_formats: ['%a, %d %b %Y', '%d-%m-%Y']}\n",
    )
    config, formats = load_scan_config(file), ("%a, %d %b %Y", "%d-%m-%Y")
    assert (config.read.languages, config.read.columns) == (("fra", "oci"), {"text": "body"})
    assert (config.corpus.date_formats, config.corpus.minhash) == (formats, MinHashRules(seed=7))
    env = {
        "PRESSWATCH_GRADE__MIN_RUN_WORDS": "13", "PRESSWATCH_RUN__CORES": "2",
        "PRESSWATCH_READ__LANGUAGES": "fra, eng", "PRESSWATCH_READ__COLUMNS": "text=content,url=link",
        "PRESSWATCH_CORPUS__MINHASH__PERMUTATIONS": "64",
        "PRESSWATCH_CORPUS__DATE_FORMATS": "; ".join(reversed(formats)),
    }  # fmt: skip
    flags: dict[str, object] = {"run.cores": 3, "run.master": None, "corpus.cores": 2}
    config = load_scan_config(file, env, flags)
    assert (config.grade.min_run_words, config.grade.partial_copy_words, config.run.cores) == (13, 50, 3)
    assert (config.read.languages, config.read.columns) == (
        ("fra", "eng"),
        {"text": "content", "url": "link"},
    )
    assert config.corpus.date_formats == formats[::-1]
    assert config.corpus.minhash == MinHashRules(seed=7, permutations=64)
    assert (config.corpus.cluster_jaccard, config.corpus.cores) == (1.0, 2)


def test_options_become_settings() -> None:
    options: dict[str, Any] = {
        "read__languages": ("fra", "oci"),
        "read__columns": ("text=body", "url=b,date=c"),
    }
    options |= {"run__cores": 2, "storage__region": None, "storage__unsigned": False, "corpus__columns": ()}
    options |= {"corpus__date_formats": ("%a, %d %b %Y", "%d-%m-%Y")}
    config = load_scan_config(flags=given_settings(options))
    assert config.read.languages == ("fra", "oci")
    assert config.read.columns == {"text": "body", "url": "b", "date": "c"}
    assert (config.run.cores, config.storage) == (2, StorageOptions())
    assert config.corpus == CorpusConfig(date_formats=("%a, %d %b %Y", "%d-%m-%Y"))


@pytest.mark.parametrize("number", [".inf", "-.inf", ".nan", f"1{'0' * 400}"])
def test_no_setting_is_without_end_or_no_number(tmp_path: Path, number: str) -> None:
    file = written(tmp_path, f"run: {{budget: {number}, index_memory: {number}}}\ngrade: {{}}\n")
    told = problems(file, {"PRESSWATCH_RUN__GATE_AUDIT": number.replace(".", "")})
    for name in ("budget", "index_memory", "gate_audit"):
        assert any(f"run.{name} must be a number, not" in line for line in told), name


def test_every_mistake_of_every_layer_is_reported_at_once_with_its_place(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        "grade:\n  min_run_words: 3\n  full_copy_coverag: 0.5\n  partial_copy_coverage: 1.5\nverify: 12\n"
        "read:\n  languages: [fra, 12]\nextra: {a: 1}\ngrade: {}\n",
    )
    env = {"PRESSWATCH_RUN__CORES": "two", "PRESSWATCH_GRADE__X": "1", "PRESSWATCH_REAL_DATA": "/data"}
    env |= {"PRESSWATCH_RUN__WAVE_SHARDS": "2147483648"}
    told = problems(file, env, {"run.cores": 0})
    for line, message in [
        (2, "grade.min_run_words must be 8 or more, not 3"),
        (3, "grade.full_copy_coverag is not a setting; did you mean grade.full_copy_coverage?"),
        (4, "grade.partial_copy_coverage must be between 0 and 1, not 1.5"),
        (5, "verify must be a mapping of settings"),
        (7, "read.languages must be a list of texts, not ['fra', 12]"),
        (8, "extra is not a setting; conf/scan.yaml and conf/releases.yaml list all"),
        (9, "grade is given twice"),
    ]:
        assert f"  {file}:{line}: {message}" in told
    assert "  PRESSWATCH_RUN__CORES: run.cores must be a whole number, not 'two'" in told
    assert "  PRESSWATCH_GRADE__X is not a setting; conf/scan.yaml and conf/releases.yaml list all" in told
    assert "  command line: run.cores must be between 1 and 1024, not 0" in told
    wave = "run.wave_shards must be at most 2,147,483,647, not 2147483648"
    assert f"  PRESSWATCH_RUN__WAVE_SHARDS: {wave}" in told
    assert len(told) == 11


@cases(
    ("text", "message"),
    [
        ("grade: [1", "settings.yaml:1: not valid YAML"),
        ("grade:\n  min_run_words: !!python/name:os.system", "settings.yaml:2: not valid YAML"),
        ("\0", r"settings.yaml:1: character U\+0000 is not allowed in YAML"),
        ("- grade", "the file must be a mapping of settings"),
        ("# caf\udce9\n", r"settings\.yaml:1: byte 0xe9 is not UTF-8"),
        (None, r"settings\.yaml: the settings file cannot be read"),
    ],
)
def test_a_file_that_is_no_mapping_in_yaml_is_refused(tmp_path: Path, text: str | None, message: str) -> None:
    file = tmp_path / "settings.yaml"
    if text is not None:
        file.write_text(text, "utf-8", "surrogateescape")
    with pytest.raises(ConfigError, match=message):
        load_scan_config(str(file))


@cases(
    ("variable", "meant"),
    [
        ("PRESSWATCH_GRADE_MIN_RUN_WORDS", "PRESSWATCH_GRADE__MIN_RUN_WORDS"),
        ("PRESSWATCH_MIN_RUN_WORDS", "PRESSWATCH_GRADE__MIN_RUN_WORDS"),
        ("PRESSWATCH_RUN__CORE", "PRESSWATCH_RUN__CORES"),
        ("PRESSWATCH_CACHEDIR", "PRESSWATCH_CACHE_DIR"),
    ],
)
def test_a_variable_of_ours_that_names_no_setting_is_refused_with_the_one_that_was_meant(
    variable: str, meant: str
) -> None:
    assert problems(None, {variable: "12"}) == [f"  {variable} is not a setting; did you mean {meant}?"]


def test_every_variable_that_the_project_reads_is_known() -> None:
    read = re.compile(r"environ(?:\.get\(|\[)\"(PRESSWATCH_\w+)\"")
    folders = (ROOT / name for name in ("presswatch_spark", "tests", "jobs"))
    sources = (path.read_text(encoding="utf-8") for folder in folders for path in folder.rglob("*.py"))
    named = {name for source in sources for name in read.findall(source)}
    assert named | {CACHE_VARIABLE} == OTHER_VARIABLES
    assert load_scan_config(None, dict.fromkeys(OTHER_VARIABLES, "/x")) == ScanConfig()


def test_the_settings_files_state_every_setting_with_its_default_and_a_meaning() -> None:
    def leaves(section: object, prefix: str = "") -> Iterator[tuple[str, object]]:
        for name, value in section.items() if isinstance(section, dict) else ():
            here, known = f"{prefix}{name}", JOB_SETTINGS.known.get(f"{prefix}{name}")
            yield from [(here, known.canonical(value))] if known else leaves(value, f"{here}.")

    files = [ROOT / "conf" / f"{name}.yaml" for name in ("scan", "releases")]
    stated = [leaf for file in files for leaf in leaves(yaml.safe_load(file.read_text(encoding="utf-8")))]
    assert sorted(name for name, _ in stated) == sorted(JOB_SETTINGS.known)
    assert dict(stated) == {name: setting.default for name, setting in JOB_SETTINGS.known.items()}
    assert [load_scan_config(str(file)) for file in files] == [ScanConfig()] * 2
    for setting in JOB_SETTINGS.known.values():
        assert re.fullmatch(r"[A-Z][^\n]{5,100}[^.\n]", setting.meaning), setting.name
        assert not setting.problem_of(setting.default), setting.name
        assert setting.kind in NAMES, setting.name


def test_the_reference_lists_every_setting_with_its_values_default_and_meaning() -> None:
    docs = runpy.run_path(str(ROOT / "docs" / "conf.py"))
    page = ["before\n\n" + docs["SETTINGS_MARK"]]
    docs["fill_in"](None, "reference/settings", page)
    rows = page[0].splitlines()
    assert (
        "| `grade.min_run_words` | a whole number, 8 or more | 11 | Shortest run to report, in words |"
        in rows
    )
    assert "| `corpus.shingle_words` | a whole number, 8 | 8 | Words of a shingle in the index |" in rows
    assert any(row.startswith("| `run.log_format` | text or json | text |") for row in rows)
    assert any(row.startswith("| `run.budget` | a number, 0.01 or more | no limit |") for row in rows)
    assert {row.split("`")[1] for row in rows if row.startswith("| `")} == {
        setting.name for setting in JOB_SETTINGS.known.values()
    }
    assert docs["SETTINGS_MARK"] in (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")


def test_truth_has_many_spellings_and_values_of_another_kind_are_refused(tmp_path: Path) -> None:
    for text, value in (*((text, True) for text in ("yes", "true", "1", "ON")), ("off", False)):
        given = {"PRESSWATCH_STORAGE__UNSIGNED": text, "PRESSWATCH_STORAGE__ENDPOINT": ""}
        storage = load_scan_config(None, given).storage
        assert (storage.unsigned, storage.endpoint) == (value, None), text
    assert problems(None, {"PRESSWATCH_GRADE__MIN_RUN_WORDS": ""})
    file = written(tmp_path, "grade: {min_run_words: true}\nread: {release: 2019}\n")
    assert [line.split(":")[1] for line in problems(file)] == ["1", "2"]


def test_the_digest_covers_what_can_change_a_row_and_nothing_else() -> None:
    def digest(rules: MinHashRules | None = None, **flags: object) -> str:
        config = load_scan_config(None, None, {name.replace("__", "."): v for name, v in flags.items()})
        return config_digest(config, rules or MinHashRules())

    same = digest()
    assert digest(run__cores=1, run__wave_shards=3, storage__endpoint="http://127.0.0.1:1") == same
    assert digest(read__languages=("fra", "eng")) == digest(read__languages=("eng", "fra"))
    changed = {
        digest(grade__min_run_words=12), digest(verify__bridge_gap_words=0), digest(read__languages=("fra",)),
        digest(MinHashRules(seed=2)),
    }  # fmt: skip
    assert len(changed | {same}) == 5
    # Digests of these settings are those of earlier versions, which did not read embedded text.
    flags = {
        "grade.min_run_words": 12,
        "read.languages": ("fra", "oci"),
        "verify.bridge_gap_words": 0,
        "confidence.rare_bits": 150,
        "ownership.shared_share": 0.25,
        "rarity.known_domains": 5,
        "read.columns": {"text": "body"},
        "read.embedded_text": False,
    }
    changed = load_scan_config(None, None, flags)
    usual = load_scan_config(None, None, {"read.embedded_text": False})
    assert config_digest(usual, MinHashRules()) == (
        "b223ed9ae7dece30277738c6c5733991b021c2a01a84c2b39a9f64de25114caf"
    )
    assert config_digest(changed, MinHashRules(seed=7, permutations=64)) == (
        "f9328c8fd9003c3653b014e82e9d44e550834bd15f87f20db6aa62eb860bd16b"
    )
