-- One row per plan version whose content differs from the one before although neither of the plan's dates moved: from when
-- it holds is anybody's guess. Names the first price of general usage, controlled load or feed-in that changed.
with changes as (
    select
        versions.plan_id,
        versions.version_hash,
        versions.first_seen_billing_day,
        earlier.version_hash as earlier_version_hash
    from {{ ref('int_plan_versions__in_force') }} as versions
    inner join {{ ref('int_plan_versions__in_force') }} as earlier
        on versions.plan_id = earlier.plan_id and versions.version_number = earlier.version_number + 1
    where versions.is_undated_change = 1
),

changed_prices as (
    select
        changes.plan_id,
        changes.version_hash,
        {{ concat_text([
            "'; '", "tariffs.label", "', '", "steps.band_label", "' step '", text_of('steps.block_number', 4), "' went from '",
            text_of('earlier_steps.unit_price_ex_gst_aud'), "' to '", text_of('steps.unit_price_ex_gst_aud'),
        ]) }} as detail,
        row_number() over (
            partition by changes.plan_id, changes.version_hash
            order by
                case steps.section when 'TARIFF_PERIOD' then 1 when 'CONTROLLED_LOAD' then 2 else 3 end,
                steps.parent_number, steps.rate_number, steps.block_number
        ) as place
    from changes
    inner join {{ ref('int_rate_steps__price') }} as steps
        on changes.plan_id = steps.plan_id and changes.version_hash = steps.version_hash
    inner join {{ ref('int_rate_steps__price') }} as earlier_steps
        on
            changes.plan_id = earlier_steps.plan_id
            and changes.earlier_version_hash = earlier_steps.version_hash
            and steps.section = earlier_steps.section
            and steps.parent_number = earlier_steps.parent_number
            and steps.rate_number = earlier_steps.rate_number
            and steps.block_number = earlier_steps.block_number
    inner join {{ ref('int_tariffs__list') }} as tariffs
        on
            steps.plan_id = tariffs.plan_id
            and steps.version_hash = tariffs.version_hash
            and steps.section = tariffs.section
            and steps.parent_number = tariffs.parent_number
    where steps.unit_price_ex_gst_aud <> earlier_steps.unit_price_ex_gst_aud
)

select
    changes.plan_id,
    changes.version_hash,
    {{ concat_text([
        "'the content seen on '", text_of('changes.first_seen_billing_day', 10),
        "' is new, but neither effectiveFrom nor lastUpdated is'", "changed_prices.detail",
    ]) }} as reason
from changes
left join changed_prices
    on
        changes.plan_id = changed_prices.plan_id
        and changes.version_hash = changed_prices.version_hash
        and changed_prices.place = 1
