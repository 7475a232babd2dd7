//! The generators: each family makes documents of one kind, in any size.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::HeaderMap;
use serde_json::{Value, json};

use super::policies::repeated;
use super::scene::{ROLE, SAML, Scene, claims, encoded};
use crate::world::{form, form_headers, json_headers};

/// The longest body.
const BODY: usize = 1 << 20;
/// The longest login in a `Logins` map.
const LOGIN: usize = 50_000;
/// The longest response at the STS.
const RESPONSE: usize = 100_000;
/// The longest token at the STS.
const TOKEN: usize = 20_000;
/// The longest metadata.
const METADATA: usize = 256 << 10;
/// The longest document of a policy.
const POLICY: usize = 131_072;

/// A request with a large document.
pub struct Document {
    pub headers: HeaderMap,
    pub body: Bytes,
    /// The size that the limit is about.
    pub size: usize,
}

/// Makes a document of a size.
type Generator = Box<dyn Fn(&Scene, usize) -> Document + Send + Sync>;

/// Documents of one kind, by their size.
pub struct Family {
    pub name: &'static str,
    pub limit: usize,
    pub make: Generator,
}

pub fn families() -> Vec<Family> {
    let mut all = saml();
    all.extend(jwt());
    all.extend(json_bodies());
    all.extend(query());
    all.extend(metadata());
    all.extend(policy());
    all
}

fn family(
    name: &'static str,
    limit: usize,
    make: impl Fn(&Scene, usize) -> Document + Send + Sync + 'static,
) -> Family {
    Family {
        name,
        limit,
        make: Box::new(make),
    }
}

fn each(count: usize, one: impl Fn(usize) -> String) -> String {
    (0..count).map(one).collect()
}

fn json_body(target: &str, body: String) -> Document {
    Document {
        headers: json_headers(&format!("AWSCognitoIdentityService.{target}")),
        size: body.len(),
        body: body.into(),
    }
}

/// A request in the Query protocol, of which `size` counts.
fn form_body(parameters: &[(&str, &str)], size: usize) -> Document {
    Document {
        headers: form_headers(),
        body: form(parameters).into(),
        size,
    }
}

fn iam_body(scene: &Scene, parameters: &[(&str, &str)], size: usize) -> Document {
    let mut all = vec![("Version", "2010-05-08")];
    all.extend(parameters);
    let body = form(&all);
    Document {
        headers: scene.root_signed("iam", form_headers(), &body),
        body: body.into(),
        size,
    }
}

/// A response that is presented to the STS.
fn response(xml: &str) -> Document {
    let response = encoded(xml);
    let parameters = [
        ("Action", "AssumeRoleWithSAML"),
        ("Version", "2011-06-15"),
        ("RoleArn", ROLE),
        ("PrincipalArn", SAML),
        ("SAMLAssertion", response.as_str()),
    ];
    form_body(&parameters, response.len())
}

/// `xml` with `more` as the first children of its root.
fn below_root(xml: &str, more: &str) -> String {
    let at = xml.find('>').expect("a root") + 1;
    format!("{}{more}{}", &xml[..at], &xml[at..])
}

/// `xml` with `more` as attributes of its root.
fn in_root(xml: &str, more: &str) -> String {
    let at = xml.find(' ').expect("a root with attributes");
    format!("{}{more}{}", &xml[..at], &xml[at..])
}

