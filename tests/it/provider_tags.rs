//! The tags of OpenID Connect and SAML providers: what Terraform changes, and what is refused. The operations are
//! TagOpenIDConnectProvider, UntagOpenIDConnectProvider, ListOpenIDConnectProviderTags, TagSAMLProvider,
//! UntagSAMLProvider and ListSAMLProviderTags.

use crate::world::idp::{IdentityProvider, metadata};
use crate::world::{Answer, World};

const OIDC: &str = "arn:aws:iam::123456789012:oidc-provider/login.example.com";
const SAML: &str = "arn:aws:iam::123456789012:saml-provider/corp";
const ENTITY: &str = "https://idp.example.com/metadata";

/// The two kinds of providers: the name in actions, the member with the ARN, and the ARN.
const KINDS: [(&str, &str, &str); 2] = [
    ("OpenIDConnectProvider", "OpenIDConnectProviderArn", OIDC),
    ("SAMLProvider", "SAMLProviderArn", SAML),
];

async fn with_providers() -> World {
    let world = World::new().await;
    let idp = IdentityProvider::new(ENTITY);
    let document = metadata(ENTITY, &[&idp.certificate], "");
    let tag = [
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "blue"),
    ];
    let oidc = [tag.as_slice(), &[("Url", "https://login.example.com")]].concat();
    let saml = [("Name", "corp"), ("SAMLMetadataDocument", &document)];
    let saml = [tag.as_slice(), &saml].concat();
    let made = world.iam("CreateOpenIDConnectProvider", &oidc).await;
    assert_eq!(made.status, 200, "{}", made.text);
    let made = world.iam("CreateSAMLProvider", &saml).await;
    assert_eq!(made.status, 200, "{}", made.text);
    world
}

/// The tags in an answer, as `key=value`, in their order.
fn tags(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let parts = answer.text.split("<Key>").skip(1);
    parts
        .map(|part| {
            let (key, rest) = part.split_once("</Key>").unwrap();
            let value = rest
                .split_once("<Value>")
                .map_or("", |(_, rest)| rest.split_once("</Value>").unwrap().0);
            format!("{key}={value}")
        })
        .collect()
}

#[tokio::test]
async fn a_tag_is_added_replaced_and_removed() {
    let world = with_providers().await;
    for (kind, member, arn) in KINDS {
        let (tag, untag) = (format!("Tag{kind}"), format!("Untag{kind}"));
        let (get, list) = (format!("Get{kind}"), format!("List{kind}Tags"));
        let one = |key, value| {
            [
                (member, arn),
                ("Tags.member.1.Key", key),
                ("Tags.member.1.Value", value),
            ]
        };
        for (parameters, shown) in [
            (one("team", "red"), vec!["team=red"]),
            (one("stage", ""), vec!["stage=", "team=red"]),
            (
                one("Owner é", "a+b / c"),
                vec!["Owner é=a+b / c", "stage=", "team=red"],
            ),
            // Keys are compared without case, as in IAM.
            (
                one("TEAM", "green"),
                vec!["Owner é=a+b / c", "TEAM=green", "stage="],
            ),
        ] {
            let changed = world.iam(&tag, &parameters).await;
            assert_eq!(changed.status, 200, "{}", changed.text);
            assert_eq!(tags(&world.iam(&list, &[(member, arn)]).await), shown);
            let mut of_get = tags(&world.iam(&get, &[(member, arn)]).await);
            of_get.sort();
            assert_eq!(of_get, shown, "{get}");
        }
        let keys = [
            (member, arn),
            ("TagKeys.member.1", "team"),
            ("TagKeys.member.2", "unknown"),
        ];
        let changed = world.iam(&untag, &keys).await;
        assert_eq!(changed.status, 200, "{}", changed.text);
        let left = tags(&world.iam(&list, &[(member, arn)]).await);
        assert_eq!(left, ["Owner é=a+b / c", "stage="]);
        let page = [(member, arn), ("MaxItems", "1")];
        let first = world.iam(&list, &page).await;
        assert_eq!(tags(&first), ["Owner é=a+b / c"]);
        assert_eq!(first.xml("IsTruncated").as_deref(), Some("true"));
    }
}

#[tokio::test]
async fn tags_that_do_not_fit_change_nothing() {
    let world = with_providers().await;
    for (kind, member, arn) in KINDS {
        let tag = format!("Tag{kind}");
        let twice = [
            (member, arn),
            ("Tags.member.1.Key", "stage"),
            ("Tags.member.1.Value", "a"),
            ("Tags.member.2.Key", "Stage"),
            ("Tags.member.2.Value", "b"),
        ];
        let text = "Duplicate tag keys found. Please note that Tag keys are case insensitive.";
        world
            .iam(&tag, &twice)
            .await
            .query_refused(400, "InvalidInput", text);
        let names: Vec<(String, String)> = (1..=50)
            .flat_map(|at| {
                [
                    (format!("Tags.member.{at}.Key"), format!("k{at}")),
                    (format!("Tags.member.{at}.Value"), String::new()),
                ]
            })
            .collect();
        let mut many = vec![(member, arn)];
        many.extend(names.iter().map(|(name, value)| (&**name, &**value)));
        let answer = world.iam(&tag, &many).await;
        assert_eq!(
            answer.xml("Code").as_deref(),
            Some("LimitExceeded"),
            "{}",
            answer.text
        );
        let list = format!("List{kind}Tags");
        assert_eq!(
            tags(&world.iam(&list, &[(member, arn)]).await),
            ["team=blue"]
        );
    }
}

#[tokio::test]
async fn the_tags_of_an_unknown_provider_are_not_found() {
    let world = World::new().await;
    for (kind, member, arn) in KINDS {
        let tag = [
            (member, arn),
            ("Tags.member.1.Key", "a"),
            ("Tags.member.1.Value", "b"),
        ];
        let untag = [(member, arn), ("TagKeys.member.1", "a")];
        for (action, parameters) in [
            (format!("Tag{kind}"), tag.as_slice()),
            (format!("Untag{kind}"), &untag),
            (format!("List{kind}Tags"), &[(member, arn)]),
        ] {
            let answer = world.iam(&action, parameters).await;
            assert_eq!(
                answer.xml("Code").as_deref(),
                Some("NoSuchEntity"),
                "{action}"
            );
        }
    }
}
