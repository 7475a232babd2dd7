//! Parameters of the Query protocol in the URL: for every action, by GET and by POST, never in the URL and in the body.

use cognate::ambient::Ambient;
use cognate::operations::{ALL, Access, Service};
use cognate::sigv4::{SecretKey, Signer, presign};
use http::HeaderMap;
use serde_json::json;

use super::with;
use crate::world::{Answer, Credentials, GUEST_ROLE, REGION, World, form, form_headers};

/// The actions of the Query protocol: the name, the version, and whether a signature is required.
fn actions() -> impl Iterator<Item = (&'static str, &'static str, bool)> {
    let of = |service| match service {
        Service::Sts => Some("2011-06-15"),
        Service::Iam => Some("2010-05-08"),
        _ => None,
    };
    ALL.iter().filter_map(move |entry| {
        let signed = entry.access != Access::Public;
        Some((entry.name, of(entry.service)?, signed))
    })
}

/// What a client sees of an answer, without the id of the request.
fn seen(answer: &Answer) -> (u16, Option<String>, Option<String>) {
    (answer.status, answer.xml("Code"), answer.xml("Message"))
}

/// The ways to send parameters: the method, the headers, and whether the parameters are in the URL.
fn ways() -> [(&'static str, HeaderMap, bool); 4] {
    [
        ("POST", form_headers(), false),
        ("GET", HeaderMap::new(), true),
        ("POST", HeaderMap::new(), true),
        ("POST", form_headers(), true),
    ]
}

async fn sent(world: &World, way: (&str, HeaderMap, bool), parameters: &str) -> Answer {
    let (method, headers, in_url) = way;
    if in_url {
        let path = format!("/?{parameters}");
        world.send(method, &path, headers, "").await
    } else {
        world
            .send(method, "/", headers, parameters.to_owned())
            .await
    }
}

#[tokio::test]
async fn every_action_answers_the_same_in_the_url_and_in_the_body() {
    let world = World::new().await;
    for (action, version, _) in actions().chain([("Nothing", "2011-06-15", false)]) {
        for more in [
            "",
            "&RoleName=a%20b&RoleArn=%C3%A9&WebIdentityToken=x+y",
            "&RoleName=a&RoleName=b",
            "&RoleArn=%ff",
        ] {
            let parameters = format!("Action={action}&Version={version}{more}");
            let [body, rest @ ..] = ways();
            let in_body = sent(&world, body, &parameters).await;
            for way in rest {
                let name = format!("{} {action}{more}", way.0);
                let in_url = sent(&world, way, &parameters).await;
                assert_eq!(seen(&in_url), seen(&in_body), "{name}");
            }
        }
    }
}

#[tokio::test]
async fn the_classic_flow_works_in_every_way() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let guest = world.identity(&pool, json!({})).await;
    let token = world
        .public("GetOpenIdToken", json!({ "IdentityId": guest }))
        .await
        .ok();
    let parameters = form(&[
        ("Action", "AssumeRoleWithWebIdentity"),
        ("Version", "2011-06-15"),
        ("RoleArn", GUEST_ROLE),
        ("RoleSessionName", "me"),
        ("WebIdentityToken", token["Token"].as_str().unwrap()),
    ]);
    for way in ways() {
        let answer = sent(&world, way, &parameters).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(
            answer.xml("SubjectFromWebIdentityToken").as_ref(),
            Some(&guest)
        );
        assert_eq!(answer.header("cache-control").as_deref(), Some("no-store"));
    }
}

