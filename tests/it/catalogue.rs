//! Every text of the real service that is known to the letter, and a call that is answered with it.

use std::pin::Pin;

use serde_json::{Value, json};

use crate::world::{
    ACCOUNT, Answer, Credentials, DEVELOPER, Key, REGION, Two, claims, json_headers,
};

/// A text, with `{}` where it names something, its code, and how it comes about: what was answered, and what it names.
struct Row {
    code: &'static str,
    literal: &'static str,
    provoke: for<'p> fn(&'p mut Two) -> Provoked<'p>,
}

type Provoked<'p> = Pin<Box<dyn Future<Output = (Answer, Vec<String>)> + 'p>>;

macro_rules! row {
    ($code:expr, $literal:expr, |$place:ident| $body:expr) => {
        Row {
            code: $code,
            literal: $literal,
            provoke: |$place: &mut Two| Box::pin(async move { $body }),
        }
    };
}

/// Texts that no call is answered with, and why.
const NEVER: &[(&str, &str)] = &[
    (
        "Access to IdentityPool '{}' is forbidden",
        "the answer to another account's administrator: a server is one account",
    ),
    (
        "Unauthenticated access is not supported",
        "the text of 2014; the service says more since",
    ),
    (
        "1 validation error detected: Value '{graph.facebook.com=}' at 'logins' failed to satisfy constraint: …",
        "what may be a secret is not echoed: constraints::by_hand has the text without it",
    ),
    (
        "User: anonymous is not authorized to perform: cognito-identity:GetId on resource: * with an explicit deny in a \
         resource control policy",
        "what anybody may call is under no policy",
    ),
    (
        "Request is missing Authentication Token",
        "some services' form of it; ours is the Query protocol's, in signatures",
    ),
];

const DENIED: &str = "NotAuthorizedException";
const INVALID: &str = "InvalidParameterException";
const SIGNATURE: &str = "InvalidSignatureException";
const NOBODY: &str = "eu-west-1:00000000-0000-4000-8000-000000000000";
const OWN: &str = "cognito-identity.amazonaws.com";

#[tokio::test]
async fn every_text_is_said_to_the_letter() {
    for row in rows() {
        let mut place = Two::new().await;
        let (answer, names) = (row.provoke)(&mut place).await;
        let mut parts = row.literal.split("{}");
        let mut wanted = parts.next().unwrap().to_owned();
        assert_eq!(parts.clone().count(), names.len(), "{}", row.literal);
        for (name, part) in names.iter().zip(parts) {
            wanted.push_str(name);
            wanted.push_str(part);
        }
        answer.refused(row.code, &wanted);
        assert_eq!(
            answer.header("x-amzn-errormessage").as_deref(),
            Some(wanted.trim_end()),
            "the header says it, too"
        );
    }
}

#[test]
fn no_text_is_both_said_and_never_said() {
    let rows = rows();
    for (literal, why) in NEVER {
        assert!(rows.iter().all(|row| row.literal != *literal), "{why}");
    }
}

fn rows() -> Vec<Row> {
    let all = [logins(), tokens(), pools(), flows(), front()];
    all.into_iter().flatten().collect()
}

/// An answer whose text names nothing.
fn plain(answer: Answer) -> (Answer, Vec<String>) {
    (answer, Vec::new())
}

/// An answer whose text names this.
fn naming(answer: Answer, name: &str) -> (Answer, Vec<String>) {
    (answer, vec![name.to_owned()])
}

/// GetId with one login at the first issuer.
async fn shown(place: &Two, token: String) -> (Answer, Vec<String>) {
    let logins = json!({ place.one.name(): token });
    plain(place.world.get_id(&place.pool, logins).await)
}

fn arn(place: &Two) -> String {
    let name = place.one.name();
    format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{name}")
}

/// SetIdentityPoolRoles with one rule that nobody meets, under this key.
async fn map(place: &Two, key: &str) -> Answer {
    let given = format!("arn:aws:iam::{ACCOUNT}:role/A");
    let rule =
        json!({ "Claim": "sub", "MatchType": "Equals", "Value": "nobody", "RoleARN": given });
    let mapping = json!({
        "Type": "Rules", "AmbiguousRoleResolution": "Deny", "RulesConfiguration": { "Rules": [rule] },
    });
    let input =
        json!({ "IdentityPoolId": place.pool, "Roles": {}, "RoleMappings": { key: mapping } });
    place.world.admin("SetIdentityPoolRoles", input).await
}

