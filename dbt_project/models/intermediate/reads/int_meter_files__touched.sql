-- One row per delivery that this run works: those of its billing days, those of earlier days that no run has worked yet
-- (late or changed files), and those that an earlier try of this same run has worked.
{%- set worked = left_by_earlier_run('intermediate', 'int_meter_files__worked') %}
select
    files.billing_day,
    files.source,
    files.file_name,
    files.file_hash
from {{ ref('stg_meter_data__files') }} as files
{%- if worked %}
left join {{ worked }} as worked
    on
        files.billing_day = worked.billing_day
        and files.source = worked.source
        and files.file_name = worked.file_name
        and coalesce(files.file_hash, '') = worked.file_hash
{%- endif %}
where
    files.billing_day <= {{ date_literal(var('end_day')) }}
    {%- if worked %}
    and (
        files.billing_day >= {{ date_literal(var('start_day')) }}
        or worked.file_name is null
        or worked.worked_end_day between {{ date_literal(var('start_day')) }} and {{ date_literal(var('end_day')) }}
    )
    {%- endif %}
