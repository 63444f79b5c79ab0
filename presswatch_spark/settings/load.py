"""Settings from a YAML file, then the environment, then flags: the later layer wins, setting by setting.

A setting is named by its path in `config`: `grade.min_run_words` in messages, nested keys in YAML,
`PRESSWATCH_GRADE__MIN_RUN_WORDS` in the environment. All mistakes of all layers come in one error. A variable
with our prefix that names no setting is one, for who set it believes that it counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, is_dataclass
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

from presswatch_spark.errors import ConfigError
from presswatch_spark.nearest import nearest
from presswatch_spark.settings.config import ScanConfig, known_settings
from presswatch_spark.settings.declared import Path, Setting

if TYPE_CHECKING:
    import yaml

ENVIRONMENT_PREFIX = "PRESSWATCH_"
COMMAND_LINE = "command line"
# With our prefix, but no settings of a job: those of profiles (`presswatch_spark.deploy`), ...
DEPLOY_PREFIX = "PRESSWATCH_DEPLOY__"
# ... where hosts keep copies of a corpus, where a submitted job leaves its outcome, and what the tests read.
OTHER_VARIABLES = frozenset({"PRESSWATCH_CACHE_DIR", "PRESSWATCH_REAL_DATA", "PRESSWATCH_RESULT_URI"})

Config = TypeVar("Config")


@dataclass(frozen=True, slots=True)
class SettingsGroup:
    """Settings that are read together.

    Args:
        known: all there are, by path.
        listed_in: the files that list them, for messages.
        prefix: what the names of their environment variables begin with.
        others: variables with that prefix that name no setting.
        apart: a longer prefix; variables with it belong to another family.
    """

    known: Mapping[Path, Setting]
    listed_in: str
    prefix: str
    others: frozenset[str] = frozenset()
    apart: str = ""

    def owns(self, variable: str) -> bool:
        """Whether an environment variable should name one of these settings."""
        apart = bool(self.apart) and variable.startswith(self.apart)
        return variable.startswith(self.prefix) and not apart and variable not in self.others

    def variable_of(self, name: str) -> str:
        """Return the variable that gives the setting of a dotted name."""
        return self.prefix + name.upper().replace(".", "__")

    def likest(self, name: str, known: list[str], prefix: str = "") -> str:
        """End a message about an unknown path or variable: with the known one that was probably meant."""
        near = nearest(name, known)
        return f"; did you mean {prefix}{near[0]}?" if near else f"; {self.listed_in} list all there are"

    def likest_variable(self, variable: str) -> str:
        """End a message about an unknown variable; the prefix that all share makes none of them likelier."""
        others = [other.removeprefix(self.prefix) for other in self.others]
        names = ["__".join(known).upper() for known in self.known]
        return self.likest(variable.removeprefix(self.prefix).upper(), [*names, *others], self.prefix)


Given = tuple[Path, object, str]
"""A setting as one layer gives it: path, value, and where: `file:line`, a variable or `command line`."""


def load_scan_config(
    path: str | None = None,
    env: Mapping[str, str] | None = None,
    flags: Mapping[str, object] | None = None,
    flags_from: str = COMMAND_LINE,
) -> ScanConfig:
    """Settings of a scan; see `load_settings`."""
    values = load_settings(job_settings(), path, env or {}, flags or {}, flags_from)
    return build_config(ScanConfig, (), values)


def job_settings() -> SettingsGroup:
    """Return the settings of scans and of corpus builds, which stand in one file."""
    listed_in = "conf/scan.yaml and conf/releases.yaml"
    return SettingsGroup(known_settings(), listed_in, ENVIRONMENT_PREFIX, OTHER_VARIABLES, DEPLOY_PREFIX)


def parse_flag(name: str, value: object, flags_from: str = COMMAND_LINE) -> object:
    """Return the value of a flag; a text is read as an environment variable's would be.

    Raises:
        ConfigError: the text is not of the setting's type.
    """
    setting = known_settings().get(tuple(name.split(".")))
    try:
        return setting.parse(value) if setting and isinstance(value, str) else value
    except ValueError as error:
        raise ConfigError(f"{name} {error}", where=flags_from) from error


def load_settings(
    family: SettingsGroup,
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
        [(tuple(name.split(".")), value, flags_from) for name, value in flags.items() if value is not None],
    )
    names = [".".join(known) for known in family.known]
    for layer in layers:
        for given, value, where in layer:
            setting = family.known.get(given)
            unknown = f"is no setting{family.likest('.'.join(given), names)}" if setting is None else ""
            if problem := setting.problem_of(value) if setting else unknown:
                problems.append(f"{where}: {'.'.join(given)} {problem}")
            elif setting:
                merged[given] = setting.canonical(value)
    if problems:
        raise ConfigError("\n  ".join(["the settings cannot be used:", *problems]))
    return merged


def build_config(kind: type[Config], path: Path, values: Mapping[Path, object]) -> Config:
    """Make the dataclass `kind`, whose settings lie under `path`, with `values` in place of its defaults."""
    hints = get_type_hints(kind)
    arguments: dict[str, Any] = {}
    for name, hint in hints.items():
        here = (*path, name)
        if is_dataclass(hint) and isinstance(hint, type):
            arguments[name] = build_config(hint, here, values)
        elif here in values:
            arguments[name] = values[here]
    return kind(**arguments)


def _from_environment(env: Mapping[str, str], family: SettingsGroup, problems: list[str]) -> Iterator[Given]:
    for name in sorted(filter(family.owns, env)):
        path = tuple(name.removeprefix(family.prefix).lower().split("__"))
        setting = family.known.get(path)
        if setting is None:
            problems.append(f"{name} is no setting{family.likest_variable(name)}")
            continue
        try:
            yield path, setting.parse(env[name]), name
        except ValueError as error:
            problems.append(f"{name}: {'.'.join(path)} {error}")


def _from_file(path: str, family: SettingsGroup, problems: list[str]) -> list[Given]:
    import yaml

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
        mark = getattr(error, "problem_mark", None)
        what = str(getattr(error, "problem", None) or error).splitlines()[0]
        where = f"{path}:{mark.line + 1}" if mark else path
        raise ConfigError(f"this is not YAML: {what}", where=where) from error
    return givens


def _from_node(
    loader: yaml.SafeLoader,
    node: yaml.Node,
    path: Path,
    file: str,
    family: SettingsGroup,
    problems: list[str],
) -> Iterator[Given]:
    """Walk the YAML tree down to settings; a section is any path that settings lie under."""
    from yaml import MappingNode

    where = f"{file}:{node.start_mark.line + 1}"
    is_section = any(known[: len(path)] == path and known != path for known in family.known)
    if not is_section or not isinstance(node, MappingNode):
        value = loader.construct_document(node)
        if not is_section:
            yield path, value, where
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
