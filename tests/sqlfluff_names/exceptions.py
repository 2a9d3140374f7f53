"""dbt's ``exceptions`` as sqlfluff sees them."""


def raise_compiler_error(message: str) -> str:
    """Both branches of a condition are rendered for linting, so an error is only text here."""
    return f"null as {'error' if message else 'none'},"
