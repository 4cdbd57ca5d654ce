use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hamgate::comment::Label;
use hamgate::store::{Page, Store, StoreLocation, StoreOptions};
use hamgate::verdict::DecisionId;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::support::{FOREVER, Postgres, Program};
use crate::workshop::Workshop;

/// So often is killed, unless HAMGATE_KILL_ROUNDS says otherwise. A hundred rounds take some minutes.
const ROUNDS: u32 = 4;

/// So many blogs send at once.
const BLOGS: u64 = 6;

/// What was thanked for: the text, and what it was called.
type Thanked = Arc<Mutex<Vec<(String, Label)>>>;

fn rounds() -> u32 {
    let rounds = std::env::var("HAMGATE_KILL_ROUNDS").ok();
    rounds.map_or(ROUNDS, |rounds| rounds.parse().expect("HAMGATE_KILL_ROUNDS is a number"))
}

/// Sends a submit after another, each of another comment, until the service is gone.
async fn submit(origin: String, next: Arc<AtomicU64>, thanked: Thanked, first: Arc<Notify>) {
    let client = reqwest::Client::new();
    loop {
        let number = next.fetch_add(1, Relaxed);
        let (call, label) = if number.is_multiple_of(3) { ("ham", Label::Ham) } else { ("spam", Label::Spam) };
        let content = format!("comment number {number}");
        let form = format!("blog=http://blog.example&comment_content={}", content.replace(' ', "+"));
        let request = client.post(format!("{origin}/1.1/submit-{call}"));
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(form);
        match request.send().await {
            Ok(response) => {
                assert_eq!(response.status(), 200);
                // The head of the answer says it all; the body may be cut off by the end of the program.
                thanked.lock().unwrap().push((content, label));
                first.notify_one();
            }
            Err(_) => return,
        }
    }
}

/// A moment in which the program may be doing anything.
fn moment() -> Duration {
    let [low, high, ..] = *DecisionId::random().as_bytes();
    Duration::from_micros(u64::from(u16::from_le_bytes([low, high])) * 4)
}

/// What the store has, read after the program was killed.
async fn kept(location: &StoreLocation) -> HashSet<(String, Label)> {
    let store = Store::open(location, StoreOptions { forgets: false, ..StoreOptions::default() }).await.unwrap();
    let before = store.last_change().await.unwrap();
    let mut kept = HashSet::new();
    let mut page = Page { after: 0, limit: 1_000 };
    loop {
        let rows = store.export(None, page).await.unwrap();
        let Some(last) = rows.last() else { break };
        page.after = last.seq;
        kept.extend(rows.into_iter().filter_map(|row| Some((row.comment.content, row.label?))));
    }
    // A server may yet be at what the program asked of it last.
    let numbers = before.cast_unsigned()..=store.last_change().await.unwrap().cast_unsigned();
    assert!(numbers.contains(&(kept.len() as u64)), "each has its number, and no number is missing: {numbers:?}");
    store.close().await;
    kept
}

/// Kills the program again and again while feedback flows; nothing that was thanked for may be missing.
async fn survive(store: &str, mut after_each: impl FnMut(u32)) {
    let location: StoreLocation = store.parse().unwrap();
    let (next, thanked) = (Arc::new(AtomicU64::new(0)), Thanked::default());
    for round in 1..=rounds() {
        let before = thanked.lock().unwrap().len();
        let program = Program::start(store);
        let first = Arc::new(Notify::new());
        let blogs: Vec<_> = (0..BLOGS)
            .map(|_| {
                let (origin, next) = (program.origin().to_owned(), Arc::clone(&next));
                tokio::spawn(submit(origin, next, Arc::clone(&thanked), Arc::clone(&first)))
            })
            .collect();
        timeout(FOREVER, first.notified()).await.expect("feedback flows");
        tokio::time::sleep(moment()).await;
        drop(program);
        for blog in blogs {
            timeout(FOREVER, blog).await.expect("whoever sends notices the end").unwrap();
        }
        after_each(round);
        let kept = kept(&location).await;
        let thanked = thanked.lock().unwrap();
        assert!(thanked.len() > before);
        let missing: Vec<_> = thanked.iter().filter(|said| !kept.contains(*said)).collect();
        assert!(
            missing.is_empty(),
            "round {round}: of {} that were thanked for, {missing:?} are missing",
            thanked.len()
        );
    }
    println!("{} rounds, {} thanked for, none missing", rounds(), thanked.lock().unwrap().len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_thanked_for_survives_kill_9_in_a_file() {
    let workshop = Workshop::new();
    survive(workshop.path("store.sqlite").to_str().unwrap(), |_| {}).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_thanked_for_survives_kill_9_on_a_server_that_crashes_too() {
    let Some(mut postgres) = Postgres::start_if_installed() else { return };
    let schema = postgres.schema().await;
    survive(&schema.url, |round| {
        if round.is_multiple_of(4) {
            postgres.stop();
            postgres.start();
        }
    })
    .await;
}
