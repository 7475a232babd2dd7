//! What a catalog detects, on the store in memory.

use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::model::access_key::AccessKeyRecord;
use crate::store::conformance::in_memory::memory::MemoryStore;
use crate::store::conformance::origin;
use crate::store::record::{RecordKind, RecordWrite, to_json};

fn at(second: u64) -> Moment {
    Moment {
        uptime: Duration::from_secs(second),
        now: Timestamp::UNIX_EPOCH + Duration::from_secs(second),
    }
}

fn key(name: &str) -> AccessKeyRecord {
    AccessKeyRecord {
        user_id: None,
        id: format!("AKIA{name}"),
        name: name.to_owned(),
        policy: String::new(),
        enabled: true,
        created: Timestamp::UNIX_EPOCH,
        sealed: String::new(),
        version: 0,
    }
}

async fn put(store: &MemoryStore, write: RecordWrite) {
    store.put(&[write], &origin(at(100).now)).await.unwrap();
}

async fn with_key() -> (MemoryStore, Catalog) {
    let store = MemoryStore::default();
    put(&store, RecordWrite::add(&key("a"), 9)).await;
    let catalog = Catalog::load(&store, at(10)).await.unwrap();
    assert_eq!(names(&catalog), ["a"]);
    (store, catalog)
}

fn names(catalog: &Catalog) -> Vec<String> {
    let snapshot = catalog.newest();
    snapshot.access_keys().map(|key| key.name.clone()).collect()
}

#[tokio::test]
async fn a_change_is_seen_at_the_next_refresh() {
    let (store, catalog) = with_key().await;
    put(&store, RecordWrite::add(&key("b"), 9)).await;
    let (_, changed) = catalog.refresh(&store, at(11)).await.unwrap();
    assert!(changed);
    assert_eq!(names(&catalog), ["a", "b"]);
    let (_, changed) = catalog.refresh(&store, at(12)).await.unwrap();
    assert!(!changed);
}

#[tokio::test]
async fn a_lower_revision_that_commits_later_is_detected() {
    let (store, catalog) = with_key().await;
    put(&store, RecordWrite::add(&key("b"), 9)).await;
    catalog.refresh(&store, at(11)).await.unwrap();
    let mut late = store
        .record(RecordKind::AccessKey, "b")
        .await
        .unwrap()
        .unwrap();
    late.key = "c".to_owned();
    late.json = Some(to_json(&key("c")));
    late.revision = 1;
    let name = (late.kind.clone(), late.key.clone());
    store.tables().records.insert(name, late);
    catalog.refresh(&store, at(12)).await.unwrap();
    assert_eq!(names(&catalog), ["a", "b", "c"]);
}

#[tokio::test]
async fn a_deletion_that_was_swept_meanwhile_is_detected() {
    let (store, catalog) = with_key().await;
    put(&store, RecordWrite::delete(RecordKind::AccessKey, "a", 1)).await;
    {
        let mut tables = store.tables();
        tables.swept = tables.view.revision;
        let name = ("access-key".to_owned(), "a".to_owned());
        tables.records.remove(&name);
    }
    catalog.refresh(&store, at(11)).await.unwrap();
    assert_eq!(names(&catalog), [""; 0]);
}

#[tokio::test]
async fn a_revision_that_goes_back_is_detected() {
    let (store, catalog) = with_key().await;
    put(&store, RecordWrite::add(&key("b"), 9)).await;
    catalog.refresh(&store, at(11)).await.unwrap();
    {
        let mut tables = store.tables();
        let name = ("access-key".to_owned(), "b".to_owned());
        tables.records.remove(&name);
        tables.view.revision = 1;
    }
    catalog.refresh(&store, at(12)).await.unwrap();
    assert_eq!(names(&catalog), ["a"]);
}

#[tokio::test]
async fn another_generation_is_detected() {
    let (store, catalog) = with_key().await;
    {
        let mut tables = store.tables();
        tables.view.generation = Uuid::from_u128(7);
        let name = ("access-key".to_owned(), "a".to_owned());
        let json = to_json(&self::key("a")).replace("AKIAa", "AKIAb");
        tables.records.get_mut(&name).unwrap().json = Some(json);
    }
    catalog.refresh(&store, at(12)).await.unwrap();
    let snapshot = catalog.newest();
    assert_eq!(snapshot.access_key("a").unwrap().unwrap().id, "AKIAb");
}