#[tokio::test]
async fn a_signed_action_works_in_the_url() {
    let world = World::new().await;
    let root = Credentials::root();
    let url = ("Url", "https://login.example.com/a b");
    for method in ["GET", "POST"] {
        let name = format!("role-{method}");
        let trust = json!({ "Version": "2012-10-17", "Statement": [] }).to_string();
        let made = [
            ("Action", "CreateRole"),
            ("Version", "2010-05-08"),
            ("RoleName", &name),
            ("AssumeRolePolicyDocument", &trust),
            ("Tags.member.1.Key", "team"),
            ("Tags.member.1.Value", "a+b é"),
        ];
        let answer = world.signed_url(method, &root, "iam", &made).await;
        assert_ne!(
            answer.xml("Code").as_deref(),
            Some("InvalidAction"),
            "{}",
            answer.text
        );
        assert_ne!(
            answer.xml("Code").as_deref(),
            Some("SignatureDoesNotMatch"),
            "{}",
            answer.text
        );
        let who = [
            ("Action", "GetCallerIdentity"),
            ("Version", "2011-06-15"),
            url,
        ];
        let answer = world.signed_url(method, &root, "sts", &who).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let list = [("Action", "ListRoles"), ("Version", "2010-05-08")];
        let answer = world.signed_url(method, &root, "iam", &list).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
}

#[tokio::test]
async fn parameters_in_the_url_and_in_the_body_are_refused() {
    let world = World::new().await;
    let text = "The request has parameters in the URL and in the body. Send all of them in one of the two.";
    for (action, version, _) in actions() {
        let whole = format!("Action={action}&Version={version}");
        for (url, body) in [
            (&*whole, &*whole),
            (&*whole, "RoleArn=x"),
            ("RoleArn=x", &*whole),
            ("x", &*whole),
            ("X-Amz-Signature=x", &*whole),
            (&*whole, "&"),
        ] {
            for method in ["POST", "GET"] {
                let path = format!("/?{url}");
                let answer = world
                    .send(method, &path, form_headers(), body.to_owned())
                    .await;
                if method == "GET" && !url.contains("Action") {
                    assert_eq!(answer.status, 404, "{url} {body}");
                } else {
                    answer.query_refused(400, "MalformedInput", text);
                }
            }
        }
    }
}

#[tokio::test]
async fn a_signature_in_the_query_is_for_get_caller_identity_alone() {
    let world = World::new().await;
    let root = Credentials::root();
    let secret = SecretKey::new(root.secret.clone());
    let host = world.base.split_once("://").unwrap().1.to_owned();
    let headers = with(HeaderMap::new(), "host", &host);
    let presigned = |method: &str, service: &str, parameters: &str| {
        let request = cognate::sigv4::Request {
            method,
            path: "/",
            query: parameters,
            authority: None,
            headers: &headers,
            body: b"",
        };
        let signer = Signer {
            access_key_id: &root.id,
            secret: &secret,
            session_token: None,
            region: REGION,
            service,
        };
        let lifetime = 60;
        presign(&request, &signer, lifetime, world.clock.now()).unwrap()
    };
    let text = "Only GetCallerIdentity accepts a signature in the query. Sign the request in the Authorization header.";
    for (action, version, _) in actions() {
        let service = if version == "2011-06-15" {
            "sts"
        } else {
            "iam"
        };
        let parameters = format!("Action={action}&Version={version}");
        for method in ["GET", "POST"] {
            let query = presigned(method, service, &parameters);
            let headers = with(HeaderMap::new(), "host", &host);
            let answer = world.send(method, &format!("/?{query}"), headers, "").await;
            if action == "GetCallerIdentity" {
                assert_eq!(answer.status, 200, "{}", answer.text);
            } else {
                answer.query_refused(400, "IncompleteSignature", text);
            }
        }
        if action == "GetCallerIdentity" {
            continue;
        }
        for parameter in [
            "X-Amz-Signature=a",
            "X-Amz-Credential=",
            "Signature=a",
            "AWSAccessKeyId=a",
        ] {
            let query = format!("{parameters}&{parameter}");
            let answer = world.get(&format!("/?{query}")).await;
            answer.query_refused(400, "IncompleteSignature", text);
        }
    }
}

#[tokio::test]
async fn nothing_runs_without_an_action_or_by_another_method() {
    let world = World::new().await;
    let action = form(&[("Action", "GetCallerIdentity"), ("Version", "2011-06-15")]);
    for method in ["HEAD", "PUT", "DELETE", "PATCH"] {
        let answer = world
            .send(method, &format!("/?{action}"), HeaderMap::new(), "")
            .await;
        assert_eq!(answer.status, 404, "{method}");
    }
    for query in [
        "",
        "action=GetCallerIdentity",
        "Version=2011-06-15",
        "X-Action=a",
    ] {
        let answer = world.get(&format!("/?{query}")).await;
        assert_eq!(answer.status, 404, "{query}");
    }
    let headers = crate::world::json_headers("AWSCognitoIdentityService.GetId");
    let answer = world
        .send("POST", &format!("/?{action}"), headers, "{}")
        .await;
    assert_eq!(
        answer.json()["__type"],
        json!("ValidationException"),
        "a target is JSON"
    );
}
