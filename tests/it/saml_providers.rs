//! The IAM actions that register SAML providers.

use cognate::store::record::RecordKind;
use serde_json::json;

use crate::world::idp::{IdentityProvider, metadata};
use crate::world::{Answer, Credentials, World};

const ARN: &str = "arn:aws:iam::123456789012:saml-provider/corp";
const ENTITY: &str = "https://idp.example/metadata";

async fn create(world: &World, name: &str, document: &str) -> Answer {
    let parameters = [("Name", name), ("SAMLMetadataDocument", document)];
    world.iam("CreateSAMLProvider", &parameters).await
}

async fn get(world: &World, arn: &str) -> Answer {
    world
        .iam("GetSAMLProvider", &[("SAMLProviderArn", arn)])
        .await
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[tokio::test]
async fn a_provider_shows_what_it_was_given() {
    let world = World::new().await;
    let idp = IdentityProvider::new(ENTITY);
    let document = metadata(
        ENTITY,
        &[&idp.certificate],
        " validUntil=\"2027-01-01T00:00:00Z\"",
    );
    let parameters = [
        ("Name", "corp"),
        ("SAMLMetadataDocument", document.as_str()),
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "blue"),
    ];
    let answer = world.iam("CreateSAMLProvider", &parameters).await;
    assert_eq!(
        answer.xml("SAMLProviderArn").as_deref(),
        Some(ARN),
        "{}",
        answer.text
    );
    let answer = get(&world, ARN).await;
    assert_eq!(answer.xml("SAMLMetadataDocument"), Some(escaped(&document)));
    let xml = |name| answer.xml(name).unwrap();
    assert_eq!(xml("CreateDate"), "2026-03-01T12:00:00Z");
    assert_eq!(xml("ValidUntil"), "2027-01-01T00:00:00Z");
    assert_eq!(
        xml("Tags"),
        "<member><Key>team</Key><Value>blue</Value></member>"
    );
    let uuid = xml("SAMLProviderUUID");
    assert!(
        uuid.len() == 32
            && uuid
                .bytes()
                .all(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
    );
}

#[tokio::test]
async fn lists_hold_every_provider() {
    let world = World::new().await;
    let list = async || {
        world
            .iam("ListSAMLProviders", &[])
            .await
            .xml("SAMLProviderList")
    };
    assert_eq!(list().await.as_deref(), Some(""));
    let document = IdentityProvider::new(ENTITY).metadata();
    create(&world, "b", &document).await;
    create(&world, "a", &document).await;
    let entry = |name: &str| {
        format!(
            "<member><Arn>arn:aws:iam::123456789012:saml-provider/{name}</Arn>\
             <CreateDate>2026-03-01T12:00:00Z</CreateDate></member>"
        )
    };
    assert_eq!(list().await, Some(entry("a") + &entry("b")));
}

#[tokio::test]
async fn an_update_replaces_the_metadata_and_nothing_else() {
    let world = World::new().await;
    let idp = IdentityProvider::new(ENTITY);
    create(&world, "corp", &idp.metadata()).await;
    let before = get(&world, ARN).await.xml("SAMLProviderUUID");
    let other = IdentityProvider::new("https://idp.example/other").metadata();
    let update = async |document: Option<&str>| {
        let document = document.map(|document| ("SAMLMetadataDocument", document));
        let parameters: Vec<_> = std::iter::once(("SAMLProviderArn", ARN))
            .chain(document)
            .collect();
        world.iam("UpdateSAMLProvider", &parameters).await
    };
    assert_eq!(
        update(None).await.xml("SAMLProviderArn").as_deref(),
        Some(ARN)
    );
    let shown = async || get(&world, ARN).await.xml("SAMLMetadataDocument");
    assert_eq!(shown().await, Some(escaped(&idp.metadata())));
    assert_eq!(update(Some(&other)).await.status, 200);
    assert_eq!(shown().await, Some(escaped(&other)));
    assert_eq!(get(&world, ARN).await.xml("SAMLProviderUUID"), before);
    let text =
        "Could not parse metadata: the document's root isn't an EntityDescriptor of SAML 2.0.";
    let spoilt = other.replace("EntityDescriptor", "EntitiesDescriptor");
    update(Some(&spoilt))
        .await
        .query_refused(400, "InvalidInput", text);
    assert_eq!(
        shown().await,
        Some(escaped(&other)),
        "a refusal changes nothing"
    );
}

#[tokio::test]
async fn a_name_is_registered_once() {
    let world = World::new().await;
    let document = IdentityProvider::new(ENTITY).metadata();
    assert_eq!(create(&world, "corp", &document).await.status, 200);
    let text = "Provider with name corp already exists.";
    create(&world, "corp", &document)
        .await
        .query_refused(409, "EntityAlreadyExists", text);
    assert_eq!(
        create(&world, "Corp", &document).await.status,
        200,
        "another name"
    );
}

#[tokio::test]
async fn an_unknown_provider_is_not_found() {
    let world = World::new().await;
    let text = format!("Manifest not found for arn {ARN}");
    for action in [
        "GetSAMLProvider",
        "UpdateSAMLProvider",
        "DeleteSAMLProvider",
    ] {
        let answer = world.iam(action, &[("SAMLProviderArn", ARN)]).await;
        answer.query_refused(404, "NoSuchEntity", &text);
    }
    create(&world, "corp", &IdentityProvider::new(ENTITY).metadata()).await;
    for other in [
        "arn:aws:iam::123456789013:saml-provider/corp",
        "arn:aws:iam::123456789012:oidc-provider/corp",
        "arn:aws:iam::123456789012:saml-provider/CORP",
    ] {
        let text = format!("Manifest not found for arn {other}");
        get(&world, other)
            .await
            .query_refused(404, "NoSuchEntity", &text);
    }
    let parameters = [("SAMLProviderArn", ARN)];
    let answer = world.iam("DeleteSAMLProvider", &parameters).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    world
        .iam("DeleteSAMLProvider", &parameters)
        .await
        .query_refused(404, "NoSuchEntity", &text);
}

#[tokio::test]
async fn metadata_with_which_nobody_could_log_in_are_refused() {
    let world = World::new().await;
    let idp = IdentityProvider::new(ENTITY);
    let good = idp.metadata();
    let oversize = good.replace(
        "</md:Entity",
        &format!("{}</md:Entity", " ".repeat(256 << 10)),
    );
    let curve = IdentityProvider::elliptic(ENTITY, &rcgen::PKCS_ED25519);
    let spoilt: &[(String, &str)] = &[
        ("no metadata ".repeat(100), "it isn't well formed"),
        (
            good.replace("</md:EntityDescriptor>", ""),
            "it isn't well formed",
        ),
        (oversize, "the document is longer than 262144 bytes."),
        (
            format!(
                "<!DOCTYPE x [<!ENTITY y 'z'>]>{}",
                good.split_once("?>").unwrap().1
            ),
            "it has a document type, an entity, a CDATA section or a comment.",
        ),
        (
            good.replace("encoding=\"UTF-8\"", "encoding=\"UTF-16\""),
            "it isn't XML 1.0 in UTF-8.",
        ),
        (format!("{good}<?x?>"), "it has a processing instruction."),
        (
            good.replace("urn:oasis:names:tc:SAML:2.0:metadata", "urn:other"),
            "the document's root isn't an EntityDescriptor of SAML 2.0.",
        ),
        (
            good.replace("entityID", "id"),
            "the entityID is missing or longer than 1024 characters.",
        ),
        (
            good.replace(ENTITY, &"x".repeat(1025)),
            "the entityID is missing or longer than 1024 characters.",
        ),
        (
            good.replace("IDPSSO", "SPSSO"),
            "there must be one IDPSSODescriptor for SAML 2.0.",
        ),
        (
            good.replace("SAML:2.0:protocol", "SAML:1.1:protocol"),
            "there must be one IDPSSODescriptor for SAML 2.0.",
        ),
        (
            good.replace("use=\"signing\"", "use=\"encryption\""),
            "there is no signing certificate.",
        ),
        (
            good.replace("X509Certificate", "X509CRL"),
            "there is no signing certificate.",
        ),
        (
            good.replace(&idp.certificate, "AAAA"),
            "a signing certificate can't be used: it isn't an X.509 certificate.",
        ),
        (
            metadata(ENTITY, &[WEAK], ""),
            "a signing certificate can't be used: its RSA key must have 2048 to 8192 bits and a small exponent.",
        ),
        (
            curve.metadata(),
            "a signing certificate can't be used: its key is neither RSA nor on P-256, P-384 or P-521.",
        ),
        (
            metadata(
                ENTITY,
                &[&idp.certificate],
                " validUntil=\"2026-03-01T12:00:00Z\"",
            ),
            "validUntil is over.",
        ),
        (
            metadata(ENTITY, &[&idp.certificate], " validUntil=\"soon\""),
            "validUntil isn't a time in UTC.",
        ),
    ];
    for (document, why) in spoilt {
        let answer = create(&world, "corp", document).await;
        let text = answer.xml("Message").unwrap_or_default();
        assert_eq!(
            answer.xml("Code").as_deref(),
            Some("InvalidInput"),
            "{why} {}",
            answer.text
        );
        let wanted = escaped(&format!("Could not parse metadata: {why}")).replace('\'', "&apos;");
        assert!(
            text.replace("&#39;", "&apos;")
                .replace('\'', "&apos;")
                .starts_with(&wanted),
            "{text}\n{wanted}"
        );
    }
    assert_eq!(create(&world, "corp", &good).await.status, 200);
}

/// RSA of 1,024 bits.
const WEAK: &str = include_str!("saml_providers/weak.txt");

#[tokio::test]
async fn what_only_identity_center_needs_is_refused() {
    let world = World::new().await;
    let document = IdentityProvider::new(ENTITY).metadata();
    create(&world, "corp", &document).await;
    for (name, parameter, value) in [
        ("ContextProvider", "ContextProvider.SubjectSourceKey", "sub"),
        (
            "IdentityCenterInstanceArn",
            "IdentityCenterInstanceArn",
            "arn:aws:sso:::instance/one",
        ),
        ("RemoveContextProvider", "RemoveContextProvider", "true"),
        (
            "RemoveIdentityCenterInstance",
            "RemoveIdentityCenterInstance",
            "true",
        ),
    ] {
        let text = format!("{name} is not available on this server: nothing would come of it.");
        let parameters = [("SAMLProviderArn", ARN), (parameter, value)];
        let answer = world.iam("UpdateSAMLProvider", &parameters).await;
        answer.query_refused(400, "InvalidInput", &text);
    }
}

#[tokio::test]
async fn there_are_a_hundred_providers_at_most() {
    let world = World::new().await;
    let document = IdentityProvider::new(ENTITY).metadata();
    for at in 0..100 {
        assert_eq!(
            create(&world, &format!("corp-{at}"), &document)
                .await
                .status,
            200
        );
    }
    let text = "Cannot exceed quota for SAMLProvidersPerAccount: 100";
    create(&world, "corp", &document)
        .await
        .query_refused(409, "LimitExceeded", text);
}

#[tokio::test]
async fn of_two_updates_at_once_none_is_lost_in_silence() {
    let world = std::sync::Arc::new(World::new().await);
    let document = IdentityProvider::new(ENTITY).metadata();
    create(&world, "corp", &document).await;
    let updates: Vec<_> = (0..8)
        .map(|at| {
            let world = std::sync::Arc::clone(&world);
            let document = document.replace(ENTITY, &format!("{ENTITY}/{at}"));
            tokio::spawn(async move {
                let parameters = [
                    ("SAMLProviderArn", ARN),
                    ("SAMLMetadataDocument", document.as_str()),
                ];
                let answer = world.iam("UpdateSAMLProvider", &parameters).await;
                if answer.status != 200 {
                    let text = "Another request changed the same thing meanwhile. Try again.";
                    answer.query_refused(409, "ConcurrentModification", text);
                }
                answer.status == 200
            })
        })
        .collect();
    let mut kept = 0;
    for update in updates {
        kept += u64::from(update.await.unwrap());
    }
    let version = world.version(RecordKind::SamlProvider, "corp").await;
    assert_eq!(version, 1 + kept);
}

#[tokio::test]
async fn a_session_of_an_identity_may_touch_none() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let guest = world.identity(&pool, json!({})).await;
    let answer = world.credentials(&guest, json!({})).await.ok();
    let who = Credentials::of(&answer["Credentials"]);
    let parameters = [
        ("Action", "DeleteSAMLProvider"),
        ("Version", "2010-05-08"),
        ("SAMLProviderArn", ARN),
    ];
    let answer = world.signed_query(&who, "iam", &parameters).await;
    let text = format!(
        "User: arn:aws:sts::123456789012:assumed-role/Guest/CognitoIdentityCredentials is not authorized to perform: \
         iam:DeleteSAMLProvider on resource: {ARN} because no identity-based policy allows the \
         iam:DeleteSAMLProvider action"
    );
    answer.query_refused(403, "AccessDenied", &text);
}
