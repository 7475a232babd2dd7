//! Guarantees about records of every kind, events, claims, leases and sweeps.

use super::*;
use crate::store::event::EventKind;
use crate::store::lease::LeaseRequest;
use crate::store::once::{Claim, ClaimOutcome};
use crate::store::record::{PutOutcome, RecordKind, RecordWrite, View};
use crate::store::sweep::Sweep;

fn write(key: &str, expected: u64, json: Option<&str>) -> RecordWrite {
    RecordWrite {
        kind: RecordKind::Role,
        key: key.to_owned(),
        scope: String::new(),
        expected,
        json: json.map(str::to_owned),
        limit: None,
    }
}

/// An origin of the request `number` at a second.
fn request(number: u128, second: i64) -> crate::store::event::Origin {
    crate::store::event::Origin {
        request_id: id(number),
        ..origin(at(second))
    }
}

pub(super) async fn all_records_of_a_put_are_written_or_none(store: Arc<dyn Inspect>) {
    let one = [write("a", 0, Some("{}")), write("b", 1, Some("{}"))];
    let refused = store.put(&one, &request(1, 100)).await.unwrap();
    assert_eq!(refused, PutOutcome::Absent(1));
    assert_eq!(store.record(RecordKind::Role, "a").await.unwrap(), None);
    assert_eq!(store.list_events(0, 9).await.unwrap().transactions, []);
    let both = [write("a", 0, Some("{}")), write("b", 0, Some("{}"))];
    let PutOutcome::Stored(records) = store.put(&both, &request(2, 100)).await.unwrap() else {
        panic!("refused");
    };
    assert_eq!(records[0].revision, records[1].revision);
}

pub(super) async fn a_request_that_runs_again_changes_nothing(store: Arc<dyn Inspect>) {
    let steps = [
        write("a", 0, Some("{}")),
        write("a", 1, Some("[]")),
        write("a", 2, None),
    ];
    for (number, step) in (1..).zip(steps) {
        let first = store
            .put(std::slice::from_ref(&step), &request(number, 100))
            .await
            .unwrap();
        let again = store
            .put(std::slice::from_ref(&step), &request(number, 100))
            .await
            .unwrap();
        assert_eq!(first, again);
        let other = store.put(&[step], &request(99, 100)).await.unwrap();
        assert!(!matches!(other, PutOutcome::Stored(_)), "{other:?}");
    }
    assert_eq!(store.list_events(0, 9).await.unwrap().transactions.len(), 3);
}

pub(super) async fn a_version_never_returns(store: Arc<dyn Inspect>) {
    store
        .put(&[write("a", 0, Some("1"))], &request(1, 100))
        .await
        .unwrap();
    store
        .put(&[write("a", 1, None)], &request(2, 100))
        .await
        .unwrap();
    store
        .put(&[write("a", 0, Some("2"))], &request(3, 100))
        .await
        .unwrap();
    let found = store.record(RecordKind::Role, "a").await.unwrap().unwrap();
    assert_eq!(found.version, 3);
    let late = store
        .put(&[write("a", 1, Some("late"))], &request(4, 100))
        .await
        .unwrap();
    assert_eq!(late, PutOutcome::Conflict(0));
}

pub(super) async fn changes_come_with_deletions_and_a_checksum(store: Arc<dyn Inspect>) {
    let empty = store.records_since(View::default()).await.unwrap();
    assert_eq!((empty.checksum, empty.records.len()), ((0, 0), 0));
    store
        .put(&[write("a", 0, Some("1"))], &request(1, 100))
        .await
        .unwrap();
    let first = store.records_since(empty.view).await.unwrap();
    assert_eq!(first.records.len(), 1);
    store
        .put(&[write("b", 0, Some("1"))], &request(2, 100))
        .await
        .unwrap();
    store
        .put(&[write("a", 1, None)], &request(3, 100))
        .await
        .unwrap();
    let second = store.records_since(first.view).await.unwrap();
    let keys: Vec<(&str, bool)> = second
        .records
        .iter()
        .map(|record| (record.key.as_str(), record.json.is_some()))
        .collect();
    assert_eq!(keys, [("b", true), ("a", false)]);
    let sum = second.records.iter().map(|record| record.revision).sum();
    assert_eq!(second.checksum, (2, sum));
    assert_eq!(second.view.generation, first.view.generation);
    let none = store.records_since(second.view).await.unwrap();
    assert_eq!((none.view, none.records.len()), (second.view, 0));
}

