#!/usr/bin/env python3
"""Check that a folder made by `presswatch inspect` has numbers and digests only: python3 check.py FOLDER

Read it before you trust it: it needs only Python's standard library. It accepts three files in one form,
byte for byte. No text, comment, space, extra column, key or file fits. Exit code 0: the folder may leave.
"""

import hashlib
import json
import os
import re
import stat
import sys

INTEGER, HASH, FINGERPRINT = (
    re.compile(form) for form in ("0|[1-9][0-9]{0,14}", "[0-9a-f]{64}", "[0-9a-f]{32}")
)
MOST_LINES, MOST_BYTES = 1_000_000, 200_000_000
FORMATS = ("unknown", "wet", "warc", "arc", "oscar", "c4", "rows", "text", "tokens")
FAILURES = ("complete", "storage", "host", "time", "content", "worker", "fault")
TOTALS = ("bytes", "documents", "words", "candidates")
# Columns, each with its greatest value; a column in OPTIONAL may be empty. `sha256` is a digest.
FILES = {
    "file": 10**6,
    "sha256": None,
    "format": len(FORMATS) - 1,
    "failure": len(FAILURES) - 1,
} | dict.fromkeys(TOTALS, 10**15)
ROWS = {
    "file": 10**6,
    "row_index": 10**12,
    "record_offset": 10**15,
    "record_length": 10**12,
    "part": 10**4,
    "article": 2**32 - 1,
    "hits": 10**9,
    "extent_words": 10**9,
}
OPTIONAL = {"sha256", "row_index", "record_offset", "record_length", "article"}
COUNTS = {*FAILURES, *TOTALS, "files", "rows", "others"}
HASHES = {f"{name}_sha256" for name in ("program", "libraries", "settings", "corpus", "files", "candidates")}


def require(condition, what):
    """End with exit code 1 unless the condition holds."""
    if not condition:
        sys.exit(f"NOT to be handed over: {what}")


def content(path):
    """Return the bytes of a regular file without a second name or attributes."""
    status = os.lstat(path)
    require(stat.S_ISREG(status.st_mode) and status.st_nlink == 1, f"{path} is not a plain file")
    require(status.st_size <= MOST_BYTES, f"{path} is too long")
    require(not getattr(os, "listxattr", lambda path: ())(path), f"{path} has attributes")
    with open(path, "rb") as file:
        return file.read()


def table(data, columns, name):
    """Return the rows of a table: integers, None for empty values, digests."""
    *lines, end = data.decode("ascii", "replace").split("\n")
    require(
        lines[:1] == [",".join(columns)] and end == "", f"{name} has another heading, or no last line end"
    )
    require(len(lines) <= 1 + MOST_LINES, f"{name} has too many lines")
    rows = []
    for number, line in enumerate(lines[1:], 2):
        values = line.split(",")
        require(len(values) == len(columns), f"{name}, line {number}: another number of columns")
        row = []
        for (column, most), value in zip(columns.items(), values, strict=True):
            if value == "" and column in OPTIONAL:
                row.append(None)
            elif most is None:
                require(HASH.fullmatch(value), f"{name}, line {number}: {column} is not a digest")
                row.append(value)
            else:
                fits = INTEGER.fullmatch(value) and int(value) <= most
                require(fits, f"{name}, line {number}: {column} is not an integer up to {most}")
                row.append(int(value))
        rows.append(row)
    return rows


def main(folder):
    """Check a folder, and print what it has."""
    names = ["candidates.csv", "files.csv", "inspection.json"]
    require(sorted(os.listdir(folder)) == names, f"the folder must have {', '.join(names)}, and nothing else")
    candidates, files, summary = (content(os.path.join(folder, name)) for name in names)
    require(len(summary) < 10**6 and summary.isascii(), "inspection.json is too long, or has text")
    try:
        facts = json.loads(summary)
    except (ValueError, RecursionError):
        facts = None
    require(isinstance(facts, dict), "inspection.json is not a JSON object")
    form = json.dumps(facts, indent=1, sort_keys=True) + "\n"
    require(form.encode() == summary, "inspection.json is not in the one form that is allowed")
    others = {"corpus_fingerprints", "key_fingerprint", "tokenizer_sha256"}
    require(set(facts) == COUNTS | HASHES | others, "inspection.json has other keys")
    for key in COUNTS:
        require(type(facts[key]) is int and 0 <= facts[key] <= 10**15, f"{key} is not a count")
    for key in HASHES | {"tokenizer_sha256"} - {key for key in others if facts[key] is None}:
        require(isinstance(facts[key], str) and HASH.fullmatch(facts[key]), f"{key} is not a digest")
    parts = facts["corpus_fingerprints"]
    require(isinstance(parts, list) and len(parts) <= 10**4, "corpus_fingerprints is not a list")
    for value in [*parts, facts["key_fingerprint"]]:
        require(isinstance(value, str) and FINGERPRINT.fullmatch(value), "a fingerprint is not one")
    for name, data in (("files", files), ("candidates", candidates)):
        digest = hashlib.sha256(data).hexdigest()
        require(facts[f"{name}_sha256"] == digest, f"{name}.csv is not the file that inspection.json names")

    lines, rows = table(files, FILES, "files.csv"), table(candidates, ROWS, "candidates.csv")
    numbered = [row[0] for row in lines] == [*range(len(lines))]
    require(numbered and facts["files"] == len(lines), "files are not numbered from 0")
    for number, name in enumerate(TOTALS, 4):
        require(facts[name] == sum(row[number] for row in lines), f"{name} is not the sum of files.csv")
    for number, name in enumerate(FAILURES):
        require(
            facts[name] == [row[3] for row in lines].count(number), f"{name} is not the count of files.csv"
        )
    require(
        facts["rows"] == len(rows) == min(MOST_LINES, facts["candidates"]), "rows are missing, or too many"
    )
    order = [[-1 if value is None else value for value in row] for row in rows]
    require(order == sorted(order), "rows are not in order")
    require(all(row[0] < len(lines) and row[4] < len(parts) for row in rows), "a row has no file or part")
    print(f"{len(lines)} files, {len(rows)} candidates: numbers and digests only")
    print(f"{hashlib.sha256(summary).hexdigest()}  inspection.json")


if __name__ == "__main__":
    main(sys.argv[1])