fn namespaces(count: usize, length: usize) -> String {
    let uri = "u".repeat(length);
    each(count, |at| format!(" xmlns:n{at}=\"{uri}{at}\""))
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn saml() -> Vec<Family> {
    let inside = |name, one: String| {
        family(name, RESPONSE, move |scene: &Scene, size| {
            let value = one.repeat(size);
            response(&scene.signed(&scene.says().attribute("a", &[&value])))
        })
    };
    let outside = |name, one: String| {
        family(name, RESPONSE, move |scene: &Scene, size| {
            response(&below_root(&scene.signed(&scene.says()), &one.repeat(size)))
        })
    };
    // A signature of the whole response, with its namespaces.
    let in_context = |name, namespaces: String, one: String| {
        family(name, RESPONSE, move |scene: &Scene, size| {
            let xml = scene.says().around(&scene.says().assertion());
            let xml = below_root(&in_root(&xml, &namespaces), &one.repeat(size));
            let prefixes = each(16, |at| format!("n{} ", 40 + at));
            response(&scene.sign(&xml, "_response", &prefixes))
        })
    };
    let some = |count: usize, prefix: &str| each(count, |at| format!(" {prefix}{at}=\"\""));
    let prefixed = each(48, |at| format!(" n{at}:a=\"\""));
    let declaring = format!("<b{}/>", namespaces(58, 1));
    let nested = format!("{}{}", "<b>".repeat(27), "</b>".repeat(27));
    vec![
        inside("SAML: elements that are signed", "<b/>".to_owned()),
        inside(
            "SAML: attributes that are signed",
            format!("<b{}/>", some(60, "a")),
        ),
        inside("SAML: nested elements that are signed", nested.clone()),
        inside("SAML: declarations that are signed", declaring.clone()),
        inside("SAML: references to characters", "&#38;".to_owned()),
        inside("SAML: text", "\t".to_owned()),
        inside("SAML: long names", format!("<{0}></{0}>", "b".repeat(500))),
        outside("SAML: elements that aren't signed", "<b/>".to_owned()),
        outside(
            "SAML: attributes that aren't signed",
            format!("<b{}/>", some(60, "a")),
        ),
        outside("SAML: nested elements that aren't signed", nested),
        outside("SAML: declarations that aren't signed", declaring),
        in_context(
            "SAML: namespaces in scope",
            namespaces(58, 1),
            "<b/>".to_owned(),
        ),
        in_context(
            "SAML: attributes with namespaces",
            namespaces(58, 1),
            format!("<b{prefixed}/>"),
        ),
        in_context(
            "SAML: attributes with long namespaces",
            namespaces(58, 400),
            format!("<b{prefixed}/>"),
        ),
        in_context(
            "SAML: elements with namespaces",
            namespaces(58, 1),
            "<n57:b n56:a=\"\"/>".to_owned(),
        ),
        family("SAML: values", RESPONSE, |scene, size| {
            let values = vec!["v"; size];
            response(&scene.signed(&scene.says().attribute("a", &values)))
        }),
        family("SAML: attributes of the user", RESPONSE, |scene, size| {
            let mut says = scene.says();
            for at in 0..size {
                says = says.attribute(&format!("{at}"), &[]);
            }
            response(&scene.signed(&says))
        }),
        family("SAML: confirmations", RESPONSE, |scene, size| {
            let assertion = scene.says().assertion();
            let one =
                "<saml:SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:bearer\"/>";
            let at = assertion.find("<saml:SubjectConfirmation").expect("one");
            let all = format!(
                "{}{}{}",
                &assertion[..at],
                one.repeat(size),
                &assertion[at..]
            );
            let signed = scene.sign(&all, "_assertion", "");
            response(&scene.says().around(&signed))
        }),
        family("SAML: another signer", RESPONSE, |scene, size| {
            let says = scene.says().attribute("a", &[&"<b/>".repeat(size)]);
            response(&says.around(&scene.sign_by_stranger(&says.assertion(), "_assertion")))
        }),
        family("SAML: broken base64", RESPONSE, |_, size| {
            let text = "A\n".repeat(size);
            let parameters = [
                ("Action", "AssumeRoleWithSAML"),
                ("Version", "2011-06-15"),
                ("RoleArn", ROLE),
                ("PrincipalArn", SAML),
                ("SAMLAssertion", text.as_str()),
            ];
            form_body(&parameters, text.len())
        }),
        family("SAML: tags that never end", RESPONSE, |_, size| {
            response(&format!("<a>{}", "<b a='".repeat(size)))
        }),
    ]
}

/// A token in a `Logins` map.
fn login(scene: &Scene, issuer: &str, token: &str) -> Document {
    let body = json!({ "IdentityPoolId": scene.pool, "Logins": { issuer: token } });
    Document {
        size: token.len(),
        ..json_body("GetId", body.to_string())
    }
}

fn jwt() -> Vec<Family> {
    let with = |name, claim: fn(usize) -> String| {
        family(name, LOGIN, move |scene: &Scene, size| {
            let issuer = &scene.issuer;
            let claims = claims(issuer).to_string();
            let payload = format!("{},\"c\":{}}}", &claims[..claims.len() - 1], claim(size));
            let header = json!({ "alg": "RS256", "kid": "one" });
            login(
                scene,
                issuer.name(),
                &issuer.key.token_with(&header, &payload),
            )
        })
    };
    let at_sts = |name, claim: &'static str, one: &'static str| {
        family(name, TOKEN, move |scene: &Scene, size| {
            let mut claims = claims(&scene.issuer);
            claims[claim] = match one {
                "" => Value::from(vec!["a"; size]),
                one => Value::from(one.repeat(size)),
            };
            let token = scene.issuer.key.token(&claims);
            let parameters = [
                ("Action", "AssumeRoleWithWebIdentity"),
                ("Version", "2011-06-15"),
                ("RoleArn", ROLE),
                ("RoleSessionName", "ada"),
                ("WebIdentityToken", token.as_str()),
            ];
            form_body(&parameters, token.len())
        })
    };
    vec![
        with("JWT: members", |size| {
            format!("{{{}}}", each(size, |at| format!("\"{at}\":0,")) + "\"\":0")
        }),
        with("JWT: numbers", |size| format!("[{}0]", "0,".repeat(size))),
        with("JWT: nested arrays", |size| {
            let one = format!("{}{},", "[".repeat(28), "]".repeat(28));
            format!("[{}0]", one.repeat(size))
        }),
        with("JWT: escapes", |size| {
            format!("\"{}\"", "\\u0061".repeat(size))
        }),
        family("JWT: eight large keys", LOGIN, |scene, size| {
            let issuer = &scene.slow_issuer;
            let mut claims = claims(issuer);
            claims["c"] = Value::from("a".repeat(size));
            let header = json!({ "alg": "RS512" });
            let token = issuer.key.token_with(&header, &claims.to_string());
            // A signature that is as long as the keys.
            let (signed, _) = token.rsplit_once('.').expect("a signature");
            let signature = URL_SAFE_NO_PAD.encode([1; 1024]);
            login(scene, issuer.name(), &format!("{signed}.{signature}"))
        }),
        family("JWT: dots", LOGIN, |scene, size| {
            login(scene, scene.issuer.name(), &".".repeat(size))
        }),
        at_sts("policy: a long value", "a", "a"),
        at_sts("policy: many patterns", "b", ""),
        at_sts("policy: many stars", "c", "a"),
    ]
}

fn json_bodies() -> Vec<Family> {
    let with = |name, member: fn(usize) -> String| {
        family(name, BODY, move |scene: &Scene, size| {
            let body = format!("{{\"IdentityPoolId\":\"{}\",{}}}", scene.pool, member(size));
            json_body("GetId", body)
        })
    };
    vec![
        with("JSON: unknown members", |size| {
            each(size, |at| format!("\"{at}\":0,")) + "\"\":0"
        }),
        with("JSON: logins", |size| {
            let all = each(size, |at| format!("\"{at}\":\"\",")) + "\"a\":\"\"";
            format!("\"Logins\":{{{all}}}")
        }),
        with("JSON: numbers", |size| {
            format!("\"a\":[{}0]", "0,".repeat(size))
        }),
        with("JSON: empty objects", |size| {
            format!("\"a\":[{}0]", "{},".repeat(size))
        }),
        with("JSON: small objects", |size| {
            format!("\"a\":[{}0]", "{\"\":0},".repeat(size))
        }),
        with("JSON: nested arrays", |size| {
            let one = format!("{}{},", "[".repeat(29), "]".repeat(29));
            format!("\"a\":[{}0]", one.repeat(size))
        }),
        with("JSON: escapes", |size| {
            format!("\"a\":\"{}\"", "\\u0061".repeat(size))
        }),
        with("JSON: wide characters", |size| {
            format!("\"AccountId\":\"{}\"", "\u{e9}".repeat(size))
        }),
        with("JSON: spaces", |size| {
            format!("\"a\":0{}", " ".repeat(size))
        }),
        family("JSON: rules of roles", BODY, |scene, size| {
            let rule = "{\"Claim\":\"\",\"MatchType\":\"\",\"Value\":\"\",\"RoleARN\":\"\"},";
            let rules = rule.repeat(size) + "{}";
            let mapping =
                format!("{{\"Type\":\"Rules\",\"RulesConfiguration\":{{\"Rules\":[{rules}]}}}}");
            let body = format!(
                "{{\"IdentityPoolId\":\"{}\",\"Roles\":{{}},\"RoleMappings\":{{\"a\":{mapping}}}}}",
                scene.pool
            );
            let document = json_body("SetIdentityPoolRoles", body.clone());
            let headers = scene.root_signed("cognito-identity", document.headers, &body);
            Document {
                headers,
                ..json_body("SetIdentityPoolRoles", body)
            }
        }),
    ]
}

fn query() -> Vec<Family> {
    let raw = |name, action: &'static str, one: fn(usize) -> String| {
        family(name, BODY, move |_: &Scene, size| {
            let body = format!("Action={action}&Version=2011-06-15{}", one(size));
            Document {
                headers: form_headers(),
                size: body.len(),
                body: body.into(),
            }
        })
    };
    vec![
        raw("Query: a long value", "AssumeRoleWithSAML", |size| {
            format!("&SAMLAssertion={}", "%41".repeat(size))
        }),
        raw("Query: long values", "AssumeRoleWithSAML", |size| {
            each(900, |at| format!("&a{at}={}", "%41".repeat(size)))
        }),
        raw("Query: long names", "AssumeRoleWithSAML", |size| {
            each(900, |at| format!("&{}{at}=", "%41".repeat(size)))
        }),
        raw("Query: parameters", "AssumeRoleWithSAML", |size| {
            each(size, |at| format!("&a{at}="))
        }),
        raw("Query: elements", "AssumeRoleWithSAML", |size| {
            each(900, |at| {
                format!("&PolicyArns.member.{}.arn={}", at + 1, "a".repeat(size))
            })
        }),
        raw("Query: separators", "AssumeRoleWithSAML", |size| {
            "&".repeat(size)
        }),
    ]
}

