//! Promises about SAML providers.

use super::*;
use crate::model::ids::{AccountId, SamlProviderArn};
use crate::model::provider::{AssertionEncryption, SamlMetadata, SamlProvider, SealedPrivateKey};
use crate::model::tags::Tags;

use tokio::task::JoinSet;

pub(super) fn provider(name: &str) -> SamlProvider {
    let account = AccountId::parse("123456789012").unwrap();
    SamlProvider {
        arn: SamlProviderArn::new(&account, name),
        version: 1,
        uuid: id(77),
        document: "<é a=\"'\"/>\n".to_owned(),
        metadata: SamlMetadata {
            entity_id: "https://idp.example/é\"".to_owned(),
            certificates: vec!["AAAA".to_owned(), "BBBB".to_owned()],
            valid_until: Some("2034-05-06T07:08:09.123456789Z".parse().unwrap()),
        },
        encryption: Some(AssertionEncryption::Required),
        private_keys: vec![SealedPrivateKey {
            id: "A".repeat(32),
            added: "2024-05-06T07:08:09.123456789Z".parse().unwrap(),
            sealed: "c2VhbGVk".to_owned(),
        }],
        tags: Tags::of([("b", "1"), ("a", "")]).unwrap(),
        created: "2024-05-06T07:08:09.123456789Z".parse().unwrap(),
    }
}

async fn add(store: &dyn Inspect, name: &str) -> Added {
    store.add_saml_provider(provider(name), 100).await.unwrap()
}

pub(super) async fn a_saml_provider_is_found_as_it_was_added(store: Arc<dyn Inspect>) {
    assert_eq!(add(&*store, "corp").await, Added::Added);
    assert_eq!(add(&*store, "corp").await, Added::Exists);
    let found = store.saml_provider("corp").await.unwrap().unwrap();
    assert_eq!(*found, provider("corp"));
    for other in ["Corp", "corp ", "corp/", "cor", ""] {
        assert_eq!(store.saml_provider(other).await.unwrap(), None, "{other}");
    }
    assert_eq!(store.oidc_provider("corp").await.unwrap(), None);
}

pub(super) async fn there_are_no_more_saml_providers_than_their_limit(store: Arc<dyn Inspect>) {
    let add = async |name| store.add_saml_provider(provider(name), 1).await.unwrap();
    assert_eq!(add("a").await, Added::Added);
    assert_eq!(add("b").await, Added::LimitReached);
    assert_eq!(add("a").await, Added::Exists, "said before the limit");
    assert!(store.remove_saml_provider("a").await.unwrap());
    assert_eq!(add("b").await, Added::Added);
}

pub(super) async fn of_two_namesakes_at_once_one_is_added(store: Arc<dyn Inspect>) {
    let mut tasks = JoinSet::new();
    for _ in 0..16 {
        let store = Arc::clone(&store);
        tasks.spawn(async move { add(&*store, "corp").await });
    }
    let added = tasks.join_all().await;
    let added = added.iter().filter(|one| **one == Added::Added);
    assert_eq!(added.count(), 1);
    assert_eq!(store.list_saml_providers().await.unwrap().len(), 1);
}

pub(super) async fn saml_providers_are_listed_in_the_order_of_their_names(store: Arc<dyn Inspect>) {
    assert_eq!(store.list_saml_providers().await.unwrap(), []);
    for name in ["b", "a.c", "a", "Z"] {
        add(&*store, name).await;
    }
    let all = store.list_saml_providers().await.unwrap();
    let names: Vec<&str> = all.iter().map(|one| one.arn.name()).collect();
    assert_eq!(names, ["Z", "a", "a.c", "b"]);
}

pub(super) async fn a_saml_provider_is_replaced_by_its_next_version_only(store: Arc<dyn Inspect>) {
    let first = provider("a");
    let mut second = first.clone();
    second.version = 2;
    second.document = "<b/>".to_owned();
    let replace = async |next: &SamlProvider| store.replace_saml_provider(next.clone()).await;
    assert_eq!(replace(&second).await.unwrap(), Replaced::Absent);
    add(&*store, "a").await;
    let mut other = second.clone();
    other.version = 3;
    assert_eq!(replace(&other).await.unwrap(), Replaced::Changed);
    assert_eq!(*store.saml_provider("a").await.unwrap().unwrap(), first);
    for _ in 0..2 {
        let again = replace(&second).await.unwrap();
        assert_eq!(again, Replaced::Replaced, "asking again is harmless");
    }
    assert_eq!(*store.saml_provider("a").await.unwrap().unwrap(), second);
    other.version = 2;
    other.tags = Tags::new();
    assert_eq!(replace(&other).await.unwrap(), Replaced::Changed);
}

pub(super) async fn a_saml_provider_is_removed_by_its_name(store: Arc<dyn Inspect>) {
    add(&*store, "a").await;
    assert!(!store.remove_saml_provider("A").await.unwrap());
    assert!(store.remove_saml_provider("a").await.unwrap());
    assert_eq!(store.saml_provider("a").await.unwrap(), None);
    assert!(!store.remove_saml_provider("a").await.unwrap());
    assert_eq!(add(&*store, "a").await, Added::Added);
}
