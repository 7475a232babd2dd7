//! Calls that wait for a slow provider while an administrator changes what they began with: what counts is what is there
//! when the call acts.

use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{ACCOUNT, Answer, DEVELOPER, Given, Issuer, Key, World, assumed, login};

/// What changes while the provider keeps a call waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Nothing,
    Unlink,
    /// The developer's user is unlinked, and gets another identity.
    Move,
    Merge,
    Revoke,
    RevokeAndRestore,
    Delete,
    UpdatePool,
}

const CHANGES: [Change; 7] = [
    Change::Unlink,
    Change::Move,
    Change::Merge,
    Change::Revoke,
    Change::RevokeAndRestore,
    Change::Delete,
    Change::UpdatePool,
];

struct Scene {
    world: World,
    /// An issuer with keys that are known already.
    quick: Issuer,
    quick_arn: String,
}

/// An identity of the developer's user `user`, another of `other`, and an issuer that was never asked.
struct Waiting {
    pool: String,
    user: Given,
    other: Given,
    slow: Issuer,
}

impl Scene {
    async fn new() -> Self {
        let world = World::new().await;
        let quick = Issuer::with(Key::p256("one")).await;
        let quick_arn = world.register(&quick, &["app"]).await;
        Self {
            world,
            quick,
            quick_arn,
        }
    }

    async fn waiting(&self) -> Waiting {
        let slow = Issuer::with(Key::p256("one")).await;
        let arn = self.world.register(&slow, &["app"]).await;
        let arns = json!({ "OpenIdConnectProviderARNs": [arn, self.quick_arn] });
        let pool = self.world.developer_pool(arns).await;
        let more = json!({ "Logins": login(&self.quick, &self.quick.token("ada")) });
        let user = Given::of(self.world.developer(&pool, "user", more).await);
        let other = self.world.user(&pool, "other").await;
        Waiting {
            pool,
            user,
            other,
            slow,
        }
    }

    /// Calls `operation` with a token for the developer's user, and logins at the quick and the slow provider.
    async fn call(&self, operation: &str, on: &Waiting) -> Answer {
        let mut logins = on.user.login();
        logins[on.slow.name()] = json!(on.slow.token("mallory"));
        logins[self.quick.name()] = json!(self.quick.token("ada"));
        let mut input = json!({ "IdentityId": on.user.identity });
        if operation == "UnlinkIdentity" {
            input["LoginsToRemove"] = json!([self.quick.name()]);
        }
        input["Logins"] = logins;
        self.world.public(operation, input).await
    }

    async fn change(&self, change: Change, on: &Waiting) {
        let unlink = json!({
            "IdentityId": on.user.identity, "IdentityPoolId": on.pool,
            "DeveloperProviderName": DEVELOPER, "DeveloperUserIdentifier": "user",
        });
        let merge = json!({
            "IdentityPoolId": on.pool, "DeveloperProviderName": DEVELOPER,
            "SourceUserIdentifier": "user", "DestinationUserIdentifier": "other",
        });
        let identity = json!({ "IdentityId": on.user.identity });
        let delete = json!({ "IdentityIdsToDelete": [on.user.identity] });
        let changes = match change {
            Change::Nothing => vec![],
            Change::Unlink | Change::Move => vec![("UnlinkDeveloperIdentity", unlink)],
            Change::Merge => vec![("MergeDeveloperIdentities", merge)],
            Change::Revoke => vec![("Cognate.RevokeIdentity", identity)],
            Change::RevokeAndRestore => vec![
                ("Cognate.RevokeIdentity", identity.clone()),
                ("Cognate.RestoreIdentity", identity),
            ],
            Change::Delete => vec![("DeleteIdentities", delete)],
            Change::UpdatePool => vec![("UpdateIdentityPool", self.without_slow(&on.pool))],
        };
        for (operation, input) in changes {
            let answer = self.world.admin(operation, input).await;
            assert_eq!(answer.status, 200, "{operation}: {}", answer.text);
        }
        if change == Change::Move {
            let moved = self.world.user(&on.pool, "user").await;
            assert_ne!(moved.identity, on.user.identity);
        }
    }

    fn without_slow(&self, pool: &str) -> Value {
        json!({
            "IdentityPoolId": pool, "IdentityPoolName": "p", "AllowUnauthenticatedIdentities": true,
            "DeveloperProviderName": DEVELOPER, "OpenIdConnectProviderARNs": [self.quick_arn],
        })
    }

    /// The answer to a call that waits for `slow` while `change` happens.
    async fn meanwhile(
        &self,
        slow: &Issuer,
        call: impl Future<Output = Answer>,
        change: impl Future<Output = ()>,
    ) -> Answer {
        slow.hold(true);
        let changed = async {
            while !slow.is_waited_for() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            change.await;
            slow.hold(false);
        };
        tokio::join!(call, changed).0
    }
}