fn metadata() -> Vec<Family> {
    let with = |name, one: String| {
        family(name, METADATA, move |scene: &Scene, size| {
            let document = below_root_element(&scene.idp.metadata(), &one.repeat(size));
            register(scene, &document)
        })
    };
    vec![
        with("XML: elements", "<a/>".to_owned()),
        with(
            "XML: attributes",
            format!("<a{}/>", each(60, |at| format!(" a{at}=\"\""))),
        ),
        with("XML: declarations", format!("<a{}/>", namespaces(58, 1))),
        with("XML: comments", "<!---->".to_owned()),
        with("XML: references", "&#38;".to_owned()),
        family("XML: certificates", METADATA, |scene, size| {
            let certificates = vec![scene.idp.certificate.as_str(); size];
            register(
                scene,
                &crate::world::idp::metadata("https://b.example", &certificates, ""),
            )
        }),
    ]
}

/// Metadata with `more` as the first children of the EntityDescriptor, behind the comment before it.
fn below_root_element(xml: &str, more: &str) -> String {
    let root = xml.find("<md:EntityDescriptor").expect("a root");
    format!("{}{}", &xml[..root], below_root(&xml[root..], more))
}

fn register(scene: &Scene, document: &str) -> Document {
    let parameters = [
        ("Action", "CreateSAMLProvider"),
        ("Name", "corp"),
        ("SAMLMetadataDocument", document),
    ];
    iam_body(scene, &parameters, document.len())
}

