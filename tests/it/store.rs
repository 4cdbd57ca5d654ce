use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hamgate::comment::{Comment, Label};
use hamgate::store::{
    Change, Corrected, Correction, Decided, ErrorKind, Forget, Month, Origin, Store, StoreError, StoreLocation,
    StoreOptions, StoreState, Target, Totals,
};
use hamgate::verdict::{Decision, DecisionId, LogOdds, ModelId, Queue};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{Connection as _, SqlSafeStr as _, SqliteConnection};
use tempfile::TempDir;
use tokio::time::timeout;

use crate::support::{FOREVER, Postgres, Schema, TestServer, config, shipped_model};
use hamgate::http::{Parts, Server};

const SITE: &str = "https://www.blog.example/";

/// A store of its own: a file in a folder, or a schema on the server.
struct Place {
    folder: TempDir,
    schema: Option<Schema>,
}

impl Place {
    /// A file.
    fn new() -> Self {
        Place { folder: tempfile::tempdir().unwrap(), schema: None }
    }

    /// One of every kind there is here.
    async fn everywhere() -> Vec<Self> {
        let mut places = vec![Place::new()];
        if let Some(postgres) = Postgres::shared() {
            places.push(Place { schema: Some(postgres.schema().await), ..Place::new() });
        }
        places
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("store.sqlite")
    }

    fn location(&self) -> StoreLocation {
        self.schema.as_ref().map_or_else(|| self.path().into(), |schema| schema.url.parse().unwrap())
    }

    async fn open(&self) -> Store {
        self.open_with(StoreOptions::default()).await
    }

    async fn open_with(&self, options: StoreOptions) -> Store {
        Store::open(&self.location(), options).await.unwrap()
    }

    async fn open_error(&self) -> StoreError {
        let options = StoreOptions { lock_patience: Duration::from_millis(50), ..StoreOptions::default() };
        Store::open(&self.location(), options).await.unwrap_err()
    }

    /// The file by another connection, as another process would have it.
    async fn other(&self) -> SqliteConnection {
        SqliteConnection::connect(&format!("sqlite:{}", self.path().display())).await.unwrap()
    }

    async fn execute(&self, sql: &'static str) {
        let mut other = self.other().await;
        sqlx::raw_sql(sql).execute(&mut other).await.unwrap();
        other.close().await.unwrap();
    }

    async fn count(&self, sql: &'static str) -> i64 {
        if let Some(schema) = &self.schema {
            let mut other = schema.connect().await;
            let count = sqlx::query_scalar(sql).fetch_one(&mut other).await.unwrap();
            other.close().await.unwrap();
            return count;
        }
        let mut other = self.other().await;
        let count = sqlx::query_scalar(sql).fetch_one(&mut other).await.unwrap();
        other.close().await.unwrap();
        count
    }
}

/// After this no comment can be written, and SQLite does not say that one of them is to blame.
const BROKEN: &str = "CREATE TRIGGER full BEFORE INSERT ON comments BEGIN DELETE FROM nowhere; END";

fn impatient() -> StoreOptions {
    StoreOptions {
        lock_patience: Duration::from_millis(50),
        answer_patience: Duration::from_secs(2),
        ..StoreOptions::default()
    }
}

fn comment(content: &str) -> Comment {
    Comment {
        content: content.to_owned(),
        author: Some("Anna O'Hara".to_owned()),
        email_domain: Some("example.org".to_owned()),
        ..Comment::default()
    }
}

fn decided(content: &str) -> Decided {
    Decided {
        id: DecisionId::random(),
        at: now(),
        site: SITE.parse().unwrap(),
        comment: comment(content),
        comment_type: Some("comment".to_owned()),
        decision: Decision::Approve,
        queue: None,
        spam_probability: LogOdds(-2.0).probability(),
        model: ModelId::from_checksum("0123456789abcdef"),
        test: false,
    }
}

fn held(content: &str) -> Decided {
    Decided { decision: Decision::Hold, queue: Some(Queue::Review), ..decided(content) }
}

fn of_id(id: DecisionId, label: Label) -> Correction {
    Correction { target: Target::Decision(id), label, origin: Origin::Api, at: now() }
}

fn of_comment(comment: Comment, label: Label) -> Correction {
    let origin = if label == Label::Spam { Origin::SubmitSpam } else { Origin::SubmitHam };
    Correction { target: Target::Comment { site: SITE.parse().unwrap(), comment }, label, origin, at: now() }
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().cast_signed()
}

