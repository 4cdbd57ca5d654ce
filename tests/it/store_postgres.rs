use std::time::Duration;

use hamgate::clock::now;
use hamgate::comment::{Comment, Label};
use hamgate::site::Site;
use hamgate::store::{
    Correction, Decided, ErrorKind, Forget, NewModel, Origin, Page, Store, StoreError, StoreLocation, StoreOptions,
    StoreState, Target,
};
use hamgate::verdict::{Decision, DecisionId, LogOdds, ModelId};
use sqlx::postgres::PgListener;
use sqlx::{AssertSqlSafe, Connection as _};
use tokio::time::timeout;

use crate::support::{FOREVER, Postgres, Schema};

fn site() -> Site {
    "blog.example".parse().unwrap()
}

fn decided(content: &str) -> Decided {
    Decided {
        id: DecisionId::random(),
        at: now(),
        site: site(),
        comment: Comment { content: content.to_owned(), ..Comment::default() },
        comment_type: None,
        decision: Decision::Approve,
        queue: None,
        spam_probability: LogOdds(-2.0).probability(),
        model: ModelId::from_checksum("0123456789abcdef"),
        test: false,
    }
}

fn of_comment(content: &str, label: Label) -> Correction {
    let comment = Comment { content: content.to_owned(), ..Comment::default() };
    Correction { target: Target::Comment { site: site(), comment }, label, origin: Origin::Api, at: now() }
}

fn location(schema: &Schema) -> StoreLocation {
    schema.url.parse().unwrap()
}

fn impatient() -> StoreOptions {
    StoreOptions { lock_patience: Duration::from_millis(50), ..StoreOptions::default() }
}

async fn open(schema: &Schema) -> Store {
    Store::open(&location(schema), StoreOptions::default()).await.unwrap()
}

async fn open_error(url: &str) -> StoreError {
    Store::open(&url.parse().unwrap(), impatient()).await.unwrap_err()
}