pub(super) async fn each_change_leaves_its_event(store: Arc<dyn Inspect>) {
    add_pool(&*store, 1).await;
    store.add_guest(guest(10, 1)).await.unwrap();
    signed_in(&*store, ask(11, 10, &["a:1"])).await;
    signed_in(&*store, ask(12, None, &["b:1"])).await;
    signed_in(&*store, ask(13, 10, &["a:1", "b:1"])).await;
    let unlink = Unlink {
        pool: id(1),
        identity: id(10),
        logins: logins(&["a:1"]),
        now: at(300),
    };
    store.unlink(unlink).await.unwrap();
    for revoked in [true, false] {
        let revoke = Revoke {
            pool: id(1),
            identity: id(10),
            revoked,
            now: at(310),
        };
        store.revoke(revoke).await.unwrap();
    }
    store.remove_identities(vec![id(10)]).await.unwrap();
    store.remove_pool(id(1)).await.unwrap();
    let page = store.list_events(0, 99).await.unwrap();
    assert!(!page.lost);
    let events: Vec<_> = page
        .transactions
        .iter()
        .flat_map(|(_, events)| events)
        .collect();
    let kinds: Vec<EventKind> = events.iter().map(|event| event.kind).collect();
    assert_eq!(
        kinds,
        [
            EventKind::RecordCreated,
            EventKind::IdentityCreated,
            EventKind::IdentityLinked,
            EventKind::IdentityCreated,
            EventKind::IdentityMerged,
            EventKind::IdentityUnlinked,
            EventKind::IdentityRevoked,
            EventKind::IdentityRestored,
            EventKind::IdentityDeleted,
            EventKind::RecordDeleted,
            EventKind::RecordCreated,
        ]
    );
    // The identity 10 was a guest when it was created and when it signed in, and so has no id in these events.
    let text = serde_json::to_string(&events[..3]).unwrap();
    assert!(!text.contains(&id(10).to_string()), "{text}");
    assert!(!serde_json::to_string(&events).unwrap().contains("subject:"));
    let behind = store.list_events(page.transactions[2].0, 2).await.unwrap();
    assert_eq!(behind.transactions, page.transactions[3..5]);
}

pub(super) async fn a_question_that_changes_nothing_leaves_no_event(store: Arc<dyn Inspect>) {
    add_pool(&*store, 1).await;
    signed_in(&*store, ask(10, None, &["a:1"])).await;
    let before = store.list_events(0, 99).await.unwrap();
    signed_in(&*store, ask(11, None, &["a:1"])).await;
    store.sign_in(ask(12, 99, &["a:1"])).await.unwrap();
    assert_eq!(store.list_events(0, 99).await.unwrap(), before);
}

pub(super) async fn a_consumer_that_lags_behind_the_kept_events_is_told(store: Arc<dyn Inspect>) {
    add_pool(&*store, 1).await;
    for number in 10..14 {
        store.add_guest(guest(number, 1)).await.unwrap();
    }
    let all = store.list_events(0, 99).await.unwrap().transactions;
    let fence = store.lease(&lease(1, 500)).await.unwrap().unwrap();
    // The pool came at second 150, the guests at second 100.
    let swept = store
        .sweep(&Sweep::Events(at(1000)), &fence, 2)
        .await
        .unwrap();
    assert_eq!(swept, Some(2));
    let page = store.list_events(0, 99).await.unwrap();
    assert!(page.lost);
    assert_eq!(page.transactions, all[2..]);
    assert!(!store.list_events(all[1].0, 99).await.unwrap().lost);
    while store
        .sweep(&Sweep::Events(at(1000)), &fence, 2)
        .await
        .unwrap()
        != Some(0)
    {}
    assert!(store.list_events(all[1].0, 99).await.unwrap().lost);
    assert!(!store.list_events(all[4].0, 99).await.unwrap().lost);
}

