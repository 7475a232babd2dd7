//! Promises about pools.

use super::*;
use crate::model::ids::{OidcProviderArn, RoleArn, SamlProviderArn};
use crate::model::pool::UserPoolClient;
use crate::model::tags::Tags;
use tokio::task::JoinSet;

fn next(pool: &Pool, name: &str) -> Pool {
    let mut next = pool.clone();
    next.version += 1;
    next.settings.name = name.to_owned();
    next
}

pub(super) async fn a_pool_is_found_as_it_was_added(store: Arc<dyn Inspect>) {
    let mut full = pool(1);
    full.settings = PoolSettings {
        name: "A, B. C=d+e@f-g é e\u{301} \u{1f511}\"\\".to_owned(),
        allow_unauthenticated: false,
        allow_classic_flow: Some(false),
        supported_login_providers: [("www.amazon.com", "b"), ("accounts.google.com", "a")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
        sealed_consumer_secrets: [("api.twitter.com".to_owned(), "c2VhbGVk".to_owned())].into(),
        developer_provider_name: Some("dev".to_owned()),
        oidc_provider_arns: vec![
            OidcProviderArn::parse("arn:aws:iam::123456789012:oidc-provider/a.example/x").unwrap(),
        ],
        saml_provider_arns: vec![
            SamlProviderArn::parse("arn:aws:iam::123456789012:saml-provider/corp").unwrap(),
        ],
        user_pool_clients: vec![UserPoolClient {
            provider_name: "cognito-idp.eu-west-1.amazonaws.com/eu-west-1_a".to_owned(),
            client_id: "c".to_owned(),
            server_side_token_check: true,
        }],
        tags: Tags::of([("z", ""), ("a", " ")]).unwrap(),
    };
    full.roles.authenticated = RoleArn::parse("arn:aws:iam::123456789012:role/a/b");
    assert_eq!(store.add_pool(full.clone(), 1).await.unwrap(), Added::Added);
    let found = store.pool(id(1)).await.unwrap().unwrap();
    assert_eq!(*found, full);
    assert!(
        found
            .settings
            .supported_login_providers
            .keys()
            .eq(full.settings.supported_login_providers.keys()),
        "the order of the members is kept"
    );
    assert_eq!(store.pool(id(2)).await.unwrap(), None);
}

pub(super) async fn a_pool_that_is_added_twice_is_there_once(store: Arc<dyn Inspect>) {
    for _ in 0..2 {
        let added = store.add_pool(pool(1), 1).await.unwrap();
        assert_eq!(added, Added::Added, "the limit counts no pool twice");
    }
    let all = store
        .list_pools(&region("eu-west-1"), None, 9)
        .await
        .unwrap();
    assert_eq!(all.len(), 1);
}

pub(super) async fn a_region_takes_no_more_pools_than_its_limit(store: Arc<dyn Inspect>) {
    for number in 1..=2 {
        let added = store.add_pool(pool(number), 2).await.unwrap();
        assert_eq!(added, Added::Added);
    }
    assert_eq!(
        store.add_pool(pool(3), 2).await.unwrap(),
        Added::LimitReached
    );
    assert_eq!(store.pool(id(3)).await.unwrap(), None);
    let elsewhere = pool_in("us-east-1", 3);
    assert_eq!(store.add_pool(elsewhere, 2).await.unwrap(), Added::Added);
}

pub(super) async fn pools_that_are_added_at_once_keep_to_the_limit(store: Arc<dyn Inspect>) {
    let mut tasks = JoinSet::new();
    for number in 1..=32 {
        let store = Arc::clone(&store);
        tasks.spawn(async move { store.add_pool(pool(number), 5).await.unwrap() });
    }
    let added = tasks.join_all().await;
    let added = added.iter().filter(|one| **one == Added::Added);
    assert_eq!(added.count(), 5);
    let all = store
        .list_pools(&region("eu-west-1"), None, 99)
        .await
        .unwrap();
    assert_eq!(all.len(), 5);
}

pub(super) async fn pools_are_listed_in_pages_in_the_order_of_their_ids(store: Arc<dyn Inspect>) {
    for number in [5, 1, 4, 2, 3] {
        add_pool(&*store, number).await;
    }
    store.add_pool(pool_in("us-east-1", 6), 9).await.unwrap();
    let list = async |name: &str, after: Option<u128>, limit| -> Vec<Uuid> {
        let list = store.list_pools(&region(name), after.map(id), limit).await;
        list.unwrap().iter().map(|pool| pool.id.uuid).collect()
    };
    assert_eq!(list("eu-west-1", None, 2).await, [1, 2].map(id));
    assert_eq!(list("eu-west-1", Some(2), 2).await, [3, 4].map(id));
    assert_eq!(list("eu-west-1", Some(4), 2).await, [5].map(id));
    assert_eq!(list("eu-west-1", Some(5), 2).await, [].map(id));
    assert_eq!(list("us-east-1", Some(2), 2).await, [6].map(id));
    store.remove_pool(id(2)).await.unwrap();
    assert_eq!(
        list("eu-west-1", Some(2), 1).await,
        [3].map(id),
        "a page goes on behind a pool that is gone"
    );
}

pub(super) async fn a_pool_is_replaced_by_its_next_version_only(store: Arc<dyn Inspect>) {
    let first = pool(1);
    let second = next(&first, "second");
    assert_eq!(
        store.replace_pool(second.clone()).await.unwrap(),
        Replaced::Absent
    );
    add_pool(&*store, 1).await;
    let mut same = first.clone();
    same.settings.name = "same version".to_owned();
    let mut far = second.clone();
    far.version = 3;
    for wrong in [same, far] {
        assert_eq!(store.replace_pool(wrong).await.unwrap(), Replaced::Changed);
        assert_eq!(*store.pool(id(1)).await.unwrap().unwrap(), first);
    }
    for _ in 0..2 {
        let replaced = store.replace_pool(second.clone()).await.unwrap();
        assert_eq!(replaced, Replaced::Replaced, "asking again is harmless");
        assert_eq!(*store.pool(id(1)).await.unwrap().unwrap(), second);
    }
    assert_eq!(
        store.replace_pool(next(&first, "late")).await.unwrap(),
        Replaced::Changed
    );
    let listed = store
        .list_pools(&region("eu-west-1"), None, 9)
        .await
        .unwrap();
    assert_eq!(*listed[0], second);
}

pub(super) async fn of_many_new_versions_at_once_one_is_kept(store: Arc<dyn Inspect>) {
    add_pool(&*store, 1).await;
    let mut tasks = JoinSet::new();
    for number in 0..16 {
        let store = Arc::clone(&store);
        let next = next(&pool(1), &number.to_string());
        tasks.spawn(async move { (store.replace_pool(next.clone()).await.unwrap(), next) });
    }
    let all = tasks.join_all().await;
    let kept: Vec<&Pool> = all
        .iter()
        .filter(|(replaced, _)| *replaced == Replaced::Replaced)
        .map(|(_, pool)| pool)
        .collect();
    assert_eq!(kept.len(), 1);
    assert_eq!(*store.pool(id(1)).await.unwrap().unwrap(), *kept[0]);
}

pub(super) async fn a_removed_pool_is_not_there(store: Arc<dyn Inspect>) {
    assert!(!store.remove_pool(id(1)).await.unwrap());
    add_pool(&*store, 1).await;
    assert!(store.remove_pool(id(1)).await.unwrap());
    assert_eq!(store.pool(id(1)).await.unwrap(), None);
    let listed = store.list_pools(&region("eu-west-1"), None, 9).await;
    assert_eq!(listed.unwrap(), []);
    assert!(!store.remove_pool(id(1)).await.unwrap());
    assert_eq!(
        store.replace_pool(next(&pool(1), "x")).await.unwrap(),
        Replaced::Absent
    );
}

pub(super) async fn a_removed_pool_makes_room(store: Arc<dyn Inspect>) {
    store.add_pool(pool(1), 1).await.unwrap();
    store.remove_pool(id(1)).await.unwrap();
    let added = store.add_pool(pool(2), 1).await.unwrap();
    assert_eq!(added, Added::Added);
}
