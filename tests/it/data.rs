use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::path::PathBuf;

use hamgate::comment::{Label, LabelledComment};

/// Two texts that share this much of their runs of three words are one text.
const NEAR_DUPLICATE: f64 = 0.3;

struct Row {
    at: String,
    json: serde_json::Value,
    labelled: LabelledComment,
}

fn rows() -> Vec<Row> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data/comments");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut rows = Vec::new();
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        for (line, text) in fs::read_to_string(&file).unwrap().lines().enumerate() {
            let at = format!("{name}:{}", line + 1);
            let labelled = LabelledComment::from_json(text.as_bytes()).unwrap_or_else(|e| panic!("{at}: {e}"));
            rows.push(Row { at, json: serde_json::from_str(text).unwrap(), labelled });
        }
    }
    rows
}

/// Whether a text shows a link, plainly enough for a reader.
fn has_link(text: &str) -> bool {
    let text = text.to_lowercase();
    let ending = |word: &str| {
        [".de", ".com", ".net", ".org", ".at", ".ch", ".info", ".shop", ".io", ".eu", ".uk"].iter().any(|end| {
            word.split(['/', '?', ')', '"', '<', '>', ','])
                .any(|part| part.len() > end.len() + 1 && part.trim_end_matches('.').ends_with(end))
        })
    };
    text.contains("http") || text.contains("www.") || text.split_whitespace().any(ending)
}

fn share(rows: &[&Row], what: impl Fn(&Row) -> bool) -> f64 {
    rows.iter().filter(|row| what(row)).count() as f64 / rows.len() as f64
}

#[test]
fn every_row_has_the_fields_its_file_promises_and_an_id_of_its_own() {
    let mut ids = HashSet::new();
    for row in rows() {
        let field = |name: &str| row.json[name].as_str().unwrap_or_default().to_owned();
        assert!(ids.insert(field("id")), "{}: the id stands twice", row.at);
        let stem = row.at.split('.').next().unwrap();
        assert!(field("id").starts_with(&format!("{stem}-")), "{}: id {}", row.at, field("id"));
        assert_eq!(stem.contains("-ham"), row.labelled.label == Label::Ham, "{}: label and file disagree", row.at);
        assert_eq!(stem.contains("-test-"), field("split") == "test", "{}: split and file disagree", row.at);
        assert_eq!(row.labelled.source, format!("hamgate-{}", &stem[..2]), "{}: source", row.at);
        for name in ["post_title", "topic", "date", "lang"] {
            assert!(!field(name).is_empty(), "{}: no {name}", row.at);
        }
    }
}

#[test]
fn no_two_texts_are_near_duplicates() {
    let rows = rows();
    let shingles: Vec<HashSet<String>> = rows
        .iter()
        .map(|row| {
            let text = row.labelled.comment.content.to_lowercase();
            let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
            match words.len() {
                0 => HashSet::from([text.clone()]),
                1 | 2 => HashSet::from([words.join(" ")]),
                _ => words.windows(3).map(|run| run.join(" ")).collect(),
            }
        })
        .collect();
    let mut holders: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, set) in shingles.iter().enumerate() {
        for shingle in set {
            holders.entry(shingle).or_default().push(at);
        }
    }
    let mut shared: HashMap<(usize, usize), usize> = HashMap::new();
    for list in holders.values() {
        for (n, &a) in list.iter().enumerate() {
            for &b in &list[n + 1..] {
                *shared.entry((a.min(b), a.max(b))).or_default() += 1;
            }
        }
    }
    for ((a, b), both) in shared {
        let similarity = both as f64 / (shingles[a].len() + shingles[b].len() - both) as f64;
        assert!(similarity < NEAR_DUPLICATE, "{} and {} share {similarity:.2}", rows[a].at, rows[b].at);
    }
}

#[test]
fn both_labels_and_languages_are_there_in_number_and_balance() {
    let rows = rows();
    let mut counts: BTreeMap<(String, Label, bool), usize> = BTreeMap::new();
    for row in &rows {
        let test = row.labelled.split.as_deref() == Some("test");
        *counts.entry((row.labelled.source.clone(), row.labelled.label, test)).or_default() += 1;
    }
    println!("{counts:#?}");
    for (source, train, test) in [("hamgate-de", 1000, 150), ("hamgate-en", 700, 75)] {
        for label in Label::ALL {
            let count = |test| counts.get(&(source.to_owned(), label, test)).copied().unwrap_or_default();
            assert!(
                count(false) >= train && count(true) >= test,
                "{source} {label}: {} and {}",
                count(false),
                count(true)
            );
        }
        let of = |label| {
            rows.iter().filter(|row| row.labelled.source == source && row.labelled.label == label).count() as f64
        };
        assert!((0.8..1.25).contains(&(of(Label::Ham) / of(Label::Spam))), "{source} is out of balance");
    }
}

#[test]
fn a_fifth_is_held_out_by_whole_topics() {
    let rows = rows();
    let test = |row: &Row| row.labelled.split.as_deref() == Some("test");
    let share = share(&rows.iter().collect::<Vec<_>>(), test);
    assert!((0.2..0.25).contains(&share), "{share}");
    let mut sides: HashMap<String, (bool, &str)> = HashMap::new();
    for row in &rows {
        let topic = row.labelled.topic.clone().unwrap_or_default();
        let (side, first) = *sides.entry(topic.clone()).or_insert((test(row), &row.at));
        assert_eq!(side, test(row), "topic `{topic}` is on both sides: {first} and {}", row.at);
    }
}

#[test]
fn honest_people_have_websites_and_spam_often_has_none() {
    let rows = rows();
    for source in ["hamgate-de", "hamgate-en"] {
        let of = |label| {
            rows.iter().filter(|row| row.labelled.source == source && row.labelled.label == label).collect::<Vec<_>>()
        };
        let (ham, spam) = (of(Label::Ham), of(Label::Spam));
        let website = |row: &Row| row.labelled.comment.author_url.is_some();
        let link = |row: &Row| has_link(&row.labelled.comment.content);
        assert!(share(&ham, website) >= 0.4, "{source}: ham with a website {}", share(&ham, website));
        assert!(share(&ham, link) >= 0.2, "{source}: ham with a link {}", share(&ham, link));
        assert!(share(&spam, |row| !link(row)) >= 0.25, "{source}: spam without a link");
        assert!(share(&spam, |row| !link(row) && !website(row)) >= 0.15, "{source}: spam without any link");
    }
}

#[test]
fn no_whole_email_address_stands_anywhere() {
    for row in rows() {
        let text = &row.labelled.comment.content;
        let bad = text.split_whitespace().find(|word| {
            word.split_once('@').is_some_and(|(local, domain)| {
                local.chars().next_back().is_some_and(char::is_alphanumeric)
                    && domain.contains('.')
                    && !local.contains('/')
            })
        });
        assert!(bad.is_none(), "{}: {bad:?}", row.at);
    }
}
