//! `hamgate export`: everything the store has of comments, for people and for other programs.

use std::io::{self, BufWriter, Write as _};

use clap::Args;
use serde::Serialize;

use crate::cli::store_args::{StoreArgs, refused};
use crate::cli::{Failure, output};
use crate::comment::Label;
use crate::site::Site;
use crate::store::{Kept, Moment, Page, Said};
use crate::verdict::{Decision, Queue};

/// Print everything that is kept of comments, as JSON Lines
///
/// One comment a line, oldest first, in the schema of a comment with `label`, `date`, `decision` (its id) and what else the
/// store has of it. `hamgate import` reads it back.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ExportArgs {
    /// Only the comments on this site
    #[arg(long, value_name = "SITE")]
    site: Option<Site>,

    #[command(flatten)]
    store: StoreArgs,
}

const EXAMPLES: &str = "\
Examples:
  hamgate export > comments.jsonl
  hamgate export --site blog.example | grep '\"author\":\"Anna Beispiel\"'";

/// So many comments are read at once.
const PAGE: u32 = 500;

/// A line.
#[derive(Serialize)]
struct Line<'a> {
    site: &'a str,
    content: &'a str,
    author: Option<&'a str>,
    author_url: Option<&'a str>,
    email_domain: Option<&'a str>,
    post_title: Option<&'a str>,
    post_url: Option<&'a str>,
    lang: Option<&'a str>,
    comment_type: Option<&'a str>,
    date: String,
    test: bool,
    label: Option<Label>,
    decision: Option<String>,
    verdict: Option<&'static str>,
    queue: Option<&'static str>,
    spam_probability: Option<f64>,
    model: Option<&'a str>,
    history: Vec<Entry<'a>>,
}

/// What was said of a comment.
#[derive(Serialize)]
struct Entry<'a> {
    date: String,
    label: Option<Label>,
    origin: &'a str,
}

impl ExportArgs {
    /// Prints it.
    ///
    /// # Errors
    /// When the store cannot be read, or standard output cannot be written.
    pub fn run(self) -> Result<(), Failure> {
        self.store.work(async |store| {
            let mut out = BufWriter::new(io::stdout().lock());
            let mut page = Page { after: 0, limit: PAGE };
            loop {
                let rows = store.export(self.site.as_ref(), page).await;
                let rows = rows.map_err(|error| refused(error, "cannot read the comments"))?;
                for kept in &rows {
                    let written = serde_json::to_writer(&mut out, &Line::from(kept)).map_err(io::Error::from);
                    if !output::ignore_broken_pipe(written.and_then(|()| out.write_all(b"\n")))? {
                        return Ok(());
                    }
                }
                match rows.last() {
                    Some(last) if rows.len() == PAGE as usize => page.after = last.seq,
                    _ => break,
                }
            }
            Ok(output::ignore_broken_pipe(out.flush()).map(drop)?)
        })
    }
}

impl<'a> From<&'a Kept> for Line<'a> {
    fn from(kept: &'a Kept) -> Self {
        let comment = &kept.comment;
        Line {
            site: kept.site.as_str(),
            content: &comment.content,
            author: comment.author.as_deref(),
            author_url: comment.author_url.as_deref(),
            email_domain: comment.email_domain.as_deref(),
            post_title: comment.post_title.as_deref(),
            post_url: comment.post_url.as_deref(),
            lang: comment.lang.as_deref(),
            comment_type: kept.comment_type.as_deref(),
            date: Moment(kept.at).to_string(),
            test: kept.test,
            label: kept.label,
            decision: kept.id.map(|id| id.to_string()),
            verdict: kept.decision.map(Decision::name),
            queue: kept.queue.map(Queue::name),
            spam_probability: kept.spam_probability,
            model: kept.model.as_deref(),
            history: kept.history.iter().map(Entry::from).collect(),
        }
    }
}

impl<'a> From<&'a Said> for Entry<'a> {
    fn from(said: &'a Said) -> Self {
        Entry { date: Moment(said.at).to_string(), label: said.label, origin: &said.origin }
    }
}
