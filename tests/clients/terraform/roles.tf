# Roles as users write them: managed policies, versions, a boundary, default tags, and attachments.

terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

variable "endpoint" {
  type = string
}

variable "prefix" {
  description = "The beginning of every name"
  type        = string
}

variable "actions" {
  description = "The actions of the managed policy; each other list is a version"
  type        = list(string)
}

variable "stage" {
  type = string
}

variable "boundary" {
  description = "The boundary of the role: none, limit or aws"
  type        = string
}

variable "exclusive" {
  description = "Whether the role has no other policies than those of the configuration"
  type        = bool
}

provider "aws" {
  region = "eu-west-1"
  endpoints {
    cognitoidentity = var.endpoint
    iam             = var.endpoint
    sts             = var.endpoint
  }
  default_tags {
    tags = {
      stage = var.stage
    }
  }
}

data "aws_caller_identity" "current" {}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "AWS"
      identifiers = [data.aws_caller_identity.current.account_id]
    }
  }
}

data "aws_iam_policy_document" "read" {
  statement {
    actions   = var.actions
    resources = ["*"]
  }
}

data "aws_iam_policy_document" "limit" {
  statement {
    actions   = ["iam:*", "cognito-identity:*"]
    resources = ["*"]
  }
}

data "aws_iam_policy" "of_aws" {
  arn = "arn:aws:iam::aws:policy/AmazonCognitoReadOnly"
}

resource "aws_iam_policy" "read" {
  name        = "${var.prefix}-read"
  path        = "/team/"
  description = "Reads"
  policy      = data.aws_iam_policy_document.read.json
  tags = {
    team = "blue"
  }
}

resource "aws_iam_policy" "limit" {
  name   = "${var.prefix}-limit"
  policy = data.aws_iam_policy_document.limit.json
}

locals {
  boundaries = {
    none  = null
    limit = aws_iam_policy.limit.arn
    aws   = data.aws_iam_policy.of_aws.arn
  }
}

resource "aws_iam_role" "app" {
  name                 = "${var.prefix}-app"
  path                 = "/team/"
  description          = "Runs the app"
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  max_session_duration = 7200
  permissions_boundary = local.boundaries[var.boundary]
  tags = {
    team = "blue"
  }
}

resource "aws_iam_role_policy" "own" {
  name   = "own"
  role   = aws_iam_role.app.id
  policy = data.aws_iam_policy_document.limit.json
}

resource "aws_iam_role_policy_attachment" "read" {
  role       = aws_iam_role.app.name
  policy_arn = aws_iam_policy.read.arn
}

resource "aws_iam_role_policy_attachment" "of_aws" {
  role       = aws_iam_role.app.name
  policy_arn = data.aws_iam_policy.of_aws.arn
}

resource "aws_iam_role_policies_exclusive" "app" {
  count        = var.exclusive ? 1 : 0
  role_name    = aws_iam_role.app.name
  policy_names = [aws_iam_role_policy.own.name]
}

resource "aws_iam_role_policy_attachments_exclusive" "app" {
  count     = var.exclusive ? 1 : 0
  role_name = aws_iam_role.app.name
  policy_arns = [
    aws_iam_role_policy_attachment.read.policy_arn,
    aws_iam_role_policy_attachment.of_aws.policy_arn,
  ]
}

# A policy's attachments as one resource, for another role.
resource "aws_iam_role" "batch" {
  name_prefix           = "${var.prefix}-batch-"
  assume_role_policy    = data.aws_iam_policy_document.trust.json
  force_detach_policies = true
}

resource "aws_iam_policy" "batch" {
  name_prefix = "${var.prefix}-batch-"
  policy      = data.aws_iam_policy_document.limit.json
}

resource "aws_iam_policy_attachment" "batch" {
  name       = "batch"
  roles      = [aws_iam_role.batch.name]
  policy_arn = aws_iam_policy.batch.arn
}

data "aws_iam_role" "app" {
  name       = aws_iam_role.app.name
  depends_on = [aws_iam_role.app]
}

data "aws_iam_roles" "all" {
  path_prefix = "/team/"
  name_regex  = "${var.prefix}-.*"
  depends_on  = [aws_iam_role.app]
}

data "aws_iam_policy" "by_name" {
  name        = aws_iam_policy.read.name
  path_prefix = "/team/"
  depends_on  = [aws_iam_policy.read]
}

data "aws_iam_principal_policy_simulation" "app" {
  action_names      = ["cognito-identity:ListIdentityPools"]
  policy_source_arn = aws_iam_role.app.arn
  depends_on = [
    aws_iam_role_policy.own,
    aws_iam_role_policy_attachment.read,
    aws_iam_role_policy_attachment.of_aws,
  ]
}

output "role" {
  value = data.aws_iam_role.app
}

output "roles" {
  value = data.aws_iam_roles.all.names
}

output "policy" {
  value = data.aws_iam_policy.by_name.arn
}

output "allowed" {
  value = data.aws_iam_principal_policy_simulation.app.all_allowed
}

output "names" {
  value = {
    app    = aws_iam_role.app.name
    batch  = aws_iam_role.batch.name
    read   = aws_iam_policy.read.arn
    limit  = aws_iam_policy.limit.arn
    shared = aws_iam_policy.batch.arn
  }
}
