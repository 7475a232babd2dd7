//! The IAM actions that register OpenID Connect providers.

use serde_json::json;

use crate::world::{Credentials, World};

const ARN: &str = "arn:aws:iam::123456789012:oidc-provider/login.example.com";
const PRINT: &str = "990F4193972F2BECF12DDEDA5237F9C952F20D9E";

async fn create(world: &World, url: &str) -> crate::world::Answer {
    world
        .iam(
            "CreateOpenIDConnectProvider",
            &[("Url", url), ("ClientIDList.member.1", "app")],
        )
        .await
}

#[tokio::test]
async fn a_provider_shows_what_it_was_given() {
    let world = World::new().await;
    let answer = world
        .iam(
            "CreateOpenIDConnectProvider",
            &[
                ("Url", "https://login.example.com"),
                ("ClientIDList.member.1", "one"),
                ("ClientIDList.member.2", "two"),
                ("ThumbprintList.member.1", PRINT),
                ("Tags.member.1.Key", "team"),
                ("Tags.member.1.Value", "blue"),
            ],
        )
        .await;
    assert_eq!(
        answer.xml("OpenIDConnectProviderArn").as_deref(),
        Some(ARN),
        "{}",
        answer.text
    );
    let answer = world
        .iam(
            "GetOpenIDConnectProvider",
            &[("OpenIDConnectProviderArn", ARN)],
        )
        .await;
    let id = answer.header("x-amzn-requestid").unwrap();
    assert_eq!(
        answer.text,
        format!(
            "<GetOpenIDConnectProviderResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">\
             <GetOpenIDConnectProviderResult><Url>login.example.com</Url><ClientIDList><member>one</member>\
             <member>two</member></ClientIDList><ThumbprintList><member>{PRINT}</member></ThumbprintList>\
             <CreateDate>2026-03-01T12:00:00Z</CreateDate><Tags><member><Key>team</Key><Value>blue</Value></member>\
             </Tags></GetOpenIDConnectProviderResult><ResponseMetadata><RequestId>{id}</RequestId></ResponseMetadata>\
             </GetOpenIDConnectProviderResponse>"
        )
    );
}

#[tokio::test]
async fn client_ids_are_added_once_and_removed() {
    let world = World::new().await;
    create(&world, "https://login.example.com").await;
    let change = async |action: &str, client: &str| {
        let answer = world
            .iam(
                action,
                &[("OpenIDConnectProviderArn", ARN), ("ClientID", client)],
            )
            .await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert!(
            !answer.text.contains("Result>"),
            "no output, no result: {}",
            answer.text
        );
        let answer = world
            .iam(
                "GetOpenIDConnectProvider",
                &[("OpenIDConnectProviderArn", ARN)],
            )
            .await;
        answer.xml("ClientIDList").unwrap_or_default()
    };
    let add = "AddClientIDToOpenIDConnectProvider";
    let remove = "RemoveClientIDFromOpenIDConnectProvider";
    assert_eq!(
        change(add, "two").await,
        "<member>app</member><member>two</member>"
    );
    assert_eq!(
        change(add, "app").await,
        "<member>app</member><member>two</member>"
    );
    assert_eq!(change(remove, "app").await, "<member>two</member>");
    assert_eq!(change(remove, "app").await, "<member>two</member>");
}

#[tokio::test]
async fn thumbprints_are_replaced() {
    let world = World::new().await;
    create(&world, "https://login.example.com").await;
    let update = async |print: &str| {
        let parameters = [
            ("OpenIDConnectProviderArn", ARN),
            ("ThumbprintList.member.1", print),
        ];
        world
            .iam("UpdateOpenIDConnectProviderThumbprint", &parameters)
            .await
    };
    assert_eq!(update(PRINT).await.status, 200);
    let answer = world
        .iam(
            "GetOpenIDConnectProvider",
            &[("OpenIDConnectProviderArn", ARN)],
        )
        .await;
    assert_eq!(
        answer.xml("ThumbprintList"),
        Some(format!("<member>{PRINT}</member>"))
    );
    update(&"z".repeat(40)).await.query_refused(
        400,
        "InvalidInput",
        "Thumbprints are 40 hexadecimal digits.",
    );
}

