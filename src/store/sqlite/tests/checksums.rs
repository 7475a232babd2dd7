//! Data that changed on the disk: no read believes them, and the check of the whole store lists them.

use super::*;
use crate::store::copy::OfflineStore;
use crate::store::identities::PoolRef;
use crate::store::once::Claim;
use crate::store::record::Record;
use crate::store::sqlite::{StoreReport, inspect};

const POOL: PoolRef = PoolRef {
    id: Uuid::from_u128(1),
    incarnation: 0,
};

fn claim(number: u8) -> Claim {
    Claim {
        purpose: "saml-response",
        key: [number; 32],
        holder: "sts".to_owned(),
        issued: None,
        until: Timestamp::from_second(1000).unwrap(),
        now: Timestamp::UNIX_EPOCH,
        dry_run: false,
    }
}

/// The id of a user, spread over the table as random ids are.
fn user(number: u128) -> u128 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
}

/// A closed store with a pool, users and claims.
async fn stored(users: u128) -> Folder {
    let folder = Folder::default();
    let store = folder.store();
    add_pool(&store).await;
    for number in 1..=users {
        let made = signed_in(&store, ask(user(number), &number.to_string())).await;
        assert_eq!(made.id, id(user(number)));
    }
    for number in 1..4 {
        store.claim_once(&claim(number)).await.unwrap();
    }
    store.close().await;
    folder
}

/// Everything that a store answers.
#[derive(Debug, PartialEq)]
struct Answers {
    found: Vec<Option<Identity>>,
    signed_in: Vec<SignedIn>,
    listed: Vec<Identity>,
    records: Vec<Record>,
    events: usize,
    claims: Vec<String>,
}

async fn answers(store: &SqliteStore, users: u128) -> Result<Answers, StoreError> {
    let mut answers = Answers {
        found: Vec::new(),
        signed_in: Vec::new(),
        listed: store.list_identities(POOL, None, 1000, true).await?,
        records: store.records_since(View::default()).await?.records,
        events: store.list_events(0, 1000).await?.transactions.len(),
        claims: Vec::new(),
    };
    for number in 1..=users {
        let found = store.identity(id(user(number))).await?;
        answers.found.push(found.map(|(identity, _)| identity));
    }
    for number in 1..4 {
        let mut claim = claim(number);
        claim.holder = "another".to_owned();
        claim.dry_run = true;
        answers
            .claims
            .push(format!("{:?}", store.claim_once(&claim).await?));
    }
    for number in 1..=users {
        let ask = ask(user(number) ^ 1, &number.to_string());
        answers.signed_in.push(store.sign_in(ask).await?);
    }
    Ok(answers)
}

#[tokio::test]
async fn a_flipped_bit_gives_an_error_or_the_right_answers() {
    const USERS: u128 = 40;
    let is_full = option_env!("COGNATE_TEST_FULL").is_some();
    let flips = if is_full { 5000 } else { 250 };
    let folder = stored(USERS).await;
    let path = folder.file("cognate.sqlite");
    let whole = fs::read(&path).unwrap();
    let store = folder.store();
    let right = answers(&store, USERS).await.unwrap();
    store.close().await;
    let used: Vec<usize> = (0..whole.len()).filter(|at| whole[*at] != 0).collect();
    let (mut refused, mut same, mut wrong) = (0, 0, Vec::new());
    for number in 0..flips {
        let at = used[number * 7919 % used.len()];
        let bit = number % 8;
        let mut changed = whole.clone();
        changed[at] ^= 1 << bit;
        fs::write(&path, &changed).unwrap();
        let Ok(store) = SqliteStore::open(folder.0.path()) else {
            refused += 1;
            continue;
        };
        match answers(&store, USERS).await {
            Err(_) => refused += 1,
            Ok(answers) if answers == right => same += 1,
            Ok(_) => wrong.push((at, bit)),
        }
        store.close().await;
    }
    println!(
        "{flips} flips: {refused} refused, {same} right answers, {} wrong: {wrong:?}",
        wrong.len()
    );
    // Those in the tree of pages, which only the check of the whole store finds.
    assert!(wrong.len() * 50 <= flips, "{wrong:?}");
    for (at, bit) in wrong {
        let mut changed = whole.clone();
        changed[at] ^= 1 << bit;
        fs::write(&path, &changed).unwrap();
        let report = inspect(folder.0.path());
        assert!(
            report.is_err() || !report.unwrap().faults.is_empty(),
            "a flip at {at}, {bit}"
        );
    }
}

