"""The result: JSON with every figure, and tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.quality.negatives import HARD
from benchmarks.quality.promises import coverage_errors
from benchmarks.quality.score import CERTAIN, LONG, Score, rate, totals
from benchmarks.quality.truth import RUN

CONFIDENCES = ("A", "B", "C", "D")
_LENGTHS = (f"longest run {RUN} to {LONG - 1} words", f"{LONG} and more")


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


def markdown(result: Mapping[str, Any], score: Score, confident: Mapping[str, Score]) -> str:
    """All tables. `confident`: the scans whose confidence is shown, by name."""
    peers = {name: row for name, row in result["peers"].items() if "failure" not in row}
    parts = [
        _kinds(score, peers),
        _summary(result, score, peers),
        _formats(score),
        _coverage(score),
        _grades(score),
        *(_confidence(name, one) for name, one in confident.items() if one.confidence),
        _notes(result),
    ]
    return "\n\n".join(parts) + "\n"


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def _kinds(score: Score, peers: Mapping[str, Any]) -> str:
    rows = []
    for kind, counts in score.copies.items():
        theirs = [_share(row["copies"][kind]) for row in peers.values()]
        rows.append([kind, counts[1], _share(rate(counts)), *theirs])
    title = "Copies found, by what was done to them (`of`: copies planted, times formats)"
    return f"{title}\n\n" + table(["kind", "of", "presswatch", *peers], rows)


def _summary(result: Mapping[str, Any], score: Score, peers: Mapping[str, Any]) -> str:
    found, true = totals(score.run_pairs)
    ours = result["presswatch"]
    rows = [
        [
            "presswatch",
            f"{found} of {true} ({_share(rate([found, true]))})",
            len(score.false_pairs),
            f"{ours['build_seconds']:.0f} + {ours['scan_seconds']:.0f}",
        ]
    ]
    for name, row in peers.items():
        rows.append([name, _share(row["run_pairs"]), row["without_common_words"], f"{row['seconds']:.0f}"])
    head = ["", "pairs with 11 words in a row", "pairs claimed without 8", "seconds"]
    return "Every pair with a run of 11 words, planted or not\n\n" + table(head, rows)


def _formats(score: Score) -> str:
    rows = [
        [name, *(f"{n} of {of} ({_share(rate([n, of]))})" for n, of in counts), score.false_by_format[name]]
        for name, counts in score.by_format.items()
    ]
    title = "The same pairs by format, and by the length of their longest run"
    return f"{title}\n\n" + table(["", *_LENGTHS, "false pairs"], rows)


def _coverage(score: Score) -> str:
    rows = [
        [kind, error["truth"], error["pairs"], f"{error['mean']:.4f}", f"{error['max']:.4f}", error["beyond"]]
        for kind, error in coverage_errors(score).items()
    ]
    longest = score.longest.figures()
    rows.append(
        [
            "`longest_run_words`, all rows",
            "runs",
            longest["pairs"],
            longest["mean"],
            longest["max"],
            score.longest.beyond,
        ]
    )
    head = ["`article_coverage` of", "truth", "pairs", "mean error", "largest", "beyond .01"]
    return "Errors\n\n" + table(head, rows)


def _grades(score: Score) -> str:
    given = ("full_copy", "partial_copy", "extract", "missed")
    rows = [[true, *(score.grades[true][name] for name in given)] for true in given[:3] if score.grades[true]]
    return "Grades of planted copies: true (down) and given\n\n" + table(["", *given], rows)


def _confidence(name: str, score: Score) -> str:
    rows = []
    for kind, counts in score.confidence.items():
        label = f"**{kind}** (hard negative)" if kind in HARD else kind
        shares = dict(score.ownership[kind].most_common())
        owned = ", ".join(f"{owner} {count}" for owner, count in shares.items())
        rows.append([label, *(counts[grade] for grade in CONFIDENCES), owned])
    certain = sum(score.confidence[kind][grade] for kind in HARD for grade in CERTAIN)
    title = f"Rows by `confidence`, {name}: {certain} of A or B on hard negatives"
    return f"{title}\n\n" + table(["kind", *CONFIDENCES, "ownership"], rows)


def _notes(result: Mapping[str, Any]) -> str:
    return "\n".join(_note_lines(result))


def _note_lines(result: Mapping[str, Any]) -> Iterator[str]:
    about = result["about"]
    megabytes, formats = about["text_bytes"] / 1e6, about["formats"]
    yield (
        f"- {about['documents']} documents ({megabytes:.1f} MB) for {about['articles']} articles;"
        f" {about['press']}; seed {about['seed']}; {about['processor']}, {about['cores']} cores,"
        f" {about['memory_gigabytes']} GB; Python {about['python']};"
        f" presswatch {about['version']}, commit {about['commit']}."
    )
    yield f"- presswatch scans every document in {', '.join(formats)}: {len(formats)} times the text."
    html = about["html"]
    traits = "; ".join(
        ", ".join(f"{name} {n}" for name, n in counts.items()) for counts in html["traits"].values()
    )
    yield f"- As WARC: {html['megabytes']} MB of HTML. Charset, where it is declared, how stored: {traits}."
    for name, row in result["peers"].items():
        if "failure" in row:
            yield f"- {name}: could not be run: {row['failure']}"
        else:
            settings = ", ".join(f"{key} {value}" for key, value in row["settings"].items())
            yield f"- {name}: {row['package']} {row['version']}; {settings}."
    yield from (f"- BROKEN: {promise}" for promise in result["broken"])


def _share(value: float) -> str:
    """A share with as many digits as do not round a miss away."""
    return "1" if value == 1 else f"{min(value, 0.999):.3f}".rstrip("0").rstrip(".") if value else "0"
