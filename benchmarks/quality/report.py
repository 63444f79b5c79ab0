"""The result: JSON with every figure, and tables in Markdown that are made from it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.quality.negatives import HARD
from benchmarks.quality.promises import coverage_errors
from benchmarks.quality.score import CERTAIN, LONG, Score, rate
from benchmarks.quality.truth import RUN
from benchmarks.speed.report import paragraph, table

CONFIDENCES = ("A", "B", "C", "D")
_LENGTHS = (f"longest run {RUN} to {LONG - 1} words", f"{LONG} and more")
_AGENCY = "other press, agency copy"

Figures = Mapping[str, Any]


def figures(score: Score) -> dict[str, Any]:
    """A scan's figures, for JSON."""
    return {
        "run_pairs": {kind: {"found": n, "true": of} for kind, (n, of) in score.run_pairs.items()},
        "copies": {kind: {"found": n, "true": of} for kind, (n, of) in score.copies.items()},
        "run_pairs_by_format": {
            name: {label: {"found": n, "true": of} for label, (n, of) in zip(_LENGTHS, counts, strict=True)}
            | {"false": score.false_by_format[name]}
            for name, counts in score.by_format.items()
        },
        "false_pairs": len(score.false_pairs),
        "longest_run_words": score.longest.figures(),
        "article_coverage": coverage_errors(score),
        "rows_below_their_runs": score.below,
        "grades": {true: dict(given) for true, given in score.grades.items()},
        "confidence": {kind: dict(counts) for kind, counts in score.confidence.items()},
        "ownership": {kind: dict(counts) for kind, counts in score.ownership.items()},
    }


def markdown(result: Figures) -> str:
    """All tables of a result."""
    scans = {name: figures for name, figures in result["presswatch"].items() if isinstance(figures, dict)}
    first = next(iter(scans.values()))
    peers = {name: row for name, row in result["peers"].items() if "failure" not in row}
    parts = [
        _kinds(first, peers),
        _summary(result, first, peers),
        _formats(first),
        _coverage(first),
        _grades(first),
        _confidence(scans),
        "\n".join(_notes(result)),
    ]
    return "\n\n".join(parts) + "\n"


def _kinds(ours: Figures, peers: Figures) -> str:
    rows = []
    for kind, counts in ours["copies"].items():
        shares = {name: row["copies"][kind] for name, row in peers.items()}
        best = max(shares, key=lambda name: shares[name], default=None)
        theirs = f"{_share(shares[best])} ({best})" if best and shares[best] else "0"
        rows.append([kind, _share(_rate(counts)), theirs])
    copies = sum(counts["true"] for counts in ours["copies"].values())
    title = (
        f"Share of {copies} planted copies (all formats) that was found, by presswatch and by the best peer:"
    )
    return f"{title}\n\n" + table(["kind", "presswatch", "best peer"], rows)


def _summary(result: Figures, ours: Figures, peers: Figures) -> str:
    pairs = ours["run_pairs"].values()
    found, true = (sum(pair[side] for pair in pairs) for side in ("found", "true"))
    seconds = result["presswatch"]["build_seconds"] + result["presswatch"]["scan_seconds"]
    rows: list[list[Any]] = [
        ["presswatch", _share(rate([found, true])), ours["false_pairs"], f"{seconds:.0f}"]
    ]
    for name, row in peers.items():
        rows.append([name, _share(row["run_pairs"]), row["without_common_words"], f"{row['seconds']:.0f}"])
    title = f"All {true} pairs with a run of {RUN} words, planted or not:"
    return f"{title}\n\n" + table(["", "found", "claimed without 8 common words", "seconds"], rows)


def _formats(ours: Figures) -> str:
    formats = defaultdict[str, list[str]](list)
    for name, counts in ours["run_pairs_by_format"].items():
        shown = (f"{counts[length]['found']} of {counts[length]['true']} ({length})" for length in _LENGTHS)
        formats[f"{', '.join(shown)}, {counts['false']} false"].append(name)
    each = (f"{', '.join(names)}: {counts}." for counts, names in formats.items())
    return paragraph(f"Pairs found, by format and longest run. {' '.join(each)}")


