# The AWS part of billsync: where files land, the function that extracts them, alerts, secrets' places, Dagster's role.
# Described in docs/how-to/deploy.md.

locals {
  name       = "${var.name}-${var.environment}"
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition

  # Lambda's own limit; the queue's waiting time follows from it.
  function_seconds = 900

  # What the two programs know as BILLSYNC_LANDING, _ARCHIVE, _REPORTS and _EXTRACT_OUTPUT.
  landing_feed     = "nem12/"
  archive_prefix   = "archive/"
  reports_prefix   = "reports/"
  extracted_prefix = "extracted/"
  code_prefix      = "code/"
}
