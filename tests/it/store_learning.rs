use std::collections::BTreeMap;

use hamgate::comment::{Comment, Label};
use hamgate::site::Site;
use hamgate::store::{
    Change, Changes, Correction, Decided, Forget, NewModel, Origin, OwnRows, Page, Store, StoreError, StoreLocation,
    StoreOptions, Target,
};
use hamgate::verdict::{Decision, DecisionId, LogOdds, ModelId};
use proptest::prelude::*;

use crate::support::{Postgres, runtime};

const ALL: Page = Page { after: 0, limit: 1_000 };

/// Does a test on a store of every kind there is here.
fn everywhere(test: impl AsyncFn(Store, &StoreLocation)) {
    runtime().block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let location = StoreLocation::from(folder.path().join("store.sqlite"));
        let store = open(&location).await;
        test(store.clone(), &location).await;
        store.close().await;
        if let Some(postgres) = Postgres::shared() {
            let location: StoreLocation = postgres.schema().await.url.parse().unwrap();
            let store = open(&location).await;
            test(store.clone(), &location).await;
            store.close().await;
        }
    });
}

async fn open(location: &StoreLocation) -> Store {
    // The dates of these tests are long past.
    Store::open(location, StoreOptions { forgets: false, ..StoreOptions::default() }).await.unwrap()
}

fn site() -> Site {
    "blog.example".parse().unwrap()
}

fn comment(content: &str) -> Comment {
    Comment { content: content.to_owned(), author: Some("Jörg O'Hara".to_owned()), ..Comment::default() }
}

fn decided(content: &str) -> Decided {
    Decided {
        id: DecisionId::random(),
        at: 1_000_000,
        site: site(),
        comment: comment(content),
        comment_type: None,
        decision: Decision::Approve,
        queue: None,
        spam_probability: LogOdds(-2.0).probability(),
        model: ModelId::from_checksum("0123456789abcdef"),
        test: false,
    }
}

fn correction(target: Target, label: Label) -> Correction {
    Correction { target, label, origin: Origin::Api, at: 2_000_000 }
}

/// What moderators do, and what becomes of it in the simplest way to think of it.
#[derive(Debug, Clone, Copy)]
enum Step {
    Say(usize, Label),
    Undo(usize),
}

const COMMENTS: usize = 4;

/// The last of the comments is a trial.
const TRIAL: usize = COMMENTS - 1;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let label = prop_oneof![Just(Label::Ham), Just(Label::Spam)];
    let step = prop_oneof![
        3 => (0..COMMENTS, label).prop_map(|(comment, label)| Step::Say(comment, label)),
        2 => (0..COMMENTS).prop_map(Step::Undo),
    ];
    prop::collection::vec(step, 1..25)
}

/// The label of each comment that has one.
type Labels = BTreeMap<String, Label>;

/// The number of the last change.
fn number_of(after_number: &[Labels]) -> i64 {
    i64::try_from(after_number.len()).unwrap() - 1
}

/// Does the steps, and returns the labels after each number, the trial left out.
async fn replay(store: &Store, steps: &[Step]) -> Vec<Labels> {
    let mut ids = Vec::new();
    for number in 0..COMMENTS {
        let decision = Decided { test: number == TRIAL, ..decided(&number.to_string()) };
        ids.push(decision.id);
        assert!(store.remember(decision));
    }
    let mut stacks: Vec<Vec<Label>> = vec![Vec::new(); COMMENTS];
    let mut after_number = vec![Labels::new()];
    for step in steps {
        match *step {
            Step::Say(comment, label) => {
                let corrected = store.correct(correction(Target::Decision(ids[comment]), label)).await.unwrap();
                let before = stacks[comment].last().copied();
                assert_eq!((corrected.before, corrected.test), (before, comment == TRIAL));
                if before == Some(label) {
                    assert_eq!(corrected.change, Change::AlreadyKnown);
                    assert_eq!(corrected.number, number_of(&after_number), "{steps:?}");
                    continue;
                }
                assert_eq!(corrected.number, number_of(&after_number) + 1, "there is no gap in {steps:?}");
                stacks[comment].push(label);
            }
            Step::Undo(comment) => {
                let undone = store.undo(ids[comment], 3_000_000).await;
                let Some(before) = stacks[comment].pop() else {
                    assert_eq!(undone, Err(StoreError::NothingToUndo));
                    continue;
                };
                let undone = undone.unwrap();
                assert_eq!((undone.before, undone.after), (Some(before), stacks[comment].last().copied()));
                assert_eq!(undone.number, number_of(&after_number) + 1, "there is no gap in {steps:?}");
            }
        }
        let labels = stacks[..TRIAL].iter().enumerate();
        let labels = labels.filter_map(|(number, stack)| Some((number.to_string(), *stack.last()?)));
        after_number.push(labels.collect());
    }
    after_number
}

