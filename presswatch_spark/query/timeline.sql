-- The declarations of one title, by origin, form and time; `reservations.timeline` fills in the title.
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
