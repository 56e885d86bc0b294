# One hunt a week. The secrets huntbridge/cado and huntbridge/chat are made by hand: docs/operate/aws.md, Secrets.

variable "bundle" {
  description = "The folder of the bundle."
  type        = string
}

data "aws_secretsmanager_secret" "cado" {
  name = "huntbridge/cado"
}

data "aws_secretsmanager_secret" "chat" {
  name = "huntbridge/chat"
}

module "huntbridge" {
  source = "../.."

  bundle                  = var.bundle
  configuration           = file("${path.module}/huntbridge.yaml")
  alarm_email             = "soc@acme.example"
  platform_secret_arns    = [data.aws_secretsmanager_secret.cado.arn]
  destination_secret_arns = [data.aws_secretsmanager_secret.chat.arn]
}

output "register_webhook" {
  description = "The command that tells the platform where to send its webhooks."
  value       = module.huntbridge.register_webhook
}
