# The outputs of the stack, under the same names.

output "webhook_url" {
  description = "Where the platform sends its webhooks."
  value       = aws_cloudformation_stack.this.outputs["WebhookUrl"]
}

output "slack_actions_url" {
  description = "The Request URL of the Slack app's interactivity."
  value       = aws_cloudformation_stack.this.outputs["SlackActionsUrl"]
}

output "domain_target" {
  description = "Where the DNS record of DomainName leads, as a CNAME."
  value       = lookup(aws_cloudformation_stack.this.outputs, "DomainTarget", "")
}

output "register_webhook" {
  description = "The command that tells the platform."
  value       = aws_cloudformation_stack.this.outputs["RegisterWebhook"]
}

output "config_location" {
  description = "Where the configuration is read from (HUNTBRIDGE_CONFIG)."
  value       = aws_cloudformation_stack.this.outputs["ConfigLocation"]
}

output "ledger_table" {
  description = "The DynamoDB table of the ledger (HUNTBRIDGE_TABLE)."
  value       = aws_cloudformation_stack.this.outputs["LedgerTable"]
}

output "captures_queue" {
  description = "CapturesQueue"
  value       = aws_cloudformation_stack.this.outputs["CapturesQueue"]
}

output "captures_dead_queue" {
  description = "CapturesDeadQueue"
  value       = aws_cloudformation_stack.this.outputs["CapturesDeadQueue"]
}

output "events_queue" {
  description = "EventsQueue"
  value       = aws_cloudformation_stack.this.outputs["EventsQueue"]
}

output "events_dead_queue" {
  description = "EventsDeadQueue"
  value       = aws_cloudformation_stack.this.outputs["EventsDeadQueue"]
}

output "deliveries_queue" {
  description = "DeliveriesQueue"
  value       = aws_cloudformation_stack.this.outputs["DeliveriesQueue"]
}

output "deliveries_dead_queue" {
  description = "DeliveriesDeadQueue"
  value       = aws_cloudformation_stack.this.outputs["DeliveriesDeadQueue"]
}

output "missed_queue" {
  description = "Hunts and findings that could not be started, each with its error."
  value       = aws_cloudformation_stack.this.outputs["MissedQueue"]
}

output "missed_queue_arn" {
  description = "MissedQueueArn"
  value       = aws_cloudformation_stack.this.outputs["MissedQueueArn"]
}

output "schedule_group" {
  description = "The group that `huntbridge schedules sync` keeps."
  value       = aws_cloudformation_stack.this.outputs["ScheduleGroup"]
}

output "schedule_role_arn" {
  description = "The role that a schedule takes."
  value       = aws_cloudformation_stack.this.outputs["ScheduleRoleArn"]
}

output "scheduler_function_arn" {
  description = "SchedulerFunctionArn"
  value       = aws_cloudformation_stack.this.outputs["SchedulerFunctionArn"]
}

output "receiver_function_arn" {
  description = "ReceiverFunctionArn"
  value       = aws_cloudformation_stack.this.outputs["ReceiverFunctionArn"]
}

output "edge_function_arn" {
  description = "EdgeFunctionArn"
  value       = aws_cloudformation_stack.this.outputs["EdgeFunctionArn"]
}

output "scheduler_role_arn" {
  description = "May assume the read-only role in other accounts."
  value       = aws_cloudformation_stack.this.outputs["SchedulerRoleArn"]
}

output "receiver_role_arn" {
  description = "May assume the read-only role in other accounts."
  value       = aws_cloudformation_stack.this.outputs["ReceiverRoleArn"]
}

output "alarm_topic" {
  description = "AlarmTopic"
  value       = aws_cloudformation_stack.this.outputs["AlarmTopic"]
}

output "dashboard_url" {
  description = "DashboardUrl"
  value       = aws_cloudformation_stack.this.outputs["DashboardUrl"]
}
