//! What must hold of any bytes at all, in one place: for the fuzz targets beside this file, and for `tests/laws.rs`, which tries
//! every law in each run of the tests.
//!
//! A law takes bytes, panics where one of its promises is broken, and says whether the bytes were accepted: seeds are named
//! `good-…` or `bad-…`, so that a seed which no longer reaches what it was written for is found out.

use std::cell::RefCell;
use std::collections::HashSet;
use std::io::{Cursor, Read};
use std::path::Path;
use std::sync::{Arc, LazyLock};

use flate2::Compression;
use flate2::read::GzEncoder;
use hamgate::answer::Answer;
use hamgate::comment::{Comment, CommentError, Label, LabelledComment};
use hamgate::config::ServeConfig;
use hamgate::http::{App, Parts, routes};
use hamgate::import::{Entry, Fault, Import, ImportError, ImportOptions, LeftOut, MAX_COMMENT_BYTES, Why};
use hamgate::model::{ArtifactError, Classifier, Explanation, Update};
use hamgate::moderator::Moderator;
use hamgate::reasons::{self, Language, Reason};
use hamgate::site::Site;
use hamgate::text::{
    Extractor, FEATURE_REVISION, FeatureHash, Features, Fields, Sink, View, fingerprint, near_duplicate_shingles,
};
use hamgate::verdict::{Decision, Queue, Verdict};
use percent_encoding::percent_decode;
use safetensors::SafeTensors;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::runtime::Runtime;
use warp::filters::BoxedFilter;
use warp::http::{HeaderValue, Response};

/// What a law is: it takes any bytes and says whether they were accepted.
pub type Law = fn(&[u8]) -> bool;

/// Every law with its name, which is that of its target and of its folder in `seeds/`.
pub const LAWS: [(&str, Law); 5] = [
    ("json_body", json_body),
    ("akismet_form", akismet_form),
    ("model_file", model_file),
    ("import", import),
    ("text", text),
];

/// The shipped model in service.
static MODERATOR: LazyLock<Arc<Moderator>> = LazyLock::new(|| Arc::new(Moderator::new(Classifier::embedded())));

/// `POST /v1/check` and `/v1/check/batch`: the bytes are a body.
pub fn json_body(bytes: &[u8]) -> bool {
    let read = Comment::from_json(bytes);
    match &read {
        Ok(comment) => written_again_a_comment_is_the_same(comment),
        Err(error) => assert_closed(error, bytes),
    }
    a_labelled_row_is_the_same_comment(bytes, &read);
    the_service_says_what_the_library_says(bytes, &read);
    each_line_of_a_batch_is_answered_as_if_it_came_alone(bytes);
    read.is_ok()
}

/// `POST /1.1/comment-check`: the bytes are a form. What stands before a line feed, if there is one, is its `Content-Type`.
pub fn akismet_form(bytes: &[u8]) -> bool {
    let (content_type, body) = match bytes.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (FORM.as_bytes(), bytes),
    };
    let Ok(content_type) = HeaderValue::from_bytes(content_type) else { return false };
    let said = ask_akismet(&content_type, body);
    if body.len() <= MOST_FORM_BYTES && said.status == 200 {
        let fields: Vec<&[u8]> = body.split(|byte| *byte == b'&').collect();
        let same = |what: &str, fields: Vec<Vec<u8>>| {
            let again = ask_akismet(&content_type, &fields.join(&b'&'));
            assert_eq!(again, said, "{what}");
        };
        same("a field in other letters", fields.iter().map(|field| spelled_out(field)).collect());
        let mut names: Vec<Vec<u8>> = fields.iter().filter(|field| !field.is_empty()).map(|f| halves(f).0).collect();
        names.sort_unstable();
        if names.windows(2).all(|pair| pair[0] != pair[1]) {
            same("fields in another order", fields.iter().rev().map(|field| field.to_vec()).collect());
        }
        let names_it = |field: &&[u8]| halves(field).1.windows(UNKNOWN.len()).any(|part| part == UNKNOWN);
        if fields.len() < MOST_FIELDS && !fields.iter().any(names_it) {
            let more = [UNKNOWN, b"=1"].concat();
            same("a field nobody knows", fields.iter().map(|field| field.to_vec()).chain([more]).collect());
        }
        if let Some(expected) = plain_reading(&content_type, &fields) {
            assert_eq!(said, expected, "read by the book");
        }
    }
    said.is_verdict()
}

