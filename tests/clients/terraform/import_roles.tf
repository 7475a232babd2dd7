# Roles and policies that are there already, of which another state knows nothing.

variable "imported" {
  description = "The names of the roles and the ARNs of the policies"
  type        = map(string)
}

import {
  to = aws_iam_policy.read
  id = var.imported.read
}

import {
  to = aws_iam_policy.limit
  id = var.imported.limit
}

import {
  to = aws_iam_policy.batch
  id = var.imported.shared
}

import {
  to = aws_iam_role.app
  id = var.imported.app
}

import {
  to = aws_iam_role.batch
  id = var.imported.batch
}

import {
  to = aws_iam_role_policy.own
  id = "${var.imported.app}:own"
}

import {
  to = aws_iam_role_policy_attachment.read
  id = "${var.imported.app}/${var.imported.read}"
}

import {
  to = aws_iam_role_policy_attachment.of_aws
  id = "${var.imported.app}/arn:aws:iam::aws:policy/AmazonCognitoReadOnly"
}

import {
  to = aws_iam_role_policies_exclusive.app[0]
  id = var.imported.app
}

import {
  to = aws_iam_role_policy_attachments_exclusive.app[0]
  id = var.imported.app
}
