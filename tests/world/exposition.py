"""A strict reader of Prometheus's text format, version 0.0.4: what it does not allow is an error."""

import re

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? (-?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?))")
UNITS = ("_seconds", "_bytes", "_dollars", "_info", "_state", "_planned", "_total")


def parsed(text: str) -> dict[str, float]:
    """Values by series, as they are written; AssertionError for text that no collector should be given."""
    assert text.endswith("\n")
    kinds: dict[str, str] = {}
    values: dict[str, float] = {}
    lines = iter(text.removesuffix("\n").split("\n"))
    for line in lines:
        if line.startswith("# HELP "):
            name, meaning = line.removeprefix("# HELP ").split(" ", 1)
            assert meaning
            assert name not in kinds, f"{name} stands in two places"
            kind = next(lines)
            assert kind in (f"# TYPE {name} counter", f"# TYPE {name} gauge")
            kinds[name] = kind.rpartition(" ")[2]
            assert name.endswith(UNITS)
            assert name.endswith("_total") == (kinds[name] == "counter")
            continue
        sample = SAMPLE.fullmatch(line)
        assert sample, line
        assert sample[1] == list(kinds)[-1], f"{line} is not below its own TYPE"
        series = f"{sample[1]}{{{sample[2]}}}" if sample[2] else sample[1]
        assert series not in values, f"{series} is there twice"
        values[series] = float(sample[3])
    return values