#[tokio::test]
async fn lists_hold_every_provider() {
    let world = World::new().await;
    let list = async || world.iam("ListOpenIDConnectProviders", &[]).await;
    assert_eq!(
        list().await.xml("OpenIDConnectProviderList").as_deref(),
        Some("")
    );
    create(&world, "https://b.example.com").await;
    create(&world, "https://a.example.com").await;
    let arn = |host: &str| {
        format!("<member><Arn>arn:aws:iam::123456789012:oidc-provider/{host}</Arn></member>")
    };
    let wanted = arn("a.example.com") + &arn("b.example.com");
    assert_eq!(list().await.xml("OpenIDConnectProviderList"), Some(wanted));
}

#[tokio::test]
async fn a_provider_is_registered_once_in_one_form() {
    let world = World::new().await;
    create(&world, "https://login.example.com/a").await;
    for url in [
        "https://login.example.com/a",
        "https://login.example.com/a/",
    ] {
        let text = format!("Provider with url {url} already exists.");
        create(&world, url)
            .await
            .query_refused(409, "EntityAlreadyExists", &text);
    }
    create(&world, "http://localhost:3000").await;
    let text = "Provider with url https://localhost:3000 already exists.";
    create(&world, "https://localhost:3000")
        .await
        .query_refused(409, "EntityAlreadyExists", text);
}

#[tokio::test]
async fn an_issuer_with_a_second_spelling_is_refused() {
    let world = World::new().await;
    let own = world.base.clone();
    for (url, text) in [
        ("ftp://example.com", "an issuer's URL begins with https://."),
        (
            "http://example.com",
            "an issuer's URL begins with https://, and an http issuer elsewhere must be named, byte for byte, with --http-issuer.",
        ),
        (
            "https://Example.com",
            "an issuer's host is written in lower-case ASCII, as in DNS.",
        ),
        (
            "https://example.com:443",
            "an issuer's URL leaves out the default port and writes another without leading zeros.",
        ),
        (
            "https://a@example.com",
            "an issuer's URL has no user name, query or fragment.",
        ),
        (
            "https://example.com/a//b",
            "an issuer's path has no empty, '.' or '..' segments and no '%' or '\\'.",
        ),
        (
            "https://graph.facebook.com",
            "graph.facebook.com is not registered as an OpenID Connect provider: it is a provider of its own kind.",
        ),
        (
            own.as_str(),
            "this server's own issuer, and what is below it, can't be registered.",
        ),
    ] {
        create(&world, url)
            .await
            .query_refused(400, "InvalidInput", text);
    }
}

#[tokio::test]
async fn an_unknown_provider_is_not_found_and_deleting_it_is_no_error() {
    let world = World::new().await;
    let text = format!("OpenIDConnect Provider not found for arn {ARN}");
    let provider = ("OpenIDConnectProviderArn", ARN);
    for (action, more) in [
        ("GetOpenIDConnectProvider", None),
        (
            "AddClientIDToOpenIDConnectProvider",
            Some(("ClientID", "x")),
        ),
        (
            "RemoveClientIDFromOpenIDConnectProvider",
            Some(("ClientID", "x")),
        ),
        (
            "UpdateOpenIDConnectProviderThumbprint",
            Some(("ThumbprintList", "")),
        ),
    ] {
        let parameters: Vec<(&str, &str)> = std::iter::once(provider).chain(more).collect();
        world
            .iam(action, &parameters)
            .await
            .query_refused(404, "NoSuchEntity", &text);
    }
    assert_eq!(
        world
            .iam("DeleteOpenIDConnectProvider", &[provider])
            .await
            .status,
        200
    );
    create(&world, "https://login.example.com").await;
    assert_eq!(
        world
            .iam("DeleteOpenIDConnectProvider", &[provider])
            .await
            .status,
        200
    );
    world
        .iam("GetOpenIDConnectProvider", &[provider])
        .await
        .query_refused(404, "NoSuchEntity", &text);
}