/// Waits until `holds` does.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(FOREVER, waiting).await.unwrap_or_else(|_| panic!("{what} in time"));
}

#[tokio::test]
async fn a_correction_finds_the_decision_it_corrects_by_id_and_by_the_comment_in_any_spelling() {
    for place in Place::everywhere().await {
        let store = place.open().await;
        let first = decided("It's \\\"fine\\\", isn't it?\r\nGrüße & Küsse");
        let id = first.id;
        assert!(store.remember(decided("Another one")));
        assert!(store.remember(first));
        let spellings = [
            "It's \"fine\", isn't it?\nGrüße & Küsse",
            "It&#039;s &quot;fine&quot;, isn&#039;t it?\n\nGr&uuml;&szlig;e &amp; Küsse",
            "It\\'s \\\"fine\\\", isn\\'t it?\r\nGrüße & Küsse",
        ];
        for (row, spelling) in spellings.into_iter().enumerate() {
            let sent = Comment { email_domain: Some("elsewhere.example".to_owned()), lang: None, ..comment(spelling) };
            let corrected = store.correct(of_comment(sent, Label::Spam)).await.unwrap();
            let change = if row == 0 { Change::New } else { Change::AlreadyKnown };
            let before = (row > 0).then_some(Label::Spam);
            let expected = Corrected {
                decision: Some(id),
                change,
                before,
                comment: 2,
                number: 1,
                site: SITE.parse().unwrap(),
                test: false,
            };
            assert_eq!(corrected, expected, "{spelling}");
        }
        let corrected = store.correct(of_id(id, Label::Spam)).await.unwrap();
        assert_eq!((corrected.decision, corrected.change), (Some(id), Change::AlreadyKnown));
        let unknown = store.correct(of_id(DecisionId::random(), Label::Spam)).await;
        assert_eq!(unknown, Err(StoreError::UnknownDecision));
        store.close().await;
    }
}

#[tokio::test]
async fn a_label_is_new_then_known_then_changed_and_every_change_is_kept() {
    for place in Place::everywhere().await {
        let store = place.open().await;
        let decision = held("Hello");
        let id = decision.id;
        store.remember(decision);
        for (label, change) in [
            (Label::Ham, Change::New),
            (Label::Ham, Change::AlreadyKnown),
            (Label::Spam, Change::Relabelled),
            (Label::Spam, Change::AlreadyKnown),
            (Label::Ham, Change::Relabelled),
        ] {
            assert_eq!(store.correct(of_id(id, label)).await.unwrap().change, change);
        }
        assert_eq!(store.health().corrections, [[1, 1, 1, 0], [0, 1, 1, 0]]);
        store.close().await;
        assert_eq!(place.count("SELECT COUNT(*) FROM corrections").await, 3);
        assert_eq!(place.count("SELECT COUNT(*) FROM comments WHERE label = 'ham'").await, 1);
    }
}

#[tokio::test]
async fn a_comment_nobody_asked_about_is_stored_with_its_label() {
    for place in Place::everywhere().await {
        let store = place.open().await;
        for change in [Change::New, Change::AlreadyKnown] {
            let corrected = store.correct(of_comment(comment("Never seen"), Label::Spam)).await.unwrap();
            assert_eq!((corrected.decision, corrected.change), (None, change));
        }
        store.close().await;
        assert_eq!(place.count("SELECT COUNT(*) FROM comments WHERE decision_id IS NULL AND label = 'spam'").await, 1);
    }
}

#[tokio::test]
async fn of_equal_comments_the_newest_decision_is_corrected() {
    for place in Place::everywhere().await {
        let store = place.open().await;
        let (older, newer) = (decided("Twice"), decided("Twice"));
        let newer_id = newer.id;
        store.remember(older);
        store.remember(newer);
        let corrected = store.correct(of_comment(comment("Twice"), Label::Spam)).await.unwrap();
        assert_eq!(corrected.decision, Some(newer_id));
    }
}

