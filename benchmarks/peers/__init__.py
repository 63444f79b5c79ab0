"""Other people's tools on the same texts, each used as its documentation does; no code of the product here.

They run in an environment of their own, `.venv-peers` (`make peers`), as subprocesses:

    .venv-peers/bin/python -m benchmarks.peers NAME --articles A.jsonl --documents D.jsonl --out pairs.tsv
    .venv-peers/bin/python -m benchmarks.peers NAME --signatures-only --documents D.jsonl

`spark-mllib` runs in the project's own environment, which has Spark. Every tool is one file here; a tool that
leaves the shingles to its caller is given the ones of `texts.shingles`.
"""