#[tokio::test]
async fn a_view_is_good_for_five_seconds() {
    let (store, catalog) = with_key().await;
    assert!(catalog.snapshot(at(15)).is_ok());
    assert!(catalog.snapshot(at(16)).is_err());
    catalog.refresh(&store, at(16)).await.unwrap();
    assert!(catalog.snapshot(at(16)).is_ok());
    let stepped_back = Moment {
        uptime: at(17).uptime,
        now: at(10).now,
    };
    assert!(catalog.snapshot(stepped_back).is_err());
    store.close().await;
    assert!(catalog.refresh(&store, at(17)).await.is_err());
    assert!(
        catalog.snapshot(at(22)).is_err(),
        "a refresh that fails proves nothing"
    );
}

/// A complete record of each kind.
#[expect(clippy::too_many_lines, reason = "it is a list")]
fn complete() -> Vec<(RecordKind, &'static str, Value)> {
    let ring_key =
        json!({ "id": "k", "sealed": "s", "public": "p", "made": "1970-01-01T00:00:00Z" });
    let role = "arn:aws:iam::123456789012:role/Reader";
    vec![
        (
            RecordKind::Pool,
            "00000000-0000-0000-0000-000000000001",
            json!({
                "id": "eu-west-1:00000000-0000-0000-0000-000000000001",
                "incarnation": 3,
                "settings": {
                    "name": "p", "allow_unauthenticated": true, "allow_classic_flow": true,
                    "supported_login_providers": {}, "developer_provider_name": "dev",
                    "oidc_provider_arns": [], "saml_provider_arns": [],
                    "user_pool_clients": [{
                        "provider_name": "cognito-idp.eu-west-1.amazonaws.com/eu-west-1_a",
                        "client_id": "c", "server_side_token_check": false,
                    }],
                    "tags": {},
                },
                "roles": { "authenticated": role, "unauthenticated": null, "mappings": {} },
                "tag_maps": {},
                "credentials": { "seconds": 900, "within_login": true },
            }),
        ),
        (
            RecordKind::OidcProvider,
            "a.example",
            json!({
                "arn": "arn:aws:iam::123456789012:oidc-provider/a.example",
                "issuer": "https://a.example", "client_ids": [], "thumbprints": [], "tags": [],
                "created": "1970-01-01T00:00:00Z",
            }),
        ),
        (
            RecordKind::SamlProvider,
            "corp",
            json!({
                "arn": "arn:aws:iam::123456789012:saml-provider/corp",
                "uuid": "00000000-0000-0000-0000-000000000001", "document": "<x/>",
                "metadata": { "entity_id": "e", "certificates": ["c"], "valid_until": null },
                "tags": [], "created": "1970-01-01T00:00:00Z",
            }),
        ),
        (
            RecordKind::ManagedPolicy,
            "read",
            json!({
                "arn": "arn:aws:iam::123456789012:policy/Read", "id": "ANPA1",
                "versions": [{ "number": 1, "document": "{}", "created": "1970-01-01T00:00:00Z" }],
                "default_version": 1, "newest_version": 1, "tags": {},
                "created": "1970-01-01T00:00:00Z", "updated": "1970-01-01T00:00:00Z",
            }),
        ),
        (
            RecordKind::Role,
            "reader",
            json!({
                "arn": role, "id": "AROA1", "max_session_duration": 3600, "trust": "{}",
                "policies": {}, "attached": ["arn:aws:iam::123456789012:policy/Read"],
                "boundary": "arn:aws:iam::123456789012:policy/Read",
                "tags": {}, "created": "1970-01-01T00:00:00Z",
            }),
        ),
        (
            RecordKind::KeyRing,
            "signing",
            json!({
                "purpose": "signing", "current": ring_key, "next": ring_key,
                "next_ready": "1970-01-01T00:00:00Z",
                "retired": [{ "key": ring_key, "until": "1970-01-01T00:00:00Z" }],
            }),
        ),
        (
            RecordKind::RootKey,
            "root",
            json!({ "id": "AKIA", "sealed": "s" }),
        ),
        (
            RecordKind::AccessKey,
            "ci",
            json!({
                "id": "AKIA", "name": "ci", "policy": "{}", "enabled": true,
                "created": "1970-01-01T00:00:00Z", "sealed": "s",
            }),
        ),
        (
            RecordKind::DeletedPool,
            "00000000-0000-0000-0000-000000000001.3",
            json!({ "id": "00000000-0000-0000-0000-000000000001", "incarnation": 3 }),
        ),
        (
            RecordKind::SeedMark,
            "role/app",
            json!({ "kind": "role", "key": "app", "seed": "one", "object": "AROA" }),
        ),
        (
            RecordKind::Deployment,
            "deployment",
            json!({ "account_id": "123456789012", "public_url": "https://id.example.com" }),
        ),
        (
            RecordKind::GuestKey,
            "guest-handles",
            json!({ "sealed": "s" }),
        ),
        (
            RecordKind::AccessKeyUses,
            "access-key-uses",
            json!({ "uses": { "AIDAIOSFODNN7EXAMPLE": "1970-01-01T00:00:00Z" } }),
        ),
    ]
}

