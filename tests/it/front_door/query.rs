//! The Query protocol: which action a request is for, and what its answers look like.

use http::HeaderMap;
use quick_xml::events::Event;

use super::with;
use crate::world::{Answer, Credentials, World, form, form_headers};

fn query(action: &str, version: &str) -> String {
    form(&[("Action", action), ("Version", version)])
}

#[tokio::test]
async fn an_unknown_action_is_named_with_its_version() {
    let world = World::new().await;
    for (action, version, text) in [
        (
            "Nothing",
            "2011-06-15",
            "Could not find operation Nothing for version 2011-06-15",
        ),
        (
            "Nothing",
            "2010-05-08",
            "Could not find operation Nothing for version 2010-05-08. This server has the part of IAM that identity pools \
             need, and not this operation.",
        ),
        (
            "GetCallerIdentity",
            "2010-05-08",
            "Could not find operation GetCallerIdentity for version 2010-05-08. This server has the part of IAM that \
             identity pools need, and not this operation.",
        ),
        (
            "GetSessionToken",
            "2011-06-15",
            "Could not find operation GetSessionToken for version 2011-06-15. This server has the part of STS that identity \
             pools need, and not this operation.",
        ),
        (
            "GetCallerIdentity",
            "2014-06-30",
            "Could not find operation GetCallerIdentity for version 2014-06-30",
        ),
        (
            "GetCallerIdentity",
            "",
            "Could not find operation GetCallerIdentity for version ",
        ),
        (
            "getcalleridentity",
            "2011-06-15",
            "Could not find operation getcalleridentity for version 2011-06-15",
        ),
        (
            "GetId",
            "2014-06-30",
            "Could not find operation GetId for version 2014-06-30",
        ),
        (
            "ListKeys",
            "2026-11-23",
            "Could not find operation ListKeys for version 2026-11-23",
        ),
        ("", "", "Could not find operation  for version "),
    ] {
        let answer = world
            .send("POST", "/", form_headers(), query(action, version))
            .await;
        answer.query_refused(400, "InvalidAction", text);
    }
    let answer = world.send("POST", "/", form_headers(), "").await;
    answer.query_refused(
        400,
        "InvalidAction",
        "Could not find operation  for version ",
    );
}

#[tokio::test]
async fn an_unknown_action_is_repeated_short_and_clean() {
    let world = World::new().await;
    for (action, shown) in [
        ("<b>&\"'", "<b>&\"'".to_owned()),
        ("a b\r\n\u{1}é😀c", "abc".to_owned()),
        (&"x".repeat(10_000), "x".repeat(128)),
    ] {
        let answer = world
            .send("POST", "/", form_headers(), query(action, "1"))
            .await;
        let text = format!("Could not find operation {shown} for version 1");
        answer.query_refused(400, "InvalidAction", &text);
    }
}

#[tokio::test]
async fn a_signature_says_whose_action_it_is() {
    let world = World::new().await;
    let root = Credentials::root();
    for (service, action, version) in [
        ("iam", "GetCallerIdentity", "2011-06-15"),
        ("sts", "ListOpenIDConnectProviders", "2010-05-08"),
    ] {
        let parameters = [("Action", action), ("Version", version)];
        let answer = world.signed_query(&root, service, &parameters).await;
        let text = format!("Could not find operation {action} for version {version}");
        answer.query_refused(400, "InvalidAction", &text);
        let namespace = format!("https://{service}.amazonaws.com/doc/");
        assert!(answer.text.contains(&namespace), "{}", answer.text);
    }
}

#[tokio::test]
async fn a_form_is_known_by_its_content_type_however_it_is_written() {
    let world = World::new().await;
    for content_type in [
        "application/x-www-form-urlencoded",
        "application/x-www-form-urlencoded; charset=utf-8",
        "application/x-www-form-urlencoded;charset=UTF-8",
        "Application/X-WWW-Form-Urlencoded ;",
    ] {
        let headers = with(HeaderMap::new(), "content-type", content_type);
        let body = query("GetCallerIdentity", "2011-06-15");
        let answer = world.send("POST", "/", headers, body).await;
        assert_eq!(answer.status, 403, "{content_type}: {}", answer.text);
    }
}

#[tokio::test]
async fn an_answer_has_its_id_in_the_body_and_in_the_header() {
    let world = World::new().await;
    let root = Credentials::root();
    let parameters = [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")];
    let answer = world.signed_query(&root, "sts", &parameters).await;
    let id = answer.header("x-amzn-requestid").unwrap();
    let wanted = format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
         <UserId>123456789012</UserId><Account>123456789012</Account><Arn>arn:aws:iam::123456789012:root</Arn>\
         </GetCallerIdentityResult><ResponseMetadata><RequestId>{id}</RequestId></ResponseMetadata>\
         </GetCallerIdentityResponse>"
    );
    assert_eq!(
        (answer.status, answer.text.as_str()),
        (200, wanted.as_str())
    );
    is_private_xml(&answer);
}

#[tokio::test]
async fn an_action_without_a_result_has_its_metadata_alone() {
    let world = World::new().await;
    let arn = "arn:aws:iam::123456789012:oidc-provider/nobody.example.com";
    let parameters = [("OpenIDConnectProviderArn", arn)];
    let answer = world.iam("DeleteOpenIDConnectProvider", &parameters).await;
    let id = answer.header("x-amzn-requestid").unwrap();
    let wanted = format!(
        "<DeleteOpenIDConnectProviderResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><ResponseMetadata>\
         <RequestId>{id}</RequestId></ResponseMetadata></DeleteOpenIDConnectProviderResponse>"
    );
    assert_eq!(answer.text, wanted);
}

