-- Service points (NMIs) as they are now. One row per NMI.
--
-- Relied on are the result's column names. Where your tables differ, change this query, not the program:
-- rename with "as", join as needed. Extra columns are ignored.
select
    nmi,
    jurisdiction,
    distributor,
    network_tariff_code,
    meter_type,
    delivery,
    is_life_support,
    is_vacant,
    connection_capability_kw,
    distribution_loss_factor
from service_points