#[tokio::test]
async fn a_correction_always_finds_what_was_remembered_before_it() {
    for place in Place::everywhere().await {
        let store = place.open().await;
        for round in 0..300 {
            let decision = decided(&format!("Comment {round}"));
            let id = decision.id;
            assert!(store.remember(decision));
            if round % 10 == 0 {
                assert_eq!(store.correct(of_id(id, Label::Ham)).await.unwrap().decision, Some(id), "round {round}");
            }
        }
        store.flush().await.unwrap();
        assert_eq!(store.health().remembered, 300);
        assert_eq!(store.health().queued, 0);
    }
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_drop_without_close() {
    for place in Place::everywhere().await {
        let runtime = std::thread::spawn({
            let location = place.location();
            move || {
                let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
                let ids = runtime.block_on(async {
                    let store = Store::open(&location, StoreOptions::default()).await.unwrap();
                    let mut ids = Vec::new();
                    for round in 0..50 {
                        let decision = decided(&format!("Comment {round}"));
                        ids.push(decision.id);
                        store.remember(decision);
                        store.correct(of_id(ids[round], Label::Spam)).await.unwrap();
                    }
                    ids
                });
                // The writer is cut off wherever it is.
                runtime.shutdown_background();
                ids
            }
        });
        let ids = runtime.join().unwrap();
        let store = place.open().await;
        for id in ids {
            assert_eq!(store.correct(of_id(id, Label::Spam)).await.unwrap().change, Change::AlreadyKnown);
        }
    }
}

#[tokio::test]
async fn closing_writes_what_is_pending_and_later_questions_are_told_so() {
    for place in Place::everywhere().await {
        let store = place.open().await;
        for round in 0..1000 {
            assert!(store.remember(decided(&format!("Comment {round}"))));
        }
        store.close().await;
        assert_eq!(store.health().lost, 0);
        assert_eq!(store.correct(of_comment(comment("x"), Label::Ham)).await, Err(StoreError::Closed));
        assert!(!store.remember(decided("late")));
        assert!(store.list_keys().await.is_err());
        store.close().await;
        assert_eq!(place.count("SELECT COUNT(*) FROM comments").await, 1000);
    }
}

#[tokio::test]
async fn remembering_does_not_wait_for_a_lock_and_says_when_the_queue_is_full() {
    let place = Place::new();
    let store = place.open_with(StoreOptions { queue_decisions: 100, ..impatient() }).await;
    let mut other = place.other().await;
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let taken = (0..1000).take_while(|round| store.remember(decided(&format!("Comment {round}")))).count();
    assert_eq!(taken, 100);
    assert_eq!(store.health().lost, 1);
    let refused = store.correct(of_comment(comment("x"), Label::Ham)).await.unwrap_err();
    assert!(matches!(refused, StoreError::Locked | StoreError::Busy { .. }), "{refused:?}");
    assert!(refused.hint().contains("program"));
    until("the failure is known", async || store.health().state == StoreState::Failing(ErrorKind::Locked)).await;
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    until("it works again", async || store.health().state == StoreState::Ready).await;
    store.flush().await.unwrap();
    assert_eq!(store.health().remembered, taken as u64);
}

#[tokio::test]
async fn a_queue_of_long_comments_is_full_by_its_bytes() {
    for place in Place::everywhere().await {
        let store = place.open_with(StoreOptions { queue_bytes: 100_000, ..impatient() }).await;
        let long = "x".repeat(40_000);
        let taken = (0..3).filter(|_| store.remember(decided(&long))).count();
        assert_eq!((taken, store.health().lost), (2, 1));
        store.flush().await.unwrap();
        assert!(store.remember(decided(&long)), "there is room again");
        store.close().await;
    }
}

#[tokio::test]
async fn a_store_of_another_process_a_reader_a_folder_or_a_stranger_is_refused_by_name() {
    let locked = Place::new();
    locked.open().await.close().await;
    let mut other = locked.other().await;
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    assert_eq!(locked.open_error().await, StoreError::Locked);

    let no_database = Place::new();
    fs::write(no_database.path(), "this is a letter to my aunt and no database at all".repeat(100)).unwrap();
    assert_eq!(no_database.open_error().await, StoreError::NotADatabase);

    let foreign = Place::new();
    fs::write(foreign.path(), "").unwrap();
    foreign.execute("CREATE TABLE recipes (name TEXT)").await;
    assert_eq!(foreign.open_error().await, StoreError::Foreign);
    assert_eq!(foreign.count("SELECT COUNT(*) FROM sqlite_master").await, 1, "it was left as it was");
    foreign.execute("CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY)").await;
    assert_eq!(foreign.open_error().await, StoreError::Foreign, "another program that uses sqlx");

    let newer = Place::new();
    newer.open().await.close().await;
    newer
        .execute(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
             VALUES (99, 'of the future', 1, x'00', 0)",
        )
        .await;
    assert_eq!(newer.open_error().await, StoreError::NewerSchema { found: 99, known: 2 });

    let file = tempfile::NamedTempFile::new().unwrap();
    let below_a_file = StoreLocation::from(file.path().join("store.sqlite"));
    let error = Store::open(&below_a_file, StoreOptions::default()).await.unwrap_err();
    assert!(matches!(error, StoreError::NoFolder(_)), "{error:?}");

    let folder = tempfile::tempdir().unwrap();
    let error = Store::open(&folder.path().to_owned().into(), StoreOptions::default()).await.unwrap_err();
    assert!(matches!(error, StoreError::Unreadable(_)), "{error:?}");
}

/// Who may write to every file is sent as somebody who may not.
#[tokio::test]
async fn a_file_or_folder_that_may_only_be_read_is_refused_by_name() {
    const NOBODY: u32 = 65534;
    let place = Place::new();
    place.open().await.close().await;
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o444)).unwrap();
    fs::set_permissions(place.folder.path(), fs::Permissions::from_mode(0o555)).unwrap();
    let may_write = fs::OpenOptions::new().write(true).open(place.path()).is_ok();
    for file in ["store.sqlite", "new.sqlite", "new/store.sqlite"] {
        let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin("hamgate"));
        command.env_clear().args(["key", "add", "example.org", "--store"]).arg(place.folder.path().join(file));
        if may_write {
            command.uid(NOBODY);
        }
        let output = match command.output() {
            Ok(output) => output,
            Err(error) => {
                println!("skipped: the program cannot be run as somebody else: {error}");
                return;
            }
        };
        let message = String::from_utf8(output.stderr).unwrap();
        let expected = if file.contains('/') { "its folder cannot be made" } else { "is read-only for this user" };
        assert!(message.contains(expected) && message.contains("\nhint: "), "{file}: {message}");
    }
    fs::set_permissions(place.folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn decisions_wait_in_memory_while_writing_fails_and_corrections_are_refused() {
    let place = Place::new();
    place.open().await.close().await;
    place.execute(BROKEN).await;
    let store = place.open_with(impatient()).await;
    store.remember(decided("waits"));
    let refused = store.correct(of_comment(comment("x"), Label::Ham)).await;
    assert!(matches!(refused, Err(StoreError::Failed(_))), "{refused:?}");
    assert_eq!(store.health().state, StoreState::Failing(ErrorKind::Failed));
    assert_eq!(store.health().queued, 1);
    place.execute("DROP TRIGGER full").await;
    until("it works again", async || store.health().state == StoreState::Ready).await;
    assert_eq!((store.health().queued, store.health().remembered), (0, 1));
}

#[tokio::test]
async fn behind_many_decisions_that_wait_a_correction_still_hears_why_it_was_refused() {
    let place = Place::new();
    place.open().await.close().await;
    place.execute(BROKEN).await;
    let store = place.open_with(impatient()).await;
    for round in 0..2_000 {
        assert!(store.remember(decided(&format!("Comment {round}"))));
    }
    for _ in 0..3 {
        let refused = store.correct(of_comment(comment("x"), Label::Ham)).await;
        assert!(matches!(refused, Err(StoreError::Failed(_))), "{refused:?}");
        assert_eq!(store.health().queued, 2_000);
    }
    let begun = std::time::Instant::now();
    store.close().await;
    assert!(begun.elapsed() < Duration::from_secs(2), "closing waits for nothing");
    assert_eq!(store.health().lost, 2_000);
}

#[tokio::test]
async fn a_question_that_cannot_be_answered_is_counted() {
    for place in Place::everywhere().await {
        let store = place.open().await;
        store.close().await;
        store.last_change().await.unwrap_err();
        store.own_rows(&SITE.parse().unwrap()).await.unwrap_err();
        assert_eq!(store.health().errors[ErrorKind::Busy as usize], 2);
    }
}

#[tokio::test]
async fn a_transaction_that_sqlite_rolled_back_by_itself_does_not_end_the_store() {
    let place = Place::new();
    place.open().await.close().await;
    // What SQLite does of its own when the disk is full.
    place.execute("CREATE TRIGGER full BEFORE INSERT ON comments BEGIN SELECT RAISE(ROLLBACK, 'no room'); END").await;
    let store = place.open_with(impatient()).await;
    store.remember(decided("is lost"));
    store.correct(of_comment(comment("x"), Label::Ham)).await.unwrap_err();
    place.execute("DROP TRIGGER full").await;
    until("it works again", async || store.health().state == StoreState::Ready).await;
    assert_eq!((store.health().queued, store.health().lost), (0, 1));
    store.correct(of_comment(comment("x"), Label::Ham)).await.unwrap();
}

#[tokio::test]
async fn a_store_of_the_first_version_keeps_its_labels_and_its_feed_begins_with_them() {
    let place = Place::new();
    fs::write(place.path(), "").unwrap();
    let mut other = place.other().await;
    let first = include_str!("../../migrations/0001_comments.sql");
    let migration = Migration::new(1, "comments".into(), MigrationType::Simple, first.into_sql_str(), false);
    Migrator::with_migrations(vec![migration]).run_direct(None, &mut other, false).await.unwrap();
    let rows = "INSERT INTO comments (site, fingerprint, at, content, test, decision_id, decision, label) VALUES \
                ('blog.example', x'01', 5, 'twice', 0, x'000102030405060708090a0b0c0d0e0f', 'hold', 'ham'), \
                ('blog.example', x'02', 6, 'once', 0, NULL, NULL, 'spam'), \
                ('blog.example', x'03', 7, 'never', 0, NULL, NULL, NULL); \
                INSERT INTO corrections (comment, at, label, previous, origin) VALUES \
                (1, 10, 'spam', NULL, 'submit-spam'), (2, 11, 'spam', NULL, 'submit-spam'), (1, 12, 'ham', 'spam', 'api')";
    sqlx::raw_sql(rows).execute(&mut other).await.unwrap();
    other.close().await.unwrap();

    let store = place.open_with(StoreOptions { forgets: false, ..StoreOptions::default() }).await;
    let changes = store.changes(0, i64::MAX, 100).await.unwrap();
    let rows: Vec<_> = changes.rows.iter().map(|row| (row.number, row.comment.content.as_str(), row.after)).collect();
    assert_eq!(rows, [(2, "once", Some(Label::Spam)), (3, "twice", Some(Label::Ham))]);
    assert_eq!((changes.through, store.last_change().await.unwrap()), (3, 3));
    let id = DecisionId::from([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
    for (number, after) in [(4, Some(Label::Spam)), (5, None)] {
        let undone = store.undo(id, 20).await.unwrap();
        assert_eq!((undone.number, undone.after), (number, after));
    }
    store.close().await;
}

#[tokio::test]
async fn whoever_only_looks_in_forgets_nothing() {
    for place in Place::everywhere().await {
        let store = place.open_with(StoreOptions { retention_days: 36_500, ..StoreOptions::default() }).await;
        store.remember(Decided { at: 0, ..decided("old") });
        store.close().await;
        let looks_in = StoreOptions { forgets: false, retention_days: 1, ..StoreOptions::default() };
        let store = place.open_with(looks_in).await;
        store.flush().await.unwrap();
        store.close().await;
        assert_eq!(place.count("SELECT COUNT(*) FROM comments").await, 1);
    }
}

#[tokio::test]
async fn a_file_that_was_taken_away_is_missed_before_anybody_needs_it() {
    let place = Place::new();
    let store = place.open().await;
    fs::rename(place.path(), place.folder.path().join("elsewhere")).unwrap();
    until("it is missed", async || store.health().state == StoreState::Failing(ErrorKind::Gone)).await;
}

#[tokio::test]
async fn a_file_that_was_taken_away_is_missed_and_its_corrections_are_refused() {
    let place = Place::new();
    let store = place.open().await;
    fs::rename(place.path(), place.folder.path().join("elsewhere")).unwrap();
    assert_eq!(store.correct(of_comment(comment("x"), Label::Ham)).await, Err(StoreError::Gone));
    assert_eq!(store.health().state, StoreState::Failing(ErrorKind::Gone));
    fs::rename(place.folder.path().join("elsewhere"), place.path()).unwrap();
    until("it works again", async || store.health().state == StoreState::Ready).await;
}

#[tokio::test]
async fn the_file_is_readable_by_its_owner_alone_and_holds_no_secret() {
    let place = Place::new();
    let folder = place.folder.path().join("new/deep");
    let path = folder.join("store.sqlite");
    let store = Store::open(&path.clone().into(), StoreOptions::default()).await.unwrap();
    let json = br#"{"content":"A comment to keep","author":"Jo","author_email":"Secretlocal@mail.example",
        "ip":"192.0.2.77","user_agent":"Secretagent/1.0","date":"2026-01-01"}"#;
    let comment = Comment::from_json(json).unwrap();
    store.remember(Decided { comment: comment.clone(), ..decided("") });
    store.correct(of_comment(comment, Label::Ham)).await.unwrap();
    let key = store.add_key(&SITE.parse().unwrap()).await.unwrap().reveal();
    let mut seen = 0;
    let mut check = |path: &Path| {
        let bytes = fs::read(path).unwrap();
        seen += bytes.windows(17).filter(|window| window == b"A comment to keep").count();
        for secret in [key.as_str(), "Secretlocal", "192.0.2.77", "Secretagent"] {
            let found = bytes.windows(secret.len()).any(|window| window.eq_ignore_ascii_case(secret.as_bytes()));
            assert!(!found, "{secret} in {}", path.display());
        }
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o077, 0, "{}", path.display());
    };
    // While it is open there is a log beside the file.
    for entry in fs::read_dir(&folder).unwrap() {
        check(&entry.unwrap().path());
    }
    store.close().await;
    check(&path);
    assert!(seen >= 2, "the search finds what is there");
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o077, 0);
}

