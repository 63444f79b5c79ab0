"""What is found and what is not: copies of known extent planted into pages, compared with brute force.

    python -m benchmarks.quality [--per-kind 80] [--no-peers] [--out bench/quality]

Real press is used where there is any (`PRESSWATCH_REAL_DATA`, or `../shared/data`), the project's generator
otherwise. Everything follows from a seed. The parts, in the order in which they work:

`material` (press, filler) → `negatives`, `plant` (pages of known content, by `edits`) → `responses` (the
same as HTML, by `visible_text`; `visible` tells what can be seen of it) → `truth` (brute force) → `product`,
`rivals` (what was found) → `score` → `report`.
"""
