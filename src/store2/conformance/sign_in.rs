//! Promises about sign-ins, one at a time.

use super::*;
use crate::model::sign_in::Refusal;
use crate::store2::StoreError;

pub(super) async fn the_same_login_gets_the_same_identity(store: Arc<dyn Inspect>) {
    add_pool(&*store, 1).await;
    let made = signed_in(&*store, ask(10, None, &["a:1"])).await;
    assert_eq!(
        made,
        Identity::new(id(10), id(1), logins(&["a:1"]), at(200))
    );
    assert_eq!(signed_in(&*store, ask(11, None, &["a:1"])).await, made);
    assert_eq!(signed_in(&*store, ask(11, 10, &["a:1"])).await, made);
    let (found, _) = store.identity(id(10)).await.unwrap().unwrap();
    assert_eq!(found, made);
}

pub(super) async fn other_logins_get_other_identities(store: Arc<dyn Inspect>) {
    add_pool(&*store, 1).await;
    for (number, text) in (10..).zip(["a:1", "a:2", "b:1", "=a:1"]) {
        let made = signed_in(&*store, ask(number, None, &[text])).await;
        assert_eq!(made.id, id(number), "{text}");
    }
}

pub(super) async fn a_login_is_compared_to_the_byte(store: Arc<dyn Inspect>) {
    add_pool(&*store, 1).await;
    let subjects = [
        "x",
        "X",
        "x ",
        " x",
        "x\t",
        "x\n",
        "é",
        "e\u{301}",
        "É",
        "\u{ff58}",
        "ﬁ",
        "fi",
        "\u{200b}x",
        "\u{1f511}",
        "0",
        "00",
        "0.0",
        "\"\\",
        "%00",
        "",
    ];
    for round in 0..2 {
        for (number, subject) in (10..).zip(subjects) {
            let text = format!("p:{subject}");
            let new = number + round * 1000;
            let found = signed_in(&*store, ask(new, None, &[&text])).await;
            assert_eq!(found.id, id(number), "{subject:?}");
            assert_eq!(found.logins, [login(&text)]);
        }
    }
    for (number, provider) in (100..).zip(["P", "p ", "p/"]) {
        let text = format!("{provider}:x");
        let made = signed_in(&*store, ask(number, None, &[&text])).await;
        assert_eq!(made.id, id(number), "{provider:?}");
    }
}

pub(super) async fn a_login_belongs_to_one_pool(store: Arc<dyn Inspect>) {
    add_pool(&*store, 1).await;
    add_pool(&*store, 2).await;
    signed_in(&*store, ask(10, None, &["a:1"])).await;
    let mut elsewhere = ask(20, None, &["a:1"]);
    elsewhere.pool = id(2);
    let made = signed_in(&*store, elsewhere).await;
    assert_eq!((made.id, made.pool), (id(20), id(2)));
}

pub(super) async fn logins_that_come_together_belong_together(store: Arc<dyn Inspect>) {
    add_pool(&*store, 1).await;
    let made = signed_in(&*store, ask(10, None, &["b:1", "a:1"])).await;
    assert_eq!(made.logins, logins(&["b:1", "a:1"]), "in the given order");
    let linked = signed_in(&*store, ask(11, None, &["c:1", "a:1", "d:1"])).await;
    assert_eq!(linked.id, id(10));
    assert_eq!(linked.logins, logins(&["b:1", "a:1", "c:1", "d:1"]));
    for text in ["a:1", "b:1", "c:1", "d:1"] {
        let found = signed_in(&*store, ask(11, None, &[text])).await;
        assert_eq!(found, linked, "{text}");
    }
}

pub(super) async fn a_sign_in_needs_its_pool(store: Arc<dyn Inspect>) {
    for question in [ask(10, None, &["a:1"]), ask(10, 11, &["a:1"])] {
        let answer = store.sign_in(question).await.unwrap();
        assert_eq!(answer, SignedIn::NoPool);
    }
}

