//! Which role GetCredentialsForIdentity gives where a pool has role mappings.

use serde_json::{Value, json};

use crate::world::{
    Answer, Credentials, GUEST_ROLE, Issuer, Key, USER_POOL, USER_ROLE, World, login,
};

const DENIED: &str = "NotAuthorizedException";

fn role(name: &str) -> String {
    format!("arn:aws:iam::123456789012:role/{name}")
}

fn rule(claim: &str, match_type: &str, value: &str, of: &str) -> Value {
    json!({ "Claim": claim, "MatchType": match_type, "Value": value, "RoleARN": role(of) })
}

fn rules(ambiguous: &str, rules: &[Value]) -> Value {
    json!({
        "Type": "Rules", "AmbiguousRoleResolution": ambiguous, "RulesConfiguration": { "Rules": rules },
    })
}

fn by_token(ambiguous: &str) -> Value {
    json!({ "Type": "Token", "AmbiguousRoleResolution": ambiguous })
}

/// A registered issuer with a mapping in its pool.
struct Place {
    world: World,
    issuer: Issuer,
    arn: String,
    pool: String,
}

impl Place {
    async fn new(mapping: Value) -> Self {
        let world = World::new().await;
        let issuer = Issuer::with(Key::p256("one")).await;
        let arn = world.register(&issuer, &["app"]).await;
        let pool = world
            .developer_pool(json!({ "OpenIdConnectProviderARNs": [arn] }))
            .await;
        let place = Self {
            world,
            issuer,
            arn,
            pool,
        };
        place.map(mapping).await;
        place
    }

    async fn map(&self, mapping: Value) {
        let roles = json!({ "authenticated": USER_ROLE, "unauthenticated": GUEST_ROLE });
        self.set(roles, json!({ self.arn.as_str(): mapping })).await;
    }

    async fn set(&self, roles: Value, mappings: Value) {
        let input =
            json!({ "IdentityPoolId": self.pool, "Roles": roles, "RoleMappings": mappings });
        self.world.admin("SetIdentityPoolRoles", input).await.ok();
    }

    /// GetCredentialsForIdentity of somebody whose token says `claims`, who wants the role `asked`.
    async fn ask(&self, claims: &Value, asked: Option<&str>) -> Answer {
        let logins = login(&self.issuer, &self.issuer.token_saying("ada", claims));
        let identity = self.world.identity(&self.pool, logins.clone()).await;
        let input = json!({ "IdentityId": identity, "Logins": logins, "CustomRoleArn": asked });
        self.world.public("GetCredentialsForIdentity", input).await
    }

    /// That somebody gets the role of this name.
    async fn gives(&self, claims: Value, asked: Option<&str>, name: &str) {
        let answer = self.ask(&claims, asked).await.ok();
        let session = Credentials::of(&answer["Credentials"]);
        let found = self.world.open_session(&session).role;
        assert_eq!(found.as_str(), role(name), "{claims}");
    }

    async fn refuses(&self, claims: Value, asked: Option<&str>, text: &str) {
        self.ask(&claims, asked).await.refused(DENIED, text);
    }

    fn ambiguous(&self) -> String {
        format!(
            "The ambiguous role mapping rules for: {} denied this request.",
            self.arn
        )
    }
}

fn forbidden(role: &str) -> String {
    format!("Access to Role '{role}' is forbidden.")
}

#[tokio::test]
async fn the_first_rule_that_is_met_gives_its_role() {
    let place = Place::new(rules(
        "Deny",
        &[
            rule("dept", "Equals", "legal", "Lawyer"),
            rule("groups", "Contains", "admin", "Admin"),
            rule("mail", "StartsWith", "root@", "Root"),
            rule("level", "NotEqual", "0", "Staff"),
        ],
    ))
    .await;
    for (claims, name) in [
        (json!({ "dept": "legal", "groups": ["admins"] }), "Lawyer"),
        (
            json!({ "dept": "Legal", "groups": ["x", "admins"] }),
            "Admin",
        ),
        (json!({ "groups": "superadmin" }), "Admin"),
        (json!({ "mail": "root@example.com" }), "Root"),
        (json!({ "mail": "toor@example.com", "level": 1 }), "Staff"),
        (json!({ "level": "" }), "Staff"),
    ] {
        place.gives(claims, None, name).await;
    }
    for claims in [
        json!({}),
        json!({ "dept": "legal " }),
        json!({ "dept": "*" }),
        json!({ "dept": { "legal": true } }),
        json!({ "level": 0 }),
        json!({ "level": null }),
    ] {
        place.refuses(claims, None, &place.ambiguous()).await;
    }
}