fn lease(owner: u128, second: i64) -> LeaseRequest {
    LeaseRequest {
        name: "maintenance",
        owner: id(owner),
        now: at(second),
        until: at(second + 30),
    }
}

pub(super) async fn a_lease_has_one_owner_at_a_time(store: Arc<dyn Inspect>) {
    let first = store.lease(&lease(1, 100)).await.unwrap().unwrap();
    assert_eq!(store.lease(&lease(2, 129)).await.unwrap(), None);
    let prolonged = store.lease(&lease(1, 120)).await.unwrap().unwrap();
    assert_eq!(prolonged, first);
    let second = store.lease(&lease(2, 151)).await.unwrap().unwrap();
    assert_eq!(second.number, first.number + 1);
    let late = store.sweep(&Sweep::Claims(at(0)), &first, 9).await.unwrap();
    assert_eq!(late, None, "an owner that lost its lease deletes nothing");
    let swept = store
        .sweep(&Sweep::Claims(at(0)), &second, 9)
        .await
        .unwrap();
    assert_eq!(swept, Some(0));
}

fn claim(key: u8, holder: &str, until: i64, now: i64) -> Claim {
    Claim {
        purpose: "test",
        key: [key; 32],
        holder: holder.to_owned(),
        issued: Some(at(now)),
        until: at(until),
        now: at(now),
        dry_run: false,
    }
}

pub(super) async fn a_claim_belongs_to_its_first_holder_until_its_end(store: Arc<dyn Inspect>) {
    let claim_once = async |one: Claim| store.claim_once(&one).await.unwrap();
    assert_eq!(
        claim_once(claim(1, "a", 200, 100)).await,
        ClaimOutcome::Held
    );
    assert_eq!(
        claim_once(claim(1, "a", 150, 110)).await,
        ClaimOutcome::Held
    );
    assert_eq!(
        claim_once(claim(1, "b", 300, 199)).await,
        ClaimOutcome::HeldByOther
    );
    assert_eq!(
        claim_once(claim(2, "b", 300, 199)).await,
        ClaimOutcome::Held
    );
    let fence = store.lease(&lease(1, 100)).await.unwrap().unwrap();
    assert_eq!(
        store
            .sweep(&Sweep::Claims(at(250)), &fence, 9)
            .await
            .unwrap(),
        Some(1)
    );
    assert_eq!(
        claim_once(claim(2, "a", 300, 199)).await,
        ClaimOutcome::HeldByOther
    );
    assert_eq!(
        claim_once(claim(1, "b", 400, 200)).await,
        ClaimOutcome::Held
    );
}

pub(super) async fn a_dry_run_claims_nothing(store: Arc<dyn Inspect>) {
    let claim_once = async |holder, until, now, dry_run| {
        let claim = Claim {
            dry_run,
            ..claim(1, holder, until, now)
        };
        store.claim_once(&claim).await.unwrap()
    };
    let (held, other) = (ClaimOutcome::Held, ClaimOutcome::HeldByOther);
    for (holder, until, now, dry_run, outcome) in [
        ("a", 200, 100, true, held),
        ("b", 200, 100, false, held),
        ("a", 200, 100, true, other),
        ("b", 300, 100, true, held),
        ("a", 300, 200, true, held),
        ("a", 300, 200, false, held),
        ("b", 300, 200, true, other),
    ] {
        let found = claim_once(holder, until, now, dry_run).await;
        assert_eq!(found, outcome, "{holder} until {until} at {now}");
    }
}

