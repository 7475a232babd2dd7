//! Promises about roles.

use super::*;
use crate::model::iam_role::Role;
use crate::model::ids::RoleArn;
use crate::model::managed_policy::PolicyArn;
use crate::model::tags::Tags;

use tokio::task::JoinSet;

pub(super) fn role(path: &str, id: &str) -> Role {
    Role {
        arn: RoleArn::parse(&format!("arn:aws:iam::123456789012:role/{path}")).unwrap(),
        id: id.to_owned(),
        version: 1,
        description: Some("é \"quoted\"".to_owned()),
        max_session_duration: 3600,
        trusted_users: None,
        trust: "{\n \"a\": 1}".to_owned(),
        attached: vec![PolicyArn::parse("arn:aws:iam::123456789012:policy/team/Read").unwrap()],
        boundary: PolicyArn::parse("arn:aws:iam::aws:policy/IAMFullAccess"),
        policies: [
            ("b".to_owned(), "{}".to_owned()),
            ("a".to_owned(), "[]".to_owned()),
        ]
        .into(),
        tags: Tags::of([("b", "1"), ("a", "")]).unwrap(),
        created: "2024-05-06T07:08:09.123456789Z".parse().unwrap(),
    }
}

async fn add(store: &dyn Inspect, path: &str) -> Added {
    store.add_role(role(path, "one"), 100).await.unwrap()
}

pub(super) async fn a_role_is_found_as_it_was_added(store: Arc<dyn Inspect>) {
    assert_eq!(add(&*store, "team/Reader").await, Added::Added);
    let found = store.role("reader").await.unwrap().unwrap();
    assert_eq!(*found, role("team/Reader", "one"));
    for other in ["Reader", "team/reader", "reade", ""] {
        assert_eq!(store.role(other).await.unwrap(), None, "{other}");
    }
}

pub(super) async fn a_name_in_other_letters_is_the_same_role(store: Arc<dyn Inspect>) {
    assert_eq!(add(&*store, "team/Reader").await, Added::Added);
    for twin in ["READER", "team/reader", "other/Reader"] {
        assert_eq!(add(&*store, twin).await, Added::Exists, "{twin}");
    }
    assert_eq!(store.list_roles().await.unwrap().len(), 1);
}

pub(super) async fn there_are_no_more_roles_than_their_limit(store: Arc<dyn Inspect>) {
    let add = async |name| store.add_role(role(name, "one"), 1).await.unwrap();
    assert_eq!(add("a").await, Added::Added);
    assert_eq!(add("b").await, Added::LimitReached);
    assert_eq!(add("A").await, Added::Exists);
    let removed = store.remove_role("a", 1).await.unwrap();
    assert_eq!(removed, Replaced::Replaced);
    assert_eq!(add("b").await, Added::Added);
}

pub(super) async fn roles_are_listed_in_the_order_of_their_keys(store: Arc<dyn Inspect>) {
    for name in ["c", "x/B", "a"] {
        add(&*store, name).await;
    }
    let listed = store.list_roles().await.unwrap();
    let keys: Vec<String> = listed.iter().map(|role| role.key()).collect();
    assert_eq!(keys, ["a", "b", "c"]);
}

pub(super) async fn a_role_is_replaced_by_its_next_version_only(store: Arc<dyn Inspect>) {
    add(&*store, "a").await;
    let next = |version, id: &str| Role {
        version,
        max_session_duration: 7200,
        ..role("a", id)
    };
    let replace = async |role| store.replace_role(role).await.unwrap();
    assert_eq!(replace(next(3, "one")).await, Replaced::Changed);
    assert_eq!(replace(next(2, "one")).await, Replaced::Replaced);
    assert_eq!(replace(next(2, "one")).await, Replaced::Replaced);
    assert_eq!(*store.role("a").await.unwrap().unwrap(), next(2, "one"));
    let removed = store.remove_role("a", 2).await.unwrap();
    assert_eq!(removed, Replaced::Replaced);
    assert_eq!(
        store.add_role(role("a", "two"), 100).await.unwrap(),
        Added::Added
    );
    for version in 1..4 {
        let late = replace(next(version, "one")).await;
        assert_eq!(late, Replaced::Changed, "another role has the name");
    }
    assert_eq!(store.role("a").await.unwrap().unwrap().id, "two");
    let gone = Role {
        version: 2,
        ..role("b", "one")
    };
    assert_eq!(replace(gone).await, Replaced::Absent);
}

pub(super) async fn a_role_is_removed_as_it_was_seen(store: Arc<dyn Inspect>) {
    add(&*store, "a").await;
    let remove = async |version| store.remove_role("a", version).await.unwrap();
    assert_eq!(remove(2).await, Replaced::Changed);
    assert_eq!(remove(1).await, Replaced::Replaced);
    assert_eq!(remove(1).await, Replaced::Absent);
    assert_eq!(store.role("a").await.unwrap(), None);
}

pub(super) async fn of_two_namesakes_among_roles_at_once_one_is_added(store: Arc<dyn Inspect>) {
    let mut tasks = JoinSet::new();
    for at in 0..16 {
        let store = Arc::clone(&store);
        let name = if at % 2 == 0 { "Reader" } else { "reader" };
        tasks.spawn(async move { store.add_role(role(name, &at.to_string()), 100).await });
    }
    let added = tasks.join_all().await;
    let added = added.into_iter().map(Result::unwrap);
    assert_eq!(added.filter(|added| *added == Added::Added).count(), 1);
    assert_eq!(store.list_roles().await.unwrap().len(), 1);
}
