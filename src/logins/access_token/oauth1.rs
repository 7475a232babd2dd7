//! OAuth 1.0a signatures of requests, with HMAC-SHA1: <https://www.rfc-editor.org/rfc/rfc5849>. No I/O.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Percent-encoding of section 3.6: every byte but these and the alphanumeric ones.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The inputs of a signature.
pub struct OAuth1Signer<'a> {
    /// The app's key.
    pub consumer_key: &'a str,
    /// The app's secret.
    pub consumer_secret: &'a str,
    /// The user's token.
    pub token: &'a str,
    /// The token's secret.
    pub token_secret: &'a str,
    /// A string that is never used twice in a second.
    pub nonce: &'a str,
    /// The moment, in seconds since 1970.
    pub timestamp: i64,
}

impl OAuth1Signer<'_> {
    /// The Authorization header of a GET of `url`, which has no query, no fragment and no default port.
    pub fn get(&self, url: &str) -> String {
        let timestamp = self.timestamp.to_string();
        let parameters = [
            ("oauth_consumer_key", self.consumer_key),
            ("oauth_nonce", self.nonce),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", &timestamp),
            ("oauth_token", self.token),
            ("oauth_version", "1.0"),
        ];
        let base = base_string("GET", url, &parameters);
        let signature = signature(&base, self.consumer_secret, self.token_secret);
        let signed = ("oauth_signature", signature.as_str());
        let all: Vec<String> = parameters
            .iter()
            .chain([&signed])
            .map(|(name, value)| format!("{name}=\"{}\"", encode(value)))
            .collect();
        format!("OAuth {}", all.join(", "))
    }
}

/// The signature base string (section 3.4.1): `url` without query and fragment, and all parameters, decoded.
fn base_string(method: &str, url: &str, parameters: &[(&str, &str)]) -> String {
    let mut pairs: Vec<(String, String)> = parameters
        .iter()
        .map(|(name, value)| (encode(name), encode(value)))
        .collect();
    // Sorted as bytes after encoding.
    pairs.sort();
    let pairs: Vec<String> = pairs
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    format!("{method}&{}&{}", encode(url), encode(&pairs.join("&")))
}

/// The signature of a base string (section 3.4.2), in base64.
fn signature(base: &str, consumer_secret: &str, token_secret: &str) -> String {
    let key = format!("{}&{}", encode(consumer_secret), encode(token_secret));
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key.as_bytes());
    STANDARD.encode(hmac::sign(&key, base.as_bytes()))
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_of_rfc_5849_section_3_4_1_has_its_base_string() {
        let parameters = [
            ("b5", "=%3D"),
            ("a3", "a"),
            ("c@", ""),
            ("a2", "r b"),
            ("oauth_consumer_key", "9djdj82h48djs9d2"),
            ("oauth_token", "kkk9d7dh3k39sjv7"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "137131201"),
            ("oauth_nonce", "7d8f3e4a"),
            ("c2", ""),
            ("a3", "2 q"),
        ];
        let base = base_string("POST", "http://example.com/request", &parameters);
        let wanted = "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D\
                      %26c%2540%3D%26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a\
                      %26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D137131201\
                      %26oauth_token%3Dkkk9d7dh3k39sjv7";
        assert_eq!(base, wanted);
        // What the RFC's own text prints is wrong: its erratum 2550 has the right one.
        let signed = signature(&base, "j49sk3j29djd", "dh893hdasih9");
        assert_eq!(signed, "r6/TJjbCOr97/+UU0NsvSne7s5g=");
    }

    #[test]
    fn the_request_of_rfc_5849_section_1_2_has_its_signature() {
        let parameters = [
            ("file", "vacation.jpg"),
            ("size", "original"),
            ("oauth_consumer_key", "dpf43f3p2l4k3l03"),
            ("oauth_token", "nnch734d00sl2jdk"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "137131202"),
            ("oauth_nonce", "chapoH"),
        ];
        let base = base_string("GET", "http://photos.example.net/photos", &parameters);
        let signed = signature(&base, "kd94hf93k423kf44", "pfkkdhi9sl3r4s00");
        assert_eq!(signed, "MdpQcU8iPSUjWoN/UDMsK2sui9I=");
    }

    #[test]
    fn the_request_of_twitters_guide_has_its_signature() {
        let parameters = [
            (
                "status",
                "Hello Ladies + Gentlemen, a signed OAuth request!",
            ),
            ("include_entities", "true"),
            ("oauth_consumer_key", "xvz1evFS4wEEPTGEFPHBog"),
            ("oauth_nonce", "kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "1318622958"),
            (
                "oauth_token",
                "370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb",
            ),
            ("oauth_version", "1.0"),
        ];
        let url = "https://api.twitter.com/1/statuses/update.json";
        let signed = signature(
            &base_string("POST", url, &parameters),
            "kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw",
            "LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE",
        );
        assert_eq!(signed, "tnnArxj06cWHq44gCs1OSKk/jLY=");
    }

    #[test]
    fn the_header_names_everything_but_the_secrets() {
        let signer = OAuth1Signer {
            consumer_key: "a key",
            consumer_secret: "hidden",
            token: "7-a\"b",
            token_secret: "unseen",
            nonce: "once",
            timestamp: 1_318_622_958,
        };
        let header = signer.get("https://api.twitter.com/1.1/account/verify_credentials.json");
        let (before, signature) = header.rsplit_once(", oauth_signature=").unwrap();
        assert_eq!(
            before,
            "OAuth oauth_consumer_key=\"a%20key\", oauth_nonce=\"once\", \
             oauth_signature_method=\"HMAC-SHA1\", oauth_timestamp=\"1318622958\", \
             oauth_token=\"7-a%22b\", oauth_version=\"1.0\""
        );
        assert!(!signature.contains(['+', '/', ' ']), "{signature}");
        assert!(!header.contains("hidden") && !header.contains("unseen"));
    }
}