/// The model file. The bytes are, as the first of them says,
///
/// * `=` a file as it is;
/// * `~` damage to a whole file: places, and what is done to them;
/// * else what a file is made of, to get behind its checksum: our entry of the header, NUL, the other entries, NUL, numbers.
///   Numbers that are missing are zeros, and the words `CHECKSUM`, `REVISION` and `PROBES` stand for what is right.
pub fn model_file(bytes: &[u8]) -> bool {
    let model = match bytes.split_first() {
        Some((b'=', file)) => Classifier::from_bytes(file).ok(),
        Some((b'~', damage)) => {
            let model = read_damaged(damage);
            if let Some(model) = &model {
                assert!(model.to_bytes() == *SHIPPED, "damage that is not noticed changed the model");
            }
            model
        }
        _ => complete(bytes),
    };
    if let Some(model) = &model {
        written_again_a_model_is_the_same(model);
        for comment in &*COMMENTS {
            a_verdict_is_explained_by_what_it_was_drawn_from(model, comment);
        }
        a_model_learns(model);
    }
    model.is_some()
}

/// Import: the bytes are a file, and then a text that stands in one.
pub fn import(bytes: &[u8]) -> bool {
    let whole = open(Cursor::new(bytes.to_vec()));
    let accepted = however_it_comes_a_file_says_the_same(bytes, whole);
    let text = String::from_utf8_lossy(bytes).replace('\0', "");
    for file in files_with(&text) {
        let mut entries = open(Cursor::new(file.clone())).unwrap_or_else(|error| panic!("{error:?} of {file:?}"));
        let entry = entries.next().unwrap_or_else(|| panic!("nothing in {file:?}"));
        match entry.unwrap_or_else(|error| panic!("{error:?} of {file:?}")) {
            Entry::Comment(found) => assert_eq!(found.comment.content, text),
            Entry::LeftOut(LeftOut { why: Why::Empty, .. }) => assert!(text.trim().is_empty()),
            Entry::LeftOut(LeftOut { why: Why::TooLong, .. }) => assert!(text.len() > MAX_COMMENT_BYTES),
            Entry::LeftOut(left_out) => panic!("{left_out:?} in {file:?}"),
        }
        assert!(entries.next().is_none(), "more than one row in {file:?}");
    }
    accepted
}

/// Features, verdicts and reasons: the bytes are a text, and each behind a NUL, if there: the name of its author, the author's website, the title
/// of the post and its address.
pub fn text(bytes: &[u8]) -> bool {
    let mut parts = bytes.splitn(5, |byte| *byte == 0).map(|part| String::from_utf8_lossy(part).into_owned());
    let content = parts.next().unwrap_or_default();
    let comment = Comment {
        content,
        author: parts.next(),
        author_url: parts.next(),
        post_title: parts.next(),
        post_url: parts.next(),
        ..Comment::default()
    };
    features_are_distinct_and_the_same_for_everyone(&comment);
    near_duplicates_have_a_key(&comment.content);
    a_fingerprint_sees_through_spelling(&comment);
    a_verdict_is_explained_by_what_it_was_drawn_from(&MODERATOR.generic(), &comment);
    true
}

// JSON

/// Names of the fields that may be at fault.
const FIELDS: [&str; 19] = [
    "content",
    "id",
    "author",
    "author_email",
    "email_domain",
    "author_url",
    "post_title",
    "post_excerpt",
    "post_url",
    "lang",
    "date",
    "ip",
    "user_agent",
    "label",
    "source",
    "family",
    "split",
    "topic",
    "kind",
];

/// A refusal says where and why in words of ours: nothing in it can come from whoever sent the bytes.
fn assert_closed(error: &CommentError, bytes: &[u8]) {
    match error {
        CommentError::NotUtf8 { offset } => {
            assert_eq!(Some(*offset), std::str::from_utf8(bytes).err().map(|error| error.valid_up_to()));
        }
        CommentError::NotJson { line, column, why } => {
            let lines = bytes.split(|byte| *byte == b'\n').count();
            assert!((1..=lines).contains(line) && *column <= bytes.len() + 1, "{error}");
            let reasons = ["it ends too early", "it breaks the rules of JSON", "something follows the object"];
            assert!(reasons.contains(why), "{error}");
            assert!(serde_json::from_slice::<Value>(bytes).is_err(), "it is JSON: {error}");
        }
        CommentError::NotAnObject => assert!(bytes.trim_ascii_start().first() != Some(&b'{')),
        CommentError::Field { field, why } => {
            assert!(FIELDS.contains(&field.as_str()), "{error}");
            let reasons = ["must ", "is missing; ", "is empty; ", "stands twice; "];
            assert!(reasons.into_iter().any(|reason| why.starts_with(reason)), "{error}");
        }
    }
}

/// A comment as an object of the schema.
fn written(comment: &Comment) -> Value {
    json!({
        "content": comment.content, "id": comment.id, "author": comment.author, "email_domain": comment.email_domain,
        "author_url": comment.author_url, "post_title": comment.post_title, "post_excerpt": comment.post_excerpt,
        "post_url": comment.post_url, "lang": comment.lang, "date": comment.date,
    })
}

