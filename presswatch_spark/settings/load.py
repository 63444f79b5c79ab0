"""Settings from a YAML file, then the environment, then flags: the later layer wins, setting by setting.

A setting is named by its path in `config`: `grade.min_run_words` in messages, nested keys in YAML,
`PRESSWATCH_GRADE__MIN_RUN_WORDS` in the environment. All mistakes of all layers come in one error; a variable
with our prefix that names no setting is one, since whoever set it believes that it counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, is_dataclass
from typing import Any, TypeVar, get_type_hints

import yaml

from presswatch_spark.errors import ConfigError
from presswatch_spark.nearest import nearest
from presswatch_spark.settings.config import CorpusConfig, ScanConfig
from presswatch_spark.settings.kinds import Path, Setting, known_settings, parse_text, problem_of

ENVIRONMENT_PREFIX = "PRESSWATCH_"
COMMAND_LINE = "command line"
# With our prefix, but no settings of a job: those of profiles (`presswatch_spark.deploy`), ...
DEPLOY_PREFIX = "PRESSWATCH_DEPLOY__"
# ... where hosts keep copies of a corpus, where a submitted job leaves its outcome, and what the tests read.
OTHER_VARIABLES = frozenset({"PRESSWATCH_CACHE_DIR", "PRESSWATCH_REAL_DATA", "PRESSWATCH_RESULT_URI"})

Config = TypeVar("Config")


@dataclass(frozen=True, slots=True)
class Family:
    """Settings that are read together.

    Args:
        known: all there are, by path.
        listed_in: the files that list them, for messages.
        prefix: of their variables in the environment.
        others: variables with that prefix that are none of them.
        apart: a longer prefix, of variables that belong to another family.
    """

    known: Mapping[Path, Setting]
    listed_in: str
    prefix: str
    others: frozenset[str] = frozenset()
    apart: str = ""

    def owns(self, variable: str) -> bool:
        """Whether a variable of the environment should name one of these settings."""
        apart = bool(self.apart) and variable.startswith(self.apart)
        return variable.startswith(self.prefix) and not apart and variable not in self.others

    def path_of(self, variable: str) -> Path:
        """The path of the setting that a variable names."""
        return tuple(variable.removeprefix(self.prefix).lower().split("__"))


@dataclass(frozen=True, slots=True)
class Given:
    """One setting as one layer gives it; `where` is `file:line`, a variable or `command line`."""

    path: Path
    value: object
    where: str


def load_scan_config(
    path: str | None = None,
    env: Mapping[str, str] | None = None,
    flags: Mapping[str, object] | None = None,
    flags_from: str = COMMAND_LINE,
) -> ScanConfig:
    """Settings of a scan; see `load_settings`."""
    values = load_settings(job_settings(), path, env or {}, flags or {}, flags_from)
    return build_config(ScanConfig, (), values)


def load_corpus_config(
    path: str | None = None,
    env: Mapping[str, str] | None = None,
    flags: Mapping[str, object] | None = None,
    flags_from: str = COMMAND_LINE,
) -> CorpusConfig:
    """Settings of a corpus build: the section `corpus`; so are flags named. See `load_settings`."""
    values = load_settings(job_settings(), path, env or {}, flags or {}, flags_from)
    return build_config(CorpusConfig, ("corpus",), values)


def job_settings() -> Family:
    """The settings of scans and of corpus builds, which stand in one file."""
    listed_in = "conf/scan.yaml and conf/datasets.yaml"
    return Family(known_settings(), listed_in, ENVIRONMENT_PREFIX, OTHER_VARIABLES, DEPLOY_PREFIX)


def parse_flag(name: str, value: object, flags_from: str = COMMAND_LINE) -> object:
    """The value of a flag; a text is read as an environment variable's would be.

    Raises:
        ConfigError: the text is not of the setting's type.
    """
    setting = known_settings().get(tuple(name.split(".")))
    try:
        return parse_text(setting, value) if setting and isinstance(value, str) else value
    except ValueError as error:
        raise ConfigError(f"{name} {error}", where=flags_from) from error


def load_settings(
    family: Family,
    path: str | None,
    env: Mapping[str, str],
    flags: Mapping[str, object],
    flags_from: str = COMMAND_LINE,
) -> dict[Path, object]:
    """Merge the layers into values by path.

    Args:
        family: the settings that there are.
        path: the YAML file, or None.
        env: the process environment; names without the prefix are none of ours.
        flags: values by dotted path; None means that the flag was not given.
        flags_from: where those were given, for messages.

    Raises:
        ConfigError: with every unknown name, wrong type and value out of bounds, one a line.
    """
    problems: list[str] = []
    merged: dict[Path, object] = {}
    layers = (
        _from_file(path, family, problems) if path else (),
        _from_environment(env, family, problems),
        _from_flags(flags, flags_from),
    )
    for layer in layers:
        for given in layer:
            setting = family.known.get(given.path)
            unknown = f"is no setting{_nearest(given.path, family)}"
            problem = problem_of(setting, given.value) if setting else unknown
            if problem or not setting:
                problems.append(f"{given.where}: {'.'.join(given.path)} {problem}")
            else:
                merged[given.path] = setting.canonical(given.value)
    if problems:
        raise ConfigError(
            "\n".join(["the settings cannot be used:", *(f"  {problem}" for problem in problems)])
        )
    return merged


def build_config(kind: type[Config], path: Path, values: Mapping[Path, object]) -> Config:
    """The dataclass `kind`, whose settings lie under `path`, with `values` in the place of its defaults."""
    hints = get_type_hints(kind)
    arguments: dict[str, Any] = {}
    for name, hint in hints.items():
        here = (*path, name)
        if is_dataclass(hint) and isinstance(hint, type):
            arguments[name] = build_config(hint, here, values)
        elif here in values:
            arguments[name] = values[here]
    return kind(**arguments)


def _from_flags(flags: Mapping[str, object], flags_from: str) -> Iterator[Given]:
    for name, value in flags.items():
        if value is not None:
            yield Given(tuple(name.split(".")), value, flags_from)


def _from_environment(env: Mapping[str, str], family: Family, problems: list[str]) -> Iterator[Given]:
    for name in sorted(filter(family.owns, env)):
        path = family.path_of(name)
        setting = family.known.get(path)
        if setting is None:
            problems.append(f"{name} is no setting{_nearest_variable(name, family)}")
            continue
        try:
            yield Given(path, parse_text(setting, env[name]), name)
        except ValueError as error:
            problems.append(f"{name}: {'.'.join(path)} {error}")


def _from_file(path: str, family: Family, problems: list[str]) -> list[Given]:
    try:
        with open(path, encoding="utf-8") as file:
            loader = yaml.SafeLoader(file)
            root = loader.get_single_node()
            givens = [] if root is None else list(_from_node(loader, root, (), path, family, problems))
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "they are no UTF-8"
        raise ConfigError(
            f"the settings cannot be read: {why}", where=path, remedy="give --config a file of YAML"
        ) from error
    except yaml.YAMLError as error:
        raise ConfigError(
            f"this is not YAML: {_first_line(error)}", where=_yaml_place(path, error)
        ) from error
    return givens


def _from_node(
    loader: yaml.SafeLoader, node: yaml.Node, path: Path, file: str, family: Family, problems: list[str]
) -> Iterator[Given]:
    """Walk the YAML tree down to settings; a section is any path that settings lie under."""
    where = f"{file}:{node.start_mark.line + 1}"
    is_section = any(known[: len(path)] == path and known != path for known in family.known)
    if not is_section or not isinstance(node, yaml.MappingNode):
        value = loader.construct_document(node)
        if not is_section:
            yield Given(path, value, where)
        elif value is not None:
            problems.append(f"{where}: {'.'.join(path) or 'the file'} must be a mapping of settings")
        return
    seen: set[str] = set()
    for key_node, value_node in node.value:
        key = str(key_node.value)
        if key in seen:
            problems.append(f"{file}:{key_node.start_mark.line + 1}: {'.'.join((*path, key))} is given twice")
        seen.add(key)
        yield from _from_node(loader, value_node, (*path, key), file, family, problems)


def _nearest(path: Path, family: Family) -> str:
    """Name the setting that was probably meant."""
    return _meant(".".join(path), [".".join(known) for known in family.known], "", family)


def _nearest_variable(name: str, family: Family) -> str:
    """Name the variable that was probably meant; the prefix that all share makes none of them likelier."""
    rest = name.removeprefix(family.prefix).upper()
    others = (other.removeprefix(family.prefix) for other in family.others)
    settings = ("__".join(known).upper() for known in family.known)
    return _meant(rest, [*settings, *others], family.prefix, family)


def _meant(name: str, known: list[str], prefix: str, family: Family) -> str:
    near = nearest(name, known)
    return f"; did you mean {prefix}{near[0]}?" if near else f"; {family.listed_in} list all there are"


def _yaml_place(path: str, error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f"{path}:{mark.line + 1}" if mark else path


def _first_line(error: yaml.YAMLError) -> str:
    return str(getattr(error, "problem", None) or error).splitlines()[0]
