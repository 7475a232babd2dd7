//! Encrypted assertions over HTTP: what is accepted, what is refused with one text, and the private keys that no answer,
//! log line or file has.

use serde_json::{Value, json};

use super::{ARN, ENTITY, NOT_SAML, Scene, UNVERIFIED};
use crate::apply_configuration::{apply, export};
use crate::world::idp::{IdentityProvider, Says, encode};
use crate::world::service_key::{
    AES128_GCM, Encryption, MGF1_SHA256, OAEP, SHA256, ServiceKey, forgeries,
};
use crate::world::{Answer, World};

const NOT_SAML_STS: &str = "Your request included an invalid SAML response";

impl Scene {
    /// A scene whose provider has this private key.
    async fn with_key(key: &ServiceKey) -> Self {
        let scene = Self::new().await;
        scene.add_key(key).await;
        scene
    }

    async fn update(&self, parameters: &[(&str, &str)]) -> Answer {
        let mut all = vec![("SAMLProviderArn", ARN)];
        all.extend(parameters);
        self.world.iam("UpdateSAMLProvider", &all).await
    }

    async fn add_key(&self, key: &ServiceKey) {
        let answer = self.update(&[("AddPrivateKey", &key.pem)]).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    async fn shown(&self) -> Answer {
        let parameters = [("SAMLProviderArn", ARN)];
        self.world.iam("GetSAMLProvider", &parameters).await
    }

    async fn key_ids(&self) -> Vec<String> {
        let shown = self.shown().await;
        let mut ids = shown.text.split("<KeyId>").skip(1);
        let ids = ids
            .by_ref()
            .map(|rest| rest.split('<').next().unwrap().to_owned());
        ids.collect()
    }

    /// The assertion of `user`, signed.
    fn assertion(&self, user: &str) -> String {
        let says = self.says(user);
        self.idp.sign(&says.assertion(), &says.assertion_id)
    }

    /// A response with the signed assertion of `user`, encrypted for `key`.
    fn encrypted(&self, user: &str, key: &ServiceKey) -> String {
        self.says(user).around(&key.encrypt(&self.assertion(user)))
    }

    async fn takes(&self, xml: &str) -> Answer {
        let logins = json!({ ARN: encode(xml) });
        self.world.get_id(&self.pool, logins).await
    }
}

#[tokio::test]
async fn an_encrypted_assertion_signs_in_with_each_algorithm_and_signature() {
    let key = ServiceKey::new();
    let scene = Scene::with_key(&key).await;
    let plain = scene.world.identity(&scene.pool, scene.login("ada")).await;
    let mut at = 0;
    let mut says = || {
        at += 1;
        let mut says = scene.says("ada");
        says.assertion_id = format!("_{at}");
        says
    };
    let narrow = Encryption {
        content: AES128_GCM,
        ..Encryption::default()
    };
    let wide = Encryption {
        transport: OAEP,
        digest: Some(SHA256),
        mask: Some(MGF1_SHA256),
        beside: true,
        ..Encryption::default()
    };
    for how in [narrow, wide] {
        for (of_assertion, of_response) in [(true, false), (false, true), (true, true)] {
            let says = says();
            let mut assertion = says.assertion();
            if of_assertion {
                assertion = scene.idp.sign(&assertion, &says.assertion_id);
            }
            let mut xml = says.around(&key.encrypt_as(&assertion, &how));
            if of_response {
                xml = scene.idp.sign(&xml, "_response");
            }
            let identity = scene.takes(&xml).await.ok();
            assert_eq!(identity["IdentityId"], json!(plain), "{how:?}");
        }
    }
    // The response is single use like any other.
    let logins = json!({ ARN: encode(&scene.encrypted("eve", &key)) });
    let identity = scene.world.identity(&scene.pool, logins.clone()).await;
    scene
        .world
        .credentials(&identity, logins.clone())
        .await
        .ok();
    let other = scene.world.pool(json!({ "SamlProviderARNs": [ARN] })).await;
    let text = "Invalid login token. The SAML response was used before.";
    let again = scene.world.get_id(&other, logins).await;
    again.refused("NotAuthorizedException", text);
}

#[tokio::test]
async fn each_forgery_is_refused_with_one_text() {
    let key = ServiceKey::new();
    let scene = Scene::with_key(&key).await;
    let (assertion, xml) = (scene.assertion("ada"), scene.encrypted("ada", &key));
    let forged = forgeries(&xml, &assertion, &key);
    assert!(forged.len() > 50);
    for (kind, forged) in forged {
        let answer = scene.takes(&forged).await;
        let (status, code, text) = answer.error();
        let wanted = (400, "NotAuthorizedException", NOT_SAML);
        assert_eq!((status, &*code, &*text), wanted, "{kind}");
        let response = encode(&forged);
        let parameters = [
            ("RoleArn", "arn:aws:iam::123456789012:role/Reader"),
            ("PrincipalArn", ARN),
            ("SAMLAssertion", &response),
        ];
        let answer = scene.world.sts("AssumeRoleWithSAML", &parameters).await;
        assert_eq!(
            answer.xml("Code").as_deref(),
            Some("InvalidIdentityToken"),
            "{kind}"
        );
        assert_eq!(
            answer.xml("Message").as_deref(),
            Some(NOT_SAML_STS),
            "{kind}"
        );
    }
    assert_eq!(scene.takes(&xml).await.status, 200);
}

#[tokio::test]
async fn what_anybody_encrypted_needs_a_signature() {
    let key = ServiceKey::new();
    let scene = Scene::with_key(&key).await;
    let says = scene.says("eve");
    let unsigned = says.around(&key.encrypt(&says.assertion()));
    let evil = IdentityProvider::new(ENTITY);
    let of_evil = evil.sign(&says.assertion(), &says.assertion_id);
    let of_evil = says.around(&key.encrypt(&of_evil));
    let around = evil.sign(&scene.encrypted("eve", &key), "_response");
    // The signature of ada's assertion in another one, with hers hidden in the response around.
    let ada = scene.assertion("ada");
    let from = ada.find("<ds:Signature ").unwrap();
    let to = ada.find("</ds:Signature>").unwrap() + "</ds:Signature>".len();
    let moved = says.assertion().replacen(
        "</saml:Issuer>",
        &format!("</saml:Issuer>{}", &ada[from..to]),
        1,
    );
    let hidden = format!("{}{}", &ada[..from], &ada[to..]).replace("saml:Assertion", "saml:Advice");
    let wrapped = says.around(&format!(
        "<samlp:Extensions>{hidden}</samlp:Extensions>{}",
        key.encrypt(&moved)
    ));
    for xml in [unsigned, of_evil, around, wrapped] {
        let answer = scene.takes(&xml).await;
        answer.refused("NotAuthorizedException", UNVERIFIED);
    }
}

#[tokio::test]
async fn keys_are_rotated_and_only_those_of_the_provider_decrypt() {
    let (one, two, three) = (ServiceKey::new(), ServiceKey::new(), ServiceKey::new());
    let scene = Scene::new().await;
    let refused = async |key: &ServiceKey| {
        let answer = scene.takes(&scene.encrypted("ada", key)).await;
        answer.refused("NotAuthorizedException", NOT_SAML);
    };
    let taken = async |key: &ServiceKey| {
        let answer = scene.takes(&scene.encrypted("ada", key)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    };
    refused(&one).await;
    scene.add_key(&one).await;
    taken(&one).await;
    refused(&two).await;
    scene.add_key(&two).await;
    taken(&one).await;
    taken(&two).await;
    let answer = scene.update(&[("AddPrivateKey", &three.pem)]).await;
    let text = "A SAML provider can have 2 private keys: remove one first.";
    answer.query_refused(409, "LimitExceeded", text);
    let ids = scene.key_ids().await;
    assert_eq!(ids.len(), 2);
    let is_id =
        |id: &String| id.len() == 32 && id.bytes().all(|b| b"0123456789ABCDEF".contains(&b));
    assert!(ids.iter().all(is_id), "{ids:?}");
    let answer = scene.update(&[("RemovePrivateKey", &ids[0])]).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    refused(&one).await;
    taken(&two).await;
    assert_eq!(scene.key_ids().await, ids[1..]);
    let answer = scene.update(&[("RemovePrivateKey", &ids[0])]).await;
    let text = format!("The provider has no private key with the id {}.", ids[0]);
    answer.query_refused(404, "NoSuchEntity", &text);
    let answer = scene.update(&[("AddPrivateKey", &two.pem)]).await;
    let text = "The provider has this private key already.";
    answer.query_refused(400, "InvalidInput", text);
    // A key of another provider is none of this one's.
    let document = scene.idp.metadata();
    let parameters = [
        ("Name", "other"),
        ("SAMLMetadataDocument", document.as_str()),
        ("AddPrivateKey", three.pem.as_str()),
    ];
    let answer = scene.world.iam("CreateSAMLProvider", &parameters).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    refused(&three).await;
    // The keys survive a restart.
    let pool = scene.pool.clone();
    let response = encode(&scene.encrypted("ada", &two));
    let world = scene.world.restart().await;
    let answer = world.get_id(&pool, json!({ ARN: response })).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[tokio::test]
async fn required_refuses_plain_assertions_and_needs_a_key() {
    let key = ServiceKey::new();
    let scene = Scene::new().await;
    let required = ("AssertionEncryptionMode", "Required");
    let needs = "AssertionEncryptionMode Required needs a private key: add one first, or set the mode to Allowed.";
    let answer = scene.update(&[required]).await;
    answer.query_refused(400, "InvalidInput", needs);
    let answer = scene.update(&[required, ("AddPrivateKey", &key.pem)]).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let mode = scene.shown().await.xml("AssertionEncryptionMode");
    assert_eq!(mode.as_deref(), Some("Required"));
    scene
        .refused(scene.login("ada")[ARN].clone(), NOT_SAML)
        .await;
    let says = scene.says("ada");
    let whole = scene.idp.sign(&says.around(&says.assertion()), "_response");
    scene.refused(json!(encode(&whole)), NOT_SAML).await;
    assert_eq!(scene.takes(&scene.encrypted("ada", &key)).await.status, 200);
    let id = scene.key_ids().await.remove(0);
    let answer = scene.update(&[("RemovePrivateKey", &id)]).await;
    answer.query_refused(400, "InvalidInput", needs);
    scene
        .update(&[("AssertionEncryptionMode", "Allowed")])
        .await;
    assert_eq!(
        scene
            .world
            .get_id(&scene.pool, scene.login("ada"))
            .await
            .status,
        200
    );
    assert_eq!(scene.update(&[("RemovePrivateKey", &id)]).await.status, 200);
    assert!(scene.key_ids().await.is_empty());
}

#[tokio::test]
async fn what_is_no_private_key_is_refused_without_repeating_it() {
    let scene = Scene::new().await;
    let key = ServiceKey::new();
    let protected = key.pem.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    for text in [
        "key",
        &key.pem[40..],
        &protected,
        &format!("{0}{0}", key.pem),
    ] {
        let answer = scene.update(&[("AddPrivateKey", text)]).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
        assert_eq!(answer.xml("Code").as_deref(), Some("InvalidInput"));
        assert!(!answer.text.contains(&key.pem[100..140]), "{}", answer.text);
    }
    assert!(scene.key_ids().await.is_empty());
    let answer = scene.update(&[("AddPrivateKey", &key.pkcs1_pem())]).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(scene.takes(&scene.encrypted("ada", &key)).await.status, 200);
}

#[tokio::test]
async fn no_answer_and_no_file_has_a_private_key() {
    let key = ServiceKey::new();
    let scene = Scene::with_key(&key).await;
    scene.takes(&scene.encrypted("ada", &key)).await.ok();
    let body: Vec<&str> = key
        .pem
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect();
    let parts = [&body[8][..60], &body[body.len() / 2][..60]];
    let listed = scene.world.iam("ListSAMLProviders", &[]).await;
    let exported = scene
        .world
        .admin("Cognate.ExportConfiguration", json!({}))
        .await;
    for answer in [scene.shown().await, listed, exported] {
        assert_eq!(answer.status, 200);
        for part in parts {
            assert!(!answer.text.contains(part), "{}", answer.text);
        }
        assert!(!answer.text.contains("PRIVATE KEY") && !answer.text.contains("sealed"));
    }
    // A part of the private exponent, behind the headers and the public key.
    let secret = &key.der[400..440];
    let mut is_seen = false;
    for entry in std::fs::read_dir(scene.world.folder.path().join("data")).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let has = |part: &[u8]| bytes.windows(part.len()).any(|found| found == part);
        assert!(!has(secret), "the key's bytes");
        assert!(
            parts.iter().all(|part| !has(part.as_bytes())),
            "the key's text"
        );
        is_seen |= has(b"private_keys");
    }
    assert!(is_seen, "the record is found");
}

#[tokio::test]
async fn an_export_has_the_mode_and_a_seed_names_the_key() {
    let key = ServiceKey::new();
    let scene = Scene::with_key(&key).await;
    let exported = export(&scene.world).await;
    let provider = &exported["saml_providers"][0];
    assert_eq!(provider["AssertionEncryptionMode"], "Allowed");
    assert_eq!(provider.get("AddPrivateKey"), None);
    // Here the provider has its key, and an export changes nothing.
    let seed = json!({ "saml_providers": [provider] });
    assert_eq!(apply(&scene.world, &seed).await.ok()["Changes"], json!([]));
    // Elsewhere it says what is missing.
    let other = World::new().await;
    let refused = apply(&other, &seed).await;
    let text = "saml_providers[0] (corp): AssertionEncryptionMode: the provider has no private key, and an export has \
                none: name it in PrivateKeyFile.";
    refused.refused("InvalidParameterException", text);
    let mut with_key = provider.clone();
    with_key["AddPrivateKey"] = json!(key.pem);
    let with_key = json!({ "saml_providers": [with_key] });
    let answer = apply(&other, &with_key).await.ok();
    assert_eq!(answer["Changes"].as_array().unwrap().len(), 1);
    assert!(!answer.to_string().contains("PRIVATE KEY"), "{answer}");
    assert_eq!(apply(&other, &with_key).await.ok()["Changes"], json!([]));
    let pool = other.pool(json!({ "SamlProviderARNs": [ARN] })).await;
    let response = encode(&scene.encrypted("ada", &key));
    let answer = other.get_id(&pool, json!({ ARN: response })).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    // Another key is a change that shows no value.
    let mut rotated = provider.clone();
    rotated["AddPrivateKey"] = json!(ServiceKey::new().pem);
    let answer = apply(&other, &json!({ "saml_providers": [rotated] }))
        .await
        .ok();
    let members = answer["Changes"][0]["Members"].clone();
    assert_eq!(members, json!([{ "Member": "AddPrivateKey" }]));
}

#[tokio::test]
async fn an_explanation_shows_the_decryption() {
    let key = ServiceKey::new();
    let scene = Scene::with_key(&key).await;
    let explain = async |xml: &str| -> Vec<(String, bool, String)> {
        let input = json!({ "IdentityPoolId": scene.pool, "Logins": { ARN: encode(xml) } });
        let answer = scene.world.admin("Cognate.ExplainLogin", input).await.ok();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let checks = answer["Checks"].as_array().unwrap().iter();
        let checks = checks.map(|check| {
            let passed = check["Passed"] == true;
            (text(&check["Check"]), passed, text(&check["Found"]))
        });
        checks.skip_while(|(name, ..)| name != "form").collect()
    };
    let good = explain(&scene.encrypted("ada", &key)).await;
    let names: Vec<&str> = good.iter().map(|(name, ..)| name.as_str()).collect();
    let wanted = ["form", "status", "decryption", "signature", "issuer"];
    assert_eq!(names[..5], wanted);
    assert!(good.iter().all(|(_, passed, _)| *passed), "{good:?}");
    let found = "an assertion encrypted with AES-256-GCM, and its key with RSA-OAEP with SHA-1";
    assert_eq!(good[2].2, found);
    let other = explain(&scene.encrypted("ada", &ServiceKey::new())).await;
    let (name, passed, found) = other.last().unwrap();
    assert_eq!((name.as_str(), *passed), ("decryption", false));
    assert!(found.contains("can't be decrypted"), "{found}");
    // Nothing was used up.
    assert_eq!(scene.takes(&scene.encrypted("ada", &key)).await.status, 200);
}

#[tokio::test]
async fn an_encrypted_response_costs_no_more_than_a_plain_one() {
    let (one, two) = (ServiceKey::new(), ServiceKey::new());
    let scene = Scene::with_key(&one).await;
    scene.add_key(&two).await;
    let says = scene.says("ada");
    let more = |count: usize| "<x a='b'/>".repeat(count);
    let wide = |says: &Says, count: usize| {
        let assertion = says.assertion();
        assertion.replace(
            "</saml:Subject>",
            &format!("{}</saml:Subject>", more(count)),
        )
    };
    for xml in [
        says.around(&two.encrypt(&wide(&says, 1_300))),
        says.around(&two.encrypt(&wide(&says, 2_000))),
        says.around(&two.encrypt(&"A".repeat(20_000))),
        says.around(&ServiceKey::new().encrypt(&wide(&says, 1_300))),
        says.around(&format!(
            "<samlp:Extensions>{}</samlp:Extensions>{}",
            more(1_000),
            two.encrypt(&wide(&says, 700))
        )),
    ] {
        let began = super::now();
        let answer = scene.takes(&xml).await;
        let took = began.elapsed();
        assert_eq!(answer.status, 400);
        assert!(took.as_millis() < 1000, "{took:?}");
    }
}
