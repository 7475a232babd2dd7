# What is there already, of which another state knows nothing.

variable "pool" {
  type = string
}

variable "issuer_arn" {
  type = string
}

variable "saml_arn" {
  type = string
}

import {
  to = aws_iam_openid_connect_provider.issuer
  id = var.issuer_arn
}

import {
  to = aws_iam_saml_provider.corp
  id = var.saml_arn
}

import {
  to = aws_cognito_identity_pool.pool
  id = var.pool
}

import {
  to = aws_cognito_identity_pool_roles_attachment.roles
  id = var.pool
}

import {
  to = aws_cognito_identity_pool_provider_principal_tag.tags
  id = "${var.pool}:${var.user_pool}"
}

import {
  to = aws_cognito_identity_pool_provider_principal_tag.defaults
  id = "${var.pool}:accounts.google.com"
}
