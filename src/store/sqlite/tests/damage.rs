//! Rows that can't be: they are refused, never guessed at.

use super::*;

/// Removes the checksums, so that what an earlier version or a wrong program wrote is read.
fn forget_checksums(folder: &Folder) {
    let sql = "UPDATE identity SET checksum = NULL; UPDATE login SET checksum = NULL; UPDATE record SET checksum = NULL;";
    folder.sql().execute_batch(sql).unwrap();
}

/// A store with the identity 10 of the login 1, after `sql` was done to its rows.
async fn damaged(sql: &str) -> (Folder, Arc<SqliteStore>) {
    let folder = Folder::default();
    let store = folder.store();
    add_pool(&store).await;
    signed_in(&store, ask(10, "1")).await;
    signed_in(&store, ask(20, "2")).await;
    store.close().await;
    let changed = folder.sql().execute(sql, []).unwrap();
    assert!(changed > 0);
    forget_checksums(&folder);
    let store = folder.store();
    (folder, store)
}

#[tokio::test]
async fn logins_that_mean_two_things_are_not_read() {
    for logins in [
        r#"[{"kind":"public","provider":"a","subject":"1","subject":"2"}]"#,
        r#"[{"kind":"guess","provider":"a","subject":"1"}]"#,
        "[] []",
        "",
    ] {
        let sql = format!("UPDATE identity SET logins = '{logins}'");
        let (_folder, store) = damaged(&sql).await;
        assert!(is_corrupt(&store.identity(id(10)).await), "{logins}");
        assert!(is_corrupt(&store.sign_in(ask(11, "1")).await), "{logins}");
        store.close().await;
    }
}

#[tokio::test]
async fn a_login_is_believed_only_where_its_identity_says_the_same() {
    for sql in [
        // The key leads to an identity without that login: what two logins with one key would look like.
        "UPDATE login SET identity = x'0000000000000000000000000000000a'",
        "UPDATE identity SET logins = '[]'",
        "UPDATE identity SET pool = x'00000000000000000000000000000002'",
        "DELETE FROM identity",
        "UPDATE identity SET state = 2, merged_into = id",
    ] {
        let (_folder, store) = damaged(sql).await;
        assert!(is_corrupt(&store.sign_in(ask(21, "2")).await), "{sql}");
        store.close().await;
    }
}

#[tokio::test]
async fn merges_in_a_circle_have_no_survivor() {
    let (_folder, store) = damaged(
        "UPDATE identity SET state = 2, logins = '[]', merged_into = \
         iif(id = x'0000000000000000000000000000000a', x'00000000000000000000000000000014', \
         x'0000000000000000000000000000000a')",
    )
    .await;
    let mut question = ask(30, "3");
    question.presented = Some(id(10));
    assert!(is_corrupt(&store.sign_in(question).await));
    store.close().await;
}

#[tokio::test]
async fn a_merge_that_meets_a_wrong_row_changes_nothing() {
    let folder = Folder::default();
    let store = folder.store();
    add_pool(&store).await;
    signed_in(&store, ask(10, "1")).await;
    let (second, third) = (Login::public("b", "2"), Login::public("c", "2"));
    let mut both = ask(20, "");
    both.logins = vec![second.clone(), third.clone()];
    signed_in(&store, both).await;
    let lost = "DELETE FROM login WHERE login_key = ?1";
    folder.sql().execute(lost, [third.key()]).unwrap();
    let before = store.dump().await;
    let mut merge = ask(30, "1");
    merge.presented = Some(id(10));
    merge.logins.push(second);
    assert!(is_corrupt(&store.sign_in(merge).await));
    assert_eq!(store.dump().await, before);
    store.close().await;
}

#[tokio::test]
async fn a_version_that_can_not_be_is_not_read() {
    let folder = Folder::default();
    let store = folder.store();
    add_pool(&store).await;
    store.close().await;
    let sql = "UPDATE record SET version = -1";
    folder.sql().execute(sql, []).unwrap();
    forget_checksums(&folder);
    let store = folder.store();
    assert!(is_corrupt(&store.pool(id(1)).await));
    store.close().await;
}
