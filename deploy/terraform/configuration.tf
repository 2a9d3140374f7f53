# Places for secrets, without values: those would be in Terraform's state. Parameters, with values.

resource "aws_secretsmanager_secret" "this" {
  for_each                = var.secret_names
  name                    = "${local.name}/${each.value}"
  kms_key_id              = aws_kms_key.this.arn
  recovery_window_in_days = 30
}

resource "aws_ssm_parameter" "this" {
  for_each = var.parameters
  name     = "/${local.name}/${each.key}"
  type     = "String"
  value    = each.value
}