/// Whether every answer is refused after `sql` was done to the rows.
async fn is_refused(folder: &Folder, sql: &str) -> bool {
    let changed = folder.copied();
    assert!(changed.sql().execute(sql, []).unwrap() > 0, "{sql}");
    let Ok(store) = SqliteStore::open(changed.0.path()) else {
        return true;
    };
    let refused = is_corrupt(&answers(&store, 3).await);
    let copied = store.page(&crate::store::copy::TABLES[1], None, 10).await;
    let is_listed = !inspect(changed.0.path()).unwrap().faults.is_empty();
    assert!(is_listed, "{sql}");
    assert!(
        !sql.contains("identity SET") || is_corrupt(&copied),
        "{sql}"
    );
    store.close().await;
    refused
}

#[tokio::test]
async fn no_value_of_any_row_can_change_unnoticed() {
    let folder = stored(3).await;
    for (table, columns) in [
        (
            "identity",
            "epoch version created_ms modified_ms revoked incarnation only_this_pool authed",
        ),
        ("login", "incarnation"),
        ("record", "version written_ms"),
        ("event", "at_ms"),
        ("claim", "until_ms"),
        ("revision", "swept"),
    ] {
        for column in columns.split(' ') {
            let sql = match column {
                "revoked" | "only_this_pool" | "authed" => {
                    format!("UPDATE {table} SET {column} = 1 - {column}")
                }
                _ => format!("UPDATE {table} SET {column} = {column} + 1"),
            };
            assert!(is_refused(&folder, &sql).await, "{sql}");
        }
    }
    for sql in [
        "UPDATE identity SET logins = replace(logins, '\"1\"', '\"9\"')",
        "UPDATE record SET json = replace(json, 'true', 'false')",
        "UPDATE record SET scope = 'eu-west-2'",
        "UPDATE record SET request_id = zeroblob(16)",
        "UPDATE event SET events = replace(events, 'a', 'b')",
        "UPDATE claim SET holder = 'stt'",
        "UPDATE login SET identity = zeroblob(16)",
        "UPDATE login SET checksum = x'00000000'",
        "UPDATE login SET checksum = x'00'",
    ] {
        assert!(is_refused(&folder, sql).await, "{sql}");
    }
}

#[tokio::test]
async fn keys_that_changed_and_rows_that_were_exchanged_are_noticed() {
    let folder = stored(3).await;
    for sql in [
        "UPDATE identity SET id = CAST(substr(id, 1, 15) || x'00' AS BLOB) WHERE id = (SELECT min(id) FROM identity)",
        "UPDATE login SET login_key = CAST(substr(login_key, 1, 31) || x'00' AS BLOB) \
         WHERE login_key = (SELECT min(login_key) FROM login)",
        "UPDATE claim SET key = CAST(substr(key, 1, 31) || x'00' AS BLOB) WHERE key = (SELECT min(key) FROM claim)",
        "UPDATE record SET key = substr(key, 1, 35) || '2' WHERE kind = 'pool'",
        "UPDATE event SET position = position + 1000 WHERE position = 2",
        "UPDATE login SET (identity, checksum) = (SELECT other.identity, other.checksum FROM login AS other \
         WHERE other.login_key <> login.login_key)",
    ] {
        assert!(is_refused(&folder, sql).await, "{sql}");
    }
}

