//! Whether a response is claimed depends on `dry_run` alone, never on the report.

use uuid::Uuid;

use super::*;
use crate::logins::LoginRules;
use crate::logins::fake::outgoing;

/// A response at one pool, and then at another: whether the second pool accepts it.
fn another_pool_accepts(dry_run: bool, mut report: Report) -> bool {
    let logins = Logins::new(LoginRules::default(), outgoing(&[]));
    let provider = |pool| Saml {
        arn: SamlProviderArn::parse("arn:aws:iam::123456789012:saml-provider/a").unwrap(),
        metadata: read_metadata(&GOOD.metadata()).unwrap(),
        public_url: "https://id.example".to_owned(),
        relying_party: RelyingParty::Pool(Uuid::from_u128(pool)),
    };
    let response = ada().login(&GOOD);
    let attempt = |dry_run| LoginAttempt {
        key: "arn:aws:iam::123456789012:saml-provider/a",
        token: &response,
        now: now(),
        dry_run,
    };
    let first = logins.verify_assertion(&provider(1), &attempt(dry_run), &mut report);
    assert!(first.is_ok(), "{first:?}");
    let second = logins.verify_assertion(&provider(2), &attempt(false), &mut Report::disabled());
    match second {
        Ok(_) => true,
        Err(LoginError::Replayed(ReplayError::OtherRelyingParty)) => false,
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn a_dry_run_claims_no_response_with_a_report_or_without() {
    assert!(another_pool_accepts(true, Report::enabled()));
    assert!(another_pool_accepts(true, Report::disabled()));
}

#[test]
fn a_login_claims_its_response_with_a_report_or_without() {
    assert!(!another_pool_accepts(false, Report::enabled()));
    assert!(!another_pool_accepts(false, Report::disabled()));
}
