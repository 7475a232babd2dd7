//! Micro benchmarks of the parts that requests are made of, for `cargo bench --profile dist --bench parts`.
//!
//! Compare the times of one run with each other, not with those of another machine.

use std::sync::Arc;

use cognate::ambient::{Ambient, Real};
use cognate::credentials::{SealingKeys, Session, SessionOrigin, SessionTokens};
use cognate::model::identity::Login;
use cognate::model::ids::{Region, RoleArn};
use cognate::model::json;
use cognate::model::pool::Pool;
use cognate::model::sign_in::Asker;
use cognate::policy::{AccessRequest, Context, MAX_CHARACTERS, Policy, PolicyKind, evaluate};
use cognate::seal::SealKey;
use cognate::sigv4::{
    self, KeyCache, KeyError, Request, SecretKey, SecretKeys, SignatureRules, Signer,
};
use cognate::store::Store;
use cognate::store::event::{GuestHash, Origin};
use cognate::store::identities::{PoolRef, PoolVersion, Question, SignIn};
use cognate::store::record::RecordWrite;
use cognate::store::sqlite::SqliteStore;
use divan::{Bencher, black_box};
use http::{HeaderMap, HeaderValue};
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use uuid::Uuid;

fn main() {
    divan::main();
}

const CLAIMS: &str = r#"{"iss":"https://login.example.com","sub":"248289761001","aud":"app","exp":1790000000,
"iat":1789996400,"email":"janedoe@example.com","groups":["readers","writers"],"amr":["pwd","mfa"]}"#;

#[divan::bench]
fn json_read_claims() -> serde_json::Value {
    json::read(black_box(CLAIMS.as_bytes())).expect("strict JSON")
}

const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[
{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],
"Resource":"arn:aws:s3:::files/${cognito-identity.amazonaws.com:sub}/*"},
{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}}}]}"#;

fn policy() -> Policy {
    Policy::parse(PolicyKind::Identity, POLICY.as_bytes(), MAX_CHARACTERS).expect("a policy")
}

#[divan::bench]
fn policy_parse() -> Policy {
    policy()
}

#[divan::bench]
fn policy_evaluate(bencher: Bencher<'_, '_>) {
    let policy = policy();
    let context = Context::default();
    let request = AccessRequest {
        action: "s3:GetObject",
        resource: "arn:aws:s3:::files/eu-west-1:0a1b/picture.png",
        principal: None,
        context: &context,
    };
    bencher.bench_local(|| evaluate(black_box(&request), [&policy]));
}

struct OneKey;

impl SecretKeys for OneKey {
    type Owner = ();

    fn key(
        &self,
        _: &str,
        _: Option<&str>,
        _: Timestamp,
    ) -> Result<(SecretKey, Self::Owner), KeyError> {
        Ok((secret_key(), ()))
    }
}

fn secret_key() -> SecretKey {
    SecretKey::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned())
}

fn request(headers: &HeaderMap) -> Request<'_> {
    Request {
        method: "POST",
        path: "/",
        query: "",
        authority: None,
        headers,
        body: CLAIMS.as_bytes(),
    }
}

#[divan::bench]
fn signature_verify(bencher: Bencher<'_, '_>) {
    let now = Real.now();
    let mut headers = HeaderMap::new();
    headers.insert("host", HeaderValue::from_static("127.0.0.1:2646"));
    let secret = secret_key();
    let signer = Signer {
        access_key_id: "AKIAIOSFODNN7EXAMPLE",
        secret: &secret,
        session_token: None,
        region: "eu-west-1",
        service: "cognito-identity",
    };
    let added = sigv4::sign(&request(&headers), &signer, now).expect("a signature");
    headers.extend(added);
    let rules = SignatureRules {
        services: &["cognito-identity"],
        region: &|_: &Region| true,
        presigned: true,
    };
    let keys = KeyCache::new();
    bencher.bench_local(|| {
        let verified = sigv4::verify(&request(&headers), &rules, &OneKey, &keys, now);
        assert!(verified.is_ok());
    });
}

fn session_tokens() -> SessionTokens {
    let keys = SealingKeys::new(vec![(*b"\x01keyid!!", SealKey::new([7; 32]))]);
    SessionTokens::new(keys.expect("a key"))
}

