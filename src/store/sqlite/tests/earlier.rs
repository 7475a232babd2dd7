//! Records as earlier versions wrote them.

use super::*;
use crate::model::credentials_duration::CredentialsDuration;

#[tokio::test]
async fn a_pool_that_says_nothing_of_its_credentials_gives_them_for_an_hour() {
    let folder = Folder::default();
    let store = folder.store();
    add_pool(&store).await;
    store.close().await;
    let sql = "UPDATE record SET json = json_remove(json, '$.credentials'), checksum = NULL";
    assert_eq!(folder.sql().execute(sql, []).unwrap(), 1);
    let store = folder.store();
    let pool = store.pool(id(1)).await.unwrap().unwrap();
    assert_eq!(pool.credentials, CredentialsDuration::default());
    assert_eq!(
        (pool.credentials.seconds, pool.credentials.within_login),
        (3600, false)
    );
    store.close().await;
}
