# S3 tells the queue of each new file, the queue tells the function; what fails five times waits for a person.

resource "aws_sqs_queue" "arrivals" {
  name = "${local.name}-arrivals"
  # AWS asks for six times the function's longest time: a message must not come again while it is worked on.
  visibility_timeout_seconds = 6 * local.function_seconds
  message_retention_seconds  = 4 * 24 * 3600
  kms_master_key_id          = aws_kms_key.this.arn
}

resource "aws_sqs_queue" "failed_arrivals" {
  name                      = "${local.name}-arrivals-failed"
  message_retention_seconds = 14 * 24 * 3600
  kms_master_key_id         = aws_kms_key.this.arn
}

resource "aws_sqs_queue_redrive_policy" "arrivals" {
  queue_url = aws_sqs_queue.arrivals.id
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.failed_arrivals.arn
    maxReceiveCount     = 5
  })
}

resource "aws_sqs_queue_redrive_allow_policy" "failed_arrivals" {
  queue_url = aws_sqs_queue.failed_arrivals.id
  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.arrivals.arn]
  })
}

data "aws_iam_policy_document" "arrivals" {
  statement {
    sid       = "LandingBucketTells"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.arrivals.arn]

    principals {
      type        = "Service"
      identifiers = ["s3.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_s3_bucket.landing.arn]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }
  }

  statement {
    sid       = "RefusesWithoutTls"
    effect    = "Deny"
    actions   = ["sqs:*"] # a refusal of everything
    resources = [aws_sqs_queue.arrivals.arn]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_sqs_queue_policy" "arrivals" {
  queue_url = aws_sqs_queue.arrivals.id
  policy    = data.aws_iam_policy_document.arrivals.json
}

resource "aws_s3_bucket_notification" "landing" {
  bucket = aws_s3_bucket.landing.id

  queue {
    id            = "meter-files"
    queue_arn     = aws_sqs_queue.arrivals.arn
    events        = ["s3:ObjectCreated:*"]
    filter_prefix = local.landing_feed
  }

  # S3 tries the queue when the notification is made.
  depends_on = [aws_sqs_queue_policy.arrivals, aws_kms_key.this]
}

resource "aws_lambda_event_source_mapping" "arrivals" {
  event_source_arn = aws_sqs_queue.arrivals.arn
  function_name    = aws_lambda_function.extract.arn
  # One file a call: the time limit is for one, and a file that fails takes no other with it.
  batch_size              = 1
  function_response_types = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = var.function_concurrency
  }

  # Lambda tries to read the queue when the mapping is made.
  depends_on = [aws_iam_role_policy.extract]
}