fn is_read(snapshot: &Snapshot, kind: RecordKind, key: &str) -> bool {
    let good = |found: Result<bool, Unreadable>| found == Ok(true);
    match kind {
        RecordKind::Pool => good(snapshot.pool(key.parse().unwrap()).map(|one| one.is_some())),
        RecordKind::OidcProvider => good(snapshot.oidc_provider(key).map(|one| one.is_some())),
        RecordKind::SamlProvider => good(snapshot.saml_provider(key).map(|one| one.is_some())),
        RecordKind::ManagedPolicy => good(snapshot.managed_policy(key).map(|one| one.is_some())),
        RecordKind::Role => good(snapshot.role(key).map(|one| one.is_some())),
        RecordKind::KeyRing => good(snapshot.key_ring(key).map(|one| one.is_some())),
        RecordKind::RootKey => good(snapshot.root_key().map(|one| one.is_some())),
        RecordKind::AccessKey => good(snapshot.access_key(key).map(|one| one.is_some())),
        RecordKind::DeletedPool => snapshot.deleted_pools().count() == 1,
        RecordKind::SeedMark => snapshot.seed_marks().count() == 1,
        RecordKind::Deployment => good(snapshot.deployment().map(|one| one.is_some())),
        RecordKind::GuestKey => good(snapshot.guest_key().map(|one| one.is_some())),
        RecordKind::AccessKeyUses => good(snapshot.access_key_uses().map(|one| one.is_some())),
    }
}

/// The pointers of all objects of `value` that aren't maps of the operator's own names.
fn objects(value: &Value, at: String, found: &mut Vec<String>) {
    const MAPS: [&str; 7] = [
        "uses",
        "supported_login_providers",
        "tags",
        "mappings",
        "tag_maps",
        "policies",
        "retired",
    ];
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                if value
                    .as_object()
                    .is_none_or(|_| !MAPS.contains(&name.as_str()))
                {
                    objects(value, format!("{at}/{name}"), found);
                }
            }
            found.push(at);
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                objects(item, format!("{at}/{index}"), found);
            }
        }
        _ => {}
    }
}

#[tokio::test]
async fn an_unknown_member_anywhere_in_a_record_makes_it_unreadable_and_stays() {
    let mut planted = 0;
    for (kind, key, good) in complete() {
        let mut places = Vec::new();
        objects(&good, String::new(), &mut places);
        for place in std::iter::once(None).chain(places.iter().map(Some)) {
            let mut document = good.clone();
            if let Some(place) = place {
                let object = document.pointer_mut(place).unwrap();
                object["from_the_future"] = json!({ "x": 1 });
                planted += 1;
            }
            let store = MemoryStore::default();
            let write = RecordWrite {
                kind,
                key: key.to_owned(),
                scope: String::new(),
                expected: 0,
                json: Some(document.to_string()),
                limit: None,
            };
            put(&store, write).await;
            let catalog = Catalog::load(&store, at(10)).await.unwrap();
            let read = is_read(&catalog.newest(), kind, key);
            assert_eq!(read, place.is_none(), "{kind:?} {place:?}");
            assert!(catalog.newest().has_any(kind), "it is there");
            let kept = store.record(kind, key).await.unwrap().unwrap().json;
            assert_eq!(kept, Some(document.to_string()));
        }
    }
    assert!(planted > 15, "{planted}");
}

#[tokio::test]
async fn a_record_of_an_unknown_kind_is_kept_and_not_used() {
    let (store, catalog) = with_key().await;
    let mut strange = store
        .record(RecordKind::AccessKey, "a")
        .await
        .unwrap()
        .unwrap();
    strange.kind = "from-the-future".to_owned();
    strange.revision = 9;
    {
        let mut tables = store.tables();
        tables.view.revision = 9;
        tables
            .records
            .insert((strange.kind.clone(), strange.key.clone()), strange);
    }
    catalog.refresh(&store, at(11)).await.unwrap();
    assert_eq!(names(&catalog), ["a"]);
    assert_eq!(store.tables().records.len(), 2);
}