#[tokio::test]
async fn a_damaged_row_changes_nothing_and_is_named_without_its_id() {
    let folder = stored(3).await;
    let sql = "UPDATE identity SET epoch = epoch + 1";
    folder.sql().execute(sql, []).unwrap();
    let store = folder.store();
    let before = fs::read(folder.file("cognate.sqlite")).unwrap();
    let error = store.sign_in(ask(9, "1")).await.unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    let secret = id(user(1));
    assert!(
        cause.contains("of the table identity is damaged"),
        "{cause}"
    );
    assert!(!cause.contains(&secret.to_string()) && !cause.contains(&secret.simple().to_string()));
    store.close().await;
    assert_eq!(fs::read(folder.file("cognate.sqlite")).unwrap(), before);
    let report = inspect(folder.0.path()).unwrap();
    assert_eq!(report.faults.len(), 3);
    assert!(
        !report
            .faults
            .concat()
            .contains(&secret.simple().to_string())
    );
    let named = |fault: &String| cause.starts_with(&fault[..fault.find(" of the table").unwrap()]);
    assert!(
        report.faults.iter().any(named),
        "{cause}, {:?}",
        report.faults
    );
}

fn unsummed(report: &StoreReport) -> u64 {
    report.tables.iter().map(|table| table.unsummed).sum()
}

#[tokio::test]
async fn rows_of_an_earlier_version_get_their_checksums_by_themselves() {
    let folder = stored(250).await;
    for table in ["identity", "login", "record", "revision"] {
        let forget = format!("UPDATE {table} SET checksum = NULL");
        folder.sql().execute(&forget, []).unwrap();
    }
    let before = inspect(folder.0.path()).unwrap();
    assert!(unsummed(&before) > 500 && before.faults.is_empty());
    let store = folder.store();
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    let opened = inspect(folder.0.path()).unwrap();
    // The row of the revision gets its checksum when the store is opened.
    assert_eq!(unsummed(&opened) + 1, unsummed(&before));
    assert!(answers(&store, 250).await.is_ok());
    store.add_guest(guest(1000)).await.unwrap();
    for _ in 0..500 {
        if unsummed(&inspect(folder.0.path()).unwrap()) == 0 {
            store.close().await;
            assert!(inspect(folder.0.path()).unwrap().faults.is_empty());
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("{:?}", inspect(folder.0.path()));
}

#[tokio::test]
async fn a_store_is_checked_while_it_is_open_and_after_a_crash_and_stays_as_it_is() {
    let folder = stored(3).await;
    let files = |folder: &Folder| -> Vec<(String, Vec<u8>)> {
        let names = fs::read_dir(folder.0.path()).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut files: Vec<_> = names
            .map(|name| (name.clone(), fs::read(folder.file(&name)).unwrap()))
            .collect();
        files.sort();
        files
    };
    let before = files(&folder);
    assert!(inspect(folder.0.path()).unwrap().faults.is_empty());
    assert_eq!(files(&folder), before);
    let store = folder.store();
    signed_in(&store, ask(77, "77")).await;
    let open = inspect(folder.0.path()).unwrap();
    assert!(open.faults.is_empty(), "{open:?}");
    let crashed = folder.crashed();
    let left = inspect(crashed.0.path()).unwrap();
    assert!(left.faults.is_empty(), "{left:?}");
    let logins = |report: &StoreReport| {
        report
            .tables
            .iter()
            .find(|table| table.name == "login")
            .unwrap()
            .rows
    };
    assert_eq!((logins(&open), logins(&left)), (4, 4));
    let (database, log) = ("cognate.sqlite", "cognate.sqlite-wal");
    for name in [database, log] {
        assert_eq!(
            fs::read(crashed.file(name)).unwrap(),
            fs::read(folder.file(name)).unwrap()
        );
    }
    store.close().await;
    crashed.store().close().await;
}

#[tokio::test]
async fn the_check_lists_what_is_wrong_with_the_tree_of_pages() {
    let folder = stored(40).await;
    let sql = "UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = 'claim') \
               WHERE name = 'identity_of_pool'";
    let db = folder.sql();
    db.execute_batch(&format!("PRAGMA writable_schema = ON; {sql}"))
        .unwrap();
    drop(db);
    let report = inspect(folder.0.path()).unwrap();
    assert!(
        !report.faults.is_empty() && report.faults.len() <= 100,
        "{report:?}"
    );
}