/// Adds changes to what was known before.
fn learn(labels: &mut Labels, changes: Changes) {
    let mut last = 0;
    for row in changes.rows {
        assert!(row.number > last && row.number <= changes.through);
        last = row.number;
        assert_ne!(row.before, row.after);
        assert_eq!(labels.get(&row.comment.content).copied(), row.before);
        match row.after {
            Some(label) => labels.insert(row.comment.content, label),
            None => labels.remove(&row.comment.content),
        };
    }
}

/// The labels as of a number, by `labelled`.
async fn labelled(store: &Store, as_of: i64) -> Labels {
    let rows = store.labelled(&site(), as_of, ALL).await.unwrap();
    rows.into_iter().filter_map(|row| Some((row.comment.content, row.label_as_of?))).collect()
}

#[test]
fn after_any_corrections_and_undos_the_labels_are_those_of_a_list_and_the_feed_tells_of_each() {
    let config = ProptestConfig { cases: 24, ..ProptestConfig::default() };
    proptest!(config, |(steps in steps(), limit in 1_u32..6, from: prop::sample::Index)| {
        everywhere(async |store, _| {
            let expected = replay(&store, &steps).await;
            let last = number_of(&expected);
            assert_eq!(store.last_change().await.unwrap(), last);
            let now = expected.last().unwrap();
            let as_of = from.index(expected.len()).cast_signed() as i64;

            assert_eq!(&labelled(&store, last).await, now);
            // Whatever was said since, and taken back.
            assert_eq!(labelled(&store, as_of).await, expected[as_of as usize]);

            let mut labels = expected[as_of as usize].clone();
            let whole = store.changes(as_of, i64::MAX, 1_000).await.unwrap();
            assert_eq!((whole.through, whole.more), (last, false));
            learn(&mut labels, whole);
            assert_eq!(&labels, now);

            let (mut labels, mut after) = (expected[as_of as usize].clone(), as_of);
            loop {
                let page = store.changes(after, i64::MAX, limit).await.unwrap();
                assert!(page.rows.len() <= limit as usize);
                let more = page.more;
                after = page.through;
                learn(&mut labels, page);
                assert_eq!(labels, expected[after as usize], "as of {after} of {steps:?}");
                if !more {
                    break;
                }
            }
            assert_eq!(after, last);
            let own = store.own_rows(&site()).await.unwrap();
            let of = |label| now.values().filter(|it| **it == label).count() as u64;
            assert_eq!(own, OwnRows { ham: of(Label::Ham), spam: of(Label::Spam) });
        });
    });
}

#[test]
fn many_corrections_are_stored_together_or_not_at_all() {
    everywhere(async |store, _| {
        let of = |content: &str| Target::Comment { site: site(), comment: comment(content) };
        let many: Vec<_> = (0..300).map(|n| correction(of(&n.to_string()), Label::Ham)).collect();
        let corrected = store.correct_all(many.clone()).await.unwrap();
        let numbers: Vec<_> = corrected.iter().map(|corrected| corrected.number).collect();
        assert_eq!(numbers, (1..=300).collect::<Vec<_>>());
        let again = store.correct_all(many).await.unwrap();
        assert!(again.iter().all(|corrected| corrected.change == Change::AlreadyKnown));
        let unknown = Target::Decision(DecisionId::random());
        let bad = vec![correction(of("new"), Label::Spam), correction(unknown, Label::Spam)];
        assert_eq!(store.correct_all(bad).await, Err(StoreError::UnknownDecision));
        assert_eq!(store.own_rows(&site()).await.unwrap(), OwnRows { ham: 300, spam: 0 });
        assert_eq!(store.sites().await.unwrap(), [site()]);
        assert_eq!(store.health().corrections, [[300, 300, 0, 0], [0, 0, 0, 0]]);
    });
}

