# The stack of template.yaml, and a bucket with the code that it runs.

locals {
  # The archives of the functions and the template that names them, as `make bundle` makes them.
  archives = fileset(var.bundle, "*.zip")
  template = "${var.bundle}/template.yaml"

  bucket        = var.bucket == "" ? aws_s3_bucket.own[0] : data.aws_s3_bucket.given[0]
  config_bucket = var.configuration == null ? var.config_bucket : local.bucket.id
}

data "aws_s3_bucket" "given" {
  count  = var.bucket == "" ? 0 : 1
  bucket = var.bucket
}

resource "aws_s3_bucket" "own" {
  count         = var.bucket == "" ? 1 : 0
  bucket_prefix = "${var.name}-"
  tags          = var.tags
}

resource "aws_s3_bucket_versioning" "own" {
  count  = var.bucket == "" ? 1 : 0
  bucket = aws_s3_bucket.own[0].id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_public_access_block" "own" {
  count                   = var.bucket == "" ? 1 : 0
  bucket                  = aws_s3_bucket.own[0].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "own" {
  count  = var.bucket == "" ? 1 : 0
  bucket = aws_s3_bucket.own[0].id
  rule {
    bucket_key_enabled = true
    apply_server_side_encryption_by_default {
      sse_algorithm     = var.kms_key_arn == "" ? "AES256" : "aws:kms"
      kms_master_key_id = var.kms_key_arn == "" ? null : var.kms_key_arn
    }
  }
}

data "aws_iam_policy_document" "only_tls" {
  count = var.bucket == "" ? 1 : 0
  statement {
    sid       = "OnlyTls"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.own[0].arn, "${aws_s3_bucket.own[0].arn}/*"]
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

resource "aws_s3_bucket_policy" "own" {
  count      = var.bucket == "" ? 1 : 0
  bucket     = aws_s3_bucket.own[0].id
  policy     = data.aws_iam_policy_document.only_tls[0].json
  depends_on = [aws_s3_bucket_public_access_block.own]
}

# The name of an archive has the hash of its content, so the functions of a running stack keep theirs.
resource "aws_s3_object" "archive" {
  for_each    = local.archives
  bucket      = local.bucket.id
  key         = "${var.prefix}${each.value}"
  source      = "${var.bundle}/${each.value}"
  source_hash = filemd5("${var.bundle}/${each.value}")
  tags        = var.tags
  depends_on  = [aws_s3_bucket_versioning.own, aws_s3_bucket_server_side_encryption_configuration.own]
}

resource "aws_s3_object" "template" {
  bucket     = local.bucket.id
  key        = "${var.prefix}template-${filemd5(local.template)}.yaml"
  source     = local.template
  tags       = var.tags
  depends_on = [aws_s3_bucket_versioning.own, aws_s3_bucket_server_side_encryption_configuration.own]

  lifecycle {
    create_before_destroy = true
  }
}

# Functions read a changed configuration within five minutes.
resource "aws_s3_object" "configuration" {
  count        = var.configuration == null ? 0 : 1
  bucket       = local.bucket.id
  key          = var.config_key
  content      = var.configuration
  content_type = "application/yaml"
  tags         = var.tags
  depends_on   = [aws_s3_bucket_versioning.own, aws_s3_bucket_server_side_encryption_configuration.own]
}

resource "aws_cloudformation_stack" "this" {
  name         = var.name
  template_url = "https://${local.bucket.bucket_regional_domain_name}/${aws_s3_object.template.key}"
  capabilities = ["CAPABILITY_AUTO_EXPAND", "CAPABILITY_IAM"]
  iam_role_arn = var.cloudformation_role_arn
  tags         = var.tags
  depends_on   = [aws_s3_object.archive, aws_s3_object.configuration, aws_s3_bucket_policy.own]

  parameters = {
    CodeBucket = local.bucket.id
    CodePrefix = var.prefix

    AlarmEmail                  = var.alarm_email
    PlatformSecretArns          = join(",", var.platform_secret_arns)
    DestinationSecretArns       = join(",", var.destination_secret_arns)
    EdgeSecretArns              = join(",", var.edge_secret_arns)
    WebhookTokens               = var.webhook_tokens
    SlackSigningSecrets         = var.slack_signing_secrets
    ConfigBucket                = local.config_bucket
    ConfigKey                   = var.config_key
    ConfigParameter             = var.config_parameter
    HuntName                    = var.hunt_name
    HuntSchedule                = var.hunt_schedule
    HuntTimezone                = var.hunt_timezone
    GuardDutyFindings           = var.guard_duty_findings ? "on" : "off"
    TriggerSources              = join(",", var.trigger_sources)
    TriggerDetailTypes          = join(",", var.trigger_detail_types)
    Preflight                   = var.preflight ? "on" : "off"
    ApiType                     = var.api_type
    AllowedIps                  = join(",", var.allowed_ips)
    VpcEndpointId               = var.vpc_endpoint_id
    ApiGatewayLogRole           = var.api_gateway_log_role
    ThrottleRate                = tostring(var.throttle_rate)
    ThrottleBurst               = tostring(var.throttle_burst)
    Firewall                    = var.firewall ? "on" : "off"
    FirewallLimit               = tostring(var.firewall_limit)
    WebAclArn                   = var.web_acl_arn
    DomainName                  = var.domain_name
    CertificateArn              = var.certificate_arn
    SubnetIds                   = join(",", var.subnet_ids)
    SecurityGroupIds            = join(",", var.security_group_ids)
    KmsKeyArn                   = var.kms_key_arn
    MemberRoleName              = var.member_role_name
    PermissionsBoundaryArn      = var.permissions_boundary_arn
    LedgerProtection            = var.ledger_protection ? "on" : "off"
    CaptureConcurrency          = tostring(var.capture_concurrency)
    EventConcurrency            = tostring(var.event_concurrency)
    DeliveryConcurrency         = tostring(var.delivery_concurrency)
    ReceiverReservedConcurrency = tostring(var.receiver_reserved_concurrency)
    EdgeReservedConcurrency     = tostring(var.edge_reserved_concurrency)
    SnapStart                   = var.snap_start ? "on" : "off"
    LogRetentionDays            = tostring(var.log_retention_days)
    QuietDays                   = tostring(var.quiet_days)
    AlarmTopicArn               = var.alarm_topic_arn
  }
}
