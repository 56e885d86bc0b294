variable "name" {
  description = "The name of the stack. The names of all its resources begin with it."
  type        = string
  default     = "huntbridge"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,35}$", var.name))
    error_message = "name has 36 letters, digits and hyphens at most, and begins with a letter; all in lower case, since a bucket is named after it."
  }
}

variable "bundle" {
  description = "The folder with template.yaml and the archives of the functions: the unpacked huntbridge-aws-VERSION.tar.gz of a release, or what `make bundle` made."
  type        = string

  validation {
    condition     = fileexists("${var.bundle}/template.yaml") && length(fileset(var.bundle, "*.zip")) > 0
    error_message = "bundle must be a folder with template.yaml and at least one .zip file."
  }
}

variable "bucket" {
  description = "A bucket in the stack's region for the bundle and the configuration. Empty makes one."
  type        = string
  default     = ""
  nullable    = false
}

variable "prefix" {
  description = "What the keys of the bundle's objects begin with, such as huntbridge/."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^([A-Za-z0-9._-]+/)*$", var.prefix))
    error_message = "prefix is empty or ends with a slash."
  }
}

variable "configuration" {
  description = "The content of huntbridge.yaml, such as file(\"huntbridge.yaml\"). It is put into the bucket of the bundle. null leaves the configuration to config_bucket, config_key or config_parameter."
  type        = string
  default     = null
}

variable "cloudformation_role_arn" {
  description = "The role with which CloudFormation makes the stack. null for the caller's own rights."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags for everything that can have tags."
  type        = map(string)
  default     = {}
  nullable    = false
}