#[tokio::test]
async fn figures_count_decisions_and_mistakes_by_site_and_month_and_outlive_the_comments() {
    for place in Place::everywhere().await {
        let store = place.open().await;
        let old = now() - 200 * 86_400;
        let (missed, wrong) = (decided("missed"), held("wrong"));
        let (missed_id, wrong_id) = (missed.id, wrong.id);
        for decision in [missed, wrong, held("right"), Decided { test: true, ..held("trial") }] {
            store.remember(decision);
        }
        store.remember(Decided { at: old, ..decided("old") });
        store.remember(Decided { site: "other.example".parse().unwrap(), ..decided("elsewhere") });
        for (id, label) in [(missed_id, Label::Spam), (wrong_id, Label::Spam), (wrong_id, Label::Ham)] {
            store.correct(of_id(id, label)).await.unwrap();
        }
        let id = store.add_key(&"quiet.example".parse().unwrap()).await.unwrap().id();
        store.revoke_key(id).await.unwrap();
        store.close().await;
        // Opening again lets go what is too old.
        let store = place.open().await;
        until("the old comment goes", async || {
            place.count("SELECT COUNT(*) FROM comments WHERE content = 'old'").await == 0
        })
        .await;

        let usage = store.usage(Month::of(now())).await.unwrap();
        let found: Vec<_> = usage.iter().map(|usage| (usage.site.as_str(), usage.totals, usage.revoked)).collect();
        let expected = Totals { spam: 2, ham: 1, missed_spam: 1, false_positives: 1 };
        assert_eq!(
            found,
            [
                ("blog.example", expected, false),
                ("other.example", Totals { ham: 1, ..Totals::default() }, false),
                ("quiet.example", Totals::default(), true),
            ]
        );
        assert_eq!(expected.checks(), 3);
        let then = Month::of(old);
        let days = store.totals(&SITE.parse().unwrap(), then.first_day(), then.next().first_day()).await.unwrap();
        assert_eq!(days, [(hamgate::store::Day::of(old), Totals { ham: 1, ..Totals::default() })]);

        // A label that is taken back takes its count back.
        store.correct(of_id(missed_id, Label::Ham)).await.unwrap();
        let usage = store.usage(Month::of(now())).await.unwrap();
        assert_eq!(usage[0].totals.missed_spam, 0);
    }
}

