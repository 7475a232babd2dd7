//! The discovery document. <https://openid.net/specs/openid-connect-discovery-1_0.html>

use serde_json::{Value, json};

/// The document of `issuer`, built from its URL alone.
pub(super) fn document(issuer: &str) -> Value {
    let jwks_uri = format!("{issuer}/.well-known/jwks_uri");
    json!({
        "issuer": issuer,
        "jwks_uri": jwks_uri,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "response_types_supported": ["code", "id_token", "token id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS512"],
        "claims_supported": ["sub", "aud", "amr", "iss", "exp", "iat"],
    })
}