def _coverage(ours: Figures) -> str:
    errors = {kind: error for kind, error in ours["article_coverage"].items() if error["max"]}
    rows = [
        [kind, error["pairs"], f"{error['mean']:.4f}", f"{error['max']:.4f}", error["beyond"]]
        for kind, error in errors.items()
    ]
    longest = ours["longest_run_words"]
    title = paragraph(f"""
      Errors of `article_coverage` by kind; in all other kinds it is exact. In {longest["pairs"]} pairs,
      `longest_run_words` is off by {longest["max"]} words at most.""")
    return f"{title}\n\n" + table(["kind", "pairs", "mean error", "largest", "beyond 0.01"], rows)


def _grades(ours: Figures) -> str:
    right = sum(given.get(true, 0) for true, given in ours["grades"].items())
    copies = sum(sum(given.values()) for given in ours["grades"].values())
    return f"The grade is right for {right} of {copies} planted copies."


def _confidence(scans: Mapping[str, Figures]) -> str:
    shown = {
        name: _gathered(figures["confidence"]) for name, figures in scans.items() if figures["confidence"]
    }
    rows = []
    for kind in dict.fromkeys(kind for counts in shown.values() for kind in counts):
        cells = [counts.get(kind, {}).get(grade, 0) for counts in shown.values() for grade in CONFIDENCES]
        rows.append([f"{kind} (hard negative)" if kind in HARD else kind, *cells])
    certain = ", ".join(
        f"{sum(counts.get(kind, {}).get(grade, 0) for kind in HARD for grade in CERTAIN)} {name}"
        for name, counts in shown.items()
    )
    ways = ", then ".join(shown)
    title = paragraph(f"Rows by `confidence`, first {ways}. Hard negatives with `A` or `B`: {certain}.")
    return f"{title}\n\n" + table(["kind", *CONFIDENCES * len(shown)], rows)


def _gathered(confidence: Mapping[str, Mapping[str, int]]) -> dict[str, Mapping[str, int]]:
    """Counts by kind, with all planted copies as one kind."""
    apart = {kind: counts for kind, counts in confidence.items() if kind in HARD or kind == _AGENCY}
    copies = [counts for kind, counts in confidence.items() if kind not in apart]
    planted = {grade: sum(counts.get(grade, 0) for counts in copies) for grade in CONFIDENCES}
    return {"planted copies": planted, **apart}


def _notes(result: Figures) -> Iterator[str]:
    about = result["about"]
    ran = {name: row for name, row in result["peers"].items() if "failure" not in row}
    packages = dict.fromkeys(f"{row['package']} {row['version']}" for row in ran.values())
    yield paragraph(f"""
      {about["documents"]} documents ({about["text_bytes"] / 1e6:.1f} MB) for {about["articles"]} articles;
      {about["press"]}; seed {about["seed"]}; {about["processor"]}, {about["cores"]} cores,
      {about["memory_gigabytes"]} GB; Python {about["python"]}; presswatch {about["version"]}, commit
      {about["commit"]}; {", ".join(packages)}. Settings of the peers are in
      `benchmarks/results/quality.json`.""")
    failed = {name: row["failure"] for name, row in result["peers"].items() if name not in ran}
    yield from (f"\n- {name}: could not be run: {failure}" for name, failure in failed.items())
    yield from (f"\n- BROKEN: {promise}" for promise in result["broken"])


def _rate(counts: Figures) -> float:
    return rate([counts["found"], counts["true"]])


def _share(value: float) -> str:
    """A share with as many digits as do not round a miss away."""
    return "1" if value == 1 else f"{min(value, 0.999):.3f}".rstrip("0").rstrip(".") if value else "0"