fn written_again_a_comment_is_the_same(comment: &Comment) {
    assert!(!comment.content.trim().is_empty());
    assert!(!comment.email_domain.as_deref().is_some_and(|domain| domain.is_empty() || domain.contains('@')));
    let mut value = written(comment);
    assert_eq!(Comment::from_json(value.to_string().as_bytes()).as_ref(), Ok(comment));
    // What is never kept changes nothing, nor does what nobody knows.
    value["ip"] = "192.0.2.1".into();
    value["user_agent"] = "a browser".into();
    value["a field nobody knows"] = json!([{}, 1e300, "\u{1F600}"]);
    assert_eq!(Comment::from_json(format!("\n{value:#}\r\n\t").as_bytes()).as_ref(), Ok(comment));
}

fn a_labelled_row_is_the_same_comment(bytes: &[u8], read: &Result<Comment, CommentError>) {
    match (LabelledComment::from_json(bytes), read) {
        (Ok(row), read) => assert_eq!(Ok(&row.comment), read.as_ref()),
        (Err(error), Ok(_)) => assert_eq!(error.field_name(), Some("label")),
        (Err(error), Err(_)) => assert_closed(&error, bytes),
    }
}

/// The routes of a service without a store, and what runs them.
struct Service {
    runtime: Runtime,
    routes: BoxedFilter<(warp::reply::Response,)>,
}

thread_local! {
    static SERVICE: Service = {
        let app = App::new(&ServeConfig::default(), Parts::new(Arc::clone(&MODERATOR)));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Service { runtime, routes: routes(&app) }
    };
}

fn post(path: &str, content_type: &HeaderValue, body: &[u8]) -> Response<Vec<u8>> {
    SERVICE.with(|Service { runtime, routes }| {
        let request = warp::test::request().method("POST").path(path).header("content-type", content_type).body(body);
        runtime.block_on(request.reply(routes)).map(|body| body.to_vec())
    })
}

fn object(response: &Response<Vec<u8>>) -> Value {
    serde_json::from_slice(response.body()).unwrap_or_else(|error| panic!("{error} in {response:?}"))
}

/// A refusal of the service says the same as the library's.
fn assert_is_of(refusal: &Value, error: &CommentError) {
    let status = match error {
        CommentError::NotUtf8 { .. } | CommentError::NotJson { .. } => 400,
        CommentError::NotAnObject | CommentError::Field { .. } => 422,
    };
    assert_eq!(refusal["status"], status, "{error}");
    assert_eq!(refusal["detail"], error.to_string());
    assert_eq!(refusal["field"].as_str(), error.field_name());
}

fn the_service_says_what_the_library_says(bytes: &[u8], read: &Result<Comment, CommentError>) {
    let response = post("/v1/check?explain=true", &HeaderValue::from_static("application/json"), bytes);
    if bytes.len() > ServeConfig::default().body_limit_bytes.get() {
        assert_eq!(response.status(), 413);
        return;
    }
    let said = object(&response);
    let comment = match read {
        Ok(comment) => comment,
        Err(error) => {
            assert_eq!(response.headers()["content-type"], "application/problem+json");
            assert_eq!(said["status"], response.status().as_u16());
            return assert_is_of(&said, error);
        }
    };
    assert_eq!(response.status(), 200, "{said}");
    let expected = Answer::explained(&MODERATOR.generic(), comment, Language::English);
    assert_eq!(said, serde_json::to_value(&expected).unwrap());
    assert_eq!(said["id"].as_str(), comment.id.as_deref());
    assert!(said["spam_probability"].as_f64().is_some_and(|p| (0.0..=1.0).contains(&p)), "{said}");
}

fn each_line_of_a_batch_is_answered_as_if_it_came_alone(bytes: &[u8]) {
    if bytes.len() > ServeConfig::default().body_limit_bytes.get() {
        return;
    }
    let response = post("/v1/check/batch", &HeaderValue::from_static("application/x-ndjson"), bytes);
    assert_eq!(response.status(), 200);
    let answers: Vec<&[u8]> = response.body().split_inclusive(|byte| *byte == b'\n').collect();
    let lines = (1..).zip(bytes.split(|byte| *byte == b'\n')).filter(|(_, line)| !line.trim_ascii().is_empty());
    let lines: Vec<(u64, &[u8])> = lines.collect();
    assert_eq!(answers.len(), lines.len());
    for ((number, line), answer) in lines.into_iter().zip(answers) {
        let answer: Value = serde_json::from_slice(answer).unwrap();
        match Comment::from_json(line) {
            Ok(comment) => {
                assert_eq!(answer, serde_json::to_value(Answer::verdict(&MODERATOR.generic(), &comment)).unwrap());
            }
            Err(error) => {
                assert_eq!(answer["line"], number);
                assert_is_of(&answer["error"], &error);
            }
        }
    }
}

