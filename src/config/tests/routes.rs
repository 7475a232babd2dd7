//! Routes to other STSs.

use super::Inputs;

const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/${cognito-identity.amazonaws.com:sub}/*"}]}"#;

#[test]
fn routes_are_read_in_their_order() {
    let text = format!(
        "[[credentials.route]]\nrole = 'arn:aws:iam:::role/*'\nendpoint = 'https://rgw.example.net'\nregion = 'us-east-1'\n\
         audience = 'rgw.example.net'\nsession_policy = '{POLICY}'\nliteral_escape = '?'\n\
         [[credentials.route]]\nrole = 'arn:aws:iam::*:role/media/*'\nregion = 'eu-west-1'\n\
         [[credentials.route]]\nrole = 'arn:aws-cn:iam::*:role/*'\nregion = 'cn-north-1'\n\
         [[credentials.route]]\nrole = 'arn:minio:iam:::role/*'\nendpoint = 'https://10.0.0.7:9000/'\n\
         assume = 'arn:minio:iam:::role/nOybJqMNzNmroqEKq5D0EUsRZw0'\n"
    );
    let routes = Inputs::file(text).load().unwrap().routes;
    let endpoints: Vec<_> = routes.iter().map(|route| route.endpoint.as_str()).collect();
    assert_eq!(
        endpoints,
        [
            "https://rgw.example.net/",
            "https://sts.eu-west-1.amazonaws.com/",
            "https://sts.cn-north-1.amazonaws.com.cn/",
            "https://10.0.0.7:9000/",
        ]
    );
    assert_eq!(routes[0].audience.as_deref(), Some("rgw.example.net"));
    assert!(routes[0].session_policy.is_some() && routes[1].session_policy.is_none());
    assert!(Inputs::file("").load().unwrap().routes.is_empty());
}

#[test]
fn every_mistake_in_a_route_is_reported() {
    for (lines, wanted) in [
        ("endpoint = 'https://a.example'", "role is not set"),
        ("role = 'arn:aws:iam:::role/a'", "endpoint is not set"),
        (
            "role = '*'\nendpoint = 'https://a.example'",
            "`*` is not a pattern of role ARNs",
        ),
        (
            "role = 'arn:aws:iam:::role/a'\nendpoint = 'a.example'",
            "`a.example` is not the URL of an STS",
        ),
        (
            "role = 'arn:aws:iam:::role/a'\nendpoint = 'https://me:pw@a.example'",
            "this value is not the URL of an STS",
        ),
        (
            "role = 'arn:aws:iam:::role/a'\nendpoint = 'http://10.0.0.7:7480'",
            "`http://10.0.0.7:7480` has no TLS",
        ),
        (
            "role = 'arn:aws:iam:::role/a'\nendpoint = 'https://a.example'\nsession_polcy = '{}'",
            "`session_polcy` is not a setting of a route",
        ),
        (
            "role = 'arn:aws:iam:::role/a'\nendpoint = 'https://a.example'\nregion = 'Here'",
            "`Here` is not the name of a region",
        ),
        (
            "role = 'arn:aws:iam:::role/a'\nendpoint = 'https://a.example'\naudience = 'a.example'",
            "audience requires session_policy",
        ),
        (
            "role = 'arn:aws:iam:::role/a'\nendpoint = 'https://a.example'\nliteral_escape = '?'",
            "literal_escape requires session_policy",
        ),
        (
            "role = 'arn:aws:iam:::role/a'\nendpoint = 'https://a.example'\nassume = 'nobody'",
            "`nobody` is not an ARN",
        ),
        (
            "role = 'arn:aws:iam:::role/a'\nendpoint = 7",
            "this is a number, but must be a string",
        ),
    ] {
        let mistakes = Inputs::file(format!("[[credentials.route]]\n{lines}\n")).mistakes();
        assert_eq!(mistakes.len(), 1, "{mistakes:?}");
        assert!(mistakes[0].contains(wanted), "{mistakes:?}");
    }
    let policy = format!(
        "[[credentials.route]]\nrole = 'arn:aws:iam:::role/a'\nendpoint = 'https://a.example'\nsession_policy = '{POLICY}'\n"
    );
    let wants = Inputs::file(&policy).mistakes();
    assert_eq!(
        wants,
        ["1:1 credentials.route: session_policy requires audience"]
    );
    let pool = "audience = 'us-east-1:0b1c2d3e-4f50-4678-9abc-def012345678'";
    let of_a_pool = Inputs::file(format!("{policy}{pool}")).mistakes();
    assert!(
        of_a_pool[0].ends_with("is the id of a pool"),
        "{of_a_pool:?}"
    );
    let escape = Inputs::file(format!("{policy}audience = 'a'\nliteral_escape = '*'")).mistakes();
    assert_eq!(
        escape,
        ["6:18 credentials.route: `*` can't replace a colon"]
    );
    let other = policy.replace("amazonaws.com:sub", "amazonaws.com:amr") + "audience = 'a'\n";
    let variable = Inputs::file(other).mistakes();
    assert!(
        variable[0].starts_with("4:18 credentials.route: session_policy: the variable `${cognito-identity.amazonaws.com:amr}` is unknown: use"),
        "{variable:?}"
    );
    for text in [
        "credentials.route = 'x'",
        "credentials.route = ['x']",
        "[credentials]\nroutes = []",
    ] {
        assert_eq!(Inputs::file(text).mistakes().len(), 1, "{text}");
    }
    let twice =
        "[[credentials.route]]\nrole = 'arn:aws:iam:::role/a'\nregion = 'eu-west-1'\n".repeat(2);
    let twice = Inputs::file(twice).mistakes();
    assert_eq!(
        twice,
        ["4:1 credentials.route: `arn:aws:iam:::role/a` appears twice"]
    );
}

#[test]
fn an_sts_without_tls_is_accepted_on_loopback_if_http_is_allowed() {
    let route = "[[credentials.route]]\nrole = 'arn:aws:iam:::role/*'\nendpoint = 'http://127.0.0.1:7480'\n";
    let refused = Inputs::file(route).mistakes();
    assert!(refused[0].contains("http is not allowed"), "{refused:?}");
    let allowed = format!("allow_http_issuers = true\n{route}");
    assert_eq!(Inputs::file(allowed).load().unwrap().routes.len(), 1);
    assert_eq!(Inputs::file(route).for_dev().unwrap().routes.len(), 1);
}

#[test]
fn a_route_without_an_audience_to_another_sts_than_aws_s_is_a_warning() {
    let route = |more: &str| {
        let text = format!("[[credentials.route]]\nrole = 'arn:aws:iam:::role/*'\n{more}\n");
        Inputs::file(text).load().unwrap().warnings().to_vec()
    };
    let warnings = route("endpoint = 'https://rgw.example.net'");
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("https://rgw.example.net/ gets tokens that it could use here"));
    let own = format!(
        "endpoint = 'https://rgw.example.net'\naudience = 'rgw.example.net'\nsession_policy = '{POLICY}'"
    );
    assert!(route(&own).is_empty());
    assert!(route("region = 'eu-west-1'").is_empty(), "AWS's own STS");
}
