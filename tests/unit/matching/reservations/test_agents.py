"""Agents: crawlers that declarations name, with the uses that their operators make of pages."""

import pytest

from presswatch_spark.core.errors import ConfigError
from presswatch_spark.matching.reservations.verdicts import AGENTS, known_agents, parse_agents, uses_of
from presswatch_spark.tables.column_values import USES


def test_the_shipped_file_names_every_use_and_invents_no_day_of_a_check() -> None:
    agents = known_agents()
    assert {name.lower() for name in AGENTS} - {"*"} <= agents.keys()
    assert {use for agent in agents.values() for use in agent.purpose} == set(USES)
    for agent in agents.values():
        assert agent.operator
        assert agent.purpose
        assert not agent.date or agent.source
    assert uses_of("ccBOT") == ("train", "tdm")
    assert (uses_of("*"), uses_of("Inconnu")) == (USES, USES)


def test_every_mistake_is_reported_with_its_line() -> None:
    text = """\
agents:
  - {name: One, operator: Rives, purpose: [train]}
  - {name: one, operator: Rives, purpose: [trian]}
  - {name: "a b", operator: Rives, purpose: [tdm], source: rives.example}
  - {name: Two, purpose: [search], date: 2026-11-30}
"""
    with pytest.raises(ConfigError) as error:
        parse_agents(text.encode(), "a.yaml")
    first, *mistakes = str(error.value).splitlines()
    assert "5 mistakes in the file of agents" in first
    assert [line.partition(" (")[0].partition("; ")[0] for line in mistakes[:5]] == [
        "a.yaml:3: agent `one`: purpose `trian` is not one of train, search, tdm",
        "a.yaml:4: agent `a b`: a name has letters, digits, `-`, `_` and `.` only",
        "a.yaml:4: agent `a b`: source must be an address",
        "a.yaml:5: agent `Two`: a date needs the source that was read",
        "a.yaml:5: agent: `operator` is missing",
    ]
