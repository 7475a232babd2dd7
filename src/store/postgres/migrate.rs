//! The schema: migrations that only expand it, so that an older version goes on serving.

use deadpool_postgres::Transaction;

use super::transaction::TransactionError;

/// The migrations, each once and in this order.
const MIGRATIONS: [&str; 4] = [
    include_str!("../migrations/postgres/0001_first.sql"),
    include_str!("../migrations/postgres/0002_transfer.sql"),
    include_str!("../migrations/postgres/0003_settings.sql"),
    include_str!("../migrations/postgres/0004_generation.sql"),
];

/// Makes or expands the schema, in one transaction that no other server's migration overlaps. A newer schema is left as it
/// is: its migrations only added to this one.
pub(super) async fn migrate(tx: &Transaction<'_>) -> Result<(), TransactionError> {
    tx.batch_execute(
        "CREATE TABLE IF NOT EXISTS migration (number int NOT NULL PRIMARY KEY, at timestamptz NOT NULL); \
         LOCK TABLE migration IN EXCLUSIVE MODE",
    )
    .await?;
    let row = tx
        .query_one("SELECT coalesce(max(number), 0) FROM migration", &[])
        .await?;
    let done: i32 = row.try_get(0)?;
    for (number, sql) in (1_i32..).zip(MIGRATIONS).filter(|(one, _)| *one > done) {
        tx.batch_execute(sql).await?;
        let statement = "INSERT INTO migration VALUES ($1, clock_timestamp())";
        tx.execute(statement, &[&number]).await?;
    }
    Ok(())
}