#[tokio::test]
async fn a_failure_says_whose_fault_it_is() {
    let world = World::new().await;
    let answer = world
        .iam(
            "GetOpenIDConnectProvider",
            &[("OpenIDConnectProviderArn", "x")],
        )
        .await;
    let id = answer.header("x-amzn-requestid").unwrap();
    let wanted = format!(
        "<ErrorResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><Error><Type>Sender</Type>\
         <Code>ValidationError</Code><Message>1 validation error detected: Value &apos;x&apos; at \
         &apos;openIDConnectProviderArn&apos; failed to satisfy constraint: Member must have length greater than or \
         equal to 20</Message></Error><RequestId>{id}</RequestId></ErrorResponse>"
    );
    assert_eq!(
        (answer.status, answer.text.as_str()),
        (400, wanted.as_str())
    );
    is_private_xml(&answer);

    cognate::app::maintenance::close(&world.app).await;
    let answer = world.iam("ListOpenIDConnectProviders", &[]).await;
    answer.query_refused(500, "ServiceFailure", "Internal Server Error");
    assert_eq!(answer.xml("Type").as_deref(), Some("Receiver"));
}

fn is_private_xml(answer: &Answer) {
    for (name, value) in [("content-type", "text/xml"), ("cache-control", "no-store")] {
        assert_eq!(answer.header(name).as_deref(), Some(value), "{name}");
    }
}

#[tokio::test]
async fn only_sts_answers_in_json_and_only_who_asks() {
    let world = World::new().await;
    for (accept, version, content_type) in [
        ("application/json", "2011-06-15", "application/json"),
        (
            "text/html, application/json",
            "2011-06-15",
            "application/json",
        ),
        ("*/*", "2011-06-15", "text/xml"),
        ("text/xml", "2011-06-15", "text/xml"),
        ("application/json", "2010-05-08", "text/xml"),
    ] {
        let headers = with(form_headers(), "accept", accept);
        let answer = world
            .send("POST", "/", headers, query("Nothing", version))
            .await;
        assert_eq!(
            answer.header("content-type").as_deref(),
            Some(content_type),
            "{accept}"
        );
    }
}

#[tokio::test]
async fn an_error_in_json_has_the_members_of_the_xml() {
    let world = World::new().await;
    let headers = with(form_headers(), "accept", "application/json");
    let body = query("Nothing<", "2011-06-15");
    let answer = world.send("POST", "/", headers, body).await;
    let id = answer.header("x-amzn-requestid").unwrap();
    let error = serde_json::json!({
        "Type": "Sender", "Code": "InvalidAction",
        "Message": "Could not find operation Nothing< for version 2011-06-15",
    });
    let wanted = serde_json::json!({ "Error": error, "RequestId": id });
    assert_eq!((answer.status, answer.json()), (400, wanted));
}

#[tokio::test]
async fn whatever_is_echoed_the_xml_can_be_read() {
    let world = World::new().await;
    for (text, shown) in [
        ("<Code>&amp;\"'>", "<Code>&amp;\"'>"),
        ("]]><!-- <![CDATA[", "]]><!-- <![CDATA["),
        ("\u{1}\u{8}\u{1b}", "???"),
        ("a\tb\nc\rd", "a\tb\nc\rd"),
        ("\u{fffe}\u{ffff}\u{7f}\u{85}", "??\u{7f}\u{85}"),
        ("é€😀", "é€😀"),
    ] {
        let parameters = [("OpenIDConnectProviderArn", text)];
        let answer = world.iam("GetOpenIDConnectProvider", &parameters).await;
        let whole = message(&answer.text);
        let wanted = format!("Value '{shown}' at 'openIDConnectProviderArn' failed");
        assert!(whole.contains(&wanted), "{}", answer.text);
    }
}

#[tokio::test]
async fn what_is_stored_comes_back_as_it_was_given() {
    let world = World::new().await;
    let id = "<a&\"'>\t\r\n]]> é😀";
    let url = ("Url", "https://login.example.com");
    let parameters = [url, ("ClientIDList.member.1", id)];
    let made = world.iam("CreateOpenIDConnectProvider", &parameters).await;
    assert_eq!(made.status, 200, "{}", made.text);
    let arn = "arn:aws:iam::123456789012:oidc-provider/login.example.com";
    let answer = world
        .iam(
            "GetOpenIDConnectProvider",
            &[("OpenIDConnectProviderArn", arn)],
        )
        .await;
    assert_eq!(text_of(&answer.text, "member"), id);
}

fn message(xml: &str) -> String {
    text_of(xml, "Message")
}

/// The text of the first element of this name, as a reader of XML has it.
fn text_of(xml: &str, name: &str) -> String {
    assert!(
        !xml.contains('\r'),
        "a reader would take it for a line's end"
    );
    let mut reader = quick_xml::Reader::from_str(xml);
    let mut inside = false;
    let mut text = None;
    loop {
        match reader.read_event().expect("well-formed XML") {
            Event::Start(start) if start.name().as_ref() == name && text.is_none() => {
                inside = true;
                text = Some(String::new());
            }
            Event::End(_) => inside = false,
            Event::Text(part) if inside => {
                text.as_mut().unwrap().push_str(&part);
            }
            Event::GeneralRef(part) if inside => {
                let letter = match (part.resolve_char_ref().unwrap(), part.as_ref()) {
                    (Some(letter), _) => letter,
                    (None, "lt") => '<',
                    (None, "gt") => '>',
                    (None, "amp") => '&',
                    (None, "quot") => '"',
                    (None, "apos") => '\'',
                    (None, other) => panic!("an unknown entity {other:?}"),
                };
                text.as_mut().unwrap().push(letter);
            }
            Event::Eof => break text.expect("an element of this name"),
            _ => {}
        }
    }
}
