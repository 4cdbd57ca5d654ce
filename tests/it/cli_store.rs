use hamgate::comment::{Comment, Label};
use hamgate::store::{Correction, Decided, NewModel, Origin, Store, StoreLocation, StoreOptions, Target};
use hamgate::verdict::{Decision, DecisionId, LogOdds, ModelId, Queue};
use serde_json::{Value, json};
use sqlx::{Connection as _, SqliteConnection};

use crate::support::{Postgres, runtime};
use crate::workshop::{Workshop, hamgate};

/// A store with three decisions in it, and the id of the first, on every kind of database there is here.
fn everywhere(test: impl Fn(&str, DecisionId)) {
    let workshop = Workshop::new();
    let mut places = vec![workshop.path("store.sqlite").display().to_string()];
    if let Some(postgres) = Postgres::shared() {
        places.push(runtime().block_on(postgres.schema()).url);
    }
    for place in places {
        let id = DecisionId::random();
        runtime().block_on(fill(&place.parse().unwrap(), id));
        test(&place, id);
    }
}

/// The dates of these tests are long past.
fn lasting() -> StoreOptions {
    StoreOptions { forgets: false, ..StoreOptions::default() }
}

async fn fill(location: &StoreLocation, first: DecisionId) {
    let store = Store::open(location, lasting()).await.unwrap();
    let table = [(first, "blog.example", "Buy it now", 0), (DecisionId::random(), "blog.example", "Grüße", 86_400)];
    for (id, site, content, at) in table.into_iter().chain([(DecisionId::random(), "other.example", "Hello", 0)]) {
        store.remember(Decided {
            id,
            at: 1_700_000_000 + at,
            site: site.parse().unwrap(),
            comment: Comment {
                content: content.to_owned(),
                author: Some("Anna Beispiel".to_owned()),
                email_domain: Some("example.org".to_owned()),
                ..Comment::default()
            },
            comment_type: Some("comment".to_owned()),
            decision: Decision::Hold,
            queue: Some(Queue::Review),
            spam_probability: LogOdds(0.0).probability(),
            model: ModelId::from_checksum("0123456789abcdef"),
            test: false,
        });
    }
    store.close().await;
}

