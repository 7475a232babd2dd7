//! Developers' users, tokens and what they say, sessions and what they carry.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cognate::credentials::Session;
use serde_json::{Value, json};

use super::{Answer, Credentials, World};

/// The name of the developer provider in [`World::developer_pool`].
pub const DEVELOPER: &str = "login.mycompany";

/// An identity, and a token for it.
pub struct Given {
    pub identity: String,
    pub token: String,
}

impl Given {
    pub fn of(answer: Answer) -> Self {
        let answer = answer.ok();
        let text = |name: &str| answer[name].as_str().expect("a text").to_owned();
        Self {
            identity: text("IdentityId"),
            token: text("Token"),
        }
    }

    /// The token as a login.
    pub fn login(&self) -> Value {
        json!({ "cognito-identity.amazonaws.com": self.token })
    }

    /// What the token says.
    pub fn claims(&self) -> Value {
        part(&self.token, 1)
    }
}

impl World {
    /// A pool whose developer vouches for users.
    pub async fn developer_pool(&self, more: Value) -> String {
        let mut members = more;
        members["DeveloperProviderName"] = json!(DEVELOPER);
        self.pool(members).await
    }

    /// GetOpenIdTokenForDeveloperIdentity for a user, with more members.
    pub async fn developer(&self, pool: &str, user: &str, more: Value) -> Answer {
        let mut input = json!({ "IdentityPoolId": pool, "Logins": { DEVELOPER: user } });
        for (name, value) in more.as_object().expect("members of a request") {
            if name == "Logins" {
                for (key, token) in value.as_object().expect("logins") {
                    input["Logins"][key] = token.clone();
                }
            } else {
                input[name] = value.clone();
            }
        }
        self.admin("GetOpenIdTokenForDeveloperIdentity", input)
            .await
    }

    /// A developer's user, new or known.
    pub async fn user(&self, pool: &str, user: &str) -> Given {
        Given::of(self.developer(pool, user, json!({})).await)
    }

    /// Attaches a user to an identity.
    pub async fn attach(&self, pool: &str, user: &str, identity: &str) -> Given {
        let more = json!({ "IdentityId": identity });
        Given::of(self.developer(pool, user, more).await)
    }

    /// GetOpenIdToken.
    pub async fn get_token(&self, identity: &str, logins: Value) -> Answer {
        let input = json!({ "IdentityId": identity, "Logins": logins });
        self.public("GetOpenIdToken", input).await
    }

    /// The session behind the `Credentials` of an answer of GetCredentialsForIdentity.
    pub async fn session(&self, identity: &str, logins: Value) -> Session {
        let answer = self.credentials(identity, logins).await.ok();
        self.open_session(&Credentials::of(&answer["Credentials"]))
    }

    /// What a session token says.
    pub fn open_session(&self, who: &Credentials) -> Session {
        let token = who.session_token.as_deref().expect("a session token");
        let opened = self.app.credentials.open(&who.id, token);
        opened.expect("a session that opens").0
    }

    /// Whether a session may still ask who it is.
    pub async fn is_live(&self, who: &Credentials) -> bool {
        let caller = [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")];
        self.signed_query(who, "sts", &caller).await.status == 200
    }

    /// Takes a token to the STS.
    pub async fn assume(&self, role: &str, token: &str) -> Answer {
        let parameters = [
            ("RoleArn", role),
            ("RoleSessionName", "me"),
            ("WebIdentityToken", token),
        ];
        self.sts("AssumeRoleWithWebIdentity", &parameters).await
    }

    /// The names of an identity's providers, as administrators see them.
    pub async fn providers_of(&self, identity: &str) -> Value {
        let input = json!({ "IdentityId": identity });
        self.admin("DescribeIdentity", input).await.ok()["Logins"].clone()
    }
}

/// The `Credentials` of an answer of AssumeRoleWithWebIdentity.
pub fn assumed(answer: &Answer) -> Credentials {
    let text = |name: &str| {
        let found = answer.xml(name);
        found.unwrap_or_else(|| panic!("{name} in {}", answer.text))
    };
    Credentials {
        id: text("AccessKeyId"),
        secret: text("SecretAccessKey"),
        session_token: Some(text("SessionToken")),
    }
}

/// The part of a token at `nth`, as it is written.
pub fn part_text(token: &str, nth: usize) -> String {
    let part = token.split('.').nth(nth).expect("a part");
    let bytes = URL_SAFE_NO_PAD.decode(part).expect("base64");
    String::from_utf8(bytes).expect("a text")
}

/// The part of a token at `nth`.
pub fn part(token: &str, nth: usize) -> Value {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test reads what the server wrote"
    )]
    serde_json::from_str(&part_text(token, nth)).expect("JSON")
}

/// The claims of a token of this server that the real service's tokens have, too.
pub fn without_origin(mut claims: Value) -> Value {
    let origin = claims
        .as_object_mut()
        .expect("claims")
        .remove("cognate:origin");
    assert!(origin.is_some(), "every token has an origin");
    claims
}