#[tokio::test]
async fn without_a_rule_that_is_met_the_pools_role_is_given_where_that_is_wanted() {
    let mapping = rules(
        "AuthenticatedRole",
        &[rule("dept", "Equals", "legal", "Lawyer")],
    );
    let place = Place::new(mapping.clone()).await;
    place.gives(json!({ "dept": "sales" }), None, "User").await;
    place
        .set(json!({}), json!({ place.arn.as_str(): mapping }))
        .await;
    place
        .gives(json!({ "dept": "legal" }), None, "Lawyer")
        .await;
    let answer = place.ask(&json!({ "dept": "sales" }), None).await;
    answer.refused(
        "InvalidIdentityPoolConfigurationException",
        "Invalid identity pool configuration. Check assigned IAM roles for this pool.",
    );
}

#[tokio::test]
async fn a_role_may_be_chosen_among_those_whose_rules_are_met() {
    let place = Place::new(rules(
        "AuthenticatedRole",
        &[
            rule("groups", "Contains", "a", "A"),
            rule("groups", "Contains", "b", "B"),
            rule("groups", "Contains", "c", "C"),
        ],
    ))
    .await;
    let both = json!({ "groups": ["a", "b"] });
    place.gives(both.clone(), None, "A").await;
    for name in ["A", "B"] {
        place.gives(both.clone(), Some(&role(name)), name).await;
    }
    for asked in [
        role("C"),
        role("User"),
        role("Nobodys"),
        "arn:aws:iam::210987654321:role/A".to_owned(),
        "no ARN, but long enough".to_owned(),
    ] {
        place
            .refuses(both.clone(), Some(&asked), &forbidden(&asked))
            .await;
    }
}

#[tokio::test]
async fn nobody_chooses_a_role_without_a_mapping_that_offers_it() {
    let place = Place::new(rules("Deny", &[rule("sub", "Equals", "ada", "A")])).await;
    let guest = place.world.identity(&place.pool, json!({})).await;
    let user = place.world.user(&place.pool, "user-1").await;
    for (identity, logins) in [(&guest, json!({})), (&user.identity, user.login())] {
        for asked in [role("A"), role("User"), role("Guest")] {
            let input = json!({ "IdentityId": identity, "Logins": logins, "CustomRoleArn": asked });
            let answer = place.world.public("GetCredentialsForIdentity", input).await;
            answer.refused(DENIED, &forbidden(&asked));
        }
    }
    let session = place.world.session(&user.identity, user.login()).await;
    assert_eq!(session.role.as_str(), USER_ROLE);
    let session = place.world.session(&guest, json!({})).await;
    assert_eq!(session.role.as_str(), GUEST_ROLE);
}

#[tokio::test]
async fn a_token_names_a_role_that_the_pool_names_too() {
    let place = Place::new(by_token("Deny")).await;
    place
        .gives(json!({ "cognito:preferred_role": USER_ROLE }), None, "User")
        .await;
    for single in [json!([USER_ROLE]), json!(USER_ROLE)] {
        place
            .gives(json!({ "cognito:roles": single }), None, "User")
            .await;
    }
    let two = json!({ "cognito:roles": [role("Other"), USER_ROLE] });
    place.refuses(two.clone(), None, &place.ambiguous()).await;
    place.gives(two.clone(), Some(USER_ROLE), "User").await;
    place
        .refuses(two, Some(GUEST_ROLE), &forbidden(GUEST_ROLE))
        .await;
    place.refuses(json!({}), None, &place.ambiguous()).await;
    // Whoever signs the tokens doesn't thereby give out the account's roles.
    for stolen in [role("Administrator"), GUEST_ROLE.to_owned()] {
        for claims in [
            json!({ "cognito:preferred_role": stolen }),
            json!({ "cognito:roles": [stolen] }),
        ] {
            place.ask(&claims, None).await.refused(
                "InvalidIdentityPoolConfigurationException",
                "Invalid identity pool configuration. Check assigned IAM roles for this pool.",
            );
        }
    }
}

#[tokio::test]
async fn an_ambiguous_token_gets_the_pools_role_where_that_is_wanted() {
    let place = Place::new(by_token("AuthenticatedRole")).await;
    for claims in [
        json!({}),
        json!({ "cognito:roles": [role("A"), role("B")] }),
        json!({ "cognito:roles": [] }),
        json!({ "cognito:roles": ["no ARN"] }),
    ] {
        place.gives(claims, None, "User").await;
    }
}