#[tokio::test]
async fn old_comments_go_unless_somebody_corrected_them() {
    for place in Place::everywhere().await {
        let store = place.open().await;
        let old = now() - 91 * 86_400;
        let corrected = Decided { at: old, ..decided("corrected") };
        let id = corrected.id;
        store.remember(corrected);
        store.correct(of_id(id, Label::Ham)).await.unwrap();
        store.remember(Decided { at: now() - 89 * 86_400, ..decided("young") });
        for round in 0..1200 {
            store.remember(Decided { at: old, ..decided(&format!("old {round}")) });
        }
        store.close().await;
        let store = place.open().await;
        until("the old ones go", async || place.count("SELECT COUNT(*) FROM comments").await == 2).await;
        assert_eq!(store.correct(of_id(id, Label::Ham)).await.unwrap().change, Change::AlreadyKnown);
    }
}

#[tokio::test]
async fn beyond_its_size_the_store_lets_the_oldest_go() {
    let place = Place::new();
    let store = place.open().await;
    let text = "x".repeat(4_000);
    for round in 0..600 {
        let at = now() - 2 * 86_400 + round;
        while !store.remember(Decided { at, ..decided(&format!("{round} {text}")) }) {
            store.flush().await.unwrap();
        }
    }
    store.flush().await.unwrap();
    store.close().await;
    let before = fs::metadata(place.path()).unwrap().len();
    let store = place.open_with(StoreOptions { limit_mib: 1, ..StoreOptions::default() }).await;
    until("it shrinks", async || store.health().bytes <= 1 << 20).await;
    until("room is given back", async || place.count("SELECT freelist_count FROM pragma_freelist_count").await == 0)
        .await;
    assert_eq!(place.count("SELECT COUNT(*) FROM comments WHERE content LIKE '0 %'").await, 0);
    store.close().await;
    assert_eq!(place.count("SELECT COUNT(*) FROM comments WHERE content LIKE '599 %'").await, 1);
    let after = fs::metadata(place.path()).unwrap().len();
    assert!(before > 2 << 20 && after <= (1 << 20) + (64 << 10), "{before} bytes became {after}");
}

