"""dbt's ``flags`` as sqlfluff sees them: nothing may be asked of a database."""

INTROSPECT = False
FULL_REFRESH = False
