# What Dagster and its runs may do in AWS, wherever they run: on EKS by Pod Identity, elsewhere by assuming the role.

data "aws_iam_policy_document" "dagster_trust" {
  dynamic "statement" {
    for_each = var.eks_cluster == null ? [] : [1]

    content {
      sid     = "PodsOfTheCluster"
      actions = ["sts:AssumeRole", "sts:TagSession"]

      principals {
        type        = "Service"
        identifiers = ["pods.eks.amazonaws.com"]
      }

      condition {
        test     = "StringEquals"
        variable = "aws:RequestTag/eks-cluster-name"
        values   = [var.eks_cluster]
      }

      condition {
        test     = "StringEquals"
        variable = "aws:RequestTag/kubernetes-namespace"
        values   = [var.eks_namespace]
      }

      condition {
        test     = "StringEquals"
        variable = "aws:RequestTag/kubernetes-service-account"
        values   = [var.eks_service_account]
      }
    }
  }

  dynamic "statement" {
    for_each = length(var.dagster_principals) > 0 ? [1] : []

    content {
      sid     = "NamedRoles"
      actions = ["sts:AssumeRole"]

      principals {
        type        = "AWS"
        identifiers = var.dagster_principals
      }
    }
  }
}

resource "aws_iam_role" "dagster" {
  name               = "${local.name}-dagster"
  assume_role_policy = data.aws_iam_policy_document.dagster_trust.json

  lifecycle {
    precondition {
      condition     = var.eks_cluster != null || length(var.dagster_principals) > 0
      error_message = "Nobody could use Dagster's role: set eks_cluster or dagster_principals."
    }
  }
}

resource "aws_eks_pod_identity_association" "dagster" {
  count           = var.eks_cluster == null ? 0 : 1
  cluster_name    = var.eks_cluster
  namespace       = var.eks_namespace
  service_account = var.eks_service_account
  role_arn        = aws_iam_role.dagster.arn
}

data "aws_iam_policy_document" "dagster" {
  statement {
    sid       = "ListFiles"
    actions   = ["s3:ListBucket", "s3:ListBucketMultipartUploads"]
    resources = [aws_s3_bucket.landing.arn, aws_s3_bucket.records.arn]
  }

  statement {
    sid     = "ReadFilesAndRows"
    actions = ["s3:GetObject"]
    resources = [
      "${aws_s3_bucket.landing.arn}/${local.landing_feed}*",
      "${aws_s3_bucket.records.arn}/${local.extracted_prefix}*",
    ]
  }

  # No deleting: what was archived or reported stays.
  statement {
    sid     = "KeepFilesAndReports"
    actions = ["s3:GetObject", "s3:PutObject"]
    resources = [
      "${aws_s3_bucket.records.arn}/${local.archive_prefix}*",
      "${aws_s3_bucket.records.arn}/${local.reports_prefix}*",
    ]
  }

  statement {
    sid       = "CallExtraction"
    actions   = ["lambda:InvokeFunction"]
    resources = [aws_lambda_function.extract.arn]
  }

  statement {
    sid       = "SendAlerts"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alerts.arn]
  }

  dynamic "statement" {
    for_each = length(var.secret_names) > 0 ? [1] : []

    content {
      sid       = "ReadSecrets"
      actions   = ["secretsmanager:GetSecretValue"]
      resources = [for secret in aws_secretsmanager_secret.this : secret.arn]
    }
  }

  statement {
    sid       = "ReadParameters"
    actions   = ["ssm:GetParameter"]
    resources = ["arn:${local.partition}:ssm:${var.region}:${local.account_id}:parameter/${local.name}/*"]
  }

  dynamic "statement" {
    for_each = var.ses_identity_arn == null ? [] : [1]

    content {
      sid       = "SendReports"
      actions   = ["ses:SendEmail", "ses:SendRawEmail"]
      resources = [var.ses_identity_arn]
    }
  }

  statement {
    sid       = "UseKey"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [aws_kms_key.this.arn]
  }
}

resource "aws_iam_role_policy" "dagster" {
  name   = "dagster"
  role   = aws_iam_role.dagster.id
  policy = data.aws_iam_policy_document.dagster.json
}