fn run(place: &str, arguments: &[&str]) -> (bool, String, String) {
    let output = hamgate().args(arguments).args(["--store", place]).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

fn said(place: &str, arguments: &[&str]) -> String {
    let (worked, out, err) = run(place, arguments);
    assert!(worked, "{arguments:?}: {err}");
    out
}

fn refused(place: &str, arguments: &[&str], expected: &str) {
    let (worked, _, err) = run(place, arguments);
    assert!(!worked && err.contains(expected) && err.contains("\nhint: "), "{arguments:?}: {err}");
}

#[test]
fn a_label_says_what_it_changed_and_is_taken_back() {
    everywhere(|place, id| {
        let id = id.to_string();
        let table: [(&[&str], &str); 6] = [
            (
                &["label", &id, "spam"],
                "New: spam. blog.example has 0 ham and 1 spam of its own. 50 more ham until a training can fit a threshold of its own.\n",
            ),
            (
                &["label", &id, "spam"],
                "Already known: spam. blog.example has 0 ham and 1 spam of its own. 50 more ham until a training can fit a threshold of its own.\n",
            ),
            (
                &["label", &id, "ham"],
                "Relabelled: ham, was spam. blog.example has 1 ham and 0 spam of its own. 49 more ham until a training can fit a threshold of its own.\n",
            ),
            (
                &["label", "--undo", &id],
                "Taken back: spam, was ham. blog.example has 0 ham and 1 spam of its own. 50 more ham until a training can fit a threshold of its own.\n",
            ),
            (
                &["label", "--undo", &id],
                "Taken back: without a label, was spam. blog.example has 0 ham and 0 spam of its own. 50 more ham until a training can fit a threshold of its own.\n",
            ),
            (
                &["label", &id, "ham"],
                "New: ham. blog.example has 1 ham and 0 spam of its own. 49 more ham until a training can fit a threshold of its own.\n",
            ),
        ];
        for (arguments, expected) in table {
            assert_eq!(said(place, arguments), expected);
        }
        said(place, &["label", "--undo", &id]);
        refused(place, &["label", "--undo", &id], "nobody corrected this comment");
        refused(place, &["label", &DecisionId::random().to_string(), "ham"], "there is no decision with this id");
        for wrong in [vec!["label", &id], vec!["label", &id, "nonsense"], vec!["label", "4711", "ham"]] {
            assert!(!run(place, &wrong).0, "{wrong:?}");
        }
    });
}

#[test]
fn nothing_is_erased_that_nobody_agreed_to() {
    everywhere(|place, _| {
        refused(place, &["forget"], "nothing says which comments to erase");
        refused(place, &["forget", "--author", "anna BEISPIEL"], "3 comments would be erased, and nobody is there");
        assert_eq!(said(place, &["forget", "--author", "Anna"]), "No comment is like that.\n");
        let before = ["forget", "--site", "blog.example", "--before", "2023-11-15", "--yes"];
        assert_eq!(said(place, &before), "Erased 1 comment.\n");
        assert_eq!(said(place, &["forget", "--text", "GRÜSSE", "--yes"]), "No comment is like that.\n");
        assert_eq!(said(place, &["forget", "--text", "grüß", "--yes"]), "Erased 1 comment.\n");
        let left: Value = serde_json::from_str(&said(place, &["export"])).unwrap();
        assert_eq!(left["site"], "other.example");
    });
}

#[test]
fn whoever_forgets_hears_when_a_reader_keeps_the_text_from_being_cleared_away() {
    let workshop = Workshop::new();
    let place = workshop.path("store.sqlite").display().to_string();
    runtime().block_on(fill(&place.parse().unwrap(), DecisionId::random()));
    let reader = runtime().block_on(async {
        let mut reader = SqliteConnection::connect(&format!("sqlite:{place}")).await.unwrap();
        sqlx::raw_sql("BEGIN; SELECT COUNT(*) FROM comments").execute(&mut reader).await.unwrap();
        reader
    });
    let out = said(&place, &["forget", "--text", "buy it now", "--yes"]);
    assert!(out.starts_with("Erased 1 comment.\nAnother program is reading the store."), "{out}");
    runtime().block_on(reader.close()).unwrap();
    assert_eq!(said(&place, &["forget", "--text", "hello", "--yes"]), "Erased 1 comment.\n");
}

#[test]
fn an_export_is_comments_in_the_one_schema() {
    everywhere(|place, id| {
        said(place, &["label", &id.to_string(), "spam"]);
        let lines = said(place, &["export"]);
        assert_eq!(lines.lines().count(), 3);
        let first: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
        let when = first["history"][0]["date"].clone();
        assert!(when.as_str().unwrap().ends_with('Z'));
        let expected = json!({
            "site": "blog.example", "content": "Buy it now", "author": "Anna Beispiel", "author_url": null,
            "email_domain": "example.org", "post_title": null, "post_url": null, "lang": null, "comment_type": "comment",
            "date": "2023-11-14T22:13:20Z", "test": false, "label": "spam", "decision": id.to_string(),
            "verdict": "hold", "queue": "review", "spam_probability": 0.5, "model": "0123456789ab",
            "history": [{"date": when, "label": "spam", "origin": "cli"}],
        });
        assert_eq!(first, expected);
        let comment = Comment::from_json(lines.lines().next().unwrap().as_bytes()).unwrap();
        assert_eq!(comment.email_domain.as_deref(), Some("example.org"));
        assert_eq!(said(place, &["export", "--site", "other.example"]).lines().count(), 1);
    });
}

#[test]
fn the_store_says_what_it_holds() {
    everywhere(|place, id| {
        said(place, &["label", &id.to_string(), "spam"]);
        runtime().block_on(async {
            let store = Store::open(&place.parse().unwrap(), lasting()).await.unwrap();
            let model = NewModel {
                site: "blog.example".parse().unwrap(),
                model: ModelId::from_checksum("fedcba987654"),
                bytes: vec![7; 1 << 20],
                through: 1,
                at: 1_700_000_000,
            };
            store.publish(model).await.unwrap();
            store.close().await;
        });
        let text = said(place, &["store"]);
        let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert!(text.contains("of at most 1024 MiB; a comment nobody corrected goes after 90 days"), "{text}");
        assert!(rows.contains(&vec!["blog.example", "2", "2023-11-14", "0", "1", "fedcba987654"]), "{text}");
        assert!(rows.contains(&vec!["other.example", "1", "2023-11-14", "0", "0", "shipped"]), "{text}");
        assert!(rows.contains(&vec!["blog.example", "fedcba987654", "2023-11-14", "1.0", "MiB", "yes"]), "{text}");
    });
}

#[test]
fn an_export_of_many_comments_is_read_page_by_page() {
    let workshop = Workshop::new();
    let path = workshop.path("store.sqlite");
    runtime().block_on(async {
        let store = Store::open(&path.clone().into(), lasting()).await.unwrap();
        fill(&path.clone().into(), DecisionId::random()).await;
        let corrections = (0..1_200).map(|number| Correction {
            target: Target::Comment {
                site: "blog.example".parse().unwrap(),
                comment: Comment::from_text(number.to_string()).unwrap(),
            },
            label: Label::Ham,
            origin: Origin::Import,
            at: 0,
        });
        store.correct_all(corrections.collect()).await.unwrap();
        store.close().await;
    });
    assert_eq!(said(path.to_str().unwrap(), &["export"]).lines().count(), 1_203);
}