#[tokio::test]
async fn a_service_whose_store_fails_gives_verdicts_and_says_that_it_is_not_ready() {
    let place = Place::new();
    let store = place.open_with(impatient()).await;
    let server =
        TestServer::of(Server::bind(&config(), Parts::new(shipped_model()).with_store(store.clone())).await.unwrap());
    assert_eq!(server.get("/readyz").await.status(), 200);
    store.remember(decided("kept"));
    store.correct(of_comment(comment("x"), Label::Ham)).await.unwrap();

    let mut other = place.other().await;
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    store.correct(of_comment(comment("y"), Label::Ham)).await.unwrap_err();
    let response = server.get("/readyz").await;
    assert_eq!(response.status(), 503);
    let problem: serde_json::Value = response.json().await.unwrap();
    assert!(problem["detail"].as_str().unwrap().contains("locked"), "{problem}");
    server.check(crate::support::HAM).await;
    assert_eq!(server.metric("hamgate_store_ready").await, 0.0);
    assert!(server.metric("hamgate_store_errors_total{kind=\"locked\"}").await >= 1.0);
    assert_eq!(server.metric("hamgate_store_decisions_remembered_total").await, 1.0);
    assert_eq!(server.metric("hamgate_store_decisions_lost_total").await, 0.0);
    assert_eq!(server.metric("hamgate_store_queue_decisions").await, 1.0, "the check waits to be remembered");
    assert_eq!(server.metric("hamgate_store_corrections_total{label=\"ham\",change=\"new\"}").await, 1.0);

    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    until("it is ready again", async || server.get("/readyz").await.status() == 200).await;
    store.close().await;
}

