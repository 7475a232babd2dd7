//! Promises about what a removed pool leaves behind.

use super::*;

/// Three identities in the pool 1 and two in the pool 2; the login of the first is in both.
async fn inhabited(store: &dyn Inspect) {
    add_pool(store, 1).await;
    add_pool(store, 2).await;
    store.add_guest(guest(10, 1)).await.unwrap();
    signed_in(store, ask(11, None, &["a:1"])).await;
    signed_in(store, ask(12, None, &["a:2", "b:2"])).await;
    store.add_guest(guest(20, 2)).await.unwrap();
    let mut other = ask(21, None, &["a:1"]);
    other.pool = id(2);
    signed_in(store, other).await;
}

pub(super) async fn identities_are_hidden_as_soon_as_their_pool_is_removed(
    store: Arc<dyn Inspect>,
) {
    inhabited(&*store).await;
    assert!(store.remove_pool(id(1)).await.unwrap());
    for number in [10, 11, 12] {
        assert_eq!(store.identity(id(number)).await.unwrap(), None);
    }
    for question in [
        ask(99, None, &["a:1"]),
        ask(99, 11, &["a:1"]),
        ask(99, 10, &["c:1"]),
        ask(99, None, &["new:1"]),
    ] {
        let answer = store.sign_in(question).await.unwrap();
        assert_eq!(answer, SignedIn::NoPool);
    }
    let added = store.add_guest(guest(13, 1)).await.unwrap();
    assert_eq!(added, GuestAdded::NoPool);
    let mut other = ask(99, None, &["a:1"]);
    other.pool = id(2);
    assert_eq!(signed_in(&*store, other).await.id, id(21));
}

pub(super) async fn what_a_removed_pool_leaves_is_deleted(store: Arc<dyn Inspect>) {
    inhabited(&*store).await;
    store.remove_pool(id(1)).await.unwrap();
    let left = purged(&*store).await;
    let ids: Vec<Uuid> = left.identities.iter().map(|one| one.id).collect();
    assert_eq!(ids, [20, 21].map(id));
    assert_eq!(left.logins, [(id(2), login("a:1").key(), id(21))]);
}

pub(super) async fn a_pool_that_comes_back_comes_back_empty(store: Arc<dyn Inspect>) {
    inhabited(&*store).await;
    store.remove_pool(id(1)).await.unwrap();
    add_pool(&*store, 1).await;
    assert_eq!(store.identity(id(11)).await.unwrap(), None);
    let new = signed_in(&*store, ask(31, None, &["a:1"])).await;
    assert_eq!(new.id, id(31));
    purged(&*store).await;
    let again = signed_in(&*store, ask(32, None, &["a:1"])).await;
    assert_eq!(again.id, id(31), "no purge takes what is new");
}