#[test]
fn many_corrections_at_once_do_what_they_do_one_by_one() {
    everywhere(async |store, _| {
        let [at_once, one_by_one]: [Site; 2] =
            ["at-once.example", "one-by-one.example"].map(|site| site.parse().unwrap());
        let of = |site: &Site, n: usize| {
            // Some comments come back later, under another label.
            let content = if n.is_multiple_of(3) { n / 2 } else { n };
            let target = Target::Comment { site: site.clone(), comment: comment(&content.to_string()) };
            correction(target, if n % 5 < 3 { Label::Ham } else { Label::Spam })
        };
        let answers = store.correct_all((0..200).map(|n| of(&at_once, n)).collect()).await.unwrap();
        let mut expected = Vec::new();
        for n in 0..200 {
            expected.push(store.correct(of(&one_by_one, n)).await.unwrap());
        }
        for changed in [Change::New, Change::AlreadyKnown, Change::Relabelled] {
            assert!(expected.iter().any(|corrected| corrected.change == changed), "{changed:?}");
        }
        for (answer, expected) in answers.iter().zip(&expected) {
            assert_eq!((answer.change, answer.before), (expected.change, expected.before));
        }
        let mut numbers: Vec<i64> =
            answers.iter().filter(|answer| answer.change != Change::AlreadyKnown).map(|answer| answer.number).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (1..).take(numbers.len()).collect::<Vec<i64>>(), "each change has a number of its own");
        let mut labels = Vec::new();
        for site in [&at_once, &one_by_one] {
            let rows = store.labelled(site, i64::MAX, ALL).await.unwrap();
            if site == &at_once {
                for row in &rows {
                    let answer = answers.iter().rfind(|answer| answer.comment == row.seq).expect("an answer for each");
                    let asked = answers.iter().rposition(|other| other.comment == row.seq).unwrap();
                    assert_eq!(Some(of(site, asked).label), row.label_as_of, "{answer:?} belongs to its comment");
                }
            }
            labels.push(rows.into_iter().map(|row| (row.comment.content, row.label_as_of)).collect::<BTreeMap<_, _>>());
        }
        assert_eq!(labels[0], labels[1]);
        assert_eq!(labels[0].len(), expected.iter().filter(|corrected| corrected.change == Change::New).count());
    });
}

#[test]
fn what_is_said_for_one_site_does_not_touch_a_decision_of_another() {
    everywhere(async |store, _| {
        let decision = decided("Hello");
        let id = decision.id;
        store.remember(decision);
        let other: Site = "other.example".parse().unwrap();
        let of = |site: &Site| correction(Target::DecisionOf(site.clone(), id), Label::Spam);
        assert_eq!(store.correct(of(&other)).await, Err(StoreError::UnknownDecision));
        assert_eq!(store.correct(of(&site())).await.unwrap().change, Change::New);
        assert_eq!(store.undo_of(&other, id, 0).await, Err(StoreError::UnknownDecision));
        assert_eq!(store.undo_of(&site(), id, 0).await.unwrap().after, None);
        assert_eq!(store.undo(DecisionId::random(), 0).await, Err(StoreError::UnknownDecision));
    });
}

#[test]
fn two_processes_on_one_store_see_what_the_other_does() {
    everywhere(async |store, location| {
        let other = open(location).await;
        let mut news = other.changed();
        let decision = decided("Seen by both");
        let id = decision.id;
        store.remember(decision);
        store.correct(correction(Target::Decision(id), Label::Spam)).await.unwrap();
        let ticked = tokio::time::timeout(crate::support::FOREVER, news.changed()).await;
        ticked.expect("the other one hears of it").unwrap();
        let changes = other.changes(0, i64::MAX, 10).await.unwrap();
        assert_eq!(changes.rows.len(), 1);
        assert_eq!((changes.rows[0].before, changes.rows[0].after), (None, Some(Label::Spam)));
        assert_eq!(other.undo(id, 0).await.unwrap().before, Some(Label::Spam));
        assert_eq!(store.own_rows(&site()).await.unwrap(), OwnRows::default());
        other.close().await;
    });
}

