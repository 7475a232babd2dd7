//! The reach of revocations.

use super::*;
use crate::model::identity::Revocation;
use crate::store::ask as ask_store;
use crate::store::identities::{Answer, PoolRef, PoolVersion, Question, Revoke as RevokeQuestion};

pub(super) async fn a_revoked_login_is_found_from_every_pool(store: Arc<dyn Inspect>) {
    add_pool(&*store, 1).await;
    add_pool(&*store, 2).await;
    signed_in(&*store, ask(10, None, &["a:1"])).await;
    let pools = [1, 2, 3].map(|number| PoolRef {
        id: id(number),
        incarnation: 0,
    });
    let is_revoked = async |login: &str| {
        let login = logins(&[login]).remove(0);
        let question = Question::RevokedOwner(pools.to_vec(), login);
        let answer = store.read(&question).await.unwrap();
        matches!(answer, Some(Answer::Identity(_)))
    };
    let mut epochs = Vec::new();
    for (number, revocation) in (0..).zip([
        None,
        Some(Revocation::EveryPool),
        Some(Revocation::EveryPool),
        Some(Revocation::ThisPool),
        Some(Revocation::EveryPool),
        None,
    ]) {
        let question = Question::Revoke(RevokeQuestion {
            pool: PoolVersion {
                pool: pools[0],
                version: 1,
            },
            identity: id(10),
            revocation,
        });
        let answer = ask_store(store.as_store(), &question, || origin(at(300 + number)));
        let Answer::Identity(identity) = answer.await.unwrap() else {
            panic!("no identity");
        };
        assert_eq!(identity.revocation(), revocation);
        let everywhere = revocation == Some(Revocation::EveryPool);
        assert_eq!(is_revoked("a:1").await, everywhere, "{revocation:?}");
        assert!(!is_revoked("a:2").await, "another login");
        epochs.push(identity.epoch);
    }
    assert_eq!(epochs, [0, 1, 1, 2, 3, 4], "each change raises the epoch");
}
