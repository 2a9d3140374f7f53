# The extraction step as a function: loaders.aws.function.handler.

data "aws_iam_policy_document" "lambda_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "extract" {
  name               = "${local.name}-extract"
  assume_role_policy = data.aws_iam_policy_document.lambda_trust.json
}

data "aws_iam_policy_document" "extract" {
  # Without listing, S3 answers 403 instead of 404 for what is not there, and nobody could tell them apart.
  statement {
    sid       = "TellMissingFromForbidden"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.landing.arn, aws_s3_bucket.records.arn]
  }

  statement {
    sid       = "ReadMeterFiles"
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.landing.arn}/${local.landing_feed}*"]
  }

  statement {
    sid     = "KeepFilesAndRows"
    actions = ["s3:GetObject", "s3:PutObject"]
    resources = [
      "${aws_s3_bucket.records.arn}/${local.archive_prefix}*",
      "${aws_s3_bucket.records.arn}/${local.extracted_prefix}*",
    ]
  }

  statement {
    sid       = "TakeArrivals"
    actions   = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
    resources = [aws_sqs_queue.arrivals.arn]
  }

  statement {
    sid       = "UseKey"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [aws_kms_key.this.arn]
  }

  statement {
    sid       = "WriteLog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.extract.arn}:*"]
  }
}

resource "aws_iam_role_policy" "extract" {
  name   = "extract"
  role   = aws_iam_role.extract.id
  policy = data.aws_iam_policy_document.extract.json
}

resource "aws_cloudwatch_log_group" "extract" {
  name              = "/aws/lambda/${local.name}-extract"
  retention_in_days = var.log_days
  kms_key_id        = aws_kms_key.this.arn
}

# Through S3: a package above 50 MB cannot be sent with the request.
resource "aws_s3_object" "function_package" {
  bucket      = aws_s3_bucket.records.id
  key         = "${local.code_prefix}extract-${filemd5(var.function_package)}.zip"
  source      = var.function_package
  source_hash = filemd5(var.function_package)
  kms_key_id  = aws_kms_key.this.arn
  depends_on  = [aws_s3_bucket_versioning.this]
}

resource "aws_lambda_function" "extract" {
  function_name    = "${local.name}-extract"
  description      = "Validates and tags meter files, writes their rows as Parquet with a manifest."
  role             = aws_iam_role.extract.arn
  handler          = "loaders.aws.function.handler"
  runtime          = var.function_runtime
  architectures    = [var.function_architecture]
  s3_bucket        = aws_s3_object.function_package.bucket
  s3_key           = aws_s3_object.function_package.key
  source_code_hash = filebase64sha256(var.function_package)
  # The largest files are read in one pass; a whole processor comes with this much memory.
  memory_size = 1769
  timeout     = local.function_seconds
  kms_key_arn = aws_kms_key.this.arn

  ephemeral_storage {
    size = 4096
  }

  environment {
    variables = {
      BILLSYNC_LANDING        = "s3://${aws_s3_bucket.landing.bucket}"
      BILLSYNC_EXTRACT_OUTPUT = "s3://${aws_s3_bucket.records.bucket}/${trimsuffix(local.extracted_prefix, "/")}"
      BILLSYNC_ARCHIVE        = "s3://${aws_s3_bucket.records.bucket}/${trimsuffix(local.archive_prefix, "/")}"
    }
  }

  depends_on = [aws_cloudwatch_log_group.extract, aws_iam_role_policy.extract]
}