#[test]
fn decisions_of_a_site_are_read_page_by_page_from_a_moment_on() {
    everywhere(async |store, _| {
        for number in 0..25 {
            store.remember(Decided { at: number, ..decided(&number.to_string()) });
        }
        store.remember(Decided { test: true, ..decided("trial") });
        store.remember(Decided { site: "other.example".parse().unwrap(), ..decided("elsewhere") });
        store.flush().await.unwrap();
        let (mut page, mut found) = (Page { after: 0, limit: 7 }, Vec::new());
        loop {
            let rows = store.decisions(&site(), 5, page).await.unwrap();
            page.after = rows.last().map_or(page.after, |row| row.seq);
            let last = rows.len() < 7;
            found.extend(rows.into_iter().map(|row| (row.at, row.comment.content, row.decision, row.label)));
            if last {
                break;
            }
        }
        let expected: Vec<_> = (5..25).map(|at| (at, at.to_string(), Decision::Approve, None)).collect();
        assert_eq!(found, expected);
    });
}

#[test]
fn of_a_sites_models_three_are_kept_and_a_rollback_goes_back_step_by_step() {
    everywhere(async |store, _| {
        let model = |name: &str, through: i64| NewModel {
            site: site(),
            model: ModelId::from_checksum(name),
            bytes: name.as_bytes().repeat(1000),
            through,
            at: through,
        };
        assert_eq!(store.rollback(&site()).await, Err(StoreError::NothingToRollBack));
        assert_eq!(store.in_service().await.unwrap(), []);
        let mut numbers = Vec::new();
        for (through, name) in (0..).zip(["a", "b", "c", "d"]) {
            numbers.push(store.publish(model(name, through)).await.unwrap());
        }
        let kept = async || {
            let models = store.models(&site()).await.unwrap();
            let names = models.iter().map(|model| (model.model.as_str().to_owned(), model.in_service));
            names.collect::<Vec<_>>()
        };
        let named = |names: [(&str, bool); 3]| names.map(|(name, now)| (name.to_owned(), now)).to_vec();
        assert_eq!(kept().await, named([("b", false), ("c", false), ("d", true)]));
        let now = store.in_service().await.unwrap();
        assert_eq!((now.len(), now[0].since, now[0].model.as_ref().unwrap().seq), (1, 3, numbers[3]));
        assert_eq!(store.model_bytes(numbers[3]).await.unwrap(), b"d".repeat(1000));
        assert_eq!(store.model_bytes(numbers[0]).await, Err(StoreError::UnknownModel));

        // What people said until the rollback is not learned on top of the older model.
        let target = Target::Comment { site: site(), comment: comment("said meanwhile") };
        let number = store.correct(correction(target, Label::Ham)).await.unwrap().number;
        let back = store.rollback(&site()).await.unwrap();
        assert_eq!((back.since, back.model.map(|model| model.model)), (number, Some(ModelId::from_checksum("c"))));
        assert_eq!(kept().await, named([("b", false), ("c", true), ("d", false)]));

        // What was rolled back is not what a later rollback comes back to.
        store.publish(model("e", 9)).await.unwrap();
        assert_eq!(kept().await, named([("b", false), ("c", false), ("e", true)]));
        for expected in [Some("c"), Some("b"), None] {
            let back = store.rollback(&site()).await.unwrap();
            assert_eq!(back.model.map(|model| model.model), expected.map(ModelId::from_checksum));
        }
        assert_eq!(store.rollback(&site()).await, Err(StoreError::NothingToRollBack));
        let now = store.in_service().await.unwrap();
        assert_eq!((now[0].model.clone(), now[0].since), (None, number));
    });
}