#[tokio::test]
async fn what_changed_while_a_provider_was_slow_counts() {
    let scene = Scene::new().await;
    for operation in [
        "GetCredentialsForIdentity",
        "GetOpenIdToken",
        "UnlinkIdentity",
    ] {
        for change in CHANGES {
            let on = scene.waiting().await;
            let call = scene.call(operation, &on);
            let answer = scene
                .meanwhile(&on.slow, call, scene.change(change, &on))
                .await;
            let code = match change {
                Change::Delete => "ResourceNotFoundException",
                _ => "NotAuthorizedException",
            };
            assert_eq!(
                answer.status, 400,
                "{operation}, {change:?}: {}",
                answer.text
            );
            assert_eq!(answer.error().1, code, "{operation}, {change:?}");
            // Nothing was merged, and the slow login is no identity's.
            let others = scene.world.providers_of(&on.other.identity).await;
            let expected = match change {
                Change::Merge => json!([DEVELOPER, scene.quick.name()]),
                _ => json!([DEVELOPER]),
            };
            assert_eq!(
                sorted(&others),
                sorted(&expected),
                "{operation}, {change:?}"
            );
            if change != Change::Delete {
                let own = scene.world.providers_of(&on.user.identity).await;
                assert!(!own.to_string().contains(on.slow.name()), "{own}");
                let keeps = change != Change::Merge;
                assert_eq!(own.to_string().contains(scene.quick.name()), keeps, "{own}");
            }
        }
        let on = scene.waiting().await;
        let call = scene.call(operation, &on);
        let same = scene.change(Change::Nothing, &on);
        let answer = scene.meanwhile(&on.slow, call, same).await;
        assert_eq!(answer.status, 200, "{operation}: {}", answer.text);
    }
}

fn sorted(names: &Value) -> Vec<String> {
    let names = names.as_array().expect("names").iter();
    let mut names: Vec<String> = names.map(ToString::to_string).collect();
    names.sort();
    names.dedup();
    names
}

#[tokio::test]
async fn a_login_that_writes_nothing_needs_its_provider_as_well() {
    for operation in [
        "GetId",
        "GetCredentialsForIdentity",
        "GetOpenIdToken",
        "GetOpenIdTokenForDeveloperIdentity",
    ] {
        for update in [false, true] {
            let mut scene = Scene::new().await;
            let on = scene.waiting().await;
            let logins = login(&on.slow, &on.slow.token("eve"));
            let more = json!({ "Logins": logins });
            let eve = Given::of(scene.world.developer(&on.pool, "eve", more).await);
            // Another process has no keys of the issuer yet.
            scene.world = scene.world.restart().await;
            let world = &scene.world;
            let call = async {
                match operation {
                    "GetId" => world.get_id(&on.pool, logins.clone()).await,
                    "GetOpenIdTokenForDeveloperIdentity" => {
                        let more = json!({ "IdentityId": eve.identity, "Logins": logins });
                        world.developer(&on.pool, "eve", more).await
                    }
                    _ => {
                        let input = json!({ "IdentityId": eve.identity, "Logins": logins });
                        world.public(operation, input).await
                    }
                }
            };
            let change = if update {
                Change::UpdatePool
            } else {
                Change::Nothing
            };
            let answer = scene
                .meanwhile(&on.slow, call, scene.change(change, &on))
                .await;
            let status = if update { 400 } else { 200 };
            assert_eq!(answer.status, status, "{operation}: {}", answer.text);
        }
    }
}

/// What changes at the registration of the slow provider.
#[derive(Debug, Clone, Copy)]
enum Registration {
    Unchanged,
    /// Something that doesn't matter for the login.
    Tag,
    RemoveClient,
    Delete,
    /// It is deleted and registered again, with another unique id.
    Replace,
}

#[tokio::test]
async fn a_registration_that_changes_while_its_provider_is_slow_counts() {
    let scene = Scene::new().await;
    for at_sts in [false, true] {
        for change in [
            Registration::Unchanged,
            Registration::Tag,
            Registration::RemoveClient,
            Registration::Delete,
            Registration::Replace,
        ] {
            let slow = Issuer::with(Key::p256("one")).await;
            let arn = scene.world.register(&slow, &["app"]).await;
            let more = json!({ "OpenIdConnectProviderARNs": [arn] });
            let pool = scene.world.pool(more).await;
            let statement = json!({
                "Effect": "Allow", "Principal": { "Federated": arn }, "Action": "sts:AssumeRoleWithWebIdentity",
            });
            let trust = json!({ "Version": "2012-10-17", "Statement": statement }).to_string();
            let name = format!("Slow-{at_sts}-{change:?}");
            let parameters = [("RoleName", &*name), ("AssumeRolePolicyDocument", &*trust)];
            let made = scene.world.iam("CreateRole", &parameters).await;
            assert_eq!(made.status, 200, "{}", made.text);
            let call = async {
                let token = slow.token("ada");
                if at_sts {
                    let role = format!("arn:aws:iam::{ACCOUNT}:role/{name}");
                    scene.world.assume(&role, &token).await
                } else {
                    scene.world.get_id(&pool, login(&slow, &token)).await
                }
            };
            let of_arn = ("OpenIDConnectProviderArn", &*arn);
            let changes = async {
                let tag = [
                    of_arn,
                    ("Tags.member.1.Key", "a"),
                    ("Tags.member.1.Value", "b"),
                ];
                let client = [of_arn, ("ClientID", "app")];
                let (action, parameters) = match change {
                    Registration::Unchanged => return,
                    Registration::Tag => ("TagOpenIDConnectProvider", &tag[..]),
                    Registration::RemoveClient => {
                        ("RemoveClientIDFromOpenIDConnectProvider", &client[..])
                    }
                    Registration::Delete | Registration::Replace => {
                        ("DeleteOpenIDConnectProvider", &tag[..1])
                    }
                };
                let answer = scene.world.iam(action, parameters).await;
                assert_eq!(answer.status, 200, "{action}: {}", answer.text);
                if matches!(change, Registration::Replace) {
                    scene.world.register(&slow, &["app"]).await;
                }
            };
            let answer = scene.meanwhile(&slow, call, changes).await;
            let is_accepted = !matches!(change, Registration::RemoveClient | Registration::Delete);
            assert_eq!(answer.status == 200, is_accepted, "{name}: {}", answer.text);
            if at_sts && is_accepted {
                // The session comes from the registration that is there now.
                assert!(scene.world.is_live(&assumed(&answer)).await, "{name}");
            }
        }
    }
}