#[tokio::test]
async fn a_decision_the_database_does_not_take_is_lost_and_keeps_nothing_else_from_being_written() {
    let place = Place::new();
    place.open().await.close().await;
    let trigger =
        "CREATE TRIGGER bad BEFORE INSERT ON comments WHEN new.content = 'bad' BEGIN SELECT RAISE(ABORT, 'no'); END";
    place.execute(trigger).await;
    let store = place.open().await;
    let good = decided("good");
    for decision in [good.clone(), decided("bad"), decided("also good")] {
        assert!(store.remember(decision));
    }
    assert_eq!(store.correct(of_id(good.id, Label::Spam)).await.unwrap().change, Change::New);
    let refused = store.correct(of_comment(comment("bad"), Label::Ham)).await;
    assert!(matches!(refused, Err(StoreError::Rejected(_))), "{refused:?}");
    store.correct(of_comment(comment("also good"), Label::Ham)).await.unwrap();
    let health = store.health();
    assert_eq!((health.state, health.queued, health.remembered, health.lost), (StoreState::Ready, 0, 2, 1));
    assert_eq!(place.count("SELECT COUNT(*) FROM comments").await, 2);
    store.close().await;
}

/// How often a text stands in the file and in the log beside it.
fn traces(place: &Place, text: &str) -> usize {
    let of = |path: PathBuf| {
        let bytes = fs::read(path).unwrap_or_default();
        bytes.windows(text.len()).filter(|window| *window == text.as_bytes()).count()
    };
    of(place.path()) + of(place.folder.path().join("store.sqlite-wal"))
}

