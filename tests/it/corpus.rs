//! Labelled rows from files, as the commands read them.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use flate2::Compression;
use flate2::write::GzEncoder;
use hamgate::corpus::{Corpus, CorpusError, CorpusOptions, MAX_LINE_BYTES, Position, Progress, SplitFilter};
use hamgate::model::Rows;

const HAM: &str = r#"{"content":"Danke, das hat geholfen","label":"ham","source":"blog","lang":"de"}"#;
const SPAM: &str = r#"{"content":"Casino bonus, click","label":"spam","source":"pool","lang":"en"}"#;

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn open(path: &Path, options: CorpusOptions) -> Corpus {
    Corpus::open(&[path.to_owned()], options).unwrap()
}

fn contents(corpus: &Corpus) -> Result<Vec<String>, CorpusError> {
    let mut contents = Vec::new();
    corpus.read(|_, row| row.comment.content.clone(), |content| contents.push(content))?;
    Ok(contents)
}

fn row(content: &str) -> String {
    format!(r#"{{"content":"{content}","label":"ham"}}"#) + "\n"
}

#[test]
fn a_folder_is_searched_to_any_depth_in_order_of_names_and_other_files_are_left_alone() {
    let folder = folder(&[
        ("b.jsonl", &row("second")),
        ("a/deep/x.jsonl", &row("first")),
        ("c.jsonl", &(row("third") + "\n" + &row("fourth"))),
        ("README.md", "not a corpus"),
        ("d.json", "neither"),
    ]);
    assert_eq!(
        contents(&open(folder.path(), CorpusOptions::default())).unwrap(),
        ["first", "second", "third", "fourth"]
    );
}

#[test]
fn gzip_is_read_whatever_the_file_is_called_and_of_any_number_of_members() {
    let folder = tempfile::tempdir().unwrap();
    let members =
        [gzip(&row("one")), gzip(&(row("two") + "{\"content\":\"th")), gzip("ree\",\"label\":\"ham\"}")].concat();
    fs::write(folder.path().join("rows.jsonl.gz"), &members).unwrap();
    assert_eq!(contents(&open(folder.path(), CorpusOptions::default())).unwrap(), ["one", "two", "three"]);
    let renamed = folder.path().join("rows");
    fs::write(&renamed, &members).unwrap();
    assert_eq!(contents(&open(&renamed, CorpusOptions::default())).unwrap(), ["one", "two", "three"]);
}

#[test]
fn a_file_named_twice_counts_once() {
    let folder = folder(&[("a.jsonl", &row("once"))]);
    let paths = [folder.path().to_owned(), folder.path().join("a.jsonl"), folder.path().join(".").join("a.jsonl")];
    assert_eq!(contents(&Corpus::open(&paths, CorpusOptions::default()).unwrap()).unwrap(), ["once"]);
}

#[test]
fn a_missing_path_and_an_empty_folder_are_named_with_a_remedy() {
    let folder = folder(&[("notes.txt", "")]);
    let missing = folder.path().join("absent.jsonl");
    let message = |path: &Path| Corpus::open(&[path.to_owned()], CorpusOptions::default()).unwrap_err().to_string();
    assert_eq!(
        message(&missing),
        format!(
            "cannot find corpus `{}`; name a file of JSON Lines (.jsonl or .jsonl.gz) or a folder that holds some",
            missing.display()
        )
    );
    assert!(message(folder.path()).contains("ends in .jsonl or .jsonl.gz"), "{}", message(folder.path()));
}

#[test]
#[cfg(unix)]
fn a_pipe_is_refused_because_it_cannot_be_read_twice() {
    let error = Corpus::open(&[PathBuf::from("/dev/null")], CorpusOptions::default()).unwrap_err();
    assert!(matches!(error, CorpusError::NotAFile { .. }), "{error}");
}

#[test]
fn a_bad_row_is_told_by_file_line_and_field() {
    let table: &[(&[u8], &str)] = &[
        (br#"{"content":"x"}"#, "field `label` is missing; a row to learn from says \"spam\" or \"ham\""),
        (br#"{"content":"x","label":"Spam"}"#, "field `label` must be \"spam\" or \"ham\""),
        (br#"{"content":" ","label":"ham"}"#, "field `content` is empty; it must hold the comment's text"),
        (br#"{"content":["x"],"label":"ham"}"#, "field `content` must be a string or null"),
        (br#"{"content":"x","label":"ham","author":7}"#, "field `author` must be a string or null"),
        (
            br#"{"content":"x","label":"ham""#,
            "not valid JSON at column 28: it ends too early; put one JSON object on a line",
        ),
        (b"content,label", "not valid JSON at column 1: it breaks the rules of JSON; put one JSON object on a line"),
        (
            b"{\"content\":\"\xFF\",\"label\":\"ham\"}",
            "the text is not valid UTF-8 (first bad byte at offset 12); send UTF-8",
        ),
    ];
    for (bad, expected) in table {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.jsonl");
        fs::write(&path, [HAM.as_bytes(), b"\r\n\n", bad, b"\n", HAM.as_bytes()].concat()).unwrap();
        let error = contents(&open(&path, CorpusOptions::default())).unwrap_err();
        assert_eq!(error.to_string(), format!("{}:3: {expected}", path.display()));
    }
}

#[test]
fn a_line_without_end_is_refused_and_not_held_in_memory() {
    let folder = folder(&[("rows.jsonl", &(row("fine") + &"x".repeat(MAX_LINE_BYTES + 1)))]);
    let message = contents(&open(folder.path(), CorpusOptions::default())).unwrap_err().to_string();
    assert!(
        message.ends_with(&format!(
            "rows.jsonl:2: the line is longer than {MAX_LINE_BYTES} bytes; put one JSON object on a line"
        )),
        "{message}"
    );
}

#[test]
fn the_first_bad_row_is_reported_whatever_the_number_of_threads() {
    // Large enough for many batches; everything after row 9,000 of the second file is bad, in its own way.
    let good: String = (0..20_000).map(|n| row(&format!("row number {n} with some words to fill the line"))).collect();
    let bad: String =
        (0..9_000).map(|n| row(&n.to_string())).chain((0..30_000).map(|n| format!("{{\"content\":{n}}}\n"))).collect();
    let folder = folder(&[("a.jsonl", &good), ("b.jsonl", &bad), ("c.jsonl", "worse")]);
    for threads in [1, 2, 3, 8] {
        let options = CorpusOptions { threads: NonZeroUsize::new(threads), ..CorpusOptions::default() };
        let message = contents(&open(folder.path(), options)).unwrap_err().to_string();
        assert!(message.contains("b.jsonl:9001: field `content` must be a string"), "{threads} threads: {message}");
    }
}

#[test]
fn skipped_rows_are_counted_once_however_often_the_corpus_is_read() {
    let text = [HAM, "nonsense", SPAM, r#"{"label":"ham"}"#, HAM].join("\n");
    let folder = folder(&[("rows.jsonl", &text)]);
    let corpus = open(folder.path(), CorpusOptions { skip_bad: true, ..CorpusOptions::default() });
    for _ in 0..3 {
        assert_eq!(contents(&corpus).unwrap().len(), 3);
    }
    let skipped = corpus.skipped();
    assert_eq!((skipped.rows, skipped.examples[0].line, skipped.examples[1].line), (2, 2, 4));
}

#[test]
fn rows_are_chosen_by_split_and_source() {
    let line = |source: &str, split: Option<&str>| {
        let split = split.map_or_else(|| "null".to_owned(), |name| format!("{name:?}"));
        format!(r#"{{"content":"{source}","label":"ham","source":"{source}","split":{split}}}"#)
    };
    let text = [line("a", Some("train")), line("b", Some("test")), line("c", None)].join("\n");
    let folder = folder(&[("rows.jsonl", &text)]);
    let check = |options: CorpusOptions, expected: &[&str]| {
        assert_eq!(contents(&open(folder.path(), options.clone())).unwrap(), expected, "{options:?}");
    };
    for (split, expected) in
        [("all", &["a", "b", "c"][..]), ("test", &["b"]), ("not-test", &["a", "c"]), ("train", &["a"])]
    {
        check(CorpusOptions { split: split.parse().unwrap(), ..CorpusOptions::default() }, expected);
    }
    assert_eq!("not-test".parse(), Ok(SplitFilter::not_test()));
    let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    check(CorpusOptions { only_sources: names(&["b", "c"]), ..CorpusOptions::default() }, &["b", "c"]);
    check(CorpusOptions { without_sources: names(&["b", "c"]), ..CorpusOptions::default() }, &["a"]);
}

#[test]
fn every_row_is_visited_once_and_knows_its_place() {
    let text: String = (0..5_000).map(|n| row(&format!("text {n}"))).collect();
    let folder = folder(&[("a.jsonl", &text), ("b.jsonl", &text)]);
    let corpus = open(folder.path(), CorpusOptions::default());
    let visited = Mutex::new(Vec::new());
    corpus.for_each(&|row| visited.lock().unwrap().push(row.comment.content.clone())).unwrap();
    let visited = visited.into_inner().unwrap();
    assert_eq!((visited.len(), visited.iter().collect::<BTreeSet<_>>().len()), (10_000, 5_000));

    let mut positions = Vec::new();
    corpus.read(|at, row| (at, row.comment.content.clone()), |seen| positions.push(seen)).unwrap();
    assert!(positions.is_sorted());
    assert_eq!(positions[7_000], (Position { file: 1, line: 2_001 }, "text 2000".to_owned()));
}

#[test]
fn progress_ends_at_the_size_of_the_files() {
    let folder = folder(&[("a.jsonl", &row("one")), ("b.jsonl", &row("two"))]);
    let last = std::sync::Arc::new(Mutex::new(None));
    let seen = std::sync::Arc::clone(&last);
    let corpus = open(folder.path(), CorpusOptions::default())
        .on_progress(move |progress| *seen.lock().unwrap() = Some(progress));
    for pass in 1..=2 {
        contents(&corpus).unwrap();
        let of = 2 * row("one").len() as u64;
        assert_eq!(*last.lock().unwrap(), Some(Progress { pass, bytes: of, of }));
    }
}

#[test]
fn digests_name_files_without_their_folders() {
    let folder = folder(&[("z.jsonl", "abc"), ("sub/a.jsonl", "")]);
    let digests = open(folder.path(), CorpusOptions::default()).digests().unwrap();
    let digests: Vec<(&str, &str)> = digests.iter().map(|file| (file.name.as_str(), file.sha256.as_str())).collect();
    assert_eq!(
        digests,
        [
            ("a.jsonl", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("z.jsonl", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ]
    );
}

#[test]
fn damaged_gzip_is_an_error_that_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("rows.jsonl.gz");
    let whole = gzip(&(0..1000).map(|n| row(&format!("number {n}"))).collect::<String>());
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let corpus = open(&path, CorpusOptions { skip_bad: true, ..CorpusOptions::default() });
    let error = contents(&corpus).unwrap_err();
    assert!(matches!(&error, CorpusError::Unreadable { path: named, .. } if *named == path), "{error}");
}
