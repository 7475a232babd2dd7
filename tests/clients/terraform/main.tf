# A pool with all that the provider can say of one.

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

variable "account" {
  type = string
}

variable "issuer" {
  description = "An issuer that nobody has registered yet"
  type        = string
}

variable "user_pool" {
  type = string
}

variable "saml_metadata" {
  description = "Of a SAML provider"
  type        = string
}

variable "saml_name" {
  description = "A name that no SAML provider has yet"
  type        = string
}

variable "name" {
  type = string
}

variable "guests" {
  type = bool
}

variable "tags" {
  type = map(string)
}

variable "principal_tags" {
  type = map(string)
}

variable "match" {
  description = "What the claim of the one rule is held against"
  type        = string
}

# Nothing is skipped that the provider asks of AWS at its start.
provider "aws" {
  region = "eu-west-1"
  endpoints {
    cognitoidentity = var.endpoint
    iam             = var.endpoint
    sts             = var.endpoint
  }
}

resource "aws_iam_openid_connect_provider" "issuer" {
  url            = var.issuer
  client_id_list = ["web", "phone"]
  tags           = var.tags
}

resource "aws_iam_saml_provider" "corp" {
  name                   = var.saml_name
  saml_metadata_document = var.saml_metadata
  tags                   = var.tags
}

data "aws_iam_openid_connect_provider" "by_arn" {
  arn = aws_iam_openid_connect_provider.issuer.arn
}

data "aws_iam_openid_connect_provider" "by_url" {
  url        = var.issuer
  depends_on = [aws_iam_openid_connect_provider.issuer]
}

data "aws_iam_saml_provider" "corp" {
  arn = aws_iam_saml_provider.corp.arn
}

output "found_providers" {
  value = {
    by_arn = data.aws_iam_openid_connect_provider.by_arn.tags
    by_url = data.aws_iam_openid_connect_provider.by_url.client_id_list
    saml   = data.aws_iam_saml_provider.corp.tags
  }
}

resource "aws_cognito_identity_pool" "pool" {
  identity_pool_name               = var.name
  allow_unauthenticated_identities = var.guests
  allow_classic_flow               = true
  developer_provider_name          = "login.shop"
  openid_connect_provider_arns     = [aws_iam_openid_connect_provider.issuer.arn]
  saml_provider_arns               = [aws_iam_saml_provider.corp.arn]
  supported_login_providers = {
    "accounts.google.com" = "123456789012.apps.googleusercontent.com"
    "appleid.apple.com"   = "com.example.shop"
  }
  dynamic "cognito_identity_providers" {
    for_each = ["web", "phone"]
    content {
      provider_name           = var.user_pool
      client_id               = cognito_identity_providers.value
      server_side_token_check = true
    }
  }
  tags = var.tags
}

resource "aws_cognito_identity_pool_roles_attachment" "roles" {
  identity_pool_id = aws_cognito_identity_pool.pool.id
  roles = {
    authenticated   = "arn:aws:iam::${var.account}:role/User"
    unauthenticated = "arn:aws:iam::${var.account}:role/Guest"
  }
  role_mapping {
    identity_provider         = "${var.user_pool}:web"
    type                      = "Token"
    ambiguous_role_resolution = "AuthenticatedRole"
  }
  role_mapping {
    identity_provider         = aws_iam_saml_provider.corp.arn
    type                      = "Token"
    ambiguous_role_resolution = "Deny"
  }
  role_mapping {
    identity_provider         = "accounts.google.com"
    type                      = "Rules"
    ambiguous_role_resolution = "Deny"
    mapping_rule {
      claim      = "hd"
      match_type = "Equals"
      value      = var.match
      role_arn   = "arn:aws:iam::${var.account}:role/path/Staff"
    }
    mapping_rule {
      claim      = "email"
      match_type = "StartsWith"
      value      = "support"
      role_arn   = "arn:aws:iam::${var.account}:role/Support"
    }
  }
}

resource "aws_cognito_identity_pool_provider_principal_tag" "tags" {
  identity_pool_id       = aws_cognito_identity_pool.pool.id
  identity_provider_name = var.user_pool
  use_defaults           = false
  principal_tags         = var.principal_tags
}

resource "aws_cognito_identity_pool_provider_principal_tag" "defaults" {
  identity_pool_id       = aws_cognito_identity_pool.pool.id
  identity_provider_name = "accounts.google.com"
  use_defaults           = true
}

data "aws_cognito_identity_pool" "found" {
  identity_pool_name = aws_cognito_identity_pool.pool.identity_pool_name
}

output "pool" {
  value = aws_cognito_identity_pool.pool.id
}

output "arn" {
  value = aws_cognito_identity_pool.pool.arn
}

output "issuer" {
  value = aws_iam_openid_connect_provider.issuer.arn
}

output "saml" {
  value = aws_iam_saml_provider.corp.arn
}

output "found" {
  value = data.aws_cognito_identity_pool.found
}
