# Two buckets: what others put in, and what billsync writes. Nobody but billsync may write what counts as kept.

resource "aws_s3_bucket" "landing" {
  bucket = "${local.name}-landing-${local.account_id}"

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket" "records" {
  bucket = "${local.name}-records-${local.account_id}"

  lifecycle {
    prevent_destroy = true
  }
}

locals {
  buckets = {
    landing = aws_s3_bucket.landing
    records = aws_s3_bucket.records
  }
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = local.buckets
  bucket   = each.value.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = local.buckets
  bucket   = each.value.id

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.this.arn
    }
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each                = local.buckets
  bucket                  = each.value.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  for_each = local.buckets
  bucket   = each.value.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

data "aws_iam_policy_document" "bucket" {
  for_each = local.buckets

  statement {
    sid       = "RefusesWithoutTls"
    effect    = "Deny"
    actions   = ["s3:*"] # a refusal of everything
    resources = [each.value.arn, "${each.value.arn}/*"]

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

  dynamic "statement" {
    for_each = each.key == "landing" && length(var.senders) > 0 ? [1] : []

    content {
      sid       = "SendersPutMeterFiles"
      actions   = ["s3:AbortMultipartUpload", "s3:PutObject"]
      resources = ["${each.value.arn}/${local.landing_feed}*"]

      principals {
        type        = "AWS"
        identifiers = var.senders
      }
    }
  }
}

resource "aws_s3_bucket_policy" "this" {
  for_each   = local.buckets
  bucket     = each.value.id
  policy     = data.aws_iam_policy_document.bucket[each.key].json
  depends_on = [aws_s3_bucket_public_access_block.this]
}

resource "aws_s3_bucket_lifecycle_configuration" "landing" {
  bucket     = aws_s3_bucket.landing.id
  depends_on = [aws_s3_bucket_versioning.this]

  rule {
    id     = "unfinished-uploads"
    status = "Enabled"
    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  # A file that was sent again stays readable for a quarter; the archive has every version that was read.
  rule {
    id     = "old-deliveries"
    status = "Enabled"
    filter {}

    transition {
      days          = 90
      storage_class = "STANDARD_IA"
    }

    noncurrent_version_expiration {
      noncurrent_days = 90
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "records" {
  bucket     = aws_s3_bucket.records.id
  depends_on = [aws_s3_bucket_versioning.this]

  rule {
    id     = "unfinished-uploads"
    status = "Enabled"
    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }

    noncurrent_version_expiration {
      noncurrent_days = 90
    }
  }

  rule {
    id     = "archive"
    status = "Enabled"

    filter {
      prefix = local.archive_prefix
    }

    # Both classes are read at once, as a day that is run again needs it.
    transition {
      days          = 30
      storage_class = "STANDARD_IA"
    }

    transition {
      days          = 365
      storage_class = "GLACIER_IR"
    }

    expiration {
      days = var.archive_days
    }
  }

  rule {
    id     = "extracted"
    status = "Enabled"

    filter {
      prefix = local.extracted_prefix
    }

    expiration {
      days = var.extracted_days
    }
  }
}
