//! Promises about closing a store and opening it again.

use super::*;
use crate::store::StoreError;
use tokio::task::JoinSet;

pub(super) async fn an_open_store_is_well(store: Arc<dyn Inspect>) {
    store.check().await.unwrap();
}

pub(super) async fn everything_is_there_after_a_restart(home: &dyn Home) {
    let store = home.open().await;
    add_pool(&*store, 1).await;
    let mut changed = pool(1);
    changed.version = 2;
    changed.settings.name = "changed".to_owned();
    store.replace_pool(changed.clone()).await.unwrap();
    let provider = super::providers::provider("a.example");
    store.add_oidc_provider(provider.clone(), 9).await.unwrap();
    let saml = super::saml_providers::provider("corp");
    store.add_saml_provider(saml.clone(), 9).await.unwrap();
    let role = super::roles::role("team/Reader", "one");
    store.add_role(role.clone(), 9).await.unwrap();
    let document = Document {
        version: 1,
        bytes: b"x".to_vec(),
    };
    store
        .replace_document("root", document.clone())
        .await
        .unwrap();
    store.add_guest(guest(10, 1)).await.unwrap();
    store.add_guest(guest(11, 1)).await.unwrap();
    signed_in(&*store, ask(12, None, &["a:1", "=dev:é "])).await;
    signed_in(&*store, ask(13, 11, &["a:1"])).await;
    let before = store.dump().await;
    store.close().await;

    let store = home.open().await;
    assert_eq!(store.dump().await, before);
    assert_eq!(*store.pool(id(1)).await.unwrap().unwrap(), changed);
    let found = store.oidc_provider("a.example").await.unwrap().unwrap();
    assert_eq!(*found, provider);
    let found = store.saml_provider("corp").await.unwrap().unwrap();
    assert_eq!(*found, saml);
    let found = store.role("reader").await.unwrap().unwrap();
    assert_eq!(*found, role);
    let found = store.document("root").await.unwrap();
    assert_eq!(found, Some(document));
    let again = signed_in(&*store, ask(14, 11, &["=dev:é ", "a:1"])).await;
    assert_eq!(again.id, id(12));
    store.close().await;
}

pub(super) async fn a_removed_pool_stays_away_after_a_restart(home: &dyn Home) {
    let store = home.open().await;
    add_pool(&*store, 1).await;
    signed_in(&*store, ask(10, None, &["a:1"])).await;
    store.remove_pool(id(1)).await.unwrap();
    store.close().await;

    let store = home.open().await;
    assert_eq!(store.pool(id(1)).await.unwrap(), None);
    assert_eq!(store.identity(id(10)).await.unwrap(), None);
    let left = purged(&*store).await;
    assert_eq!((left.identities.len(), left.logins.len()), (0, 0));
    store.close().await;
}

pub(super) async fn a_closed_store_is_unavailable(home: &dyn Home) {
    let store = home.open().await;
    add_pool(&*store, 1).await;
    store.close().await;
    store.close().await;
    let name = "root";
    let document = Document {
        version: 1,
        bytes: Vec::new(),
    };
    let provider = super::providers::provider("a");
    let failures = [
        store.add_pool(pool(2), 9).await.err(),
        store.pool(id(1)).await.err(),
        store.list_pools(&region("eu-west-1"), None, 9).await.err(),
        store.replace_pool(pool(1)).await.err(),
        store.remove_pool(id(1)).await.err(),
        store.add_guest(guest(10, 1)).await.err(),
        store.identity(id(10)).await.err(),
        store.sign_in(ask(10, None, &["a:1"])).await.err(),
        store.add_oidc_provider(provider.clone(), 9).await.err(),
        store.oidc_provider("a").await.err(),
        store.list_oidc_providers().await.err(),
        store.replace_oidc_provider(provider).await.err(),
        store.remove_oidc_provider("a").await.err(),
        store.document(name).await.err(),
        store.replace_document(name, document).await.err(),
        store.check().await.err(),
    ];
    for (nth, failure) in failures.iter().enumerate() {
        let unavailable = matches!(failure, Some(StoreError::Unavailable(_)));
        assert!(unavailable, "call {nth}: {failure:?}");
    }
}

pub(super) async fn what_is_under_way_when_it_closes_is_done_or_refused(home: &dyn Home) {
    let store = home.open().await;
    add_pool(&*store, 1).await;
    let mut tasks = JoinSet::new();
    for number in 0..200 {
        let store = Arc::clone(&store);
        tasks.spawn(async move { (number, store.add_guest(guest(number, 1)).await) });
        if number == 100 {
            tokio::task::yield_now().await;
        }
    }
    store.close().await;
    let answers = tasks.join_all().await;
    let store = home.open().await;
    for (number, answer) in answers {
        let there = store.identity(id(number)).await.unwrap().is_some();
        match answer {
            Ok(_) => assert!(there, "an answer that didn't last"),
            Err(StoreError::Unavailable(_)) => assert!(!there, "a refusal that was none"),
            Err(other) => panic!("{other:?}"),
        }
    }
    store.close().await;
}
