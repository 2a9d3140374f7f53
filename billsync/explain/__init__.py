"""``billsync explain``: from a cent on a bill to the reads, the price and the rule that made it."""

from __future__ import annotations

from billsync.explain.explanation import Explanation, NoSuchBillError, explain_bill
from billsync.explain.rendering import as_json, plain_lines, print_rich

__all__ = ["Explanation", "NoSuchBillError", "as_json", "explain_bill", "plain_lines", "print_rich"]