#[tokio::test]
async fn there_are_limits() {
    let world = World::new().await;
    create(&world, "https://login.example.com").await;
    for at in 1..100 {
        let client = format!("client-{at}");
        let parameters = [
            ("OpenIDConnectProviderArn", ARN),
            ("ClientID", client.as_str()),
        ];
        assert_eq!(
            world
                .iam("AddClientIDToOpenIDConnectProvider", &parameters)
                .await
                .status,
            200
        );
    }
    let parameters = [("OpenIDConnectProviderArn", ARN), ("ClientID", "one more")];
    let text = "Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: 100";
    world
        .iam("AddClientIDToOpenIDConnectProvider", &parameters)
        .await
        .query_refused(409, "LimitExceeded", text);

    for at in 1..100 {
        assert_eq!(
            create(&world, &format!("https://host-{at}.example.com"))
                .await
                .status,
            200
        );
    }
    let text = "Cannot exceed quota for OpenIdConnectProvidersPerAccount: 100";
    create(&world, "https://one-more.example.com")
        .await
        .query_refused(409, "LimitExceeded", text);

    let prints: Vec<String> = (1..=6)
        .map(|at| format!("ThumbprintList.member.{at}"))
        .collect();
    let mut parameters = vec![("OpenIDConnectProviderArn", ARN)];
    parameters.extend(prints.iter().map(|name| (name.as_str(), PRINT)));
    let text = "Thumbprint list must contain at most 5 entries.";
    world
        .iam("UpdateOpenIDConnectProviderThumbprint", &parameters)
        .await
        .query_refused(400, "InvalidInput", text);
}

#[tokio::test]
async fn two_changes_at_once_lose_none_in_silence() {
    let world = std::sync::Arc::new(World::new().await);
    create(&world, "https://login.example.com").await;
    let changes = (0..16).map(|at| {
        let world = std::sync::Arc::clone(&world);
        tokio::spawn(async move {
            let client = format!("client-{at}");
            let parameters = [
                ("OpenIDConnectProviderArn", ARN),
                ("ClientID", client.as_str()),
            ];
            let answer = world
                .iam("AddClientIDToOpenIDConnectProvider", &parameters)
                .await;
            if answer.status != 200 {
                let text = "Another request changed the same thing meanwhile. Try again.";
                answer.query_refused(409, "ConcurrentModification", text);
            }
            answer.status == 200
        })
    });
    let changes: Vec<_> = changes.collect();
    let mut added = 1;
    for change in changes {
        added += usize::from(change.await.unwrap());
    }
    let answer = world
        .iam(
            "GetOpenIDConnectProvider",
            &[("OpenIDConnectProviderArn", ARN)],
        )
        .await;
    assert_eq!(
        answer
            .xml("ClientIDList")
            .unwrap()
            .matches("<member>")
            .count(),
        added
    );
}

#[tokio::test]
async fn a_session_of_an_identity_may_touch_none() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let guest = world.identity(&pool, json!({})).await;
    let answer = world.credentials(&guest, json!({})).await.ok();
    let who = Credentials::of(&answer["Credentials"]);
    let parameters = [
        ("Action", "DeleteOpenIDConnectProvider"),
        ("Version", "2010-05-08"),
        ("OpenIDConnectProviderArn", ARN),
    ];
    let answer = world.signed_query(&who, "iam", &parameters).await;
    let text = format!(
        "User: arn:aws:sts::123456789012:assumed-role/Guest/CognitoIdentityCredentials is not authorized to perform: \
         iam:DeleteOpenIDConnectProvider on resource: {ARN} because no identity-based policy allows the \
         iam:DeleteOpenIDConnectProvider action"
    );
    answer.query_refused(403, "AccessDenied", &text);
}
