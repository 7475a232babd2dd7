//! The SAML responses of the test suites of ruby-saml, python3-saml and node-saml, held against a table that says of each
//! what must come of it, and why (`saml.tsv`: the file, the certificate that is trusted, the verdict).
//!
//! Most are signed with SHA-1 and with keys of 1,024 bits, years ago. So SHA-1 is allowed here, in the list of algorithms
//! that the test gives; the trusted certificate is named in the table, by the first digits of its SHA-256, and counts
//! however weak it is; and what a suite configures (entity, audience, recipient, time) is taken from the document, so
//! that what is refused is refused for its form, its signature, or its contradictions.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cognate::logins::report::Report;
use cognate::logins::saml::{ALGORITHMS, Algorithms, ResponseRequirements, verify};
use jiff::Timestamp;
use regex::Regex;

const TABLE: &str = include_str!("saml.tsv");

const WITH_SHA1: Algorithms = Algorithms {
    methods: &[
        "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384",
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
    ],
    digests: &[
        "http://www.w3.org/2000/09/xmldsig#sha1",
        "http://www.w3.org/2001/04/xmlenc#sha256",
        "http://www.w3.org/2001/04/xmldsig-more#sha384",
        "http://www.w3.org/2001/04/xmlenc#sha512",
    ],
};

/// A file: its path in the folder, the response as in a `Logins` map, and its XML as far as there is any.
struct Case {
    path: String,
    login: String,
    xml: String,
}

fn cases() -> Vec<Case> {
    let root = super::folder("saml");
    let mut all = Vec::new();
    gather(&root, &root, &mut all);
    all.sort_by(|one, other| one.path.cmp(&other.path));
    all
}

fn gather(root: &Path, folder: &Path, all: &mut Vec<Case>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            gather(root, &path, all);
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        let is_xml = bytes.trim_ascii_start().starts_with(b"<");
        let login = if is_xml {
            STANDARD.encode(&bytes)
        } else {
            String::from_utf8(bytes).unwrap()
        };
        let plain: String = login.split_ascii_whitespace().collect();
        let xml = STANDARD.decode(plain).unwrap_or_default();
        let path = path.strip_prefix(root).unwrap();
        all.push(Case {
            path: path.to_str().unwrap().to_owned(),
            login,
            xml: String::from_utf8_lossy(&xml).into_owned(),
        });
    }
}

/// What a pattern finds in a text, without white space around it.
fn found(text: &str, pattern: &str) -> Vec<String> {
    let pattern = Regex::new(pattern).unwrap();
    let found = pattern
        .captures_iter(text)
        .map(|found| found[1].trim().to_owned());
    found.filter(|text| !text.is_empty()).collect()
}

/// The certificates in a text, by the first digits of the SHA-256 of their base64.
fn certificates(text: &str) -> Vec<(String, String)> {
    let all = found(text, r"X509Certificate>([^<]+)<");
    all.into_iter()
        .map(|certificate| {
            let plain: String = certificate.split_ascii_whitespace().collect();
            let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, plain.as_bytes());
            let name: String = digest.as_ref()[..4]
                .iter()
                .fold(String::new(), |name, byte| format!("{name}{byte:02x}"));
            (name, plain)
        })
        .collect()
}

/// What comes of a case whose provider has this certificate.
fn verdict(case: &Case, certificate: &str, algorithms: &Algorithms) -> String {
    let last = |pattern: &str| found(&case.xml, pattern).pop().unwrap_or_default();
    let first = |pattern: &str| found(&case.xml, pattern).into_iter().next();
    let entity_id = last(r"<(?:\w+:)?Issuer\b[^>]*>([^<]+)<");
    let audience = last(r"<(?:\w+:)?Audience>([^<]+)<");
    let recipient = first(r#"\bDestination="([^"]+)""#).or(first(r#"\bRecipient="([^"]+)""#));
    let recipient = recipient.unwrap_or_default();
    let moment = first(r#"<(?:\w+:)?Conditions\b[^>]*\bNotBefore="([^"]+)""#)
        .or(first(r#"\bIssueInstant="([^"]+)""#));
    let moment: Option<Timestamp> = moment.and_then(|moment| moment.parse().ok());
    let required = ResponseRequirements {
        entity_id: &entity_id,
        certificates: &[certificate.to_owned()],
        algorithms,
        audiences: &[&audience],
        recipients: &[&recipient],
        decryption_keys: &[],
        require_encryption: false,
        allow_transient: false,
    };
    let now = moment.unwrap_or(Timestamp::UNIX_EPOCH);
    match verify(&case.login, &required, now, &mut Report::disabled()) {
        Ok(assertion) => format!("taken as {}", assertion.subject),
        Err(why) => why.to_string(),
    }
}

/// The rows of the table, by path: the certificate's name and the verdict.
fn table() -> BTreeMap<&'static str, (&'static str, &'static str)> {
    let rows = TABLE.lines().filter(|line| !line.starts_with('#'));
    let rows = rows.map(|line| {
        let mut cells = line.splitn(3, '\t');
        let mut cell = || cells.next().unwrap_or_else(|| panic!("{line}"));
        (cell(), (cell(), cell()))
    });
    rows.collect()
}

#[test]
fn each_response_gets_what_the_table_says() {
    let cases = cases();
    assert_eq!(cases.len(), 210);
    let known: BTreeMap<String, String> = cases
        .iter()
        .flat_map(|case| certificates(&case.xml))
        .collect();
    let table = table();
    let mut wrong = Vec::new();
    for case in &cases {
        let (name, wanted) = table
            .get(case.path.as_str())
            .copied()
            .unwrap_or(("46b86329", "no row"));
        let got = verdict(case, &known[name], &WITH_SHA1);
        if got != wanted {
            wrong.push(format!("{}\t{name}\t{got}", case.path));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert_eq!(table.len(), cases.len(), "a row for each");
}

#[test]
fn outside_of_this_test_sha1_is_refused_and_nothing_else_changes() {
    let cases = cases();
    let known: BTreeMap<String, String> = cases
        .iter()
        .flat_map(|case| certificates(&case.xml))
        .collect();
    let table = table();
    let mut by_sha1 = 0;
    for case in &cases {
        let (name, wanted) = table[case.path.as_str()];
        let got = verdict(case, &known[name], &ALGORITHMS);
        if got.ends_with("sha1") {
            by_sha1 += 1;
        } else {
            assert_eq!(got, wanted, "{}", case.path);
        }
    }
    assert_eq!(
        by_sha1, 78,
        "refused for SHA-1 before anything else is asked"
    );
}