// Akismet's form

const FORM: &str = "application/x-www-form-urlencoded";

/// A name that means nothing to anybody.
const UNKNOWN: &[u8] = b"a field that nobody knows";

/// What a form may be long whose bytes are all spelled out.
const MOST_FORM_BYTES: usize = 64 * 1024;

/// See `docs/akismet.md`.
const MOST_FIELDS: usize = 4096;

/// What is answered to a form.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    status: u16,
    body: Vec<u8>,
    error: Option<HeaderValue>,
    has_guid: bool,
}

impl Said {
    fn word(body: &str) -> Self {
        Said { status: 200, body: body.into(), error: None, has_guid: true }
    }

    fn refusal(body: &str) -> Self {
        Said { has_guid: false, ..Said::word(body) }
    }

    fn is_verdict(&self) -> bool {
        self.body == b"true" || self.body == b"false"
    }
}

/// Asks, and makes sure that the answer is one of those that there are.
fn ask_akismet(content_type: &HeaderValue, body: &[u8]) -> Said {
    let response = post("/1.1/comment-check", content_type, body);
    let header = |name: &str| response.headers().get(name).cloned();
    let guid = header("x-akismet-guid");
    let is_guid = |guid: &HeaderValue| guid.len() == 32 && guid.as_bytes().iter().all(u8::is_ascii_hexdigit);
    assert!(guid.iter().all(is_guid), "{guid:?}");
    let said = Said {
        status: response.status().as_u16(),
        body: response.body().clone(),
        error: header("x-akismet-error"),
        has_guid: guid.is_some(),
    };
    match said.status {
        200 if said.is_verdict() => assert!(said.has_guid && (said.error.is_none() || said.body == b"false")),
        200 => {
            let refusals = ["invalid", "Missing required field: blog", "Missing required field: user_ip."];
            assert!(refusals.into_iter().any(|refusal| said.body == refusal.as_bytes()), "{said:?}");
            assert!(header("x-akismet-debug-help").is_some() && said.error.is_none() && !said.has_guid, "{said:?}");
        }
        413 | 415 => assert_eq!(object(&response)["status"], said.status),
        _ => panic!("{said:?}"),
    }
    assert!(header("x-akismet-pro-tip").is_none());
    said
}

/// Name and value of a field, decoded.
fn halves(field: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let decoded = |part: &[u8]| {
        let spaced: Vec<u8> = part.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
        percent_decode(&spaced).collect()
    };
    let equals = field.iter().position(|byte| *byte == b'=').unwrap_or(field.len());
    (decoded(&field[..equals]), decoded(field.get(equals + 1..).unwrap_or_default()))
}

/// A field with every byte of it as a number.
fn spelled_out(field: &[u8]) -> Vec<u8> {
    let spelled = |part: &[u8]| part.iter().map(|byte| format!("%{byte:02x}")).collect::<Vec<_>>().concat();
    if field.is_empty() {
        return Vec::new();
    }
    let (name, value) = halves(field);
    let equals = if field.contains(&b'=') { "=" } else { "" };
    format!("{}{equals}{}", spelled(&name), spelled(&value)).into_bytes()
}

/// Fields that change how others are read, or what is answered whatever they say.
const SPECIAL: [&str; 7] = [
    "blog_charset",
    "akismet_comment_nonce",
    "recheck_reason",
    "user_role",
    "honeypot_field_name",
    "POST_ak_hp_textarea",
    "akismet_pre_check",
];

/// What `docs/akismet.md` says is answered to a form that has nothing special, to a client that nobody knows.
fn plain_reading(content_type: &HeaderValue, fields: &[&[u8]]) -> Option<Said> {
    let fields: Vec<_> = fields.iter().filter(|field| !field.is_empty()).map(|field| halves(field)).collect();
    let is_special = |name: &[u8]| SPECIAL.into_iter().any(|special| name == special.as_bytes());
    if content_type != FORM || fields.iter().any(|(name, _)| is_special(name)) || fields.len() >= MOST_FIELDS {
        return None;
    }
    let get = |name: &str| {
        let value = &fields.iter().rfind(|(field, _)| field == name.as_bytes())?.1;
        Some(String::from_utf8_lossy(value).trim().to_owned()).filter(|text| !text.is_empty())
    };
    let Some(blog) = get("blog") else { return Some(Said::refusal("Missing required field: blog")) };
    if blog.parse::<Site>().is_err() {
        return Some(Said::refusal("invalid"));
    }
    if get("user_ip").is_none() {
        return Some(Said::refusal("Missing required field: user_ip."));
    }
    let author = get("comment_author");
    let promised = ["akismet-guaranteed-spam", "viagra-test-123"];
    let is_promised = author.as_deref().is_some_and(|author| promised.contains(&author))
        || get("comment_author_email")
            .is_some_and(|email| email.eq_ignore_ascii_case("akismet-guaranteed-spam@example.com"));
    let content = get("comment_content").unwrap_or_default();
    let comment = Comment { content, author, author_url: get("comment_author_url"), ..Comment::default() };
    let verdict = MODERATOR.generic().judge(&comment);
    Some(Said::word(if is_promised || verdict.decision == Decision::Hold { "true" } else { "false" }))
}