pub(super) async fn an_identity_that_is_named_is_there_and_in_the_pool(store: Arc<dyn Inspect>) {
    add_pool(&*store, 1).await;
    add_pool(&*store, 2).await;
    store.add_guest(guest(20, 2)).await.unwrap();
    signed_in(&*store, ask(10, None, &["a:1"])).await;
    let before = store.dump().await;
    for (presented, text) in [(20, "a:1"), (20, "b:1"), (99, "a:1"), (99, "b:1")] {
        let answer = store.sign_in(ask(11, presented, &[text])).await.unwrap();
        assert_eq!(answer, SignedIn::NoIdentity);
    }
    assert_eq!(store.dump().await, before);
}

pub(super) async fn a_guest_that_signs_in_keeps_its_id(store: Arc<dyn Inspect>) {
    add_pool(&*store, 1).await;
    store.add_guest(guest(10, 1)).await.unwrap();
    let grown = signed_in(&*store, ask(11, 10, &["a:1", "b:1"])).await;
    assert_eq!(grown.id, id(10));
    assert_eq!(grown.logins, logins(&["a:1", "b:1"]));
    assert!(grown.authenticated);
    assert_eq!((grown.epoch, grown.version), (1, 2));
    assert_eq!((grown.created, grown.modified), (at(100), at(200)));
    assert_eq!(signed_in(&*store, ask(11, None, &["b:1"])).await, grown);
}

pub(super) async fn a_guest_is_merged_into_the_owner_of_its_login(store: Arc<dyn Inspect>) {
    add_pool(&*store, 1).await;
    store.add_guest(guest(9, 1)).await.unwrap();
    signed_in(&*store, ask(10, None, &["a:1"])).await;
    let owner = signed_in(&*store, ask(11, 9, &["a:1", "b:1"])).await;
    assert_eq!(owner.id, id(10));
    assert_eq!(owner.logins, logins(&["a:1", "b:1"]));
    let (merged, _) = store.identity(id(9)).await.unwrap().unwrap();
    assert_eq!(merged.state, State::MergedInto(id(10)));
    assert_eq!((merged.epoch, merged.modified), (1, at(200)));
    assert_eq!(store.identity(id(10)).await.unwrap().unwrap().0, owner);
}

pub(super) async fn an_identity_that_is_named_takes_the_other_owners(store: Arc<dyn Inspect>) {
    add_pool(&*store, 1).await;
    signed_in(&*store, ask(10, None, &["a:1", "=dev:1"])).await;
    signed_in(&*store, ask(11, None, &["b:1", "=dev:2"])).await;
    signed_in(&*store, ask(12, None, &["c:1"])).await;
    let all = ["b:1", "a:1", "c:1", "d:1"];
    let into = signed_in(&*store, ask(13, 11, &all)).await;
    assert_eq!(into.id, id(11));
    let expected = ["b:1", "=dev:2", "a:1", "=dev:1", "c:1", "d:1"];
    assert_eq!(into.logins, logins(&expected));
    let dump = store.dump().await;
    for number in [10, 12] {
        let merged = dump.of(id(number));
        assert_eq!(merged.state, State::MergedInto(id(11)));
        assert_eq!((merged.epoch, merged.logins.len()), (1, 0));
    }
    for text in expected {
        let found = signed_in(&*store, ask(13, None, &[text])).await;
        assert_eq!(found, into, "{text}");
    }
}

