"""The tutorial as a marimo notebook: from the demo's data to a claim, in Python."""

import marimo

__generated_with = "0.25.2"
app = marimo.App(app_title="From articles to a claim")


@app.cell
def _():
    import json
    import pathlib
    import tempfile

    import marimo as mo

    import presswatch_spark as pw

    return json, mo, pathlib, pw, tempfile


@app.cell
def _(mo):
    mo.md("""
    # From articles to a claim

    `make demo` wrote an invented press and an invented web into `demo/`. This notebook builds a corpus of
    that press, scans that web, and ends with one claim that anybody can check.
    """)
    return


@app.cell
def _(mo, tempfile):
    folder = mo.cli_args().get("demo") or "demo"
    out = mo.cli_args().get("out") or tempfile.mkdtemp(prefix="presswatch-")
    return folder, out


@app.cell
def _(folder, mo, pathlib):
    members, articles = pathlib.Path(folder) / "members.yaml", pathlib.Path(folder) / "articles.jsonl"
    shards = sorted(path for path in pathlib.Path(folder, "shards").glob("*") if path.is_dir())
    mo.stop(not shards, mo.md(f"There is no demo in `{folder}`: run `make demo` first."))
    return articles, members, shards


@app.cell
def _(articles, members, mo, out, pw):
    manifest = pw.build_corpus(str(members), [str(articles)], f"{out}/corpus")
    mo.md(f"""
    ## The corpus

    It holds {manifest.counts.articles} articles with {manifest.counts.words:,} words. None was refused:
    {sum(manifest.counts.refused.values())}.
    """)
    return (manifest,)


@app.cell
def _(manifest, mo, out, pw, shards):
    run = pw.scan([str(path) for path in shards], corpus=f"{out}/corpus", out=f"{out}/tables")
    assert run.row["corpus_digest"] == manifest.digest
    mo.md(f"""
    ## The scan

    {run.row["documents"]} documents in {run.row["shards_planned"]} shards were read, and
    {run.row["matches"]} matches found. Every shard was read to its end: **{run.is_complete}**. Only then can
    anybody say that an article is *not* there.
    """)
    return (run,)


@app.cell
def _(mo, run):
    columns = ["confidence", "grade", "copied_words", "article_coverage", "title_id", "document_url"]
    strong = run.matches(elsewhere=True, confidences=["A", "B"], columns=columns).to_pandas()
    mo.vstack([mo.md("## What may be claimed\n\nRows on other sites that have the letter A or B:"), strong])
    return (strong,)


@app.cell
def _(mo, run, strong):
    rows = run.matches(elsewhere=True, confidences=["A"]).to_pylist()
    row = max(rows, key=lambda row: (row["article_coverage"], row["copied_words"]))
    mo.md(f"""
    ## One of the {len(strong)}

    This row has the most copied words among those that speak for themselves. It stands in
    `{row["shard_uri"].rpartition("/")[2]}`. `spans` says where each copied passage begins and ends, in the
    page and in the article.
    """)
    return (row,)


@app.cell
def _(articles, json, row):
    with open(articles, encoding="utf-8") as file:
        by_id = {article["article_id"]: article for article in map(json.loads, file)}
    article = by_id[row["article_id"]]
    longest = max(row["spans"], key=lambda span: span["words"])
    passage = article["body"][longest["article_start"] : longest["article_end"]]
    return article, passage


@app.cell
def _(article, mo, out, passage, row):
    claim = f"""
    ## The claim

    The page <{row["document_url"]}>, captured on {row["captured_at"]:%Y-%m-%d}, holds
    **{row["copied_words"]} words of “{article["headline"]}”**, {row["article_coverage"]:.0%} of the article,
    which {row["title_id"]} published on {row["article_published_at"]:%Y-%m-%d}. Confidence
    {row["confidence"]}. The longest passage begins:

    > {passage[:160]}…

    To check it, fetch the page again and compare it word by word:

        presswatch fetch {out}/tables --row {row["row_sha256"][:12]}
        presswatch verify-rows {out}/tables --corpus {out}/corpus
    """
    mo.md(claim)
    return (claim,)


if __name__ == "__main__":
    app.run()
