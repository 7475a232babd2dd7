//! Promises about guests and about finding identities.

use super::*;
use crate::store::StoreError;

pub(super) async fn a_guest_is_found_with_its_pool(store: Arc<dyn Inspect>) {
    add_pool(&*store, 1).await;
    add_pool(&*store, 2).await;
    let added = store.add_guest(guest(7, 2)).await.unwrap();
    assert_eq!(added, GuestAdded::Added);
    let (found, of) = store.identity(id(7)).await.unwrap().unwrap();
    assert_eq!(found, guest(7, 2));
    assert_eq!(*of, pool(2));
    assert_eq!(store.identity(id(8)).await.unwrap(), None);
}

pub(super) async fn a_guest_that_is_added_twice_is_there_once(store: Arc<dyn Inspect>) {
    add_pool(&*store, 1).await;
    for _ in 0..2 {
        let added = store.add_guest(guest(7, 1)).await.unwrap();
        assert_eq!(added, GuestAdded::Added);
    }
    let grown = signed_in(&*store, ask(9, 7, &["a:1"])).await;
    let added = store.add_guest(guest(7, 1)).await.unwrap();
    assert_eq!(added, GuestAdded::Added, "a late retry");
    assert_eq!(store.dump().await.identities, [grown]);
}

pub(super) async fn a_guest_needs_its_pool(store: Arc<dyn Inspect>) {
    let added = store.add_guest(guest(7, 1)).await.unwrap();
    assert_eq!(added, GuestAdded::NoPool);
    assert_eq!(store.identity(id(7)).await.unwrap(), None);
}

pub(super) async fn an_id_is_not_given_to_two_pools(store: Arc<dyn Inspect>) {
    add_pool(&*store, 1).await;
    add_pool(&*store, 2).await;
    store.add_guest(guest(7, 1)).await.unwrap();
    let taken = store.add_guest(guest(7, 2)).await;
    assert!(
        matches!(taken, Err(StoreError::Unavailable(_))),
        "{taken:?}"
    );
    let (found, _) = store.identity(id(7)).await.unwrap().unwrap();
    assert_eq!(found, guest(7, 1));
}

pub(super) async fn times_are_kept_to_the_millisecond(store: Arc<dyn Inspect>) {
    let exact: Timestamp = "2024-05-06T07:08:09.123456789Z".parse().unwrap();
    let whole: Timestamp = "2024-05-06T07:08:09.123Z".parse().unwrap();
    add_pool(&*store, 1).await;
    let new = Identity::new(id(7), id(1), Vec::new(), exact);
    store.add_guest(new).await.unwrap();
    let mut question = ask(8, None, &["a:1"]);
    question.now = exact;
    let made = signed_in(&*store, question).await;
    for number in [7, 8] {
        let (found, _) = store.identity(id(number)).await.unwrap().unwrap();
        assert_eq!((found.created, found.modified), (whole, whole));
    }
    let (found, _) = store.identity(id(8)).await.unwrap().unwrap();
    assert_eq!(found, made, "what is answered is what is kept");
}