#[tokio::test]
async fn a_user_pools_mapping_is_of_one_client() {
    let issuer = Issuer::with(Key::rsa("one")).await;
    let world = World::with_user_pools(&issuer).await;
    let pool = world.pool_of_users().await;
    let key = format!("{USER_POOL}:web");
    let input = json!({
        "IdentityPoolId": pool, "Roles": { "authenticated": USER_ROLE },
        "RoleMappings": { key.as_str(): by_token("Deny") },
    });
    world.admin("SetIdentityPoolRoles", input).await.ok();
    let token =
        |client: &str| json!({ USER_POOL: issuer.user_pool_token(client, "ada", &json!({})) });
    let ada = world.identity(&pool, token("web")).await;
    let answer = world.credentials(&ada, token("web")).await;
    let text = format!("The ambiguous role mapping rules for: {key} denied this request.");
    answer.refused(DENIED, &text);
    let session = world.session(&ada, token("phone")).await;
    assert_eq!(session.role.as_str(), USER_ROLE);
}

#[tokio::test]
async fn of_several_logins_the_first_with_a_mapping_counts() {
    let world = World::new().await;
    let mut issuers = Vec::new();
    let mut arns = Vec::new();
    for _ in 0..3 {
        let issuer = Issuer::with(Key::p256("one")).await;
        arns.push(world.register(&issuer, &["app"]).await);
        issuers.push(issuer);
    }
    let pool = world
        .pool(json!({ "OpenIdConnectProviderARNs": arns }))
        .await;
    let of = |name: &str| rules("Deny", &[rule("sub", "Equals", "ada", name)]);
    let input = json!({
        "IdentityPoolId": pool, "Roles": { "authenticated": USER_ROLE },
        "RoleMappings": { arns[1].as_str(): of("One"), arns[2].as_str(): of("Two") },
    });
    world.admin("SetIdentityPoolRoles", input).await.ok();
    for (order, name) in [
        ([0, 1, 2], "One"),
        ([2, 1, 0], "Two"),
        ([2, 0, 1], "Two"),
        ([1, 2, 0], "One"),
    ] {
        let mut logins = json!({});
        for at in order {
            logins[issuers[at].name()] = json!(issuers[at].token("ada"));
        }
        let ada = world.identity(&pool, logins.clone()).await;
        let session = world.session(&ada, logins).await;
        assert_eq!(session.role.as_str(), role(name), "{order:?}");
    }
}

#[tokio::test]
async fn a_refused_role_links_and_merges_nothing() {
    let place = Place::new(rules("Deny", &[rule("sub", "Equals", "nobody", "A")])).await;
    let guest = place.world.identity(&place.pool, json!({})).await;
    let logins = login(&place.issuer, &place.issuer.token("ada"));
    let answer = place.world.credentials(&guest, logins.clone()).await;
    answer.refused(DENIED, &place.ambiguous());
    place.world.credentials(&guest, json!({})).await.ok();
    assert_ne!(place.world.identity(&place.pool, logins).await, guest);
}

#[tokio::test]
async fn the_classic_flow_is_off_for_everybody_while_there_are_mappings() {
    let place = Place::new(by_token("AuthenticatedRole")).await;
    let logins = login(&place.issuer, &place.issuer.token("ada"));
    let ada = place.world.identity(&place.pool, logins.clone()).await;
    let guest = place.world.identity(&place.pool, json!({})).await;
    let text = "Basic (classic) flow is not supported with RoleMappings, please use enhanced flow.";
    for (identity, logins) in [(&ada, logins.clone()), (&guest, json!({}))] {
        let answer = place.world.get_token(identity, logins).await;
        answer.refused("InvalidParameterException", text);
    }
    place
        .set(json!({ "authenticated": USER_ROLE }), json!({}))
        .await;
    place.world.get_token(&ada, logins).await.ok();
}

#[tokio::test]
async fn a_mapped_role_is_given_here_only_and_never_by_the_sts() {
    let mapping = rules("Deny", &[rule("sub", "Equals", "ada", "Admin")]);
    let place = Place::new(mapping.clone()).await;
    place.gives(json!({}), None, "Admin").await;
    let user = place.world.user(&place.pool, "user-1").await;
    place.set(json!({}), json!({})).await;
    let logins = login(&place.issuer, &place.issuer.token("ada"));
    let ada = place.world.identity(&place.pool, logins.clone()).await;
    let answer = place.world.get_token(&ada, logins).await.ok();
    place.map(mapping).await;
    for token in [answer["Token"].as_str().unwrap(), &user.token] {
        place
            .world
            .assume(&role("Admin"), token)
            .await
            .query_refused(
                403,
                "AccessDenied",
                "Not authorized to perform sts:AssumeRoleWithWebIdentity",
            );
    }
}
