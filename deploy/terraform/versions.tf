terraform {
  required_version = ">= 1.6"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.70, < 7.0"
    }
  }

  # State holds no secret value (secrets are made empty), but it is the only map of what exists: keep it where it is
  # versioned and locked, e.g. terraform init -backend-config=backend.hcl with bucket, key and region.
  backend "s3" {}
}

provider "aws" {
  region = var.region

  default_tags {
    tags = merge({ application = "billsync", environment = var.environment }, var.tags)
  }
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}
