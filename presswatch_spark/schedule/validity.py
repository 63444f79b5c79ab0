"""What is wrong with a definition in the Amazon States Language, before it is sent.

https://states-language.net/spec.html, as far as our machines use it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

NEEDED: Mapping[str, frozenset[str]] = {
    "Task": frozenset({"Resource"}),
    "Fail": frozenset(),
    "Succeed": frozenset(),
}
"""Required fields by type of state; no machine of ours has states of other types."""

ENDS = frozenset({"Fail", "Succeed"})
PATH = re.compile(r"\$\$?(\.[A-Za-z_]\w*|\[\d+\])*")
INTRINSIC = re.compile(r"States\.[A-Z]\w*\(.*\)", re.DOTALL)
RESOURCE = re.compile(r"arn:aws[\w-]*:states:::[\w-]+:\w+(\.sync)?")


def problems_of(machine: Mapping[str, Any]) -> list[str]:
    """What is wrong with a definition, each as a sentence; nothing for a sound one."""
    states = machine.get("States")
    if not isinstance(states, Mapping) or not states:
        return ["there are no States"]
    start = str(machine.get("StartAt"))
    problems = [] if start in states else [f"StartAt is {start!r}, which is no state"]
    for name, state in states.items():
        problems += [f"{name}: {problem}" for problem in _state(state, states)]
    reached = _reached(start, states)
    return problems + [f"{name}: cannot be reached" for name in states if name not in reached]


def _state(state: Mapping[str, Any], states: Mapping[str, Any]) -> Iterator[str]:
    kind = str(state.get("Type"))
    if kind not in NEEDED:
        yield f"Type is {kind}"
        return
    yield from (f"{field} is missing" for field in sorted(NEEDED[kind] - state.keys()))
    ways = [field for field in ("Next", "End") if field in state]
    if len(ways) != (kind not in ENDS):
        yield f"leads on by {ways}, instead of by one of Next and End" if kind not in ENDS else f"has {ways}"
    yield from (f"leads to {name!r}, which is no state" for name in _next(state) if name not in states)
    if kind == "Task" and not RESOURCE.fullmatch(str(state.get("Resource"))):
        yield f"Resource is {state.get('Resource')!r}"
    yield from _paths(state.get("Parameters", {}))
    for rule in (*state.get("Retry", ()), *state.get("Catch", ())):
        yield from _rule(rule)
    for rules in (state.get("Retry", []), state.get("Catch", [])):
        if any("States.ALL" in rule.get("ErrorEquals", ()) for rule in rules[:-1]):
            yield "States.ALL comes before the last rule"


def _rule(rule: Mapping[str, Any]) -> Iterator[str]:
    names = rule.get("ErrorEquals")
    if not names or ("States.ALL" in names and len(names) > 1):
        yield f"ErrorEquals is {names!r}"
    bounds = {"IntervalSeconds": 1, "MaxAttempts": 0, "BackoffRate": 1, "MaxDelaySeconds": 1}
    for field, least in bounds.items():
        if field in rule and not (isinstance(rule[field], int | float) and rule[field] >= least):
            yield f"{field} is {rule[field]!r}"
    if rule.get("MaxDelaySeconds", 1 << 30) <= rule.get("IntervalSeconds", 1):
        yield "MaxDelaySeconds is not above IntervalSeconds"


def _paths(value: Any) -> Iterator[str]:
    """Fields whose names end in `.$` hold paths or intrinsic functions, and nothing else may."""
    if isinstance(value, Mapping):
        for name, below in value.items():
            if name.endswith(".$"):
                if not (isinstance(below, str) and (PATH.fullmatch(below) or INTRINSIC.fullmatch(below))):
                    yield f"{name} is {below!r}, no path"
            else:
                yield from _paths(below)
    elif isinstance(value, list):
        for below in value:
            yield from _paths(below)


def _next(state: Mapping[str, Any]) -> list[str]:
    return [rule["Next"] for rule in (state, *state.get("Catch", ())) if "Next" in rule]


def _reached(start: str, states: Mapping[str, Any]) -> set[str]:
    reached: set[str] = set()
    todo = [start]
    while todo:
        name = todo.pop()
        if name in states and name not in reached:
            reached.add(name)
            todo += _next(states[name])
    return reached