fn logins() -> Vec<Row> {
    const DONT_MATCH: &str = "Logins don't match. Please include at least one valid login for this identity or identity pool.";
    const UNSUPPORTED: &str = "Token is not from a supported provider of this identity pool.";
    const NOT_A_TOKEN: &str = "Invalid login token. Not a valid OpenId Connect identity token.";
    vec![
        row!(DENIED, DONT_MATCH, |place| {
            let ada = place.owner(place.first("ada")).await;
            plain(place.world.credentials(&ada, place.second("bob")).await)
        }),
        row!(DENIED, DONT_MATCH, |place| {
            let ada = place.owner(place.first("ada")).await;
            let more = json!({ "IdentityId": ada });
            plain(place.world.developer(&place.pool, "user-1", more).await)
        }),
        row!(DENIED, UNSUPPORTED, |place| {
            let logins = json!({ "graph.facebook.com": "opaque" });
            plain(place.world.get_id(&place.pool, logins).await)
        }),
        row!(DENIED, UNSUPPORTED, |place| {
            let token = place.one.token_saying("ada", &json!({ "aud": "other" }));
            shown(place, token).await
        }),
        row!(
            DENIED,
            "Invalid login token. Token expired: {} >= {}",
            |place| {
                let now = place.world.now();
                let token = place.one.token_saying("ada", &json!({ "exp": now - 1 }));
                let (answer, _) = shown(place, token).await;
                (answer, vec![now.to_string(), (now - 1).to_string()])
            }
        ),
        row!(
            DENIED,
            "Invalid login token. Issuer doesn't match providerName",
            |place| shown(place, place.two.token("ada")).await
        ),
        row!(
            DENIED,
            "Invalid login token. Missing a required claim: aud",
            |place| {
                let mut access = claims(place.one.url(), "ada");
                access.as_object_mut().unwrap().remove("aud");
                shown(place, place.one.key.token(&access)).await
            }
        ),
        row!(
            DENIED,
            "Invalid login token. Couldn't verify signed token.",
            |place| {
                let forged = Key::p256("one").token(&claims(place.one.url(), "ada"));
                shown(place, forged).await
            }
        ),
        row!(DENIED, NOT_A_TOKEN, |place| shown(
            place,
            "opaque".to_owned()
        )
        .await),
        row!(DENIED, NOT_A_TOKEN, |place| {
            let logins = json!({ "Facebook": "opaque" });
            plain(place.world.get_id(&place.pool, logins).await)
        }),
        row!(
            "ResourceConflictException",
            "Logins are already linked to another account",
            |place| {
                place.owner(place.first("ada")).await;
                place.owner(place.second("bob")).await;
                let both = place.pair("ada", "bob");
                plain(place.world.get_id(&place.pool, both).await)
            }
        ),
        row!(
            "DeveloperUserAlreadyRegisteredException",
            "This developer user identifier is already registered with Cognito.",
            |place| {
                place.world.user(&place.pool, "user-1").await;
                let guest = place.owner(json!({})).await;
                let more = json!({ "IdentityId": guest });
                plain(place.world.developer(&place.pool, "user-1", more).await)
            }
        ),
    ]
}

fn tokens() -> Vec<Row> {
    const CANT: &str = "Invalid login token. Can't pass in a Cognito token.";
    const PUBLIC: &str = "Please provide a valid public provider";
    vec![
        row!(DENIED, CANT, |place| {
            let logins = place.world.user(&place.pool, "user-1").await.login();
            plain(place.world.get_id(&place.pool, logins).await)
        }),
        row!(DENIED, CANT, |place| {
            let token = place.world.user(&place.pool, "user-1").await.token;
            let logins = json!({ DEVELOPER: token });
            plain(place.world.get_id(&place.pool, logins).await)
        }),
        row!(
            DENIED,
            "Invalid login token. Not a Cognito token.",
            |place| {
                let ada = place.owner(place.first("ada")).await;
                let logins = json!({ OWN: place.one.token("ada") });
                plain(place.world.credentials(&ada, logins).await)
            }
        ),
        row!(DENIED, PUBLIC, |place| {
            let logins = json!({ DEVELOPER: "user-1" });
            plain(place.world.get_id(&place.pool, logins).await)
        }),
        row!(
            DENIED,
            "This identity pool does not support the specified developer provider",
            |place| {
                let input =
                    json!({ "IdentityPoolId": place.pool, "Logins": { "login.other": "x" } });
                let operation = "GetOpenIdTokenForDeveloperIdentity";
                plain(place.world.admin(operation, input).await)
            }
        ),
    ]
}