async fn execute(schema: &Schema, sql: &str) {
    let mut connection = schema.connect().await;
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

async fn count(schema: &Schema, sql: &'static str) -> i64 {
    let mut connection = schema.connect().await;
    let count = sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    count
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(FOREVER, waiting).await.unwrap_or_else(|_| panic!("{what} in time"));
}

#[tokio::test]
async fn instances_that_start_together_make_the_schema_once() {
    let Some(postgres) = Postgres::shared() else { return };
    let schema = postgres.schema().await;
    let stores = futures_util::future::join_all((0..6).map(|_| open(&schema))).await;
    assert_eq!(count(&schema, "SELECT COUNT(*) FROM _sqlx_migrations").await, 2);
    for store in stores {
        store.close().await;
    }
}

#[tokio::test]
async fn a_database_that_cannot_be_used_is_refused_by_name_and_left_as_it_is() {
    let Some(postgres) = Postgres::shared() else { return };

    let blog = postgres.schema().await;
    execute(&blog, "CREATE TABLE comments (text TEXT)").await;
    assert_eq!(open_error(&blog.url).await, StoreError::Foreign, "a blog has comments, too");
    let other = postgres.schema().await;
    execute(&other, "CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY)").await;
    assert_eq!(open_error(&other.url).await, StoreError::Foreign, "another program that uses sqlx");
    let tables = "SELECT COUNT(*) FROM pg_tables WHERE schemaname = current_schema()";
    assert_eq!((count(&blog, tables).await, count(&other, tables).await), (1, 1));

    let beside = postgres.schema().await;
    execute(&beside, "CREATE TABLE recipes (name TEXT)").await;
    open(&beside).await.close().await;

    let newer = postgres.schema().await;
    open(&newer).await.close().await;
    execute(&newer, "INSERT INTO _sqlx_migrations VALUES (99, 'of the future', now(), true, ''::bytea, 0)").await;
    assert_eq!(open_error(&newer.url).await, StoreError::NewerSchema { found: 99, known: 2 });

    let read_only = postgres.schema().await;
    let url = format!("{}%20-c%20default_transaction_read_only%3Don", read_only.url);
    assert_eq!(open_error(&url).await, StoreError::ReadOnly);

    let gone = postgres.schema().await;
    execute(&gone, &format!("DROP SCHEMA {}", gone.name)).await;
    assert!(matches!(open_error(&gone.url).await, StoreError::Denied(_)));
    execute(&gone, "CREATE ROLE visitor LOGIN").await;
    let url = other.url.replace("user=hamgate", "user=visitor");
    assert!(matches!(open_error(&url).await, StoreError::Denied(_)));
    let url = other.url.replace("/postgres?", "/elsewhere?");
    assert!(matches!(open_error(&url).await, StoreError::Denied(_)));
    let nowhere = "postgres:///postgres?user=hamgate&host=/nowhere";
    assert!(matches!(open_error(nowhere).await, StoreError::Unreachable(_)));
}

#[tokio::test]
async fn what_the_server_says_while_it_is_written_to_is_said_by_name_and_passes() {
    let Some(postgres) = Postgres::shared() else { return };
    let schema = postgres.schema().await;
    let store = Store::open(&location(&schema), impatient()).await.unwrap();
    let raising = "CREATE FUNCTION refuse() RETURNS trigger AS $$ BEGIN RAISE 'no' USING ERRCODE = '53100'; END $$ \
                   LANGUAGE plpgsql; CREATE TRIGGER no_room BEFORE INSERT ON comments EXECUTE FUNCTION refuse()";
    execute(&schema, raising).await;
    assert!(store.remember(decided("waits")));
    assert_eq!(store.correct(of_comment("x", Label::Ham)).await, Err(StoreError::Full));
    assert_eq!(store.health().state, StoreState::Failing(ErrorKind::Full));
    execute(&schema, "DROP TRIGGER no_room ON comments").await;
    until("there is room again", async || store.health().state == StoreState::Ready).await;
    assert_eq!((store.health().queued, store.health().remembered), (0, 1));

    let mut other = schema.connect().await;
    sqlx::raw_sql("BEGIN; LOCK TABLE sequence").execute(&mut other).await.unwrap();
    assert_eq!(store.correct(of_comment("x", Label::Ham)).await, Err(StoreError::Locked));
    assert_eq!(store.health().state, StoreState::Failing(ErrorKind::Locked));
    assert!(store.remember(decided("goes on")));
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    until("the lock is gone", async || store.health().state == StoreState::Ready).await;
    store.correct(of_comment("x", Label::Ham)).await.unwrap();
    store.close().await;
    assert_eq!(count(&schema, "SELECT COUNT(*) FROM comments").await, 3);
}

#[tokio::test]
async fn a_correction_waits_for_the_disk_whatever_the_server_is_set_to() {
    let Some(postgres) = Postgres::shared() else { return };
    let schema = postgres.schema().await;
    let careless = format!("{}%20-c%20synchronous_commit%3Doff", schema.url).parse().unwrap();
    let store = Store::open(&careless, StoreOptions::default()).await.unwrap();
    let raising = "CREATE FUNCTION insist() RETURNS trigger AS $$ BEGIN \
                   IF current_setting('synchronous_commit') <> 'on' THEN RAISE 'not synchronous'; END IF; RETURN NEW; \
                   END $$ LANGUAGE plpgsql; \
                   CREATE TRIGGER insist BEFORE INSERT ON corrections FOR EACH ROW EXECUTE FUNCTION insist()";
    execute(&schema, raising).await;
    store.correct(of_comment("x", Label::Ham)).await.unwrap();
    store.close().await;
}

#[tokio::test]
async fn while_the_server_is_away_decisions_wait_corrections_are_refused_and_then_it_goes_on() {
    let Some(mut postgres) = Postgres::start_if_installed() else { return };
    let schema = postgres.schema().await;
    let (store, other) = (open(&schema).await, open(&schema).await);
    assert!(store.remember(decided("before")));
    store.correct(of_comment("first", Label::Spam)).await.unwrap();
    assert_eq!(store.last_change().await.unwrap(), 1);

    postgres.stop();
    for round in 0..400 {
        assert!(store.remember(decided(&format!("meanwhile {round}"))));
    }
    for _ in 0..2 {
        let refused = store.correct(of_comment("second", Label::Spam)).await.unwrap_err();
        assert!(matches!(refused, StoreError::Unreachable(_)), "{refused:?}");
        assert!(refused.hint().contains("check that the server runs"));
    }
    store.last_change().await.unwrap_err();
    assert_eq!(store.health().state, StoreState::Failing(ErrorKind::Unreachable));
    until("the other one misses it, too", async || other.health().state != StoreState::Ready).await;

    postgres.start();
    until("it works again", async || store.health().state == StoreState::Ready).await;
    store.flush().await.unwrap();
    assert_eq!((store.health().queued, store.health().lost, store.health().remembered), (0, 0, 401));
    until("the other one, too", async || other.health().state == StoreState::Ready).await;
    let mut news = other.changed();
    store.correct(of_comment("second", Label::Spam)).await.unwrap();
    timeout(FOREVER, news.changed()).await.expect("it is heard of").unwrap();
    until("it is read", async || other.last_change().await == Ok(2)).await;

    postgres.stop();
    assert!(store.remember(decided("lost")));
    timeout(FOREVER, store.close()).await.expect("closing does not wait for a server");
    assert_eq!(store.health().lost, 1);
    other.close().await;
}

#[tokio::test]
async fn others_are_told_of_corrections_undos_and_models_at_once() {
    let Some(postgres) = Postgres::shared() else { return };
    let schema = postgres.schema().await;
    let store = open(&schema).await;
    let mut listener = PgListener::connect(&schema.url).await.unwrap();
    listener.listen("hamgate").await.unwrap();
    // Other tests speak on the same channel; `sequence` says whether it was this one.
    let mut hears = async |what: &str, sql: &'static str, number: i64| {
        let heard = async {
            loop {
                listener.recv().await.unwrap();
                if count(&schema, sql).await == number {
                    break;
                }
            }
        };
        timeout(FOREVER, heard).await.unwrap_or_else(|_| panic!("{what} is told"));
    };
    let decision = decided("Hello");
    let id = decision.id;
    store.remember(decision);
    let correction = Correction { target: Target::Decision(id), ..of_comment("", Label::Spam) };
    store.correct(correction).await.unwrap();
    hears("a correction", "SELECT changes FROM sequence", 1).await;
    store.undo(id, 0).await.unwrap();
    hears("an undo", "SELECT changes FROM sequence", 2).await;
    let model = ModelId::from_checksum("0123456789ab");
    store.publish(NewModel { site: site(), model, bytes: vec![1], through: 2, at: 0 }).await.unwrap();
    hears("a model", "SELECT models FROM sequence", 1).await;
    store.rollback(&site()).await.unwrap();
    hears("a rollback", "SELECT models FROM sequence", 2).await;
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_that_write_at_once_neither_block_each_other_nor_leave_a_gap() {
    const EACH: i64 = 60;
    let Some(postgres) = Postgres::shared() else { return };
    let schema = postgres.schema().await;
    let mut stores = Vec::new();
    for _ in 0..3 {
        stores.push(open(&schema).await);
    }
    let write = async |store: &Store, number: i64| {
        let mut numbers = Vec::new();
        for round in 0..EACH {
            // Figures of the same sites and days, in another order each time.
            for place in 0..3 {
                let site = format!("blog{}.example", (round + place * number) % 3).parse().unwrap();
                store.remember(Decided { site, ..decided(&format!("{number} {round}")) });
            }
            let label = if (round + number) % 2 == 0 { Label::Ham } else { Label::Spam };
            let corrected = store.correct(of_comment(&format!("shared {}", round % 5), label)).await.unwrap();
            numbers.push(corrected.number);
        }
        store.flush().await.unwrap();
        numbers
    };
    let mut last = 0;
    let follow = async {
        // Whoever follows sees every number, and none twice.
        let mut labels = std::collections::BTreeMap::new();
        while last < 200 {
            let changes = stores[2].changes(last, i64::MAX, 7).await.unwrap();
            for row in changes.rows {
                assert_eq!(labels.insert(row.comment.content, row.after), row.before.map(Some));
            }
            last = changes.through;
            if !changes.more && stores[2].last_change().await.unwrap() >= 50 {
                break;
            }
        }
    };
    let (first, second, third, ()) =
        tokio::join!(write(&stores[0], 1), write(&stores[1], 2), write(&stores[2], 3), follow);
    assert_eq!([&first, &second, &third].map(Vec::len), [EACH as usize; 3]);
    let total = stores[0].last_change().await.unwrap();
    let rows = count(&schema, "SELECT COUNT(*) FROM corrections").await;
    assert_eq!(count(&schema, "SELECT MAX(seq) FROM corrections").await, rows);
    assert_eq!(total, rows);
    assert_eq!(count(&schema, "SELECT CAST(SUM(approved) AS BIGINT) FROM usage").await, 3 * 3 * EACH);
    for store in &stores {
        assert_eq!((store.health().errors, store.health().lost), (<[u64; ErrorKind::ALL.len()]>::default(), 0));
        store.close().await;
    }
}

#[tokio::test]
async fn old_comments_go_once_although_several_instances_look_for_them() {
    let Some(postgres) = Postgres::shared() else { return };
    let schema = postgres.schema().await;
    let keeping = StoreOptions { forgets: false, ..StoreOptions::default() };
    let store = Store::open(&location(&schema), keeping).await.unwrap();
    for round in 0..2_000 {
        assert!(store.remember(Decided { at: now() - 91 * 86_400, ..decided(&format!("old {round}")) }));
    }
    store.remember(decided("young"));
    store.close().await;
    let stores = futures_util::future::join_all((0..3).map(|_| open(&schema))).await;
    for round in 0..20 {
        // Some of the old ones are corrected while they go: then they stay, or are stored anew.
        let content = format!("old {}", round * 100);
        stores[0].correct(of_comment(&content, Label::Ham)).await.unwrap();
    }
    until("the old ones go", async || count(&schema, "SELECT COUNT(*) FROM comments WHERE label IS NULL").await == 1)
        .await;
    assert_eq!(count(&schema, "SELECT COUNT(*) FROM comments WHERE label = 'ham'").await, 20);
    for store in stores {
        assert_eq!(store.health().errors, <[u64; ErrorKind::ALL.len()]>::default());
        store.close().await;
    }
}

#[tokio::test]
async fn beyond_its_size_the_oldest_go_and_not_one_more_than_must() {
    let Some(postgres) = Postgres::shared() else { return };
    let schema = postgres.schema().await;
    let keeping = StoreOptions { forgets: false, ..StoreOptions::default() };
    let store = Store::open(&location(&schema), keeping).await.unwrap();
    for round in 0..600_i64 {
        // PostgreSQL compresses long texts; random ones it cannot.
        let mut noise = String::new();
        for _ in 0..125 {
            noise.push_str(&DecisionId::random().to_string());
        }
        assert!(store.remember(Decided { at: now() - 2 * 86_400 + round, ..decided(&format!("{round} {noise}")) }));
        if round % 100 == 0 {
            store.flush().await.unwrap();
        }
    }
    store.close().await;
    let options = StoreOptions { limit_mib: 1, ..StoreOptions::default() };
    let store = Store::open(&location(&schema), options).await.unwrap();
    let left = async || count(&schema, "SELECT COUNT(*) FROM comments").await;
    until("the oldest go", async || left().await <= 300).await;
    // The tables hardly shrink; what is left must not go for that.
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!((100..=300).contains(&left().await), "{}", left().await);
    assert_eq!(count(&schema, "SELECT COUNT(*) FROM comments WHERE content LIKE '0 %'").await, 0);
    assert_eq!(count(&schema, "SELECT COUNT(*) FROM comments WHERE content LIKE '599 %'").await, 1);
    store.close().await;
}

#[tokio::test]
async fn keys_and_figures_are_shared() {
    let Some(postgres) = Postgres::shared() else { return };
    let schema = postgres.schema().await;
    let (store, other) = (open(&schema).await, open(&schema).await);
    let key = store.add_key(&site()).await.unwrap();
    let id = key.id();
    let digits = key.reveal();
    until("the other one knows the key", async || other.keys().find(&digits).is_some_and(|(_, of)| *of == site()))
        .await;
    other.revoke_key(id).await.unwrap();
    until("it ends here, too", async || store.keys().is_empty()).await;
    assert_eq!(store.list_keys().await.unwrap().len(), 1);
    let page = Page { after: 0, limit: 10 };
    assert_eq!(other.export(None, page).await.unwrap(), []);
    store.close().await;
    other.close().await;
}

#[tokio::test]
async fn a_database_in_another_encoding_is_refused_and_left_as_it_is() {
    let Some(postgres) = Postgres::shared() else { return };
    let schema = postgres.schema().await;
    execute(&schema, "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0").await;
    let url = schema.url.replacen("/postgres?", "/latin?", 1);
    let (url, _) = url.split_once("&options").unwrap();
    let error = open_error(url).await;
    assert_eq!(error, StoreError::NotUtf8("LATIN1".to_owned()));
    assert!(error.hint().contains("--encoding=UTF8"));
    let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
    let tables = "SELECT COUNT(*) FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(sqlx::query_scalar::<_, i64>(tables).fetch_one(&mut connection).await.unwrap(), 0);
}

#[tokio::test]
async fn closing_a_service_does_not_wait_for_the_server_to_tidy_up() {
    let Some(postgres) = Postgres::shared() else { return };
    let schema = postgres.schema().await;
    // Long enough for the lock to be waited for until the end of the test.
    let options = StoreOptions { lock_patience: FOREVER, ..StoreOptions::default() };
    let store = Store::open(&location(&schema), options).await.unwrap();
    store.correct(of_comment("to be forgotten", Label::Spam)).await.unwrap();
    let mut other = schema.connect().await;
    sqlx::raw_sql("BEGIN; LOCK TABLE comments IN SHARE UPDATE EXCLUSIVE MODE").execute(&mut other).await.unwrap();
    let wish = Forget { text: Some("forgotten".to_owned()), ..Forget::default() };
    assert_eq!(store.forget(wish).await.unwrap(), 1);
    let waiting = "SELECT COUNT(*) FROM pg_locks WHERE relation = 'comments'::regclass AND NOT granted";
    until("the vacuum waits", async || count(&schema, waiting).await == 1).await;
    timeout(Duration::from_secs(5), store.close()).await.expect("it closes without waiting");
    other.close().await.unwrap();
}
