output "settings" {
  description = "Environment of Dagster and its runs, as .env.example names it."
  value = {
    AWS_DEFAULT_REGION        = var.region
    BILLSYNC_LANDING          = "s3://${aws_s3_bucket.landing.bucket}"
    BILLSYNC_ARCHIVE          = "s3://${aws_s3_bucket.records.bucket}/${trimsuffix(local.archive_prefix, "/")}"
    BILLSYNC_REPORTS          = "s3://${aws_s3_bucket.records.bucket}/${trimsuffix(local.reports_prefix, "/")}"
    BILLSYNC_EXTRACT          = "lambda"
    BILLSYNC_EXTRACT_FUNCTION = aws_lambda_function.extract.function_name
    BILLSYNC_ALERT_URLS       = "sns:${aws_sns_topic.alerts.arn}"
    BILLSYNC_EXTRACT_OUTPUT   = "s3://${aws_s3_bucket.records.bucket}/${trimsuffix(local.extracted_prefix, "/")}"
  }
}

output "dagster_role_arn" {
  description = "The role of Dagster and its runs."
  value       = aws_iam_role.dagster.arn
}

output "failed_arrivals_url" {
  description = "The queue of events of files that could not be extracted."
  value       = aws_sqs_queue.failed_arrivals.id
}

output "secret_names" {
  description = "Secrets that wait for a value."
  value       = [for secret in aws_secretsmanager_secret.this : secret.name]
}

output "parameter_names" {
  description = "Parameters that were set."
  value       = [for parameter in aws_ssm_parameter.this : parameter.name]
}
