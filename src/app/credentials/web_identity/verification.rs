//! Verifies the tokens that callers present to the STS: those of this server, and those of registered providers.

use serde_json::Value;

use super::{PresentedToken, TokenSource, WebIdentity, WebIdentityError};
use crate::app::credentials::public_provider;
use crate::app::providers::oidc;
use crate::app::roles::pins::audience_names_tenant;
use crate::app::sign_in::origin::{self, Issued};
use crate::app::{Call, identities, rates, records};
use crate::credentials::SessionIdentity;
use crate::logins::id_token::OpenIdConnect;
use crate::logins::report::{Finding, Report, error_chain, quoted};
use crate::logins::{LoginAttempt, LoginError, VerifiedLogin};
use crate::model::identity::Login;
use crate::model::provider::OWN;
use crate::model::tags::Tags;
use crate::tokens::{OwnTokenError, unverified_issuer};

/// Verifies a token that is presented to the STS: an OpenID token of this server, or an ID token of a registered provider.
/// A token of this server is refused once its identity is in another epoch: a guest has signed in, a login was unlinked,
/// the identity was merged away.
pub async fn verify(
    call: &Call<'_>,
    presented: PresentedToken<'_>,
) -> Result<WebIdentity, WebIdentityError> {
    check(call, presented, &mut Report::disabled()).await
}

/// Makes the checks of [`verify`], and adds each to `report`.
pub async fn check(
    call: &Call<'_>,
    presented: PresentedToken<'_>,
    report: &mut Report,
) -> Result<WebIdentity, WebIdentityError> {
    if let Some(provider) = presented.provider_id {
        return public_provider::check_access_token(call, presented, provider, report).await;
    }
    let token = presented.token;
    let own = call.app.tokens.verify(token, call.now).await;
    if !matches!(own, Err(OwnTokenError::Issuer)) {
        report.add("own token", own.is_ok(), || {
            let found = own.as_ref().err().map(|error| error_chain(error));
            let found = found.unwrap_or_else(|| "a valid token of this server".to_owned());
            Finding::new(
                found,
                "a token of this server that its key signed and that hasn't expired",
            )
        });
    }
    let own = match own {
        Ok(own) => own,
        Err(OwnTokenError::Malformed) => {
            return Err(WebIdentityError::Login(
                without_issuer(call, token, report).await,
            ));
        }
        Err(OwnTokenError::Issuer) => return verify_foreign(call, presented, report).await,
        Err(other) => return Err(WebIdentityError::NotOwn(other)),
    };
    let is_authenticated = own.is_authenticated();
    let origin = own.origin.ok_or(WebIdentityError::Outdated)?;
    let found = identities::lookup(call, &own.identity).await?;
    let found = found.filter(|(_, pool)| pool.id == own.pool);
    let (identity, pool) = found.ok_or(WebIdentityError::Outdated)?;
    rates::enter_pool(call, &pool.id)?;
    let issued = Issued {
        incarnation: origin.incarnation,
        epoch: own.epoch,
        is_authenticated,
        logins: &origin.logins,
    };
    let is_valid = origin.generation == records::generation(call.app)?
        && origin::is_valid(call, &pool, &identity, issued)?;
    report.add("identity", is_valid, || {
        let found = if is_valid {
            "the identity as it was"
        } else {
            "an identity that was removed or has changed since"
        };
        Finding::new(found, "the identity of the token in the epoch of the token")
    });
    if !is_valid {
        return Err(WebIdentityError::Outdated);
    }
    Ok(WebIdentity {
        not_after: origin.not_after,
        provider: OWN.to_owned(),
        subject: own.identity.reveal(),
        audience: pool.id.to_string(),
        tags: own.tags,
        source: TokenSource::ThisServer {
            identity: SessionIdentity {
                pool: own.pool,
                incarnation: origin.incarnation,
                identity: identity.id,
                epoch: identity.epoch,
                amr: own.amr,
                logins: origin.logins,
            },
            pool,
        },
    })
}

