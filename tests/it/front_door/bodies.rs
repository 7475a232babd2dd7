use serde_json::{Value, json};

use super::raw;
use super::{NOBODYS, NOT_FOUND, get_id};
use crate::world::{World, form_headers, json_headers};

const LONGEST: usize = 1 << 20;

/// [`NOBODYS`] with a member that nobody knows, `length` bytes long.
fn long(length: usize) -> String {
    let begins = NOBODYS.replace('}', r#","Pad":""#);
    let pad = "a".repeat(length - begins.len() - 2);
    format!("{begins}{pad}\"}}")
}

#[tokio::test]
async fn what_cannot_be_read_is_a_serialization_exception_without_a_message() {
    let world = World::new().await;
    let deep = |depth: usize| {
        format!(
            r#"{{"X":{}{}}}"#,
            "[".repeat(depth - 1),
            "]".repeat(depth - 1)
        )
    };
    let good = |text: &str| format!(r#"{{"IdentityPoolId":{text}}}"#);
    let bodies: Vec<Vec<u8>> = vec![
        b"".into(),
        b" \n".into(),
        b"no JSON".into(),
        b"{".into(),
        b"{}}".into(),
        b"{},".into(),
        b"{} {}".into(),
        b"{}\0".into(),
        b"\xef\xbb\xbf{}".into(),
        b"{'IdentityPoolId':'x'}".into(),
        b"{IdentityPoolId:1}".into(),
        b"{\"a\":1,}".into(),
        b"{\"a\":[1,]}".into(),
        b"{\"a\":01}".into(),
        b"{\"a\":+1}".into(),
        b"{\"a\":.5}".into(),
        b"{\"a\":NaN}".into(),
        b"{\"a\":1e999}".into(),
        b"{\"a\":\"\n\"}".into(),
        b"{\"a\":\"\\x\"}".into(),
        b"{\"a\":\"\xff\"}".into(),
        b"{\"a\":\"\xed\xa0\x80\"}".into(),
        b"{/* no */}".into(),
        b"IdentityPoolId=x".into(),
        // Two meanings.
        br#"{"IdentityPoolId":"a","IdentityPoolId":"a"}"#.into(),
        br#"{"IdentityPoolId":"a","\u0049dentityPoolId":"b"}"#.into(),
        br#"{"IdentityPoolId":null,"IdentityPoolId":"b"}"#.into(),
        br#"{"Logins":{"a":"1","a":"2"}}"#.into(),
        br#"{"Logins":{"a":"1","\u0061":"2"}}"#.into(),
        br#"{"Unknown":{"a":1,"a":2}}"#.into(),
        br#"{"Unknown":1,"Unknown":2}"#.into(),
        // No meaning.
        good(r#""\u0000""#).into(),
        br#"{"\u0000":1}"#.into(),
        good(r#""\ud800""#).into(),
        good(r#""\udc00\ud800""#).into(),
        good(r#""\ud800\u0041""#).into(),
        br#"{"\ud800":1}"#.into(),
        // No end.
        deep(33).into(),
        "[".repeat(100_000).into(),
        r#"{"a":"#.repeat(50_000).into(),
    ];
    for body in bodies {
        let shown: String = String::from_utf8_lossy(&body).chars().take(80).collect();
        let answer = get_id(&world, body).await;
        let found = (answer.status, answer.text.as_str());
        let wanted = (400, r#"{"__type":"SerializationException"}"#);
        assert_eq!(found, wanted, "{shown}");
        assert_eq!(answer.header("x-amzn-errormessage"), None, "{shown}");
    }
    let answer = get_id(&world, deep(32)).await;
    assert_eq!(
        answer.header("x-amzn-errortype").as_deref(),
        Some("ValidationException:"),
        "deep enough, and no deeper"
    );
}

#[tokio::test]
async fn a_body_that_is_no_object_is_a_serialization_exception() {
    let world = World::new().await;
    for body in ["null", "true", "1", "1.5", "\"{}\"", " null "] {
        let answer = get_id(&world, body).await;
        let wanted = json!({ "__type": "SerializationException" });
        assert_eq!((answer.status, answer.json()), (400, wanted), "{body}");
    }
    for body in ["[]", "[{}]", "[null]"] {
        let answer = get_id(&world, body).await;
        let text = "Start of list found where not expected";
        let wanted = json!({ "__type": "SerializationException", "Message": text });
        assert_eq!((answer.status, answer.json()), (400, wanted), "{body}");
    }
}

#[tokio::test]
async fn a_body_means_the_same_however_it_is_written() {
    let world = World::new().await;
    for body in [
        NOBODYS.to_owned(),
        format!(" \t\r\n{NOBODYS}\n "),
        NOBODYS.replace("eu", r"\u0065\u0075"),
        NOBODYS.replace("Identity", r"\u0049dentity"),
        NOBODYS.replace('}', r#","Logins":{}}"#),
        NOBODYS.replace('}', r#","Logins":null,"AccountId":null}"#),
    ] {
        let answer = get_id(&world, body).await;
        answer.refused("ResourceNotFoundException", NOT_FOUND);
    }
}

#[tokio::test]
async fn members_that_nobody_knows_are_ignored_at_every_depth() {
    let world = World::new().await;
    for more in [
        r#""Unknown":1"#,
        r#""identitypoolid":[]"#,
        r#""IDENTITYPOOLID":{}"#,
        r#""":{"":[[{}]]}"#,
        r#""__type":"com.example#GetIdInput""#,
        r#""Unknown":{"Logins":1}"#,
    ] {
        let body = NOBODYS.replace('}', &format!(",{more}}}"));
        let answer = get_id(&world, body).await;
        answer.refused("ResourceNotFoundException", NOT_FOUND);
    }
    let client = json!({ "ClientId": "c", "Unknown": [1] });
    let input = json!({
        "IdentityPoolName": "A pool", "AllowUnauthenticatedIdentities": true,
        "CognitoIdentityProviders": [client],
    });
    let answer = world.admin("CreateIdentityPool", input).await;
    answer.refused(
        "InvalidParameterException",
        "Invalid Cognito Identity Provider",
    );
}

#[tokio::test]
async fn a_mebibyte_is_taken_and_not_a_byte_more() {
    let world = World::new().await;
    let answer = get_id(&world, long(LONGEST)).await;
    answer.refused("ResourceNotFoundException", NOT_FOUND);
    for length in [LONGEST + 1, 8 * LONGEST] {
        let answer = raw::send(&world, whole(&long(length))).await;
        assert_eq!((answer.status, answer.body.as_str()), too_large());
        let header = "x-amzn-errortype: requestentitytoolargeexception:";
        assert!(answer.head.contains(header), "{}", answer.head);
    }
}

#[tokio::test]
async fn chunks_are_counted_as_the_whole_is() {
    let world = World::new().await;
    let good = raw::send(&world, chunked(&long(LONGEST))).await;
    assert!(good.body.contains(NOT_FOUND), "{}", good.body);
    for length in [LONGEST + 1, 8 * LONGEST] {
        let answer = raw::send(&world, chunked(&long(length))).await;
        assert_eq!((answer.status, answer.body.as_str()), too_large());
    }
}

fn too_large() -> (u16, &'static str) {
    let body = r#"{"__type":"RequestEntityTooLargeException","message":"Request body must be at most 1048576 bytes."}"#;
    (413, body)
}

fn whole(body: &str) -> Vec<u8> {
    let head = raw::head(&format!("content-length: {}\r\n", body.len()));
    (head + body).into_bytes()
}

fn chunked(body: &str) -> Vec<u8> {
    let mut request = raw::head("transfer-encoding: chunked\r\n").into_bytes();
    for chunk in body.as_bytes().chunks(7_001) {
        request.extend(format!("{:x}\r\n", chunk.len()).bytes());
        request.extend(chunk.iter().chain(b"\r\n"));
    }
    request.extend(b"0\r\n\r\n");
    request
}

#[tokio::test]
async fn a_body_that_is_too_large_is_so_for_every_protocol_and_operation() {
    let world = World::new().await;
    let body = "a".repeat(LONGEST + 1);
    for target in [
        "AWSCognitoIdentityService.ListIdentityPools",
        "Cognate.ListKeys",
        "nothing",
    ] {
        let answer = world
            .send("POST", "/", json_headers(target), body.clone())
            .await;
        let code = answer.json()["__type"].clone();
        let wanted = (413, json!("RequestEntityTooLargeException"));
        assert_eq!((answer.status, code), wanted, "{target}");
    }
    let answer = world.send("POST", "/", form_headers(), body).await;
    answer.query_refused(
        413,
        "RequestEntityTooLarge",
        "Request body must be at most 1048576 bytes.",
    );
}

#[tokio::test]
async fn a_body_is_as_long_as_it_says() {
    let world = World::new().await;
    let request = raw::head(&format!("content-length: {}\r\n", NOBODYS.len())) + NOBODYS + "}}";
    let answer = raw::send(&world, request.into_bytes()).await;
    assert!(answer.body.contains(NOT_FOUND), "{}", answer.body);
    // Without a length there is no body.
    let answer = raw::send(&world, raw::head("").into_bytes()).await;
    assert_eq!(answer.body, r#"{"__type":"SerializationException"}"#);
}

#[tokio::test]
async fn two_lengths_are_refused() {
    let world = World::new().await;
    for lines in [
        "content-length: 5\r\ncontent-length: 6\r\n",
        "content-length: -1\r\n",
        "content-length: 0x10\r\n",
    ] {
        let request = raw::head(lines) + NOBODYS;
        let answer = raw::send(&world, request.into_bytes()).await;
        assert_eq!(answer.status, 400, "{lines}");
    }
}

fn headers(count: usize) -> String {
    let lines: Vec<String> = (0..count).map(|at| format!("x-h{at}: 1\r\n")).collect();
    lines.concat()
}

#[tokio::test]
async fn a_flood_of_headers_is_refused_and_the_next_request_served() {
    let world = World::new().await;
    let many = headers(1000);
    let huge = format!("x-huge: {}\r\n", "a".repeat(2 << 20));
    for lines in [many, huge] {
        let length = format!("content-length: {}\r\n", NOBODYS.len());
        let request = raw::head(&(lines + &length)) + NOBODYS;
        let answer = raw::send(&world, request.into_bytes()).await;
        assert_eq!(answer.status, 431);
    }
    let answer = get_id(&world, NOBODYS).await;
    answer.refused("ResourceNotFoundException", NOT_FOUND);
}

#[tokio::test]
async fn fifty_headers_and_one_of_eight_thousand_letters_are_fine() {
    let world = World::new().await;
    let length = NOBODYS.len();
    let long = "a".repeat(8_000);
    let lines = format!(
        "{}x-long: {long}\r\ncontent-length: {length}\r\n",
        headers(50)
    );
    let answer = raw::send(&world, (raw::head(&lines) + NOBODYS).into_bytes()).await;
    assert!(answer.body.contains(NOT_FOUND), "{}", answer.body);
}

#[tokio::test]
async fn a_number_of_any_size_is_a_number() {
    let world = World::new().await;
    for number in ["9007199254740993", "18446744073709551616", "1E+2", "-0"] {
        let body = format!(r#"{{"IdentityPoolId":{number}}}"#);
        let answer: Value = get_id(&world, body).await.json();
        assert_eq!(
            answer["Message"],
            json!("NUMBER_VALUE can not be converted to a String"),
            "{number}"
        );
    }
}