pub(super) async fn a_merged_identity_leads_to_its_last_survivor(store: Arc<dyn Inspect>) {
    add_pool(&*store, 1).await;
    store.add_guest(guest(9, 1)).await.unwrap();
    signed_in(&*store, ask(10, None, &["a:1"])).await;
    signed_in(&*store, ask(11, None, &["b:1"])).await;
    signed_in(&*store, ask(12, None, &["c:1"])).await;
    signed_in(&*store, ask(99, 9, &["a:1"])).await;
    signed_in(&*store, ask(99, 11, &["b:1", "a:1"])).await;
    let last = signed_in(&*store, ask(99, 12, &["c:1", "b:1"])).await;
    assert_eq!(last.id, id(12));
    let dump = store.dump().await;
    assert_eq!(dump.of(id(9)).state, State::MergedInto(id(10)));
    assert_eq!(dump.of(id(10)).state, State::MergedInto(id(11)));
    for presented in [9, 10, 11] {
        for text in ["a:1", "b:1", "c:1"] {
            let found = signed_in(&*store, ask(99, presented, &[text])).await;
            assert_eq!(found, last);
        }
        let stranger = store.sign_in(ask(99, presented, &["d:1"])).await.unwrap();
        assert_eq!(stranger, SignedIn::Refused(Refusal::Forbidden));
    }
    let linked = signed_in(&*store, ask(99, 9, &["c:1", "d:1"])).await;
    assert_eq!(linked.id, id(12));
    assert_eq!(linked.logins, logins(&["c:1", "b:1", "a:1", "d:1"]));
}

pub(super) async fn what_the_rule_refuses_changes_nothing(store: Arc<dyn Inspect>) {
    add_pool(&*store, 1).await;
    store.add_guest(guest(9, 1)).await.unwrap();
    signed_in(&*store, ask(10, None, &["a:1", "b:1"])).await;
    signed_in(&*store, ask(11, None, &["a:2"])).await;
    store.add_guest(guest(12, 1)).await.unwrap();
    signed_in(&*store, ask(99, 12, &["a:2"])).await;
    let before = store.dump().await;
    for (question, refusal) in [
        (ask(99, None, &["b:1", "a:2"]), Refusal::Conflict),
        (ask(99, None, &["a:1", "b:2"]), Refusal::Conflict),
        (ask(99, 10, &["b:1", "a:2"]), Refusal::Conflict),
        (ask(99, 9, &["b:1", "a:2"]), Refusal::Conflict),
        (ask(99, 10, &["a:2"]), Refusal::LoginsDontMatch),
        (ask(99, 10, &["c:1"]), Refusal::LoginsDontMatch),
        (ask(99, 12, &["a:1"]), Refusal::Forbidden),
    ] {
        let answer = store.sign_in(question).await.unwrap();
        assert_eq!(answer, SignedIn::Refused(refusal));
    }
    assert_eq!(store.dump().await, before);
}

pub(super) async fn asking_again_changes_nothing(store: Arc<dyn Inspect>) {
    add_pool(&*store, 1).await;
    store.add_guest(guest(8, 1)).await.unwrap();
    store.add_guest(guest(9, 1)).await.unwrap();
    for question in [
        ask(10, None, &["a:1", "b:1"]),
        ask(11, None, &["a:1", "c:1"]),
        ask(12, 8, &["a:2"]),
        ask(13, 9, &["a:1", "d:1"]),
        ask(14, None, &["e:1"]),
        ask(15, 10, &["c:1", "e:1"]),
    ] {
        let first = signed_in(&*store, question.clone()).await;
        let before = store.dump().await;
        let mut later = question;
        later.now = at(300);
        assert_eq!(signed_in(&*store, later).await, first);
        assert_eq!(store.dump().await, before);
    }
}

pub(super) async fn a_new_identity_needs_an_id_of_its_own(store: Arc<dyn Inspect>) {
    add_pool(&*store, 1).await;
    store.add_guest(guest(9, 1)).await.unwrap();
    signed_in(&*store, ask(10, None, &["a:1"])).await;
    let before = store.dump().await;
    for new in [9, 10] {
        let taken = store.sign_in(ask(new, None, &["b:1"])).await;
        assert!(
            matches!(taken, Err(StoreError::Unavailable(_))),
            "{taken:?}"
        );
    }
    assert_eq!(store.dump().await, before);
    let made = signed_in(&*store, ask(11, None, &["b:1"])).await;
    assert_eq!(made.id, id(11));
}
