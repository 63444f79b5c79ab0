"""How `make docs` builds the site: Sphinx reads the Markdown pages with MyST and dresses them with Furo.

Every warning is an error: a link that leads nowhere, a page that no other page names, and, by the check
below, a public name without a word about it.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from types import ModuleType

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

from presswatch_spark import __version__
from presswatch_spark.claims.exposures import load_exposures
from presswatch_spark.core.settings.config import JOB_SETTINGS
from presswatch_spark.core.translation import Translator
from presswatch_spark.matching.judgement.agencies import AGENCIES
from presswatch_spark.reading.known_formats import FORMATS
from presswatch_spark.reading.row_formats import TRIED
from presswatch_spark.scanning.monitoring.metrics import FAMILIES
from presswatch_spark.tables.confidence_reasons import REASONS
from presswatch_spark.tables.declarations import CASE_TABLES, CORPUS_TABLES, TABLES

project = "presswatch-spark"
version = release = __version__
copyright = "the authors of presswatch-spark"

DECLARED = {**TABLES, **CASE_TABLES, **CORPUS_TABLES}

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_click"]
exclude_patterns = ["airflow"]
html_theme = "furo"
html_title = "presswatch-spark"
# An option is written with two hyphens, and a query with straight quotes.
smartquotes = False

SETTINGS_MARK = "<!-- the table of settings, which `make docs` makes from their declarations -->"

REASONS_MARK = "<!-- the table of reasons, which `make docs` makes from their declarations -->"

EXPOSURES_MARK = "<!-- the table of exposures, which `make docs` makes from conf/exposure.yaml -->"

METRICS_MARK = "<!-- the table of metrics, which `make docs` makes from their declarations -->"

FORMATS_MARK = "<!-- the table of formats, which `make docs` makes from their descriptors -->"

NAMES_MARK = "<!-- the table of names of columns, which `make docs` makes from their declarations -->"

AGENCIES_MARK = "<!-- the list of agencies, which `make docs` makes from their declarations -->"

COLUMNS_MARK = re.compile(r"<!-- columns of `(\w+)` -->\n((?:\|.*\n)*)")
"""The mark for the columns of a table, and rows by hand for columns that need more than a meaning."""

# Links between pages name headings as GitHub does, so that both can follow them.
myst_heading_anchors = 4

# Docstrings are written as Markdown writes code, in single backticks.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
# Signatures name classes of other libraries and of inner rooms, which have no page here.
nitpick_ignore_regex = [("py:class", ".*")]


def undocumented(module: ModuleType, documented: frozenset[str]) -> Iterator[str]:
    """Yield the public names that a module defines and its page leaves out, or that have no docstring."""
    for name, value in vars(module).items():
        if name.startswith("_") or getattr(value, "__module__", None) != module.__name__:
            continue
        if not (inspect.isclass(value) or inspect.isfunction(value)):
            continue
        members = vars(value).items() if inspect.isclass(value) else ()
        methods = {
            f"{name}.{member}": called
            for member, called in members
            if not member.startswith("_") and (inspect.isfunction(called) or isinstance(called, property))
        }
        for full, described in {name: value, **methods}.items():
            if f"{module.__name__}.{full}" not in documented or not inspect.getdoc(described):
                yield full


def check_public_names(app: Sphinx, env: BuildEnvironment) -> None:
    """Warn of each public name that is missing in the pages of the modules that are documented."""
    python = env.domains["py"]
    documented = frozenset(python.objects)
    for module in sorted(python.modules):
        for name in undocumented(sys.modules[module], documented):
            where = python.modules[module].docname
            logging.getLogger(__name__).warning("%s.%s is not documented", module, name, location=where)


def as_text(app: Sphinx, context: object, lines: list[str]) -> None:
    """Mend a command's help: stars of file names (`*.paths.gz`) would begin emphasis.

    An option without a name for its value shows that of its setting, without the section.
    """
    lines[:] = [re.sub(r"(?<![`*])\*(?=\.)", r"\\*", line) for line in lines]
    lines[:] = [re.sub(r"<\w+?__(\w+)>", r"<\1>", line) for line in lines]


def settings_table() -> Iterator[str]:
    """Yield the rows of a table of every setting of a job, made from their declarations."""
    yield from ("| setting | values | default | what it is |", "|---|---|---|---|")
    for setting in JOB_SETTINGS.known.values():
        default = setting.without or setting.default
        if isinstance(default, Mapping):
            default = ", ".join(f"{ours}: {theirs}" for ours, theirs in default.items())
        shown = ", ".join(default) if isinstance(default, tuple) else default
        told = f"{shown:,}" if isinstance(shown, int | float) and not isinstance(shown, bool) else shown
        cells = f"`{setting.name}`", setting.values, escaped(told or "none"), escaped(setting.meaning)
        yield f"| {' | '.join(cells)} |"


def reasons_table() -> Iterator[str]:
    """Yield the rows of a table of every reason, made from their declarations."""
    yield from ("| reason | gives | caps | in French | in English |", "|---|---|---|---|---|")
    for code, reason in REASONS.items():
        cells = (
            f"`{code}`",
            reason.gives or "",
            reason.caps or "",
            Translator("fr")(reason.sentence),
            reason.sentence,
        )
        yield f"| {' | '.join(cells)} |"


def exposures_table() -> Iterator[str]:
    """Yield the rows of a table of every statement in `conf/exposure.yaml`."""
    yield from ("| model | publisher | dataset | extent | the documents state |", "|---|---|---|---|---|")
    for entry in load_exposures():
        extent = f"{entry.extent}, {entry.through}" if entry.through else entry.extent
        yield f"| {entry.model} | {entry.publisher} | `{entry.dataset}` | {extent} | {entry.says} |"


def metrics_table() -> Iterator[str]:
    """Yield the rows of a table of every metric of a run, made from their declarations."""
    yield from ("| metric | meaning | unit |", "|---|---|---|")
    for name, family in FAMILIES.items():
        label = f"{{{family.label}}}" if family.label else ""
        values = f" {family.label}: {', '.join(f'`{value}`' for value in family.values)}." if label else ""
        yield f"| `presswatch_{name}{label}` | {escaped(family.meaning)}{values} | {family.unit} |"


def formats_table() -> Iterator[str]:
    """Yield the rows of a table of every format, made from their descriptors."""
    yield from ("| format | content |", "|---|---|", "| `auto` | each shard by its content |")
    yield from (f"| `{format.name}` | {format.summary} |" for format in FORMATS)


def names_table() -> Iterator[str]:
    """Yield the rows of a table of the names that are tried for each column of `rows`."""
    yield from ("| ours | names that are tried |", "|---|---|")
    for role, names in TRIED.items():
        yield f"| `{role}` | {', '.join(f'`{name}`' for name in names)} |"


def agencies_list() -> Iterator[str]:
    """Yield a line of the names of all agencies that are known without a setting."""
    yield f"{', '.join(f'`{name}`' for name in AGENCIES)}."


def columns_table(name: str, by_hand: str) -> Iterator[str]:
    """Yield the rows of a table of every column of a table, made from its declaration.

    Args:
        by_hand: rows that take the place of those, in any order.
    """
    rows = dict[str, str]()
    for line in by_hand.splitlines():
        first = re.match(r"\| `(\w+)` \|", line)
        if first:
            rows[first[1]] = line
    yield from ("| column | meaning | limits |", "|---|---|---|")
    for column in DECLARED[name].schema:
        meaning = column.metadata[b"meaning"].decode().removesuffix(".")
        limits = "may be null" if column.nullable else ""
        yield rows.pop(column.name, f"| `{column.name}` | {meaning} | {limits} |".replace("  ", " "))
    if rows:
        raise ValueError(f"the table {name} has no columns {', '.join(rows)}")


def escaped(value: object) -> str:
    """A value as text in Markdown."""
    return re.sub(r"([*_\[\]{}<>|])", r"\\\1", str(value))


GENERATED = {
    SETTINGS_MARK: settings_table,
    REASONS_MARK: reasons_table,
    EXPOSURES_MARK: exposures_table,
    METRICS_MARK: metrics_table,
    FORMATS_MARK: formats_table,
    NAMES_MARK: names_table,
    AGENCIES_MARK: agencies_list,
}


def fill_in(app: Sphinx, page: str, source: list[str]) -> None:
    """Put tables that are made from declarations into their pages."""
    for mark, table in GENERATED.items():
        if mark in source[0]:
            source[0] = source[0].replace(mark, "\n".join(table()))
    source[0] = COLUMNS_MARK.sub(lambda mark: "\n".join(columns_table(mark[1], mark[2])) + "\n", source[0])


def setup(app: Sphinx) -> None:
    """Have the public names checked once all pages are read, and the help of commands read as text."""
    app.connect("source-read", fill_in)
    app.connect("env-check-consistency", check_public_names)
    for part in ("description", "arguments", "options", "epilog"):
        app.connect(f"sphinx-click-process-{part}", as_text)
