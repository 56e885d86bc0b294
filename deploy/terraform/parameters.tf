# The parameters of the template, under the same names, with the same defaults and the same rules.

# Who hears of trouble

variable "alarm_email" {
  description = "Who hears when an alarm rings; the address gets a mail to confirm. Empty for nobody."
  type        = string
  default     = ""
  nullable    = false
}

variable "alarm_topic_arn" {
  description = "An SNS topic for alarms that is there already. Empty makes one."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^(arn:aws[a-z-]*:sns:.+)?$", var.alarm_topic_arn))
    error_message = "alarm_topic_arn is not of the form ^(arn:aws[a-z-]*:sns:.+)?$."
  }
}

variable "quiet_days" {
  description = "Days without a finished hunt before the alarm for it rings."
  type        = number
  default     = 8
  nullable    = false

  validation {
    condition     = var.quiet_days >= 1
    error_message = "quiet_days must be 1 at least."
  }
}

# Configuration and secrets

variable "platform_secret_arns" {
  description = "ARNs (Secrets Manager secrets or SSM parameters) of the platform's API key and of the external ids of accounts; the scheduler and the receiver may read them."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "destination_secret_arns" {
  description = "ARNs (Secrets Manager secrets or SSM parameters) of what the destinations need; only the receiver may read them."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "edge_secret_arns" {
  description = "ARNs of the secrets that WebhookTokens and SlackSigningSecrets name; only the function that faces the internet may read them. Empty lets it read DestinationSecretArns where one of the two is given."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "webhook_tokens" {
  description = "References of the webhook's tokens, with commas between them; name their ARNs in EdgeSecretArns too. Empty makes a secret with a random token."
  type        = string
  default     = ""
  nullable    = false
}

variable "slack_signing_secrets" {
  description = "References of the signing secrets of Slack apps whose buttons work, with commas between them, as the configuration writes them in signing_secret; name their ARNs in EdgeSecretArns too. Empty for no buttons."
  type        = string
  default     = ""
  nullable    = false
}

variable "config_bucket" {
  description = "The bucket that holds huntbridge.yaml. Empty makes one."
  type        = string
  default     = ""
  nullable    = false
}

variable "config_key" {
  description = "The key of the configuration in its bucket."
  type        = string
  default     = "huntbridge.yaml"
  nullable    = false
}

variable "config_parameter" {
  description = "The name of an SSM parameter that holds the configuration, such as /huntbridge/config (8 KB at most). With it there is no bucket."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^(/[A-Za-z0-9_./-]+)?$", var.config_parameter))
    error_message = "config_parameter is not of the form ^(/[A-Za-z0-9_./-]+)?$."
  }
}

variable "kms_key_arn" {
  description = "A customer key for all that is stored; docs/operate/aws.md says what its policy must allow. Empty for AWS's own keys."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^(arn:aws[a-z-]*:kms:.+:key/.+)?$", var.kms_key_arn))
    error_message = "kms_key_arn is not of the form ^(arn:aws[a-z-]*:kms:.+:key/.+)?$."
  }
}

variable "member_role_name" {
  description = "The name of the read-only role in other accounts (deploy/member-account-role.yaml)."
  type        = string
  default     = "huntbridge-read"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9+=,.@_/-]{1,256}$", var.member_role_name))
    error_message = "member_role_name must be the one name of the role, with its path if it has one, and no pattern."
  }
}

variable "permissions_boundary_arn" {
  description = "A policy that limits every role of this stack, for accounts where no role may be made without one. Empty for none."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^(arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/.+)?$", var.permissions_boundary_arn))
    error_message = "permissions_boundary_arn is not of the form ^(arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/.+)?$."
  }
}

variable "ledger_protection" {
  description = "true keeps the table of the ledger from being deleted, whoever asks."
  type        = bool
  default     = true
  nullable    = false
}

# The hunt

variable "hunt_name" {
  description = "The hunt, by its name in the configuration, that this stack schedules. Empty leaves every schedule to `huntbridge schedules sync`."
  type        = string
  default     = "weekly"
  nullable    = false

  validation {
    condition     = can(regex("^([a-z0-9][a-z0-9_-]{0,39})?$", var.hunt_name))
    error_message = "hunt_name is not of the form ^([a-z0-9][a-z0-9_-]{0,39})?$."
  }
}

variable "hunt_schedule" {
  description = "When it runs, in EventBridge Scheduler's form."
  type        = string
  default     = "cron(0 2 ? * SUN *)"
  nullable    = false
}

variable "hunt_timezone" {
  description = "The time zone of its schedule."
  type        = string
  default     = "Etc/UTC"
  nullable    = false
}

variable "guard_duty_findings" {
  description = "true sends the findings about EC2 instances, of this account and region and of those that report to it, to the scheduler. The section guardduty of the configuration says which of them start a hunt."
  type        = bool
  default     = false
  nullable    = false
}

