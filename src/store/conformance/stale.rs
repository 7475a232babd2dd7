//! Promises about questions that rest on something that changed since: nothing is written, and the answer says so.

use super::*;
use crate::store::ask as ask_store;
use crate::store::identities::{self, Answer, IdentityEpoch, PoolRef, PoolVersion, Question};

const POOL: PoolVersion = PoolVersion {
    pool: PoolRef {
        id: Uuid::from_u128(1),
        incarnation: 0,
    },
    version: 1,
};

fn sign_in(seen: Option<IdentityEpoch>, texts: &[&str], only_found: &[&str]) -> Question {
    let with_key = |login: Login| (login.key(), login);
    Question::SignIn(identities::SignIn {
        asker: Asker::User,
        pool: POOL,
        presented: seen,
        logins: logins(texts).into_iter().map(with_key).collect(),
        only_found: logins(only_found).iter().map(Login::key).collect(),
        new_id: id(99),
    })
}

fn unlink(identity: IdentityEpoch, texts: &[&str]) -> Question {
    Question::Unlink(identities::Unlink {
        pool: POOL,
        identity,
        logins: logins(texts),
    })
}

async fn answer(store: &dyn Inspect, question: &Question) -> Answer {
    let answer = ask_store(store.as_store(), question, || origin(at(600)));
    answer.await.unwrap()
}

/// That these questions are answered so, and write nothing.
async fn all_answer(store: &dyn Inspect, questions: &[Question], expected: &Answer) {
    let before = store.dump().await;
    for question in questions {
        assert_eq!(answer(store, question).await, *expected, "{question:?}");
    }
    assert_eq!(store.dump().await, before);
}

/// The pool 1 with the identities 10 (`a:1`, developer's user `u`) and 20 (`b:1`), and the guest 30.
async fn prepare(store: &dyn Inspect) {
    add_pool(store, 1).await;
    signed_in(store, ask(10, None, &["a:1", "=dev:u"])).await;
    signed_in(store, ask(20, None, &["b:1"])).await;
    store.add_guest(guest(30, 1)).await.unwrap();
}

pub(super) async fn what_rests_on_an_earlier_epoch_writes_nothing(store: Arc<dyn Inspect>) {
    prepare(&*store).await;
    let revoke = |identity, revoked| Revoke {
        pool: id(1),
        identity: id(identity),
        revoked,
        now: at(300),
    };
    for change in ["unlink", "revoke and restore", "upgrade", "merge"] {
        let number = if change == "upgrade" { 30 } else { 10 };
        let seen = store.seen(id(number)).await.unwrap();
        match change {
            "unlink" => {
                let user = answer(&*store, &unlink(seen, &["=dev:u"])).await;
                assert!(matches!(user, Answer::Identity(_)), "{user:?}");
            }
            "revoke and restore" => {
                store.revoke(revoke(number, true)).await.unwrap();
                store.revoke(revoke(number, false)).await.unwrap();
            }
            "upgrade" => drop(signed_in(&*store, ask(99, 30, &["c:1"])).await),
            _ => drop(signed_in(&*store, ask(99, 20, &["b:1", "a:1"])).await),
        }
        let questions = [
            sign_in(Some(seen), &["a:1"], &[]),
            sign_in(Some(seen), &["a:1", "b:1"], &[]),
            sign_in(Some(seen), &["c:1"], &[]),
            sign_in(Some(seen), &["d:1", "e:1"], &[]),
            unlink(seen, &["a:1"]),
            unlink(seen, &["c:1"]),
        ];
        all_answer(&*store, &questions, &Answer::IdentityChanged).await;
    }
    // With the present epoch, the same sign-in is answered.
    let seen = store.seen(id(20)).await.unwrap();
    let found = answer(&*store, &sign_in(Some(seen), &["b:1", "d:1"], &[])).await;
    assert!(matches!(found, Answer::Identity(_)), "{found:?}");
}

pub(super) async fn a_login_that_is_only_found_is_never_linked(store: Arc<dyn Inspect>) {
    prepare(&*store).await;
    let seen = async |number| Some(store.seen(id(number)).await.unwrap());
    let (user, other, new) = (seen(10).await, seen(20).await, seen(30).await);
    let questions = [
        sign_in(other, &["b:1", "=dev:u"], &["=dev:u"]),
        sign_in(other, &["b:1", "=dev:x"], &["=dev:x"]),
        sign_in(other, &["b:1", "a:1"], &["a:1"]),
        sign_in(new, &["=dev:u"], &["=dev:u"]),
        sign_in(new, &["=dev:x"], &["=dev:x"]),
        sign_in(None, &["=dev:u"], &["=dev:u"]),
        sign_in(None, &["=dev:x"], &["=dev:x"]),
    ];
    all_answer(&*store, &questions, &Answer::IdentityChanged).await;
    let found = answer(&*store, &sign_in(user, &["=dev:u", "d:1"], &["=dev:u"])).await;
    let Answer::Identity(found) = found else {
        panic!("no identity but {found:?}");
    };
    assert_eq!(found.logins, logins(&["a:1", "=dev:u", "d:1"]));
}

pub(super) async fn a_sign_in_with_an_outdated_pool_finds_nothing(store: Arc<dyn Inspect>) {
    prepare(&*store).await;
    let seen = store.seen(id(10)).await.unwrap();
    let questions = [
        sign_in(None, &["a:1"], &[]),
        sign_in(Some(seen), &["a:1"], &[]),
        sign_in(Some(seen), &["a:1", "d:1"], &[]),
    ];
    let mut changed = pool(1);
    changed.version = 2;
    store.replace_pool(changed).await.unwrap();
    all_answer(&*store, &questions, &Answer::PoolChanged).await;
}