pub(super) async fn of_many_claims_at_once_one_holds(store: Arc<dyn Inspect>) {
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..32 {
        let store = Arc::clone(&store);
        let claim = claim(1, &number.to_string(), 200, 100);
        tasks.spawn(async move { store.claim_once(&claim).await.unwrap() });
    }
    let outcomes = tasks.join_all().await;
    let held = outcomes.iter().filter(|one| **one == ClaimOutcome::Held);
    assert_eq!(held.count(), 1);
}

pub(super) async fn a_change_with_an_outdated_pool_writes_nothing(store: Arc<dyn Inspect>) {
    use crate::store::identities::{Answer, Question};
    add_pool(&*store, 1).await;
    let seen = store.version(id(1)).await.unwrap().unwrap();
    let mut changed = pool(1);
    changed.version = 2;
    changed.settings.allow_unauthenticated = false;
    store.replace_pool(changed).await.unwrap();
    let question = Question::AddGuest(seen, id(10));
    let answer = store.change(&question, &origin(at(200))).await.unwrap();
    assert_eq!(answer, Answer::PoolChanged);
    assert_eq!(store.dump().await.identities, []);
}

pub(super) async fn a_deletion_of_what_people_name_is_never_swept(store: Arc<dyn Inspect>) {
    let kinds = [
        RecordKind::Pool,
        RecordKind::OidcProvider,
        RecordKind::SamlProvider,
        RecordKind::ManagedPolicy,
        RecordKind::Role,
        RecordKind::AccessKey,
        RecordKind::SeedMark,
    ];
    for (number, kind) in (1..).zip(kinds) {
        for (offset, expected, json) in [(0, 0, Some("1")), (100, 1, None)] {
            let write = RecordWrite {
                kind,
                ..write("a", expected, json)
            };
            let origin = request(number + offset, 100);
            store.put(&[write], &origin).await.unwrap();
        }
    }
    let fence = store.lease(&lease(1, 100)).await.unwrap().unwrap();
    let all = Sweep::Deletions(at(1_000_000));
    assert_eq!(store.sweep(&all, &fence, 99).await.unwrap(), Some(1));
    let left = store.records_since(View::default()).await.unwrap().records;
    assert_eq!(left.len(), kinds.len() - 1);
    for (record, kind) in left.iter().zip(kinds) {
        assert_eq!(RecordKind::parse(&record.kind), Some(kind));
        assert!(kind.is_remembered() && record.json.is_none());
    }
}

pub(super) async fn swept_deletions_make_old_views_start_anew(store: Arc<dyn Inspect>) {
    let write = |key: &str, expected, json| RecordWrite {
        kind: RecordKind::SeedMark,
        ..write(key, expected, json)
    };
    store
        .put(&[write("a", 0, Some("1"))], &request(1, 100))
        .await
        .unwrap();
    let old = store.records_since(View::default()).await.unwrap().view;
    store
        .put(&[write("a", 1, None)], &request(2, 100))
        .await
        .unwrap();
    store
        .put(&[write("b", 0, Some("1"))], &request(3, 100))
        .await
        .unwrap();
    let fence = store.lease(&lease(1, 100)).await.unwrap().unwrap();
    assert_eq!(
        store
            .sweep(&Sweep::Deletions(at(50)), &fence, 9)
            .await
            .unwrap(),
        Some(0)
    );
    assert_eq!(store.records_since(old).await.unwrap().swept, 0);
    assert_eq!(
        store
            .sweep(&Sweep::Deletions(at(101)), &fence, 9)
            .await
            .unwrap(),
        Some(1)
    );
    let changes = store.records_since(old).await.unwrap();
    assert!(changes.swept > old.revision, "{changes:?}");
}
