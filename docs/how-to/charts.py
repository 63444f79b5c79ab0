"""Five charts of published tables as a marimo notebook: each is one query and one picture."""

import marimo

__generated_with = "0.25.2"
app = marimo.App(app_title="Five charts of the tables")


@app.cell
def _():
    import altair as alt
    import marimo as mo

    import presswatch_spark as pw

    return alt, mo, pw


@app.cell
def _(mo):
    mo.md("""
    # Five charts of the tables

    Each chart is one query over the tables of a scan. Change the query, and the chart follows. A chart counts
    what was found in the shards that were read: of shards that were not, it says nothing.
    """)
    return


@app.cell
def _(mo):
    folder = mo.cli_args().get("tables") or "demo/tables"
    return (folder,)


@app.cell
def _(folder, mo, pw):
    try:
        tables, refusal = pw.open_tables(folder), None
    except pw.PresswatchError as error:
        tables, refusal = None, str(error)
    mo.stop(tables is None, mo.md(f"There are no tables in `{folder}`: run `make demo` first. {refusal}"))
    return (tables,)


@app.cell
def _(alt):
    letters = alt.Color("letter:N").scale(
        domain=["A", "B", "C", "D"], range=["#7b1e3a", "#c8553d", "#e8b04a", "#c9c9c9"]
    )
    return (letters,)


@app.cell
def _(alt, letters, mo, tables):
    trend_query = """
        select coalesce(release, concat(dataset, ', no release')) as source, letter,
            count(distinct page) as pages
        from sightings where own_site = false
        group by 1, 2 order by 1, 2"""
    trend = (
        alt.Chart(tables.sql(trend_query).to_pandas())
        .mark_bar()
        .encode(x=alt.X("source:N").title(None), y=alt.Y("pages:Q"), color=letters)
        .properties(width=alt.Step(90), title="Pages on other sites, by letter")
    )
    mo.vstack([mo.md("## How many copies has each release?"), trend])
    return (trend,)


@app.cell
def _(alt, letters, mo, tables):
    hosts_query = """
        select s.document_host as host, s.letter, count(distinct s.page) as pages
        from sightings s join (
            select document_host from by_host where own_site = false and document_host is not null
            order by articles desc, pages desc, document_host limit 15
        ) as most on most.document_host = s.document_host
        where s.own_site = false
        group by 1, 2 order by 1, 2"""
    hosts = (
        alt.Chart(tables.sql(hosts_query).to_pandas())
        .mark_bar()
        .encode(y=alt.Y("host:N").sort("-x").title(None), x=alt.X("pages:Q"), color=letters)
        .properties(title="The 15 hosts with the most articles")
    )
    mo.vstack([mo.md("## Which hosts copy most?"), hosts])
    return (hosts,)


@app.cell
def _(alt, mo, tables):
    titles_query = """
        select title_id,
            case when own_site then 'own site' when own_site = false then 'elsewhere' else 'not known' end
                as place,
            sum(pages) as pages
        from by_title group by 1, 2 order by 1, 2"""
    titles = (
        alt.Chart(tables.sql(titles_query).to_pandas())
        .mark_bar()
        .encode(
            y=alt.Y("title_id:N").sort("-x").title(None),
            x=alt.X("pages:Q"),
            color=alt.Color("place:N").scale(
                domain=["elsewhere", "own site", "not known"], range=["#7b1e3a", "#5b8e7d", "#c9c9c9"]
            ),
        )
        .properties(title="Pages with words of each title")
    )
    mo.vstack([mo.md("## Whose articles, and where do they stand?"), titles])
    return (titles,)


@app.cell
def _(alt, mo, tables):
    share_query = """
        select concat(coalesce(dataset, '?'), ' ', coalesce(release, '')) as source, title_id,
            100 * copied_share as percent
        from token_share where copied_words > 0 and copied_share is not null
        order by 1, 2"""
    share = (
        alt.Chart(tables.sql(share_query).to_pandas())
        .mark_bar()
        .encode(
            y=alt.Y("title_id:N").sort("-x").title(None),
            x=alt.X("percent:Q").title("percent of the words that were read"),
            yOffset=alt.YOffset("source:N"),
            color=alt.Color("source:N"),
        )
        .properties(title="Words of each title on other sites, as a share of each dataset")
    )
    mo.vstack(
        [
            mo.md(
                "## What share of the words is copied?\n\nIt is the share of the shards that were read. Scans"
                " of older versions did not count words, and have no bar."
            ),
            share,
        ]
    )
    return (share,)


@app.cell
def _(alt, mo, tables):
    age_query = """
        select address, article_id,
            min(extract(day from (captured_at - article_published_at))) as days
        from sightings
        where own_site = false and article_published_at is not null and captured_at is not null
        group by 1, 2 order by 1, 2"""
    age = (
        alt.Chart(tables.sql(age_query).to_pandas())
        .mark_bar(color="#7b1e3a")
        .encode(
            x=alt.X("days:Q").bin(step=30).title("days from publication to capture"),
            y=alt.Y("count():Q").title("copies"),
        )
        .properties(title="How old an article was when its copy was captured")
    )
    mo.vstack(
        [
            mo.md("## How old were the articles?\n\nCopies whose day of capture nobody knows are left out."),
            age,
        ]
    )
    return (age,)


if __name__ == "__main__":
    app.run()
