//! Promises about OpenID Connect providers.

use super::*;
use crate::model::ids::{AccountId, OidcProviderArn};
use crate::model::provider::OidcProvider;
use crate::model::tags::Tags;

use tokio::task::JoinSet;

pub(super) fn provider(name: &str) -> OidcProvider {
    let account = AccountId::parse("123456789012").unwrap();
    OidcProvider {
        arn: OidcProviderArn::new(&account, name),
        uuid: uuid::Uuid::from_u128(7),
        version: 1,
        issuer: format!("https://{name}"),
        client_ids: vec!["one".to_owned(), "two é\"".to_owned()],
        thumbprints: vec!["0".repeat(40)],
        tags: Tags::of([("b", "1"), ("a", "")]).unwrap(),
        created: "2024-05-06T07:08:09.123456789Z".parse().unwrap(),
        is_test_issuer: name.starts_with("test."),
    }
}

async fn add(store: &dyn Inspect, name: &str) -> Added {
    store.add_oidc_provider(provider(name), 100).await.unwrap()
}

pub(super) async fn a_provider_is_found_as_it_was_added(store: Arc<dyn Inspect>) {
    assert_eq!(add(&*store, "a.example/x").await, Added::Added);
    let found = store.oidc_provider("a.example/x").await.unwrap().unwrap();
    assert_eq!(*found, provider("a.example/x"));
    for other in [
        "a.example",
        "a.example/x/",
        "A.example/x",
        "a.example/X",
        "",
    ] {
        assert_eq!(store.oidc_provider(other).await.unwrap(), None, "{other}");
    }
}

pub(super) async fn a_name_with_another_final_slash_is_the_same_one(store: Arc<dyn Inspect>) {
    assert_eq!(add(&*store, "a.example").await, Added::Added);
    assert_eq!(add(&*store, "b.example/").await, Added::Added);
    for twin in ["a.example", "a.example/", "b.example", "b.example/"] {
        assert_eq!(add(&*store, twin).await, Added::Exists, "{twin}");
    }
    for absent in ["a.example/", "b.example"] {
        assert_eq!(store.oidc_provider(absent).await.unwrap(), None);
    }
    assert_eq!(add(&*store, "a.example/b").await, Added::Added);
    assert_eq!(store.list_oidc_providers().await.unwrap().len(), 3);
}

pub(super) async fn there_are_no_more_providers_than_their_limit(store: Arc<dyn Inspect>) {
    let add = async |name| store.add_oidc_provider(provider(name), 1).await.unwrap();
    assert_eq!(add("a").await, Added::Added);
    assert_eq!(add("b").await, Added::LimitReached);
    assert_eq!(add("a/").await, Added::Exists, "said before the limit");
    assert!(store.remove_oidc_provider("a").await.unwrap());
    assert_eq!(add("b").await, Added::Added);
}

pub(super) async fn of_two_twins_at_once_one_is_added(store: Arc<dyn Inspect>) {
    let mut tasks = JoinSet::new();
    for number in 0..16 {
        let store = Arc::clone(&store);
        let name = if number % 2 == 0 {
            "a.example"
        } else {
            "a.example/"
        };
        tasks.spawn(async move { add(&*store, name).await });
    }
    let added = tasks.join_all().await;
    let added = added.iter().filter(|one| **one == Added::Added);
    assert_eq!(added.count(), 1);
    assert_eq!(store.list_oidc_providers().await.unwrap().len(), 1);
}

pub(super) async fn providers_are_listed_in_the_order_of_their_names(store: Arc<dyn Inspect>) {
    assert_eq!(store.list_oidc_providers().await.unwrap(), []);
    for name in ["b", "a/c", "a", "é", "Z"] {
        add(&*store, name).await;
    }
    let all = store.list_oidc_providers().await.unwrap();
    let names: Vec<&str> = all.iter().map(|one| one.arn.name()).collect();
    assert_eq!(names, ["Z", "a", "a/c", "b", "é"]);
}

pub(super) async fn a_provider_is_replaced_by_its_next_version_only(store: Arc<dyn Inspect>) {
    let first = provider("a");
    let mut second = first.clone();
    second.version = 2;
    second.client_ids.clear();
    let replace = async |next: &OidcProvider| store.replace_oidc_provider(next.clone()).await;
    assert_eq!(replace(&second).await.unwrap(), Replaced::Absent);
    add(&*store, "a").await;
    let mut other = second.clone();
    other.version = 3;
    assert_eq!(replace(&other).await.unwrap(), Replaced::Changed);
    let mut twin = provider("a/");
    twin.version = 2;
    assert_eq!(replace(&twin).await.unwrap(), Replaced::Absent);
    assert_eq!(*store.oidc_provider("a").await.unwrap().unwrap(), first);
    for _ in 0..2 {
        let again = replace(&second).await.unwrap();
        assert_eq!(again, Replaced::Replaced, "asking again is harmless");
    }
    assert_eq!(*store.oidc_provider("a").await.unwrap().unwrap(), second);
    other.version = 2;
    other.thumbprints.clear();
    assert_eq!(replace(&other).await.unwrap(), Replaced::Changed);
}

pub(super) async fn a_provider_is_removed_by_its_exact_name(store: Arc<dyn Inspect>) {
    add(&*store, "a").await;
    assert!(!store.remove_oidc_provider("a/").await.unwrap());
    assert!(!store.remove_oidc_provider("b").await.unwrap());
    assert!(store.remove_oidc_provider("a").await.unwrap());
    assert_eq!(store.oidc_provider("a").await.unwrap(), None);
    assert!(!store.remove_oidc_provider("a").await.unwrap());
    assert_eq!(add(&*store, "a/").await, Added::Added);
}
