//! In steady state a verdict allocates nothing: what a comment needs is in buffers that are there already.
//!
//! A test of its own, because what counts allocations is the allocator of the whole program.

use std::fs;
use std::hint::black_box;
use std::path::Path;

use hamgate::comment::{Comment, LabelledComment};
use hamgate::model::Classifier;

fn comments() -> Vec<Comment> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/comments");
    let mut comments = Vec::new();
    for file in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        comments.extend(text.lines().map(|line| LabelledComment::from_json(line.as_bytes()).unwrap().comment));
    }
    comments
}

/// Whether nothing in the text has to be undone or cut out: no link, entity or mention.
fn is_plain(comment: &Comment) -> bool {
    let inside = |text: &str| {
        text.contains(['@', '&', '<', '['])
            || text.split_whitespace().any(|run| run.trim_end_matches('.').contains('.'))
    };
    ![Some(&comment.content), comment.author.as_ref(), comment.post_title.as_ref()]
        .into_iter()
        .flatten()
        .any(|text| inside(text))
}

#[test]
fn a_verdict_allocates_nothing_but_for_what_has_to_be_cut_out_of_a_text() {
    let classifier = Classifier::embedded();
    let comments = comments();
    let judge =
        |comment: &Comment| allocation_counter::measure(|| _ = black_box(classifier.judge(comment))).count_total;
    let first: u64 = comments.iter().map(judge).sum();
    assert!(first > 0, "buffers have to come from somewhere");
    let (mut plain, mut links) = (0, 0);
    for comment in &comments {
        let allocations = judge(comment);
        if is_plain(comment) {
            plain += 1;
            assert_eq!(allocations, 0, "{comment:?}");
        } else {
            links += 1;
            assert!(allocations <= 20, "{allocations}: {comment:?}");
        }
    }
    assert!(plain > 2_000 && links > 1_000, "{plain} and {links}");
}