// The model file

/// The file of the shipped model.
static SHIPPED: LazyLock<Vec<u8>> = LazyLock::new(|| MODERATOR.generic().to_bytes());

/// Comments that a model has to judge: one with something for each view, one with little, one with nothing.
static COMMENTS: LazyLock<[Comment; 3]> = LazyLock::new(|| {
    let comment = |content: &str, author: Option<&str>, url: Option<&str>| Comment {
        content: content.to_owned(),
        author: author.map(str::to_owned),
        author_url: url.map(str::to_owned),
        ..Comment::default()
    };
    [
        comment(
            "casino bonus: which LENS did you use?! 100 % http://pills-24.example/buy jo@mail.example",
            Some("Jo 24"),
            Some("https://www.casino-bonus.example/free"),
        ),
        comment("thanks", Some("Anna"), None),
        comment(" ", None, None),
    ]
});

/// The shipped model with damage, which is four bytes for each place: three for where it is, one for the bits that change.
fn read_damaged(damage: &[u8]) -> Option<Classifier> {
    let mut file = SHIPPED.clone();
    for edit in damage.as_chunks::<4>().0 {
        let at = u32::from_le_bytes([edit[0], edit[1], edit[2], 0]) as usize % file.len();
        file[at] ^= edit[3];
    }
    let model = Classifier::from_bytes(&file).ok();
    assert!(model.is_some() || file != *SHIPPED, "a model that is whole was refused");
    model
}

/// The numbers of a file that is completed, at most.
const MOST_NUMBERS: u64 = 8 << 20;

/// Evidence that no text has: whatever stands for it in a file, the refusal tells the right one.
const NO_PROBES: [f64; 2] = [1e300, -1e300];

/// Reads what the three parts make.
fn complete(bytes: &[u8]) -> Option<Classifier> {
    let mut parts = bytes.splitn(3, |byte| *byte == 0);
    let entry = String::from_utf8_lossy(parts.next()?).replace("REVISION", &FEATURE_REVISION.to_string());
    let others = String::from_utf8_lossy(parts.next()?).into_owned();
    let numbers = parts.next().unwrap_or_default();
    let mut probes = NO_PROBES;
    loop {
        let probes_now = serde_json::to_string(&probes).expect("they are finite");
        let entry = entry.replace("PROBES", &probes_now);
        let unsealed = assemble(&entry, &others, numbers);
        let file = match checksum(&unsealed) {
            Some(checksum) => assemble(&entry.replace("CHECKSUM", &checksum), &others, numbers),
            None => unsealed,
        };
        match Classifier::from_bytes(&file) {
            Ok(model) => return Some(model),
            Err(ArtifactError::SelfTest { expected, found }) if found.is_finite() => {
                *probes.iter_mut().find(|probe| **probe == expected && NO_PROBES.contains(probe))? = found;
            }
            Err(error) => {
                assert!(!error.hint().is_empty() && !error.to_string().is_empty());
                return None;
            }
        }
    }
}

/// A file of these entries of the header, with numbers for all of its tables.
fn assemble(entry: &str, others: &str, numbers: &[u8]) -> Vec<u8> {
    let header = match others.trim_start().strip_prefix('{') {
        Some(others) => {
            let comma = if others.trim() == "}" { "" } else { "," };
            format!("{{\"__metadata__\":{}{comma}{others}", json!({ "hamgate": entry }))
        }
        None => others.to_owned(),
    };
    let ends = |header: &Value| -> Option<u64> {
        header.as_object()?.values().filter_map(|tensor| tensor["data_offsets"][1].as_u64()).max()
    };
    let end = serde_json::from_str(&header).ok().as_ref().and_then(ends).unwrap_or(0).min(MOST_NUMBERS);
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend_from_slice(header.as_bytes());
    let whole = file.len() + end as usize;
    file.extend_from_slice(numbers);
    file.resize(whole, 0);
    file
}