#[tokio::test]
async fn forgotten_text_stands_nowhere_any_more_as_soon_as_no_reader_is_in_the_way() {
    let place = Place::new();
    let store = place.open_with(impatient()).await;
    let text = "words to be forgotten";
    store.correct(of_comment(comment(text), Label::Spam)).await.unwrap();
    assert!(traces(&place, text) > 0, "the search finds what is there");
    let mut reader = place.other().await;
    sqlx::raw_sql("BEGIN; SELECT COUNT(*) FROM comments").execute(&mut reader).await.unwrap();
    let wish = Forget { text: Some(text.to_owned()), ..Forget::default() };
    assert_eq!(store.forget(wish).await.unwrap(), 1);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(store.health().remains && traces(&place, text) > 0);
    reader.close().await.unwrap();
    until("it is cleared away", async || !store.health().remains).await;
    assert_eq!(traces(&place, text), 0);
    store.close().await;
}

#[tokio::test]
async fn a_service_clears_away_what_a_command_had_to_leave() {
    let place = Place::new();
    let text = "words to be forgotten";
    let command = place.open_with(StoreOptions { forgets: false, ..impatient() }).await;
    command.correct(of_comment(comment(text), Label::Spam)).await.unwrap();
    let mut reader = place.other().await;
    sqlx::raw_sql("BEGIN; SELECT COUNT(*) FROM comments").execute(&mut reader).await.unwrap();
    assert_eq!(command.forget(Forget { text: Some(text.to_owned()), ..Forget::default() }).await.unwrap(), 1);
    command.close().await;
    assert!(command.health().remains);
    sqlx::raw_sql("COMMIT").execute(&mut reader).await.unwrap();
    assert!(traces(&place, text) > 0);
    let service = place.open().await;
    until("it is cleared away", async || traces(&place, text) == 0).await;
    service.close().await;
    reader.close().await.unwrap();
}

#[tokio::test]
async fn what_was_never_decided_leaves_no_figures() {
    for place in Place::everywhere().await {
        let store = place.open().await;
        store.correct(of_comment(comment("imported"), Label::Spam)).await.unwrap();
        assert_eq!(store.usage(Month::of(now())).await.unwrap(), []);
        assert_eq!(place.count("SELECT COUNT(*) FROM usage").await, 0);
        store.close().await;
    }
}

#[tokio::test]
async fn a_trial_is_corrected_only_where_there_is_no_real_comment_like_it() {
    for place in Place::everywhere().await {
        let store = place.open().await;
        let (real, trial) = (decided("Twice"), Decided { test: true, ..decided("Twice") });
        let alone = Decided { test: true, ..decided("Once") };
        let ids = [real.id, alone.id];
        for decision in [real, trial, alone] {
            store.remember(decision);
        }
        for (content, id) in ["Twice", "Once"].into_iter().zip(ids) {
            let corrected = store.correct(of_comment(comment(content), Label::Spam)).await.unwrap();
            assert_eq!(corrected.decision, Some(id), "{content}");
        }
        store.close().await;
    }
}

#[tokio::test]
async fn beyond_its_size_the_store_keeps_what_came_within_a_day() {
    let place = Place::new();
    let store = place.open().await;
    let text = "x".repeat(4_000);
    for round in 0..400 {
        store.correct(of_comment(comment(&format!("{round} {text}")), Label::Spam)).await.unwrap();
    }
    store.remember(Decided { at: now() - 2 * 86_400, ..decided("old") });
    store.remember(Decided { at: now() - 3_600, ..decided("young") });
    store.close().await;
    let store = place.open_with(StoreOptions { limit_mib: 1, ..StoreOptions::default() }).await;
    until("the old one goes", async || place.count("SELECT COUNT(*) FROM comments WHERE content = 'old'").await == 0)
        .await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(store.health().bytes > 1 << 20);
    store.close().await;
    assert_eq!(place.count("SELECT COUNT(*) FROM comments WHERE content = 'young'").await, 1);
    assert_eq!(place.count("SELECT COUNT(*) FROM comments").await, 401);
}
