//! The verifier of signatures. The lines are method, path, query, headers (`name: value`, a line each, up to an empty one)
//! and body. Nothing that is made up is genuine; where the first letter is `!` or `?`, the request is signed in its
//! header or its query, and must be.
#![no_main]

use cognate::model::ids::Region;
use cognate::sigv4::{
    self, KeyCache, KeyError, Request, SecretKey, SecretKeys, SignatureRules, Signer,
};
use cognate_fuzz::{ROOT, now, value};
use http::{HeaderMap, HeaderName};
use jiff::Timestamp;

struct Root;

impl SecretKeys for Root {
    type Owner = ();

    fn key(
        &self,
        access_key_id: &str,
        session_token: Option<&str>,
        _: Timestamp,
    ) -> Result<(SecretKey, ()), KeyError> {
        match session_token {
            None if access_key_id == ROOT.0 => Ok((SecretKey::new(ROOT.1.to_owned()), ())),
            None => Err(KeyError::Unknown),
            Some(_) => Err(KeyError::Expired),
        }
    }
}

fn is_genuine(request: &Request<'_>) -> bool {
    let rules = SignatureRules {
        services: &["sts"],
        region: &|_: &Region| true,
        presigned: true,
    };
    sigv4::verify(request, &rules, &Root, &KeyCache::new(), now()).is_ok()
}

cognate_fuzz::target!(|bytes: &[u8]| {
    let (signs, bytes) = match bytes.split_first() {
        Some((b'!', rest)) => (Some(b'!'), rest),
        Some((b'?', rest)) => (Some(b'?'), rest),
        _ => (None, bytes),
    };
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let mut text = || std::str::from_utf8(lines.next().unwrap_or_default());
    let (Ok(method), Ok(path), Ok(query)) = (text(), text(), text()) else {
        return;
    };
    let mut headers = HeaderMap::new();
    for line in lines.by_ref().take_while(|line| !line.is_empty()) {
        let colon = line
            .iter()
            .position(|byte| *byte == b':')
            .unwrap_or(line.len());
        let (name, rest) = line.split_at(colon);
        let rest = rest.strip_prefix(b": ").unwrap_or(rest);
        if let (Ok(name), Some(value)) = (HeaderName::from_bytes(name), value(rest)) {
            headers.append(name, value);
        }
    }
    let body = lines.next().unwrap_or_default();
    let mut request = Request {
        method,
        path,
        query,
        authority: None,
        headers: &headers,
        body,
    };
    assert!(!is_genuine(&request), "nobody knows the secret");
    let secret = SecretKey::new(ROOT.1.to_owned());
    let signer = Signer {
        access_key_id: ROOT.0,
        secret: &secret,
        session_token: None,
        region: "eu-west-1",
        service: "sts",
    };
    match signs {
        Some(b'!') => {
            let Ok(added) = sigv4::sign(&request, &signer, now()) else {
                return;
            };
            let mut all = headers.clone();
            all.extend(added);
            request.headers = &all;
            let _ = is_genuine(&request);
        }
        Some(_) => {
            let Ok(query) = sigv4::presign(&request, &signer, 60, now()) else {
                return;
            };
            request.query = &query;
            let _ = is_genuine(&request);
        }
        None => {}
    }
});