/// The checksum that a file should have, computed from what `src/model/artifact.rs` says of it and not by it.
fn checksum(file: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Envelope<'a> {
        #[serde(borrow)]
        settings: &'a RawValue,
    }
    let (_, metadata) = SafeTensors::read_metadata(file).ok()?;
    let entry = metadata.metadata().as_ref()?.get("hamgate")?;
    let envelope: Envelope = serde_json::from_str(entry).ok()?;
    let tensors = SafeTensors::deserialize(file).ok()?;
    let mut tensors: Vec<(&str, &[u8])> = tensors.iter().map(|(name, tensor)| (name, tensor.data())).collect();
    tensors.sort_unstable();
    let mut hasher = Sha256::new();
    let parts = tensors.into_iter().flat_map(|(name, data)| [name.as_bytes(), data]);
    for part in [envelope.settings.get().as_bytes()].into_iter().chain(parts) {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    Some(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat())
}

/// A model that was accepted is written as a file that is accepted, is the same model, and is written the same again.
fn written_again_a_model_is_the_same(model: &Classifier) {
    let file = model.to_bytes();
    let again = Classifier::from_bytes(&file).unwrap_or_else(|error| panic!("what was written is refused: {error}"));
    assert!(again.to_bytes() == file, "written again it is another file");
    assert_eq!(again.card(), model.card());
    assert_eq!(again.thresholds(), model.thresholds());
    for comment in &*COMMENTS {
        assert_eq!(again.judge(comment), model.judge(comment), "{comment:?}");
    }
}

/// What people say of a comment can be learned, and taken back.
fn a_model_learns(model: &Classifier) {
    let comment = &COMMENTS[0];
    let said = Update { comment, before: None, after: Some(Label::Spam) };
    let taken_back = Update { comment, before: Some(Label::Spam), after: None };
    let learned = model.updated(model.id().with_corrections(1), [said]);
    assert!(learned.judge(comment).evidence.0.is_finite());
    let both = model.updated(model.id().with_corrections(2), [said, taken_back]);
    let neither = model.updated(model.id().with_corrections(2), []);
    assert_eq!(both.judge(comment), neither.judge(comment), "what was taken back left a trace");
}

// Import

fn open(input: impl Read + Send + 'static) -> Result<Import, ImportError> {
    Import::of(Path::new("export"), input, ImportOptions::default())
}

/// Hands over a few bytes at a time, as a slow pipe does.
struct Trickle<R>(R, usize);

impl<R: Read> Read for Trickle<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.1 = self.1 % 7 + 1;
        let most = buffer.len().min(self.1);
        self.0.read(&mut buffer[..most])
    }
}

/// Reads a file to its end, beside the same in other wrappings, and says whether it is whole. Nothing is gathered on the way.
fn however_it_comes_a_file_says_the_same(bytes: &[u8], whole: Result<Import, ImportError>) -> bool {
    let mut others = vec![open(Trickle(Cursor::new(bytes.to_vec()), 0))];
    if !bytes.starts_with(&[0x1F, 0x8B]) {
        others.push(open(GzEncoder::new(Cursor::new(bytes.to_vec()), Compression::fast())));
    }
    if let Some(utf_16) = in_utf_16(bytes) {
        others.push(open(Cursor::new(utf_16)));
    }
    let mut whole = match whole {
        Ok(import) => import,
        Err(error) => {
            assert_names_no_text(&error);
            for other in others {
                assert_eq!(said(&other.unwrap_err()), said(&error));
            }
            return false;
        }
    };
    let mut others: Vec<Import> =
        others.into_iter().map(|other| other.unwrap_or_else(|error| panic!("{error:?}"))).collect();
    assert!(others.iter().all(|other| other.format() == whole.format()));
    loop {
        let next = whole.next();
        for other in &mut others {
            match (&next, other.next()) {
                (None, None) => {}
                (Some(Ok(entry)), Some(Ok(other))) => assert_eq!(&other, entry),
                (Some(Err(error)), Some(Err(other))) => assert_eq!(said(&other), said(error)),
                (next, other) => panic!("{next:?} became {other:?}"),
            }
        }
        match next {
            None => return true,
            Some(Ok(entry)) => assert_is_sound(&entry),
            Some(Err(error)) => {
                assert_names_no_text(&error);
                assert!(whole.next().is_none() && others.iter_mut().all(|other| other.next().is_none()));
                return false;
            }
        }
    }
}

/// All that a person is told of an error.
fn said(error: &ImportError) -> (String, String, &'static str) {
    (error.to_string(), error.fault.to_string(), error.hint())
}

/// The same text in UTF-16, if that is one of which nothing else says how it is encoded.
fn in_utf_16(bytes: &[u8]) -> Option<Vec<u8>> {
    const MOST: usize = 16 * 1024;
    let text = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= MOST && !text.starts_with('\u{feff}'))?;
    if text.contains("encoding") || text.starts_with("SQLite") {
        return None;
    }
    Some("\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect())
}