fn pools() -> Vec<Row> {
    vec![
        row!(
            DENIED,
            "Identity pool - {} does not have identity providers configured.",
            |place| {
                let pool = place.world.pool(json!({})).await;
                let answer = place.world.get_id(&pool, place.first("ada")).await;
                naming(answer, &pool)
            }
        ),
        row!(
            DENIED,
            "Unauthenticated access is not supported for this identity pool.",
            |place| {
                let off = json!({ "AllowUnauthenticatedIdentities": false });
                let pool = place.world.pool(off).await;
                plain(place.world.get_id(&pool, json!({})).await)
            }
        ),
        row!(DENIED, "Access to Identity '{}' is forbidden.", |place| {
            let ada = place.owner(place.first("ada")).await;
            naming(place.world.credentials(&ada, json!({})).await, &ada)
        }),
        row!(DENIED, "Access to Identity '{}' is forbidden.", |place| {
            let guest = place.owner(json!({})).await;
            place.owner(place.first("ada")).await;
            let merged = place.world.credentials(&guest, place.first("ada")).await;
            merged.ok();
            naming(place.world.get_token(&guest, json!({})).await, &guest)
        }),
        row!(DENIED, "Access to Role '{}' is forbidden.", |place| {
            let role = "arn:aws:iam::210987654321:role/Theirs";
            let roles = json!({ "authenticated": role });
            let input = json!({ "IdentityPoolId": place.pool, "Roles": roles });
            naming(place.world.admin("SetIdentityPoolRoles", input).await, role)
        }),
        row!(
            DENIED,
            "The ambiguous role mapping rules for: {} denied this request.",
            |place| {
                map(place, &arn(place)).await.ok();
                let ada = place.owner(place.first("ada")).await;
                let answer = place.world.credentials(&ada, place.first("ada")).await;
                naming(answer, &arn(place))
            }
        ),
        row!(
            INVALID,
            "({}) is not a valid RoleMapping ProviderName or is not a configured provider.",
            |place| {
                let key = "https://cognito-idp.us-west-1.amazonaws.com/us-west-1_x";
                naming(map(place, key).await, key)
            }
        ),
        row!(INVALID, "Invalid Cognito Identity Provider", |place| {
            let client = json!({ "ProviderName": "us-west-1_x", "ClientId": "web" });
            let input = json!({
                "IdentityPoolName": "A pool", "AllowUnauthenticatedIdentities": true,
                "CognitoIdentityProviders": [client],
            });
            plain(place.world.admin("CreateIdentityPool", input).await)
        }),
        row!(
            "ResourceNotFoundException",
            "IdentityPool '{}' not found.",
            |place| naming(place.world.get_id(NOBODY, json!({})).await, NOBODY)
        ),
        row!(
            "ResourceNotFoundException",
            "Identity '{}' not found.",
            |place| naming(place.world.credentials(NOBODY, json!({})).await, NOBODY)
        ),
        row!(
            "InvalidIdentityPoolConfigurationException",
            "Invalid identity pool configuration. Check assigned IAM roles for this pool.",
            |place| {
                let guest = place.owner(json!({})).await;
                let input = json!({ "IdentityPoolId": place.pool, "Roles": {} });
                place.world.admin("SetIdentityPoolRoles", input).await.ok();
                plain(place.world.credentials(&guest, json!({})).await)
            }
        ),
    ]
}

fn flows() -> Vec<Row> {
    vec![
        row!(
            INVALID,
            "Basic (classic) flow is not enabled, please use enhanced flow.",
            |place| {
                let off = json!({ "AllowClassicFlow": false });
                let pool = place.world.pool(off).await;
                let guest = place.world.identity(&pool, json!({})).await;
                plain(place.world.get_token(&guest, json!({})).await)
            }
        ),
        row!(
            INVALID,
            "Basic (classic) flow is not supported with RoleMappings, please use enhanced flow.",
            |place| {
                map(place, &arn(place)).await.ok();
                let guest = place.owner(json!({})).await;
                plain(place.world.get_token(&guest, json!({})).await)
            }
        ),
        row!(
            INVALID,
            "Basic (classic) flow is not supported with SAML, please use enhanced flow.",
            |place| {
                let guest = place.owner(json!({})).await;
                let saml = json!({ "arn:aws:iam::123456789012:saml-provider/corp": "PHg+" });
                plain(place.world.get_token(&guest, saml).await)
            }
        ),
    ]
}

/// ListIdentityPools, signed now and sent `seconds` later.
async fn late(place: &Two, seconds: i64) -> Answer {
    let body = json!({ "MaxResults": 1 }).to_string();
    let headers = json_headers("AWSCognitoIdentityService.ListIdentityPools");
    let root = Credentials::root();
    let headers = place.world.sign(&root, "cognito-identity", headers, &body);
    place.world.clock.advance(seconds);
    place.world.send("POST", "/", headers, body).await
}