/// Verifies a token of another issuer, for which a provider must be registered. Google needs no registration if the
/// role's trust policy names its clients.
async fn verify_foreign(
    call: &Call<'_>,
    presented: PresentedToken<'_>,
    report: &mut Report,
) -> Result<WebIdentity, WebIdentityError> {
    let token = presented.token;
    let Some(issuer) = unverified_issuer(token) else {
        return Err(WebIdentityError::Login(
            without_issuer(call, token, report).await,
        ));
    };
    let name = issuer
        .split_once("://")
        .map_or(issuer.as_str(), |(_, name)| name);
    let registered = oidc::record(call, name)?;
    let registered = registered.filter(|provider| provider.issuer == issuer);
    report.about_login(name);
    if let Some(provider) = public_provider::google(presented, name) {
        let checked = public_provider::check_id_token(call, token, &provider, report).await;
        // The role may trust a registration of Google, too, with other clients.
        if !matches!(
            checked,
            Err(WebIdentityError::Login(LoginError::Unsupported))
        ) || registered.is_none()
        {
            return checked;
        }
    } else if registered.is_none() && public_provider::is_google(name) {
        return Err(WebIdentityError::NotTrusted);
    }
    report.add("registration", registered.is_some(), || {
        let found = format!("iss {}", quoted(&issuer));
        Finding::new(found, "the issuer of a registered provider, byte for byte")
    });
    let Some(registered) = registered else {
        return Err(WebIdentityError::NoProvider(issuer));
    };
    let provider = OpenIdConnect::from_registration(name, &registered);
    let attempt = LoginAttempt {
        key: name,
        token,
        now: call.now,
    };
    let logins = &call.app.logins;
    let verified = logins.verify(Some(&provider), &attempt, report);
    let verified = verified.await.map_err(WebIdentityError::Login)?;
    // The issuer may have taken seconds.
    let now = oidc::record(call, name)?.map(|now| (now.uuid, now.version));
    if now != Some((registered.uuid, registered.version)) {
        return Err(WebIdentityError::RegistrationChanged);
    }
    let audience = audience(name, &verified, report)?;
    let source = TokenSource::IdentityProvider {
        name: name.to_owned(),
        registration: Some(registered.uuid),
        lasting: [("aud", &audience), ("sub", &verified.login.subject)]
            .map(|(key, value)| (format!("{name}:{key}"), value.clone()))
            .into(),
        claims: verified.claims,
    };
    let provider = registered.arn.to_string();
    accept(call, verified.login, provider, audience, source, report).await
}

/// The owner of a verified token of another provider: the login isn't revoked, and the tags are valid.
pub(in crate::app::credentials) async fn accept(
    call: &Call<'_>,
    login: Login,
    provider: String,
    audience: String,
    source: TokenSource,
    report: &mut Report,
) -> Result<WebIdentity, WebIdentityError> {
    let is_revoked = identities::is_revoked(call, &login).await?;
    report.add("revocation", !is_revoked, || {
        let found = if is_revoked {
            "a login that is revoked in a pool"
        } else {
            "a login that isn't revoked"
        };
        Finding::new(found, "a login that isn't revoked in any pool")
    });
    if is_revoked {
        return Err(WebIdentityError::Revoked);
    }
    report.about_all_logins();
    let tags = match &source {
        TokenSource::IdentityProvider { claims, .. } => Tags::of_claims(claims),
        TokenSource::ThisServer { .. } => Ok(Tags::new()),
    };
    let tags = report.add_outcome("tags", tags.map_err(WebIdentityError::from), |tags| {
        let found = tags.as_ref().err().map(|error| error_chain(error));
        let found = found.unwrap_or_else(|| "tags that can be set".to_owned());
        Finding::new(found, "no session tags, or valid ones")
    })?;
    Ok(WebIdentity {
        not_after: None,
        provider,
        subject: login.subject,
        audience,
        tags,
        source,
    })
}

/// The audience of a token: the client, or the tenant where the issuer's audience names it. A tenant is one string.
fn audience(
    issuer: &str,
    verified: &VerifiedLogin,
    report: &mut Report,
) -> Result<String, WebIdentityError> {
    if !audience_names_tenant(issuer) {
        return Ok(verified.audience.clone());
    }
    let tenant = match verified.claims.get("aud") {
        Some(Value::String(tenant)) => Ok(tenant.clone()),
        _ => Err(WebIdentityError::Login(LoginError::Unsupported)),
    };
    report.add_outcome("tenant", tenant, |tenant| {
        let found = match tenant {
            Ok(tenant) => format!("aud {}", quoted(tenant)),
            Err(_) => "an array of audiences".to_owned(),
        };
        Finding::new(found, "one audience, which names the tenant of this issuer")
    })
}

/// Why a token without an issuer is refused: it is no ID token, or the claim is missing.
async fn without_issuer(call: &Call<'_>, token: &str, report: &mut Report) -> LoginError {
    let attempt = LoginAttempt {
        key: "",
        token,
        now: call.now,
    };
    match call.app.logins.verify(None, &attempt, report).await {
        Err(error) => error,
        Ok(_) => LoginError::IssuerMismatch,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_audience_that_names_the_tenant_is_one_string_and_azp_does_not_replace_it() {
        let token = |aud: Value| {
            let claims = json!({ "aud": aud, "azp": "aws:other-org", "sub": "x" });
            VerifiedLogin {
                login: crate::model::identity::Login::public("p", "x"),
                audience: "aws:other-org".to_owned(),
                claims: claims.as_object().unwrap().clone(),
                expires: None,
                amr: [String::new(), String::new()],
                single_use: None,
            }
        };
        let of = |issuer, aud| audience(issuer, &token(aud), &mut Report::disabled()).ok();
        let org = || Some("aws:org".to_owned());
        for issuer in ["api.pulumi.com/oidc", "sandboxes.cloud"] {
            assert_eq!(of(issuer, json!("aws:org")), org());
            for aud in [
                json!(["aws:org"]),
                json!(["aws:org", "aws:other-org"]),
                json!(1),
            ] {
                assert_eq!(of(issuer, aud.clone()), None, "{issuer} {aud}");
            }
        }
        let own = of("login.example.com", json!(["aws:org"]));
        assert_eq!(own, Some("aws:other-org".to_owned()));
    }
}
