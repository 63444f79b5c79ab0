"""Crawlers that declarations name, with the uses that their operators make of pages (`conf/agents.yaml`)."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import cast

from presswatch_spark.core.settings.checked_yaml import Check, compose, file_bytes
from presswatch_spark.core.settings.load import shipped
from presswatch_spark.tables.literals import USES, Use

NAME = re.compile(r"[a-z0-9][\w.-]{0,63}(?![\w.-])", re.ASCII | re.IGNORECASE)
"""The name of an agent; a group of robots.txt may add a version to it, after `/`."""


@dataclass(frozen=True, slots=True)
class Agent:
    """A crawler, or a name that only controls uses. `date`: day on which `source` was read; None: unread."""

    name: str
    operator: str
    purpose: tuple[Use, ...]
    source: str | None
    date: date | None


@cache
def known_agents() -> Mapping[str, Agent]:
    """Return the shipped agents by their names in lower case; raises `ConfigError`."""
    path = str(shipped("agents.yaml"))
    return parse_agents(file_bytes(path, "the file of agents", "the installation"), path)


def parse_agents(raw: bytes, name: str) -> dict[str, Agent]:
    """Read and check agents, by their names in lower case; `ConfigError` lists all mistakes of the file."""
    check, found = Check(), dict[str, Agent]()
    root = compose(raw, check, "agents contain a list of purposes, and nothing is nested deeper", "agents")
    top = check.entry(root, "file of agents", "agents") if root is not None else {}
    for node in check.items(top.get("agents"), "agents"):
        keys = check.entry(node, "agent", "name operator purpose", "source date")
        agent = check.unique_id(keys.get("name"), "agent") or ""
        what = f"agent `{agent}`"
        if agent and not NAME.fullmatch(agent):
            check.report(keys["name"], f"{what}: a name has letters, digits, `-`, `_` and `.` only")
        purposes = check.texts(keys.get("purpose"), f"{what}: purpose", USES)
        source = check.text(keys.get("source"), f"{what}: source")
        if source is not None and not source.startswith("https://"):
            check.report(keys["source"], f"{what}: source must be an address (https://…)")
        operator = check.text(keys.get("operator"), f"{what}: operator") or ""
        day = check.date(keys.get("date"), f"{what}: date")
        if day is not None and source is None:
            check.report(keys["date"], f"{what}: a date needs the source that was read")
        found[agent.lower()] = Agent(agent, operator, cast(tuple[Use, ...], purposes), source, day)
    check.finish(name, "the file of agents")
    return found


def uses_of(agent: str) -> tuple[Use, ...]:
    """Return the uses that an agent makes of pages: all if its purpose is unknown, and for `*`."""
    known = known_agents().get(agent.lower())
    return known.purpose if known else USES


def agents_to_refuse(reserved: Collection[Use]) -> tuple[list[str], list[str]]:
    """Return the agents all whose uses are reserved, and those that also make uses that are allowed."""
    refused, mixed = list[str](), list[str]()
    for agent in known_agents().values():
        if set(agent.purpose) <= set(reserved):
            refused.append(agent.name)
        elif set(agent.purpose) & set(reserved):
            mixed.append(agent.name)
    return refused, mixed
