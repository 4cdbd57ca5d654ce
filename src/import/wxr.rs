//! WordPress's export (WXR, versions 1.0 to 1.2): RSS with the comments of each post in it.
//!
//! WordPress leaves out what it calls spam; plug-ins and wp-cli may not. Comments of the blog's own authors stand among the
//! others and are comments like any other.

use super::error::Blame;
use super::stream::Stream;
use super::xml::{Step, Xml};
use super::{Draft, Entry, Reader, Status, bounded, present, seconds};
use crate::site::Site;

const COMMENT: &str = "rss/channel/item/wp:comment";

/// A WXR file.
pub struct Wxr {
    xml: Xml,
    site: Option<Site>,
    lang: Option<String>,
    post_title: Option<String>,
    post_url: Option<String>,
    draft: Draft,
    /// The date in the blog's own time, in case there is no other.
    local_date: Option<i64>,
}

impl Wxr {
    /// Reads from the beginning.
    pub fn new(stream: Stream) -> Self {
        Wxr {
            xml: Xml::new(stream, is_wanted),
            site: None,
            lang: None,
            post_title: None,
            post_url: None,
            draft: Draft::default(),
            local_date: None,
        }
    }

    /// Takes an element of the channel or of a post.
    fn take(&mut self) {
        let text = self.xml.text();
        match self.xml.path() {
            // The address that visitors know comes after the other.
            "rss/channel/link" if self.site.is_none() => self.site = text.parse().ok(),
            "rss/channel/wp:base_blog_url" => self.site = text.parse().ok().or(self.site.take()),
            "rss/channel/language" => self.lang = present(text).filter(|lang| lang.len() <= 35),
            "rss/channel/item/title" => self.post_title = present(text),
            "rss/channel/item/link" => self.post_url = present(text),
            path => {
                if let Some(field) = path.strip_prefix(COMMENT).and_then(|field| field.strip_prefix("/wp:comment_")) {
                    take_field(&mut self.draft, &mut self.local_date, field, text);
                }
            }
        }
    }
}

fn take_field(draft: &mut Draft, local_date: &mut Option<i64>, field: &str, text: &str) {
    match field {
        "id" => draft.comment.id = present(text),
        "author" => draft.comment.author = present(text),
        "author_email" => draft.email(text),
        "author_url" => draft.comment.author_url = present(text),
        "content" => draft.comment.content = bounded(text),
        "approved" => draft.status = Status::of(text),
        "type" => draft.comment_type = present(text),
        "date_gmt" => draft.at = seconds(text),
        "date" => *local_date = seconds(text),
        _ => {}
    }
}

fn is_wanted(path: &str) -> bool {
    match path.strip_prefix("rss/channel/") {
        Some("link" | "language" | "wp:base_blog_url" | "item/title" | "item/link") => true,
        Some(path) => path.strip_prefix("item/wp:comment/wp:comment_").is_some_and(|field| {
            matches!(
                field,
                "id" | "author" | "author_email" | "author_url" | "content" | "approved" | "type" | "date_gmt" | "date"
            )
        }),
        None => false,
    }
}

impl Reader for Wxr {
    fn next(&mut self) -> Result<Option<Entry>, Blame> {
        loop {
            match (self.xml.step()?, self.xml.path()) {
                (Step::EndOfFile, _) => return Ok(None),
                (Step::Begin, "rss/channel/item") => (self.post_title, self.post_url) = (None, None),
                (Step::Begin, COMMENT) => (self.draft, self.local_date) = (Draft::default(), None),
                (Step::End, COMMENT) => {
                    let mut draft = std::mem::take(&mut self.draft);
                    draft.at = draft.at.or(self.local_date);
                    draft.site.clone_from(&self.site);
                    draft.comment.lang.clone_from(&self.lang);
                    draft.comment.post_title.clone_from(&self.post_title);
                    draft.comment.post_url.clone_from(&self.post_url);
                    draft.line = Some(self.xml.place().line);
                    return Ok(Some(draft.finish()));
                }
                (Step::End, path) if is_wanted(path) => self.take(),
                (Step::Begin | Step::End, _) => {}
            }
        }
    }
}
