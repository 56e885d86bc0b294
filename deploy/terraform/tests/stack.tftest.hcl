# `terraform test` plans the module with a simulated AWS.

mock_provider "aws" {}

variables {
  bundle = "tests/bundle"
}

run "defaults" {
  command = plan

  assert {
    condition     = aws_cloudformation_stack.this.parameters["Preflight"] == "on"
    error_message = "A true input becomes \"on\"."
  }
  assert {
    condition     = aws_cloudformation_stack.this.parameters["Firewall"] == "off"
    error_message = "A false input becomes \"off\"."
  }
  assert {
    condition     = aws_cloudformation_stack.this.parameters["AllowedIps"] == ""
    error_message = "An empty list becomes an empty text."
  }
  assert {
    condition     = length(aws_s3_bucket.own) == 1 && length(aws_s3_object.archive) == 1
    error_message = "Without a given bucket there is one for the bundle."
  }
  assert {
    condition     = length(aws_s3_object.configuration) == 0
    error_message = "Without a configuration none is uploaded."
  }
}

run "what_is_there" {
  command = plan

  variables {
    bucket               = "acme-deployments"
    prefix               = "huntbridge/"
    configuration        = "platform: {}"
    platform_secret_arns = ["arn:aws:ssm:us-east-1:111122223333:parameter/a", "arn:aws:ssm:us-east-1:111122223333:parameter/b"]
  }

  assert {
    condition     = length(aws_s3_bucket.own) == 0
    error_message = "A given bucket is used."
  }
  assert {
    condition     = aws_s3_object.archive["function.zip"].key == "huntbridge/function.zip"
    error_message = "The prefix stands before the key."
  }
  assert {
    condition     = length(split(",", aws_cloudformation_stack.this.parameters["PlatformSecretArns"])) == 2
    error_message = "A list becomes a text with commas."
  }
  assert {
    condition     = aws_s3_object.configuration[0].key == "huntbridge.yaml"
    error_message = "The configuration is uploaded under its key."
  }
}

run "wrong_inputs" {
  command = plan

  variables {
    api_type                 = "SOAP"
    capture_concurrency      = 1
    log_retention_days       = 91
    permissions_boundary_arn = "boundary"
    prefix                   = "huntbridge"
  }

  expect_failures = [
    var.api_type,
    var.capture_concurrency,
    var.log_retention_days,
    var.permissions_boundary_arn,
    var.prefix,
  ]
}