variable "trigger_sources" {
  description = "Sources of EventBridge, such as aws.securityhub, whose events go to the scheduler. The section triggers of the configuration says which of them start something. Empty for none."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "trigger_detail_types" {
  description = "Only events of these detail-types of TriggerSources go to the scheduler. Empty for all of them."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "preflight" {
  description = "true lets the scheduler read what may keep captures from working, such as volumes, snapshots, KMS keys and what the platform's role may do; docs/preflight.md says what for."
  type        = bool
  default     = true
  nullable    = false
}

# The way in

variable "api_type" {
  description = "HTTP is reached from anywhere. REST can be limited to AllowedIps. PRIVATE is reached through a VPC endpoint only."
  type        = string
  default     = "HTTP"
  nullable    = false

  validation {
    condition     = contains(["HTTP", "REST", "PRIVATE"], var.api_type)
    error_message = "api_type must be one of HTTP, REST, PRIVATE."
  }
}

variable "allowed_ips" {
  description = "With REST: the addresses or CIDR blocks that may call; all others get 403. Empty for all."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "vpc_endpoint_id" {
  description = "With PRIVATE: the execute-api VPC endpoint of the platform's VPC."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^(vpce-[0-9a-f]+)?$", var.vpc_endpoint_id))
    error_message = "vpc_endpoint_id is not of the form ^(vpce-[0-9a-f]+)?$."
  }
}

variable "api_gateway_log_role" {
  description = "REST and PRIVATE write an access log only where API Gateway has a role for it, one per account and region. `create` sets one; `keep` uses the one that is there."
  type        = string
  default     = "keep"
  nullable    = false

  validation {
    condition     = contains(["keep", "create"], var.api_gateway_log_role)
    error_message = "api_gateway_log_role must be one of keep, create."
  }
}

variable "throttle_rate" {
  description = "Requests per second that the API lets through."
  type        = number
  default     = 50
  nullable    = false

  validation {
    condition     = var.throttle_rate >= 1
    error_message = "throttle_rate must be 1 at least."
  }
}

variable "throttle_burst" {
  description = "Requests that it lets through at once."
  type        = number
  default     = 100
  nullable    = false

  validation {
    condition     = var.throttle_burst >= 1
    error_message = "throttle_burst must be 1 at least."
  }
}

variable "firewall" {
  description = "With REST or PRIVATE: true puts AWS WAF before the API, with FirewallLimit as its one rule."
  type        = bool
  default     = false
  nullable    = false
}

variable "firewall_limit" {
  description = "Requests from one address in five minutes; more get 403. Well above what the platform sends while a large hunt ends."
  type        = number
  default     = 10000
  nullable    = false

  validation {
    condition     = var.firewall_limit >= 10 && var.firewall_limit <= 2000000000
    error_message = "firewall_limit must be from 10 to 2000000000."
  }
}

variable "web_acl_arn" {
  description = "With REST or PRIVATE: a regional web ACL of AWS WAF that is there already, instead of Firewall."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^(arn:aws[a-z-]*:wafv2:[a-z0-9-]+:[0-9]{12}:regional/webacl/.+)?$", var.web_acl_arn))
    error_message = "web_acl_arn is not of the form ^(arn:aws[a-z-]*:wafv2:[a-z0-9-]+:[0-9]{12}:regional/webacl/.+)?$."
  }
}

variable "domain_name" {
  description = "With HTTP or REST: a host name of your own for the API, with CertificateArn. Point it at the output DomainTarget. Empty for the name that AWS gives."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^([a-z0-9-]+(\\.[a-z0-9-]+)+)?$", var.domain_name))
    error_message = "domain_name must be a host name in lower case, such as hunt.acme.com."
  }
}

variable "certificate_arn" {
  description = "The certificate for DomainName in AWS Certificate Manager, in the stack's region."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^(arn:aws[a-z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/.+)?$", var.certificate_arn))
    error_message = "certificate_arn is not of the form ^(arn:aws[a-z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/.+)?$."
  }
}

# The way out

variable "subnet_ids" {
  description = "Subnets of the scheduler and the receiver, for a platform that is only reached from a VPC. Empty for no VPC."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "security_group_ids" {
  description = "Their security groups, with SubnetIds."
  type        = list(string)
  default     = []
  nullable    = false
}

# Size

variable "capture_concurrency" {
  description = "Captures that are asked for at the same time."
  type        = number
  default     = 2
  nullable    = false

  validation {
    condition     = var.capture_concurrency >= 2 && var.capture_concurrency <= 1000
    error_message = "capture_concurrency must be from 2 to 1000."
  }
}

variable "event_concurrency" {
  description = "Events that are enriched at the same time."
  type        = number
  default     = 2
  nullable    = false

  validation {
    condition     = var.event_concurrency >= 2 && var.event_concurrency <= 1000
    error_message = "event_concurrency must be from 2 to 1000."
  }
}

variable "delivery_concurrency" {
  description = "Messages that are sent at the same time."
  type        = number
  default     = 2
  nullable    = false

  validation {
    condition     = var.delivery_concurrency >= 2 && var.delivery_concurrency <= 1000
    error_message = "delivery_concurrency must be from 2 to 1000."
  }
}

variable "receiver_reserved_concurrency" {
  description = "Concurrency kept free for the receiver, at least EventConcurrency and DeliveryConcurrency together. 0 for none; the account must keep 100 unreserved."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.receiver_reserved_concurrency >= 0
    error_message = "receiver_reserved_concurrency must be 0 at least."
  }
}

variable "edge_reserved_concurrency" {
  description = "Concurrency kept free for the function that takes webhooks, which is also the most that it may use. 0 for none; the account must keep 100 unreserved."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.edge_reserved_concurrency >= 0
    error_message = "edge_reserved_concurrency must be 0 at least."
  }
}

variable "snap_start" {
  description = "true starts the function that takes webhooks from a snapshot of its memory, without importing anything again, for about 2 dollars per month."
  type        = bool
  default     = false
  nullable    = false
}

variable "log_retention_days" {
  description = "Days that logs are kept."
  type        = number
  default     = 90
  nullable    = false

  validation {
    condition     = contains([7, 14, 30, 60, 90, 120, 180, 365, 400, 545, 731], var.log_retention_days)
    error_message = "log_retention_days must be one of 7, 14, 30, 60, 90, 120, 180, 365, 400, 545, 731."
  }
}
