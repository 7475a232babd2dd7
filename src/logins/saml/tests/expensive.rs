//! Expensive responses: everything that multiplies the work is bounded, and no digest is computed before a key of the
//! provider has verified the SignedInfo.

use std::time::{Duration, Instant};

use super::*;
use crate::logins::fake::identity_provider::{EXCLUSIVE, How, metadata};

/// The longest verification of one response without optimisation.
const LONGEST: Duration = Duration::from_millis(400);

fn repeated(count: usize, one: impl Fn(usize) -> String) -> String {
    (0..count).map(one).collect()
}

/// `xml` with `more` behind the name of its root.
fn in_root(xml: &str, more: &str) -> String {
    let at = xml.find(' ').unwrap();
    format!("{}{more}{}", &xml[..at], &xml[at..])
}

/// `xml` with `more` as the first children of its root.
fn below_root(xml: &str, more: &str) -> String {
    let at = xml.find('>').unwrap() + 1;
    format!("{}{more}{}", &xml[..at], &xml[at..])
}

/// `xml` with a canonicalisation that names `count` prefixes, in the element `name`.
fn with_prefixes(xml: &str, name: &str, count: usize) -> String {
    let list = repeated(count, |at| format!("n{at} "));
    let old = format!("<ds:{name} Algorithm=\"{EXCLUSIVE}\"/>");
    assert!(xml.contains(&old), "{xml}");
    let new = format!(
        "<ds:{name} Algorithm=\"{EXCLUSIVE}\"><InclusiveNamespaces xmlns=\"{EXCLUSIVE}\" PrefixList=\"{list}\"/></ds:{name}>"
    );
    xml.replace(&old, &new)
}

fn namespaces(count: usize) -> String {
    repeated(count, |at| format!(" xmlns:n{at}=\"u:{at}\""))
}

/// Responses without a valid signature, each with much of one thing.
fn attacks() -> Vec<(&'static str, String)> {
    let good = ada().signed_by(&GOOD);
    let wide = repeated(8_000, |_| "<b/>".to_owned());
    let nested = |count: usize| {
        let open = repeated(28, |level| {
            format!(
                "<c{}>",
                repeated(count, |at| format!(" xmlns:m{level}n{at}=\"u\""))
            )
        });
        format!("{open}{}", "</c>".repeat(28))
    };
    let reference = |xml: &str| {
        let from = xml.find("<ds:Reference").unwrap();
        let to = xml.find("</ds:Reference>").unwrap() + "</ds:Reference>".len();
        xml[from..to].to_owned()
    };
    let transform = format!("<ds:Transform Algorithm=\"{EXCLUSIVE}\"/>");
    let one = reference(&good);
    let transforms = |count| good.replace(&transform, &transform.repeat(count));
    let spread = |xml: &str| below_root(&in_root(xml, &namespaces(1_500)), &wide[..20_000]);
    vec![
        (
            "prefixes of the transform",
            spread(&with_prefixes(&good, "Transform", 1_500)),
        ),
        (
            "prefixes of the SignedInfo",
            spread(&with_prefixes(&good, "CanonicalizationMethod", 1_500)),
        ),
        ("namespaces", spread(&good)),
        ("nested namespaces", below_root(&good, &nested(70))),
        (
            "attributes",
            in_root(&good, &repeated(4_000, |at| format!(" a{at}=\"\""))),
        ),
        ("elements", below_root(&good, &wide.repeat(2))),
        (
            "elements and the first key",
            below_root(&ada().signed_by(&EVIL), &wide.repeat(2)),
        ),
        ("references", good.replace(&one, &one.repeat(60))),
        ("transforms", transforms(500)),
    ]
}

#[test]
fn nothing_in_a_response_multiplies_the_work() {
    let certificates = [&EVIL.certificate[..]; 9];
    let mut all = certificates.to_vec();
    all.push(&GOOD.certificate);
    let metadata = read_metadata(&metadata(ENTITY, &all, "")).unwrap();
    let mut slow = Vec::new();
    for (kind, xml) in attacks() {
        // The key that signed is the last of ten.
        let response = encode(&xml);
        assert!(
            response.len() <= LONGEST_RESPONSE,
            "{kind}: {}",
            response.len()
        );
        let required = ResponseRequirements {
            entity_id: &metadata.entity_id,
            certificates: &metadata.certificates,
            algorithms: &ALGORITHMS,
            audiences: &[AUDIENCE],
            recipients: &[RECIPIENT],
            decryption_keys: &[],
            require_encryption: false,
            allow_transient: false,
        };
        let mut times = [Duration::MAX; 2];
        let mut why = None;
        for time in &mut times {
            let start = clock();
            why = verify(&response, &required, now(), &mut Report::disabled()).err();
            *time = start.elapsed();
        }
        println!("{kind}: {:?}, {why:?}", times.iter().min());
        if times.iter().all(|time| *time > LONGEST) {
            slow.push((kind, times));
        }
        // A root may have attributes and children that the assertion's signature doesn't cover, within the bounds.
        assert!(why.is_some() || kind.starts_with("elements"), "{kind}");
    }
    assert!(slow.is_empty(), "{slow:?}");
}

#[test]
fn nothing_is_digested_for_an_unverified_signed_info() {
    let good = ada().signed_by(&GOOD);
    let changed = good.replace(">ada<", ">eve<");
    let digest = |xml: &str| match not_signed(xml) {
        XmlSignatureError::Invalid(why) => why.contains("digest"),
        other => panic!("{other:?}"),
    };
    // Only a provider's own SignedInfo costs a digest.
    assert!(digest(&changed));
    assert!(!digest(&with_prefixes(&changed, "Transform", 3)));
    assert!(!digest(&ada().signed_by(&EVIL).replace(">ada<", ">eve<")));
}

#[test]
fn rich_responses_are_accepted() {
    let says = ada().attribute("groups", &["staff"; 300]);
    let how = |prefixes| How {
        prefixes,
        ..How::default()
    };
    for prefixes in ["", "xs", "xs xsi saml ds #default"] {
        let signed = GOOD.sign_as(&says.assertion(), "_assertion", &how(prefixes));
        let rich = in_root(&says.around(&signed), &namespaces(50));
        assert_eq!(verify_xml(&rich).unwrap().subject, "ada", "{prefixes}");
    }
    let prefixes = repeated(17, |at| format!("n{at} "));
    let signed = GOOD.sign_as(&says.assertion(), "_assertion", &how(&prefixes));
    let why = XmlSignatureError::Form("its canonicalisation names too many prefixes");
    assert_eq!(not_signed(&says.around(&signed)), why);
}

#[expect(
    clippy::disallowed_methods,
    reason = "the test measures how long it takes"
)]
fn clock() -> Instant {
    Instant::now()
}
