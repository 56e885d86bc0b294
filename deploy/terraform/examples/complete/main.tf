# Functions in a VPC, a REST API under a name of its own behind a web ACL that is there already, a customer key, a
# permissions boundary, and a bucket and an SSM parameter that are there already.

variable "bundle" {
  description = "The folder of the bundle."
  type        = string
}

variable "vpc" {
  description = "Where the functions run."
  type = object({
    subnet_ids         = list(string)
    security_group_ids = list(string)
  })
}

variable "arns" {
  description = "What is there already, by its ARN."
  type = object({
    kms_key              = string
    permissions_boundary = string
    certificate          = string
    web_acl              = string
    alarm_topic          = string
    platform_secrets     = list(string)
    destination_secrets  = list(string)
  })
}

resource "aws_route53_record" "hunt" {
  zone_id = "Z0123456789ABCDEFGHIJ"
  name    = "hunt.acme.example"
  type    = "CNAME"
  ttl     = 300
  records = [module.huntbridge.domain_target]
}

module "huntbridge" {
  source = "../.."

  name   = "huntbridge"
  bundle = var.bundle
  bucket = "acme-deployments"
  prefix = "huntbridge/"
  tags   = { Team = "soc" }

  config_parameter         = "/huntbridge/config"
  alarm_topic_arn          = var.arns.alarm_topic
  platform_secret_arns     = var.arns.platform_secrets
  destination_secret_arns  = var.arns.destination_secrets
  kms_key_arn              = var.arns.kms_key
  permissions_boundary_arn = var.arns.permissions_boundary

  hunt_name     = "weekly"
  hunt_schedule = "cron(0 2 ? * SUN *)"
  hunt_timezone = "Europe/Berlin"

  api_type        = "REST"
  allowed_ips     = ["192.0.2.0/24"]
  web_acl_arn     = var.arns.web_acl
  domain_name     = "hunt.acme.example"
  certificate_arn = var.arns.certificate

  subnet_ids         = var.vpc.subnet_ids
  security_group_ids = var.vpc.security_group_ids

  capture_concurrency  = 10
  event_concurrency    = 10
  delivery_concurrency = 10
  snap_start           = true
  log_retention_days   = 365
}