/// An error repeats nothing of the file: what its words are filled with is a place, a number or a name of ours.
fn assert_names_no_text(error: &ImportError) {
    match &error.fault {
        Fault::Json(CommentError::Field { field, .. }) => assert!(FIELDS.contains(&field.as_str()), "{error:?}"),
        Fault::Database(_) => panic!("{error:?} of a stream"),
        _ => {}
    }
    assert!(!error.hint().is_empty());
}

/// A row has a text, or a reason and a name by which its owner finds it.
fn assert_is_sound(entry: &Entry) {
    match entry {
        Entry::Comment(found) => {
            let comment = &found.comment;
            assert!(!comment.content.trim().is_empty());
            let fields = written(comment);
            let bytes: usize =
                fields.as_object().into_iter().flatten().filter_map(|(_, field)| field.as_str()).map(str::len).sum();
            assert!(bytes <= MAX_COMMENT_BYTES, "{bytes}");
            assert!(!comment.email_domain.as_deref().is_some_and(|domain| domain.is_empty() || domain.contains('@')));
            assert!(found.site.iter().all(|site| site.as_str().parse().as_ref() == Ok(site)));
        }
        Entry::LeftOut(LeftOut { id, line, .. }) => {
            assert!(id.is_some() || line.is_some(), "nobody finds {entry:?}");
            let is_id = |id: &String| {
                id.len() <= 40 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
            };
            assert!(id.iter().all(is_id), "{entry:?}");
        }
    }
}

/// Files with one comment, in each format that is text.
fn files_with(text: &str) -> [Vec<u8>; 5] {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let verbatim = text.replace("]]>", "]]]]><![CDATA[>");
    let wxr = |content: &str| {
        format!(
            "<rss><channel><item><wp:comment><wp:comment_content>{content}</wp:comment_content>\
             <wp:comment_approved>1</wp:comment_approved></wp:comment></item></channel></rss>"
        )
    };
    [
        wxr(&escaped),
        wxr(&format!("<![CDATA[{verbatim}]]>")),
        format!("<disqus><post><message>{escaped}</message></post></disqus>"),
        format!("content,label\n\"{}\",ham\n", text.replace('"', "\"\"")),
        json!({ "content": text, "label": "spam" }).to_string(),
    ]
    .map(String::into_bytes)
}

// Text

/// What every feature is called, and where it goes.
#[derive(Default)]
struct Named(Vec<(View, u32, String)>);

impl Sink for Named {
    fn feature(&mut self, view: View, hash: FeatureHash, name: impl FnOnce() -> String) {
        self.0.push((view, hash.bucket(view), name()));
    }
}

thread_local! {
    /// An extractor that has read everything before, and what it fills.
    static USED: RefCell<(Extractor, Features)> = RefCell::default();
}

type Buckets = [Vec<u32>; View::COUNT];

fn buckets(extractor: Option<Extractor>, comment: &Comment, fields: Fields) -> Buckets {
    USED.with_borrow_mut(|(used, features)| {
        match extractor {
            Some(mut extractor) => features.fill(&mut extractor, comment, fields),
            None => features.fill(used, comment, fields),
        }
        View::ALL.map(|view| features.of(view).to_vec())
    })
}

fn features_are_distinct_and_the_same_for_everyone(comment: &Comment) {
    let fresh = || Some(Extractor::default());
    let features = buckets(fresh(), comment, Fields::All);
    assert_eq!(buckets(None, comment, Fields::All), features, "of a used extractor");
    let more = Comment {
        id: Some("7".into()),
        email_domain: Some("mail.example".into()),
        post_excerpt: Some("casino".into()),
        // Where there is a title, the address says nothing.
        post_url: comment
            .post_title
            .as_ref()
            .map(|_| "https://blog.example/casino-bonus".to_owned())
            .or(comment.post_url.clone()),
        lang: Some("de".into()),
        date: Some("2026-11-23".into()),
        ..comment.clone()
    };
    assert_eq!(buckets(fresh(), &more, Fields::All), features, "with fields that are no features");
    let bare = Comment { content: comment.content.clone(), ..Comment::default() };
    let of_text = buckets(fresh(), comment, Fields::ContentOnly);
    assert_eq!(buckets(fresh(), &bare, Fields::All), of_text, "of the text alone");

    let mut named = Named::default();
    Extractor::default().extract(comment, Fields::All, &mut named);
    for view in View::ALL {
        // In order of first occurrence, as an explanation goes through them.
        let mut seen = HashSet::new();
        let of_view = named.0.iter().filter(|(of, ..)| *of == view).map(|(_, bucket, _)| *bucket);
        let distinct: Vec<u32> = of_view.filter(|bucket| seen.insert(*bucket)).collect();
        assert_eq!(features[view.index()], distinct, "{view:?}");
        assert!(distinct.iter().all(|bucket| (*bucket as usize) < view.buckets()), "{view:?}");
    }
}