/// A moment of a world, `seconds` from its present, as signatures write it.
fn moment(place: &Two, seconds: i64) -> String {
    let now = jiff::Timestamp::from_second(place.world.now() + seconds).unwrap();
    now.strftime("%Y%m%dT%H%M%SZ").to_string()
}

async fn list(place: &Two, who: &Credentials) -> Answer {
    let input = json!({ "MaxResults": 1 });
    place.world.signed(who, "ListIdentityPools", input).await
}

async fn session(place: &Two) -> Credentials {
    let guest = place.owner(json!({})).await;
    let answer = place.world.credentials(&guest, json!({})).await.ok();
    Credentials::of(&answer["Credentials"])
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn front() -> Vec<Row> {
    const UNKNOWN: &str = "The security token included in the request is invalid.";
    const DENIED: &str = "AccessDeniedException";
    vec![
        row!("TooManyRequestsException", "Rate exceeded", |place| {
            let _crowd = place.world.crowd().await;
            plain(place.world.get_id(&place.pool, json!({})).await)
        }),
        row!(
            "ValidationException",
            "1 validation error detected: Value '{}' at 'identityPoolId' failed to satisfy constraint: Member must \
             satisfy regular expression pattern: [\\w-]+:[0-9a-f-]+",
            |place| {
                let id = "us-east-2:mock";
                naming(place.world.get_id(id, json!({})).await, id)
            }
        ),
        row!(
            "ValidationException",
            "1 validation error detected: Value null at 'identityPoolId' failed to satisfy constraint: Member must not \
             be null",
            |place| plain(place.world.public("GetId", json!({})).await)
        ),
        row!(
            DENIED,
            "User: {} is not authorized to perform: cognito-identity:ListIdentityPools on resource: {} because no \
             identity-based policy allows the cognito-identity:ListIdentityPools action",
            |place| {
                let statement: Value =
                    json!({ "Effect": "Allow", "Action": "sts:*", "Resource": "*" });
                let policy = json!({ "Version": "2012-10-17", "Statement": statement });
                let input = json!({ "Name": "bob", "Policy": policy.to_string() });
                let made = place.world.admin("Cognate.CreateAccessKey", input).await;
                let bob = Credentials::of(&made.ok());
                let who = format!("arn:aws:iam::{ACCOUNT}:user/bob");
                let what = format!("arn:aws:cognito-identity:{REGION}:{ACCOUNT}:identitypool/");
                (list(place, &bob).await, vec![who, what])
            }
        ),
        row!(
            "MissingAuthenticationTokenException",
            "Missing Authentication Token",
            |place| plain(place.world.public("ListIdentityPools", json!({})).await)
        ),
        row!(
            SIGNATURE,
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access \
             Key and signing method. Consult the service documentation for details.",
            |place| {
                let mut wrong = Credentials::root();
                wrong.secret.push('x');
                plain(list(place, &wrong).await)
            }
        ),
        row!(
            SIGNATURE,
            "Signature expired: {} is now earlier than {} ({} - 5 min.)",
            |place| {
                let answer = late(place, 301).await;
                let moments = [-301, -300, 0].map(|seconds| moment(place, seconds));
                (answer, moments.into())
            }
        ),
        row!(
            SIGNATURE,
            "Signature not yet current: {} is still later than {} ({} + 5 min.)",
            |place| {
                let answer = late(place, -301).await;
                let moments = [301, 300, 0].map(|seconds| moment(place, seconds));
                (answer, moments.into())
            }
        ),
        row!(
            SIGNATURE,
            "Credential should be scoped to correct service: 'cognito-identity'. ",
            |place| {
                let body = json!({ "MaxResults": 1 }).to_string();
                let headers = json_headers("AWSCognitoIdentityService.ListIdentityPools");
                let headers = place
                    .world
                    .sign(&Credentials::root(), "sts", headers, &body);
                plain(place.world.send("POST", "/", headers, body).await)
            }
        ),
        row!("UnrecognizedClientException", UNKNOWN, |place| {
            let unknown = Credentials {
                id: "AKIAIOSFODNN7NOBODYS".to_owned(),
                ..Credentials::root()
            };
            plain(list(place, &unknown).await)
        }),
        row!("UnrecognizedClientException", UNKNOWN, |place| {
            let mut session = session(place).await;
            session.session_token = Some("bad".to_owned());
            plain(list(place, &session).await)
        }),
        row!(
            "ExpiredTokenException",
            "The security token included in the request is expired",
            |place| {
                let session = session(place).await;
                place.world.clock.advance(3600);
                plain(list(place, &session).await)
            }
        ),
    ]
}