#[test]
fn whoever_asks_to_be_forgotten_is_forgotten_in_every_spelling_and_nobody_else() {
    everywhere(async |store, _| {
        let by = |author: &str, content: &str, at| {
            let comment = Comment { author: Some(author.to_owned()), ..comment(content) };
            Decided { comment, at, ..decided("") }
        };
        let first = by("O'Hara", "It was &quot;fine&quot;", 10);
        let id = first.id;
        for decision in [
            first,
            by("o\\'hara", "again\u{200b}st it", 20),
            by("O&#039;HARA", "third", 30),
            by("Ohara", "somebody else", 40),
            Decided { site: "other.example".parse().unwrap(), ..by("O'Hara", "elsewhere", 50) },
        ] {
            store.remember(decision);
        }
        store.correct(correction(Target::Decision(id), Label::Spam)).await.unwrap();
        let nothing = Forget::default();
        let table = [
            (Forget { author: Some("O'Hara".to_owned()), ..nothing.clone() }, 4),
            (Forget { author: Some("O'Hara".to_owned()), site: Some(site()), ..nothing.clone() }, 3),
            (Forget { author: Some("O'Hara".to_owned()), before: Some(30), ..nothing.clone() }, 2),
            (Forget { text: Some("was \"FINE".to_owned()), ..nothing.clone() }, 1),
            (Forget { text: Some("against".to_owned()), author: Some("ohara".to_owned()), ..nothing.clone() }, 0),
            (Forget { before: Some(1000), ..nothing.clone() }, 5),
            (Forget { text: Some("\u{200b}".to_owned()), ..nothing.clone() }, 0),
        ];
        for (forget, expected) in table {
            assert_eq!(store.count_to_forget(forget.clone()).await.unwrap(), expected, "{forget:?}");
        }
        let wish = Forget { author: Some("o'hara".to_owned()), site: Some(site()), ..nothing };
        assert_eq!(store.forget(wish.clone()).await.unwrap(), 3);
        assert_eq!(store.forget(wish).await.unwrap(), 0);
        let left: Vec<_> =
            store.export(None, ALL).await.unwrap().into_iter().map(|kept| kept.comment.content).collect();
        assert_eq!(left, ["somebody else", "elsewhere"]);
        assert_eq!(store.own_rows(&site()).await.unwrap(), OwnRows::default());
        assert_eq!(store.changes(0, i64::MAX, 10).await.unwrap().rows, []);
        assert_eq!(store.last_change().await.unwrap(), 1, "the number is not given a second time");
    });
}

#[test]
fn models_that_learned_what_is_forgotten_do_not_come_back_by_a_rollback() {
    everywhere(async |store, _| {
        let other: Site = "other.example".parse().unwrap();
        for (through, site) in [(1, site()), (1, other.clone()), (2, site()), (2, other.clone())] {
            let model = ModelId::from_checksum("0123456789abcdef");
            store.publish(NewModel { site, model, bytes: vec![1], through, at: 0 }).await.unwrap();
        }
        store.remember(decided("never corrected"));
        let target = Target::Comment { site: site(), comment: comment("learned from") };
        store.correct(correction(target, Label::Spam)).await.unwrap();
        let models = async |site: &Site| store.models(site).await.unwrap().len();
        for (text, left) in [("never corrected", 2), ("learned from", 1)] {
            let wish = Forget { text: Some(text.to_owned()), ..Forget::default() };
            assert_eq!(store.forget(wish).await.unwrap(), 1);
            assert_eq!((models(&site()).await, models(&other).await), (left, 2), "{text}");
        }
        assert!(store.models(&site()).await.unwrap()[0].in_service);
        assert_eq!(store.rollback(&site()).await.unwrap().model, None);
    });
}

#[test]
fn an_export_has_everything_that_is_kept_of_a_comment() {
    everywhere(async |store, _| {
        let decision = decided("Kept with a \0 in it");
        let id = decision.id;
        store.remember(decision.clone());
        store.correct(correction(Target::Decision(id), Label::Spam)).await.unwrap();
        store.undo(id, 3_000_000).await.unwrap();
        let kept = &store.export(Some(&site()), ALL).await.unwrap()[0];
        let content = kept.comment.content.replace('\u{fffd}', "\0");
        assert_eq!(Comment { content, ..kept.comment.clone() }, decision.comment);
        assert_eq!((kept.id, kept.at, kept.decision), (Some(id), decision.at, Some(Decision::Approve)));
        assert_eq!((kept.label, kept.model.as_deref()), (None, Some("0123456789ab")));
        let history: Vec<_> = kept.history.iter().map(|said| (said.at, said.label, said.origin.as_str())).collect();
        assert_eq!(history, [(2_000_000, Some(Label::Spam), "api"), (3_000_000, None, "undo")]);
        assert_eq!(store.export(Some(&"other.example".parse().unwrap()), ALL).await.unwrap(), []);
    });
}
