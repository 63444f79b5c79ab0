"""The JSON Schema of notice.json, which comes with the package."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from presswatch_spark.evidence.libraries import library
from presswatch_spark.notices.sentences import Sentence, sentence

SCHEMA = Path(__file__).with_name("notice.schema.json")


def schema() -> dict[str, Any]:
    """Return the schema."""
    found: dict[str, Any] = json.loads(SCHEMA.read_text(encoding="utf-8"))
    return found


def validated(about: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a notice that fits the schema; `ValueError` says where it does not."""
    if fault := fault_of(about):
        raise ValueError(f"notice.json does not fit its schema: {fault}")
    return about


def fault_of(about: Mapping[str, Any]) -> Sentence | None:
    """Return where a notice does not fit the schema, and how; None if it fits.

    Raises:
        ConfigError: jsonschema is not installed.
    """
    validator = library("jsonschema").Draft202012Validator(schema())
    faults = sorted(validator.iter_errors(about), key=lambda each: list(map(str, each.absolute_path)))
    if not faults:
        return None
    place = "/".join(map(str, faults[0].absolute_path)) or "/"
    return sentence("{place}: it breaks the rule `{rule}`", place=place, rule=faults[0].validator)