fn session() -> Session {
    let now = Real.now().round(jiff::Unit::Second).expect("whole seconds");
    Session {
        role: RoleArn::parse("arn:aws:iam::123456789012:role/Reader").expect("a role's ARN"),
        role_id: None,
        name: "CognitoIdentityCredentials".to_owned(),
        origin: SessionOrigin::AccessKey("AIDAIOSFODNN7EXAMPLE".to_owned()),
        generation: Uuid::nil(),
        keys: indexmap::IndexMap::new(),
        bounds: Vec::new(),
        tags: cognate::model::tags::Tags::default(),
        issued: now,
        expires: now + SignedDuration::from_hours(1),
        not_after: None,
    }
}

#[divan::bench]
fn session_token_issue(bencher: Bencher<'_, '_>) {
    let (tokens, session) = (session_tokens(), session());
    bencher.bench_local(|| tokens.issue(black_box(&session), &Real).is_some());
}

#[divan::bench]
fn session_token_open(bencher: Bencher<'_, '_>) {
    let tokens = session_tokens();
    let issued = tokens.issue(&session(), &Real).expect("credentials");
    bencher.bench_local(|| {
        let opened = tokens.open(&issued.access_key_id, black_box(&issued.session_token));
        assert!(opened.is_some());
    });
}

/// An embedded store with a pool. One client waits for each answer, so that each write is a commit of its own.
struct Embedded {
    runtime: Runtime,
    store: Arc<SqliteStore>,
    pool: PoolVersion,
    _folder: TempDir,
}

impl Embedded {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a directory");
        let runtime = Runtime::new().expect("a runtime");
        let store = Arc::new(SqliteStore::open(folder.path()).expect("a store"));
        let id = Real.uuid();
        let text = format!(
            r#"{{"id":"eu-west-1:{id}","settings":{{"name":"bench","allow_unauthenticated":true,"allow_classic_flow":null,
            "supported_login_providers":{{}},"developer_provider_name":"dev","oidc_provider_arns":[],"user_pool_clients":[],
            "tags":{{}}}},"roles":{{"authenticated":null,"unauthenticated":null}}}}"#
        );
        let pool: Pool = json::read_as(text.as_bytes()).expect("a pool");
        let write = RecordWrite::add(&pool, 1_000_000);
        let put = runtime.block_on(store.put(&[write], &origin()));
        put.expect("the pool is stored");
        let incarnation = pool.incarnation;
        let pool = PoolVersion {
            pool: PoolRef { id, incarnation },
            version: 1,
        };
        Self {
            runtime,
            store,
            pool,
            _folder: folder,
        }
    }

    fn change(&self, question: &Question) {
        let changed = self
            .runtime
            .block_on(self.store.change(question, &origin()));
        changed.expect("an answer");
    }

    fn sign_in(&self, user: Uuid) -> Question {
        let login = Login::public("login.example.com", user.to_string());
        Question::SignIn(SignIn {
            pool: self.pool,
            asker: Asker::User,
            presented: None,
            logins: vec![(login.key(), login)],
            only_found: Vec::new(),
            new_id: Real.uuid(),
        })
    }
}

fn origin() -> Origin {
    Origin::of_server("Bench", &Real, &GuestHash::new(&[0; 32]))
}

#[divan::bench]
fn store_add_guest(bencher: Bencher<'_, '_>) {
    let embedded = Embedded::new();
    bencher.bench_local(|| embedded.change(&Question::AddGuest(embedded.pool, Real.uuid())));
}

#[divan::bench]
fn store_first_sign_in(bencher: Bencher<'_, '_>) {
    let embedded = Embedded::new();
    bencher.bench_local(|| embedded.change(&embedded.sign_in(Real.uuid())));
}

#[divan::bench]
fn store_later_sign_in(bencher: Bencher<'_, '_>) {
    let embedded = Embedded::new();
    let question = embedded.sign_in(Real.uuid());
    embedded.change(&question);
    bencher.bench_local(|| {
        let found = embedded.runtime.block_on(embedded.store.read(&question));
        assert!(found.expect("an answer").is_some());
    });
}
