variable "name" {
  description = "Begins every name."
  type        = string
  default     = "billsync"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,20}$", var.name))
    error_message = "Use 2 to 21 lower-case letters, digits and hyphens: bucket names are made of it."
  }
}

variable "environment" {
  description = "Which one of several this is, such as test or prod; part of every name."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,9}$", var.environment))
    error_message = "Use 2 to 10 lower-case letters and digits."
  }
}

variable "region" {
  description = "Where it runs. Meter data of Australian customers stay in Australia: ap-southeast-2 or ap-southeast-4."
  type        = string
  default     = "ap-southeast-2"
}

variable "tags" {
  description = "Further tags on everything."
  type        = map(string)
  default     = {}
}

variable "function_package" {
  description = "The zip file that python -m loaders.aws.package made."
  type        = string
}

variable "function_runtime" {
  description = "Python of the extraction function; the one that the package was built for."
  type        = string
  default     = "python3.12"
}

variable "function_architecture" {
  description = "Processor of the extraction function; the one that the package was built for."
  type        = string
  default     = "x86_64"

  validation {
    condition     = contains(["x86_64", "arm64"], var.function_architecture)
    error_message = "Use x86_64 or arm64."
  }
}

variable "function_concurrency" {
  description = "How many files are extracted at once after S3's events; calls from Dagster come on top."
  type        = number
  default     = 5

  validation {
    condition     = var.function_concurrency >= 2 && var.function_concurrency <= 100
    error_message = "Use 2 to 100: a queue cannot be given less than 2."
  }
}

variable "senders" {
  description = "ARNs of roles that may put meter files into the landing bucket and do nothing else there."
  type        = list(string)
  default     = []
}

variable "eks_cluster" {
  description = "EKS cluster whose pods get Dagster's role by Pod Identity; null for none."
  type        = string
  default     = null
}

variable "eks_service_account" {
  description = "Service account of those pods: global.serviceAccountName in deploy/helm/values.yaml."
  type        = string
  default     = "billsync"
}

variable "eks_namespace" {
  description = "Kubernetes namespace of those pods."
  type        = string
  default     = "billsync"
}

variable "dagster_principals" {
  description = "ARNs of roles that may assume Dagster's role, where it does not run on EKS."
  type        = list(string)
  default     = []
}

variable "secret_names" {
  description = "Secrets that are made without a value; a person puts it in. The name in AWS is NAME-ENVIRONMENT/this."
  type        = set(string)
  default     = ["sap-password", "source-db-url", "sqlserver-password"]
}

variable "parameters" {
  description = "Settings kept in Parameter Store, by name below /NAME-ENVIRONMENT/. No secrets: they are in the state."
  type        = map(string)
  default     = {}
}

variable "alert_emails" {
  description = "Who gets the alerts by mail; each address has to confirm once."
  type        = set(string)
  default     = []
}

variable "ses_identity_arn" {
  description = "Verified SES identity from which reports are sent; null for none."
  type        = string
  default     = null
}

variable "archive_days" {
  description = "How long archived meter files are kept; seven years, unless your own rules for records say otherwise."
  type        = number
  default     = 2557
}

variable "extracted_days" {
  description = "How long extracted Parquet files are kept: they can be made again from the archive."
  type        = number
  default     = 90
}

variable "log_days" {
  description = "How long the function's log is kept."
  type        = number
  default     = 365
}
