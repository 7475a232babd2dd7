//! Guarantees about generations: a proof that counts once must be newer than the generation of the store.

use jiff::SignedDuration;

use super::*;
use crate::store::once::{Claim, ClaimOutcome};
use crate::store::record::View;

fn claim(key: u8, holder: &str, issued: Option<Timestamp>) -> Claim {
    let now = Real.now_in_milliseconds();
    Claim {
        purpose: "test",
        key: [key; 32],
        holder: holder.to_owned(),
        issued,
        until: now + SignedDuration::from_hours(1),
        now,
        dry_run: false,
    }
}

async fn outcome(store: &dyn Inspect, claim: Claim) -> ClaimOutcome {
    let looked_up = Claim {
        dry_run: true,
        ..claim.clone()
    };
    let found = store.claim_once(&looked_up).await.unwrap();
    let claimed = store.claim_once(&claim).await.unwrap();
    assert_eq!(found, claimed, "a dry run has the same outcome");
    claimed
}

pub(super) async fn a_proof_from_before_the_generation_is_refused(store: Arc<dyn Inspect>) {
    let now = Real.now_in_milliseconds();
    let used = claim(1, "a", Some(now));
    assert_eq!(outcome(&*store, used.clone()).await, ClaimOutcome::Held);
    let began = store.begin_generation().await;
    let millisecond = SignedDuration::from_millis(1);
    let before = ClaimOutcome::FromBefore;
    for (key, issued, expected) in [
        (1, used.issued, before),
        (2, Some(at(0)), before),
        (2, Some(began - millisecond), before),
        (2, Some(began), before),
        (2, None, before),
        (2, Some(began + millisecond), ClaimOutcome::Held),
    ] {
        let found = outcome(&*store, claim(key, "a", issued)).await;
        assert_eq!(found, expected, "{key}, issued {issued:?}");
    }
    // A proof that was refused was not claimed; a new one belongs to its first holder.
    let fresh = Some(began + millisecond);
    let other = outcome(&*store, claim(2, "b", fresh)).await;
    assert_eq!(other, ClaimOutcome::HeldByOther);
    let again = store.begin_generation().await;
    assert!(again >= began);
    if again > began {
        assert_eq!(outcome(&*store, claim(3, "a", fresh)).await, before);
    }
}

pub(super) async fn a_proof_of_the_first_generation_needs_no_time(store: Arc<dyn Inspect>) {
    for (key, issued) in [(1, None), (2, Some(at(0)))] {
        let found = outcome(&*store, claim(key, "a", issued)).await;
        assert_eq!(found, ClaimOutcome::Held);
    }
}

pub(super) async fn a_new_generation_keeps_everything_else(store: Arc<dyn Inspect>) {
    add_pool(&*store, 1).await;
    signed_in(&*store, ask(10, None, &["a:1"])).await;
    let held = claim(1, "a", Some(Timestamp::MAX));
    assert_eq!(outcome(&*store, held).await, ClaimOutcome::Held);
    let (dump, events) = (store.dump().await, store.list_events(0, 99).await.unwrap());
    let before = store.records_since(View::default()).await.unwrap();
    store.begin_generation().await;
    let after = store.records_since(before.view).await.unwrap();
    assert_ne!(after.view.generation, before.view.generation);
    assert_eq!(after.view.revision, before.view.revision);
    let all = store.records_since(View::default()).await.unwrap();
    assert_eq!(all.records, before.records);
    assert_eq!(store.dump().await, dump);
    assert_eq!(store.list_events(0, 99).await.unwrap(), events);
    let held = claim(1, "b", Some(Timestamp::MAX));
    assert_eq!(outcome(&*store, held).await, ClaimOutcome::HeldByOther);
}

pub(super) async fn the_beginning_stays_after_a_restart(home: &dyn Home) {
    let store = home.open().await;
    let began = store.begin_generation().await;
    let view = store.records_since(View::default()).await.unwrap().view;
    store.close().await;
    let store = home.open().await;
    let now = store.records_since(View::default()).await.unwrap().view;
    assert_eq!(now, view);
    let found = outcome(&*store, claim(1, "a", Some(began))).await;
    assert_eq!(found, ClaimOutcome::FromBefore);
    store.close().await;
}
