"""Timeline of a title: when captures first and last showed each declaration of its sites.

A row is a declaration with its verdict in consecutive captures of one file, or in all captures of pages of an
origin, since pages differ. Nothing is known about the time between two rows. Declarations of a host that
several titles share count for each title with a page there.
"""

import pyarrow as pa

from presswatch_spark.query.filtered_matches import MatchFilter, require_known
from presswatch_spark.query.sql import answer_of, literal
from presswatch_spark.tables.store import TableStore

_QUERY = """
    with declared as (
        select *, regexp_extract(document_url, '^[^/]*//[^/]*') as origin,
            case when source = 'file' then document_url end as file,
            concat(captured_at, coalesce(record_id, concat(shard_uri, record_offset))) as record
        from rights_signals
        where captured_at is not null
            and (scope <> 'page' or verdict is not null or signal in ('tdm_policy', 'rsl', 'license'))
            and (title_id = {title} or title_id is null and host in (
                select host from rights_signals where title_id = {title}))
    ),
    numbered as (
        select *, dense_rank() over (partition by file order by captured_at, record) as place from declared
    ),
    periods as (
        select *, case when file is not null then place - dense_rank() over (
            partition by file, signal, source, agent, path, value, verdict, note order by place
        ) end as period
        from numbered
    ),
    of_agents as (
        select origin, signal, source, path, agent, verdict, value, note,
            min(captured_at) as first_at, max(captured_at) as last_at, count(distinct record) as captures
        from periods
        group by origin, file, signal, source, agent, path, verdict, value, note, period
    )
    select origin, signal, source, path, list(agent order by agent) filter (agent is not null) as agents,
        verdict, value, note, first_at, last_at, captures
    from of_agents
    group by all
    order by origin, signal, source, path, first_at, agents, value
"""


def timeline(store: TableStore, title_id: str) -> pa.Table:
    """Return the declarations of a title in all published runs, by origin, form and time, agents together.

    Raises `InputError` if the tables do not mention the title.
    """
    require_known(store, MatchFilter(title_id=title_id))
    return answer_of(store, _QUERY.format(title=literal(title_id)), "duckdb").table()
