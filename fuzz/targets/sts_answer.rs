//! What another STS answers: credentials that a client can use and that stand in the answer, or a refusal that is short,
//! printable and says nothing of whom it is about.
#![no_main]

use cognate::credentials::routes::{StsErrorResponse, read};

/// In the seeds, as an STS repeats whom it refuses.
const SUBJECT: &str = "us-east-1:0b1c2d3e-4f50-4678-9abc-def012345678";

cognate_fuzz::target!(|body: &[u8]| {
    if let Ok(obtained) = read(body) {
        let texts = [
            (&obtained.access_key_id, 128),
            (&*obtained.secret_key, 256),
            (&obtained.session_token, 16 * 1024),
        ];
        for (text, longest) in texts {
            assert!((1..=longest).contains(&text.len()));
            assert!(text.bytes().all(|byte| byte.is_ascii_graphic()));
        }
        assert_eq!(obtained.expires.subsec_nanosecond(), 0);
        assert!(std::str::from_utf8(body).is_ok_and(|text| !text.contains("<!DOCTYPE")));
    }
    let refusal = StsErrorResponse::read(body, SUBJECT);
    for text in [refusal.code, refusal.message] {
        assert!(text.chars().count() <= 300);
        assert!(!text.contains(char::is_control));
        assert!(!text.contains("0b1c2d3e-4f50-4678-9abc-def012345678"));
    }
});