fn near_duplicates_have_a_key(content: &str) {
    let shingles = near_duplicate_shingles(content);
    assert!(!shingles.is_empty() && shingles.windows(2).all(|pair| pair[0] < pair[1]));
    let comment = Comment { content: content.to_owned(), ..Comment::default() };
    let mut extractor = Extractor::default();
    extractor.extract(&comment, Fields::All, &mut Named::default());
    assert_eq!(extractor.near_duplicate_key(), shingles[0]);
}

/// Blogs send a comment again in another spelling; see `src/text/fingerprint.rs`.
fn a_fingerprint_sees_through_spelling(comment: &Comment) {
    let site: Site = "blog.example".parse().expect("it is an address");
    let print = fingerprint(&site, comment);
    let respelled = |what: &str, respell: &dyn Fn(&str) -> String| {
        let author = comment.author.as_deref().map(respell);
        let respelled = Comment { content: respell(&comment.content), author, ..comment.clone() };
        assert_eq!(fingerprint(&site, &respelled), print, "{what}: {respelled:?}");
    };
    respelled("slashes", &|text| text.replace('\\', "").replace('\'', "\\'").replace('"', "\\\""));
    respelled("line ends", &|text| text.replace("\r\n", "\n").replace('\n', "\r\n"));
    respelled("white space", &|text| format!(" {}\n\t", text.replace(' ', "  ")));
    let other = Comment { email_domain: Some("mail.example".into()), author_url: None, ..comment.clone() };
    assert_eq!(fingerprint(&site, &other), print, "no other field matters");
    assert_ne!(fingerprint(&"other.example".parse().expect("it is an address"), comment), print);
}

// What a model says

fn a_verdict_is_explained_by_what_it_was_drawn_from(model: &Classifier, comment: &Comment) {
    let verdict = model.judge(comment);
    let (explained, explanation) = model.explain(comment);
    assert_eq!(explained, verdict);
    assert_is_finite(model, &verdict);
    assert_adds_up(&explanation);
    let [english, german] = [Language::English, Language::German].map(|language| {
        let reasons = reasons::from_explanation(&explanation, language);
        assert!(!reasons::summary(&verdict, &reasons, language).is_empty());
        reasons
    });
    let parts = |reasons: &[Reason]| reasons.iter().map(|reason| reason.log_odds.0).collect::<Vec<f64>>();
    assert_eq!(parts(&english), parts(&german), "reasons do not depend on the language");
    assert_near(parts(&english).iter().sum(), explanation.total.0, parts(&english).into_iter());
    assert!(english.iter().all(|reason| (reason.speaks_for == Label::Spam) == (reason.log_odds.0 > 0.0)));
    let (_, named) = english.split_last().expect("there is always the rest");
    assert!(named.windows(2).all(|pair| pair[0].log_odds.0.abs() >= pair[1].log_odds.0.abs()));
    let plain = serde_json::to_value(Answer::verdict(model, comment)).expect("an answer is JSON");
    assert_eq!(plain["spam_probability"].as_f64(), Some(verdict.spam_probability.value()));
}

fn assert_is_finite(model: &Classifier, verdict: &Verdict) {
    assert!(verdict.evidence.0.is_finite(), "{verdict:?}");
    assert!((0.0..=1.0).contains(&verdict.spam_probability.value()), "{verdict:?}");
    let thresholds = model.thresholds();
    let expected = match verdict.evidence {
        evidence if evidence <= thresholds.hold() => (Decision::Approve, None),
        evidence if evidence <= thresholds.spam() => (Decision::Hold, Some(Queue::Review)),
        _ => (Decision::Hold, Some(Queue::Spam)),
    };
    assert_eq!((verdict.decision, verdict.queue), expected);
}

fn assert_adds_up(explanation: &Explanation) {
    let clues = explanation.clues.iter().map(|clue| clue.log_odds.0);
    let parts = [explanation.base.0].into_iter().chain(clues);
    assert_near(parts.clone().sum(), explanation.total.0, parts);
}

/// Equal but for what adding in another order makes of it.
fn assert_near(sum: f64, total: f64, parts: impl Iterator<Item = f64>) {
    let tolerance = 1e-9 * (1.0 + total.abs() + parts.map(f64::abs).sum::<f64>());
    assert!((sum - total).abs() <= tolerance, "{sum} is not {total}");
}