fn policy() -> Vec<Family> {
    let session = |name, document: fn(usize) -> String| {
        family(name, 2048, move |_: &Scene, size| {
            let document = document(size);
            let parameters = [
                ("Action", "AssumeRoleWithWebIdentity"),
                ("Version", "2011-06-15"),
                ("RoleArn", ROLE),
                ("RoleSessionName", "ada"),
                ("WebIdentityToken", "no token"),
                ("Policy", document.as_str()),
            ];
            form_body(&parameters, document.len())
        })
    };
    let of_role = |name, document: fn(usize) -> String| {
        family(name, POLICY, move |scene: &Scene, size| {
            let document = document(size);
            let parameters = [
                ("Action", "PutRolePolicy"),
                ("RoleName", "Reader"),
                ("PolicyName", "p"),
                ("PolicyDocument", document.as_str()),
            ];
            iam_body(scene, &parameters, document.len())
        })
    };
    vec![
        session("policy: statements of a session", |size| {
            repeated("{}", size)
        }),
        session("policy: patterns of a session", |size| {
            let stars = "*a".repeat(size);
            let statement = format!(
                "{{\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":\"arn:aws:s3:::{stars}\"}}"
            );
            repeated(&statement, 1)
        }),
        of_role("policy: spaces", |size| {
            let statement = "{\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":\"*\"}";
            repeated(statement, 1) + &" ".repeat(size)
        }),
        of_role("policy: statements that are wrong", |size| {
            repeated("1", size)
        }),
        of_role("policy: conditions that are wrong", |size| {
            let keys = each(size, |at| format!("\"{at}\":[],"));
            repeated(
                &format!("{{\"Condition\":{{\"StringLike\":{{{keys}\"a\":0}}}}}}"),
                1,
            )
        }),
    ]
}
