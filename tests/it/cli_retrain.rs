//! `hamgate train --store` and `hamgate rollback`, as an owner uses them.

use std::path::Path;

use assert_cmd::Command;
use hamgate::comment::{Comment, Label};
use hamgate::site::Site;
use hamgate::store::{Correction, Decided, Origin, Store, StoreOptions, Target};
use hamgate::verdict::{DecisionId, ModelId};

use super::support::shipped_model;

fn site() -> Site {
    "blog.example".parse().unwrap()
}

fn hamgate(store: &Path, args: &[&str]) -> (bool, String, String) {
    let mut command = Command::cargo_bin("hamgate").unwrap();
    command.env_remove("HAMGATE_MODEL").env("HAMGATE_STORE", store).args(args);
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

/// A word that is not like any other: numbers of one length would be one word.
fn word(n: usize) -> String {
    (0..4).map(|place| char::from(b'a' + (n / 26_usize.pow(place) * 7 % 26) as u8)).chain("holz".chars()).collect()
}

fn ham(n: usize) -> String {
    format!("Die {} haben wir mit {} geölt, die {} hält seit Jahren", word(n * 13), word(n * 29 + 5), word(n * 31 + 11))
}

fn spam(n: usize) -> String {
    format!("Entrümpelung {} zum Festpreis, rufen Sie {} an", word(n * 17 + 3), word(n * 23))
}

async fn label(store: &Store, rows: impl IntoIterator<Item = (String, Label)>) {
    let corrections = rows.into_iter().map(|(content, label)| Correction {
        target: Target::Comment { site: site(), comment: Comment::from_text(content).unwrap() },
        label,
        origin: Origin::Api,
        at: 1_700_000_000,
    });
    store.correct_all(corrections.collect()).await.unwrap();
}

fn decide(store: &Store, content: String) {
    let model = shipped_model();
    let comment = Comment::from_text(content).unwrap();
    let answer = model.check(None, &comment);
    let taken = store.remember(Decided {
        id: DecisionId::random(),
        at: hamgate::clock::now(),
        site: site(),
        comment,
        comment_type: None,
        decision: answer.verdict,
        queue: answer.queue,
        spam_probability: answer.spam_probability,
        model: answer.model,
        test: false,
    });
    assert!(taken);
}

struct Owner {
    folder: tempfile::TempDir,
    store: Store,
}

impl Owner {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store.sqlite").into(), StoreOptions::default()).await.unwrap();
        Owner { folder, store }
    }

    fn run(&self, args: &[&str]) -> (bool, String, String) {
        hamgate(&self.folder.path().join("store.sqlite"), args)
    }

    async fn in_service(&self) -> Option<ModelId> {
        self.store.in_service().await.unwrap().into_iter().find_map(|entry| entry.model.map(|record| record.model))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_trains_sees_before_and_after_and_goes_back_in_one_step() {
    let owner = Owner::new().await;
    label(&owner.store, (0..60).map(|n| (ham(n), Label::Ham)).chain((0..20).map(|n| (spam(n), Label::Spam)))).await;
    for n in 100..110 {
        decide(&owner.store, ham(n));
    }
    owner.store.flush().await.unwrap();

    let (worked, page, told) = owner.run(&["train", "--store", "--ham-held-at-most", "1/1000"]);
    assert!(worked, "{told}");
    for said in [
        "60 ham and 20 spam of its own",
        "the threshold of the generic model",
        "to hold at most 1.0 of 1,000 honest comments, its own ham asks for no other",
        "before",
        "after",
        "of 10 approved, 0 would be held",
    ] {
        assert!(page.contains(said), "{said} is missing:\n{page}");
    }
    let first = owner.in_service().await.unwrap();
    assert!(told.contains(first.as_str()) && told.contains("hamgate rollback blog.example"), "{told}");

    label(&owner.store, [(ham(200), Label::Ham)]).await;
    assert!(owner.run(&["train", "--store"]).0);
    assert_ne!(owner.in_service().await.unwrap(), first);
    let (worked, _, told) = owner.run(&["rollback", "blog.example"]);
    assert!(worked && told.contains(first.as_str()), "{told}");
    assert_eq!(owner.in_service().await.unwrap(), first);
    let (worked, _, told) = owner.run(&["rollback", "blog.example"]);
    assert!(worked && told.contains("the generic model is in service again"), "{told}");
    assert_eq!(owner.in_service().await, None);
    let (worked, _, told) = owner.run(&["rollback", "blog.example"]);
    assert!(!worked && told.contains("blog.example"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poisoned_store_is_refused_with_the_reason_unless_the_owner_insists() {
    let owner = Owner::new().await;
    for n in 200..260 {
        decide(&owner.store, ham(n));
    }
    owner.store.flush().await.unwrap();
    // Somebody who has a key calls the blog's own talk spam.
    label(&owner.store, (0..120).map(|n| (ham(n), Label::Spam)).chain((300..320).map(|n| (ham(n), Label::Ham)))).await;
    let (worked, page, told) = owner.run(&["train", "--store", "--show-flips"]);
    assert!(!worked, "{page}");
    assert!(told.contains("of 20 honest comments of this blog the new model would hold"), "{told}");
    assert!(told.contains("that were approved lately and that nobody corrected"), "{told}");
    assert!(told.contains("--force") && page.contains("would be held: anonymous: Die "), "{told}{page}");
    assert_eq!(owner.in_service().await, None);

    let (worked, _, told) = owner.run(&["train", "--store", "--force"]);
    assert!(worked && owner.in_service().await.is_some(), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_puts_nothing_in_service_and_nothing_to_learn_is_an_error_that_says_what_to_do() {
    let owner = Owner::new().await;
    let (worked, _, told) = owner.run(&["train", "--store"]);
    assert!(!worked && told.contains("hamgate import") && told.contains("hamgate label"), "{told}");
    label(&owner.store, [(ham(1), Label::Ham)]).await;
    let (worked, page, told) = owner.run(&["train", "--store", "--dry-run"]);
    assert!(worked && told.contains("dry run"), "{told}");
    assert!(page.contains("49 more ham until its own is asked"), "{page}");
    assert_eq!(owner.in_service().await, None);
    let (worked, _, told) = owner.run(&["train", "--store", "--site", "other.example"]);
    assert!(!worked && told.contains("no own comments"), "{told}");
}

#[test]
fn options_of_the_two_ways_to_train_do_not_mix() {
    let store = tempfile::tempdir().unwrap();
    for args in [
        &["train", "--store", "--corpus", "data"][..],
        &["train", "--store", "--out", "x.hamgate"],
        &["train", "--corpus", "data", "--out", "x.hamgate", "--force"],
        &["train", "--corpus", "data"],
        &["train"],
        &["train", "--store", "--own-weight", "0"],
    ] {
        let (worked, _, told) = hamgate(&store.path().join("s.sqlite"), args);
        assert!(!worked && !told.is_empty(), "{args:?}");
    }
}
