//! What one comment and one training cost, without any network: `cargo bench --bench score`.
//!
//! Criterion runs a routine over and over on the same comment, with everything it needs in the cache; in a server
//! between other work the same comment costs about half as much again. `benches/http/run` measures that.

use std::collections::HashMap;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use hamgate::answer::Answer;
use hamgate::comment::{Comment, Label, LabelledComment};
use hamgate::model::{About, Classifier, TrainOptions, train};
use hamgate::moderator::Moderator;
use hamgate::reasons::Language;
use hamgate::text::{Extractor, Features, Fields};

/// Every figure below is for comments of about 300 characters: what a reader with something to say writes.
fn comments() -> [(&'static str, Language, Comment); 2] {
    let german = Comment {
        author: Some("Friederike Möller".into()),
        author_url: Some("https://moellers-gartenblog.example".into()),
        post_title: Some("Zimmerpflanzen umtopfen: so geht es".into()),
        ..Comment::from_text(
            "Danke für die ausführliche Anleitung! Ich habe letztes Wochenende genau nach deiner Methode umgetopft, und \
             die Pflänzchen stehen schon deutlich kräftiger da. Eine Frage hätte ich noch: Gießt du direkt danach, oder \
             wartest du ein, zwei Tage? Bei mir wurden die Blätter nämlich früher öfter gelb – vielleicht war's zu nass?",
        )
        .expect("a text")
    };
    let english = Comment {
        author: Some("Martha Ellison".into()),
        author_url: Some("https://ellison-bakes.example".into()),
        post_title: Some("A loaf that does not spread: shaping dough".into()),
        ..Comment::from_text(
            "Thanks for writing this up. I tried your method last weekend and the crust came out far better than anything \
             I have managed in three years of trying. One question: do you let the dough rest before or after shaping? \
             Mine spread sideways a little, and I suspect I was too impatient. Looking forward to the next part!",
        )
        .expect("a text")
    };
    [("german", Language::German, german), ("english", Language::English, english)]
}

fn one_comment(criterion: &mut Criterion) {
    let classifier = Classifier::embedded();
    for (name, language, comment) in comments() {
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(comment.content.chars().count() as u64));
        let (mut extractor, mut features) = (Extractor::default(), Features::default());
        group.bench_function("extract", |bencher| {
            bencher.iter(|| features.fill(&mut extractor, black_box(&comment), Fields::All));
        });
        group.bench_function("judge", |bencher| bencher.iter(|| classifier.judge(black_box(&comment))));
        group.bench_function("explain", |bencher| {
            bencher.iter(|| Answer::explained(&classifier, black_box(&comment), language));
        });
        group.finish();
    }
}

fn models(criterion: &mut Criterion) {
    let classifier = Classifier::embedded();
    let bytes = classifier.to_bytes();
    let mut group = criterion.benchmark_group("model");
    group.throughput(Throughput::Bytes(bytes.len() as u64)).sample_size(20);
    group.bench_function("read", |bencher| {
        bencher.iter(|| Classifier::from_bytes(black_box(&bytes)).expect("a model that was just written"));
    });
    // What the learner does at the moment of the swap; reading and checking is done before, beside the requests. The old model is freed as
    // well, but for what both share.
    let moderator = Moderator::new(classifier.clone());
    group.bench_function("swap", |bencher| {
        let another = || Arc::new(classifier.clone());
        bencher.iter_batched(another, |model| moderator.put(model, HashMap::new()), BatchSize::PerIteration);
    });
    group.finish();
}

fn training(criterion: &mut Criterion) {
    let rows = rows_of_both_labels(250);
    let mut group = criterion.benchmark_group("train");
    group.throughput(Throughput::Elements(rows.len() as u64)).sample_size(10);
    group.bench_function("500 rows", |bencher| {
        bencher
            .iter(|| train(black_box(rows.as_slice()), &TrainOptions::default(), About::default()).expect("a model"));
    });
    group.finish();
}

/// The first `count` rows of each label in our own corpus.
fn rows_of_both_labels(count: usize) -> Vec<LabelledComment> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/comments");
    let mut files: Vec<_> = fs::read_dir(&folder)
        .expect("data/comments is part of the repository")
        .map(|entry| entry.expect("an entry of data/comments").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
        .collect();
    files.sort();
    let all: Vec<LabelledComment> = files
        .iter()
        .flat_map(|file| {
            let text = fs::read_to_string(file).expect("a readable file");
            let rows = text.lines().map(|line| LabelledComment::from_json(line.as_bytes()).expect("a row"));
            rows.collect::<Vec<_>>()
        })
        .collect();
    let of = |label| all.iter().filter(move |row| row.label == label).take(count).cloned();
    Label::ALL.into_iter().flat_map(of).collect()
}

criterion_group!(benches, one_comment, models, training);
criterion_main!(benches);
