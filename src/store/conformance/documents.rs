//! Promises about the server's own documents.

use super::*;

use tokio::task::JoinSet;

fn document(version: u64, bytes: &[u8]) -> Document {
    let bytes = bytes.to_vec();
    Document { version, bytes }
}

pub(super) async fn a_document_begins_at_version_one(store: Arc<dyn Inspect>) {
    let name = "root";
    assert_eq!(store.document(name).await.unwrap(), None);
    for version in [0, 2] {
        let early = store.replace_document(name, document(version, b"x")).await;
        assert_eq!(early.unwrap(), Replaced::Absent);
    }
    let first = document(1, b"{\"any\":\"text\"}");
    for _ in 0..2 {
        let made = store.replace_document(name, first.clone()).await;
        assert_eq!(
            made.unwrap(),
            Replaced::Replaced,
            "asking again is harmless"
        );
    }
    assert_eq!(store.document(name).await.unwrap(), Some(first));
}

pub(super) async fn a_document_is_replaced_by_its_next_version_only(store: Arc<dyn Inspect>) {
    let name = "signing";
    let replace = async |next| store.replace_document(name, next).await.unwrap();
    assert_eq!(replace(document(1, b"one")).await, Replaced::Replaced);
    for wrong in [document(0, b"x"), document(1, b"x"), document(3, b"x")] {
        assert_eq!(replace(wrong).await, Replaced::Changed);
    }
    assert_eq!(replace(document(2, b"two")).await, Replaced::Replaced);
    assert_eq!(replace(document(2, b"two")).await, Replaced::Replaced);
    assert_eq!(replace(document(1, b"one")).await, Replaced::Changed);
    let found = store.document(name).await.unwrap();
    assert_eq!(found, Some(document(2, b"two")));
}

pub(super) async fn documents_do_not_mix(store: Arc<dyn Inspect>) {
    let names = ["signing", "sealing", "root"];
    for name in names {
        let own = document(1, name.as_bytes());
        store.replace_document(name, own).await.unwrap();
    }
    for name in names {
        let found = store.document(name).await.unwrap().unwrap();
        assert_eq!(found.bytes, name.as_bytes());
    }
}

pub(super) async fn of_many_documents_at_once_one_is_kept(store: Arc<dyn Inspect>) {
    for version in 1..4 {
        let mut tasks = JoinSet::new();
        for number in 0..16 {
            let store = Arc::clone(&store);
            let next = document(version, &[b'a' + number]);
            let name = "sealing";
            tasks.spawn(async move { store.replace_document(name, next).await.unwrap() });
        }
        let all = tasks.join_all().await;
        let kept = all.iter().filter(|one| **one == Replaced::Replaced);
        assert_eq!(kept.count(), 1);
    }
}
