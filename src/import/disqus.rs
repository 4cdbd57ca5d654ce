//! Disqus's export: threads, which are posts of the blog, and posts, which are comments.
//!
//! A post names its thread by number, or stands in it; the threads come first. What they are called is remembered up to a
//! bound, beyond which comments come without title and address of their post.

use std::collections::HashMap;
use std::sync::Arc;

use super::error::Blame;
use super::stream::Stream;
use super::xml::{Step, Xml};
use super::{Draft, Entry, Reader, Status, bounded, present, seconds};

/// So much is remembered of all threads together.
const MAX_THREADS_BYTES: usize = 32 << 20;

/// Title and address of a post of the blog.
#[derive(Debug, Default)]
struct Thread {
    title: Option<String>,
    link: Option<String>,
}

/// Which thread a post belongs to.
#[derive(Debug, PartialEq, Eq, Hash)]
enum ThreadName {
    /// Disqus's own number, `dsq:id`.
    Number(String),
    /// The blog's name for it, in the element `id`.
    Id(String),
}

/// A thread whose element is open.
#[derive(Debug, Default)]
struct OpenThread {
    depth: usize,
    names: Vec<ThreadName>,
    thread: Thread,
}

/// A post whose element is open.
#[derive(Debug, Default)]
struct OpenPost {
    depth: usize,
    draft: Draft,
    thread: Option<ThreadName>,
    is_spam: bool,
    is_deleted: bool,
    is_unapproved: bool,
}

/// A Disqus export.
pub struct Disqus {
    xml: Xml,
    threads: HashMap<ThreadName, Arc<Thread>>,
    threads_bytes: usize,
    thread: Option<OpenThread>,
    post: Option<OpenPost>,
}

impl Disqus {
    /// Reads from the beginning.
    pub fn new(stream: Stream) -> Self {
        Disqus { xml: Xml::new(stream, is_wanted), threads: HashMap::new(), threads_bytes: 0, thread: None, post: None }
    }

    fn begin(&mut self) {
        let depth = depth(self.xml.path());
        let number = || self.xml.identity().map(str::to_owned);
        match (last(self.xml.path()), &mut self.post) {
            ("post", None) => {
                let mut post = OpenPost { depth, ..OpenPost::default() };
                post.draft.comment.id = number();
                self.post = Some(post);
            }
            ("thread", Some(post)) => post.thread = number().map(ThreadName::Number),
            ("thread", None) if self.thread.is_none() => {
                let names = number().map(ThreadName::Number).into_iter().collect();
                self.thread = Some(OpenThread { depth, names, thread: Thread::default() });
            }
            _ => {}
        }
    }

    fn end(&mut self) -> Option<Entry> {
        let depth = depth(self.xml.path());
        if let Some(post) = self.post.take_if(|post| post.depth == depth) {
            return Some(self.finish(post));
        }
        if self.post.is_none()
            && let Some(open) = self.thread.take_if(|thread| thread.depth == depth)
        {
            self.remember(open);
            return None;
        }
        if is_wanted(self.xml.path()) {
            let (path, text) = (self.xml.path(), self.xml.text());
            match (&mut self.post, &mut self.thread) {
                (Some(post), _) if depth == post.depth + 1 => post.take(last(path), text),
                (Some(post), _) if depth == post.depth + 2 && parent(path) == "author" => {
                    post.take_author(last(path), text);
                }
                (None, Some(open)) if depth == open.depth + 1 => open.take(last(path), text),
                _ => {}
            }
        }
        None
    }

    fn remember(&mut self, open: OpenThread) {
        const ENTRY: usize = 200;
        let OpenThread { names, thread, .. } = open;
        let texts = [&thread.title, &thread.link].into_iter().flatten().map(String::len).sum::<usize>();
        let names_bytes = names.iter().map(|(ThreadName::Number(name) | ThreadName::Id(name))| name.len() + ENTRY);
        self.threads_bytes += texts + names_bytes.sum::<usize>();
        if self.threads_bytes <= MAX_THREADS_BYTES {
            let thread = Arc::new(thread);
            self.threads.extend(names.into_iter().map(|name| (name, Arc::clone(&thread))));
        }
    }

    fn finish(&mut self, post: OpenPost) -> Entry {
        let OpenPost { mut draft, thread, is_spam, is_deleted, is_unapproved, .. } = post;
        let known = thread.and_then(|name| self.threads.get(&name).cloned());
        let thread = known.as_deref().or(self.thread.as_ref().map(|open| &open.thread));
        if let Some(Thread { title, link }) = thread {
            draft.comment.post_title.clone_from(title);
            draft.comment.post_url.clone_from(link);
        }
        // Spam that was deleted is spam: that it was deleted says nothing more.
        draft.status = Some(if is_spam {
            Status::Spam
        } else if is_deleted {
            Status::Bin
        } else if is_unapproved {
            Status::Pending
        } else {
            Status::Approved
        });
        draft.line = Some(self.xml.place().line);
        draft.finish()
    }
}

impl OpenThread {
    fn take(&mut self, field: &str, text: &str) {
        match field {
            "id" => self.names.extend(present(text).map(ThreadName::Id)),
            "title" => self.thread.title = present(text),
            "link" => self.thread.link = present(text),
            _ => {}
        }
    }
}

impl OpenPost {
    fn take(&mut self, field: &str, text: &str) {
        let is_true = || matches!(text.trim(), "true" | "1");
        match field {
            "message" => self.draft.comment.content = bounded(text),
            "createdAt" => self.draft.at = seconds(text),
            "isSpam" => self.is_spam = is_true(),
            "isDeleted" => self.is_deleted = is_true(),
            "isApproved" => self.is_unapproved = !is_true(),
            "thread" if self.thread.is_none() => self.thread = present(text).map(ThreadName::Id),
            _ => {}
        }
    }

    fn take_author(&mut self, field: &str, text: &str) {
        let comment = &mut self.draft.comment;
        match field {
            "name" => comment.author = present(text),
            "url" => comment.author_url = present(text),
            "email" => self.draft.email(text),
            _ => {}
        }
    }
}

fn depth(path: &str) -> usize {
    path.split('/').count()
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

fn parent(path: &str) -> &str {
    path.rsplit('/').nth(1).unwrap_or_default()
}

fn is_wanted(path: &str) -> bool {
    match (parent(path), last(path)) {
        ("thread", "id" | "title" | "link")
        | ("post", "message" | "createdAt" | "isSpam" | "isDeleted" | "isApproved" | "thread") => true,
        ("author", "name" | "url" | "email") => path.split('/').any(|name| name == "post"),
        _ => false,
    }
}

impl Reader for Disqus {
    fn next(&mut self) -> Result<Option<Entry>, Blame> {
        loop {
            match self.xml.step()? {
                Step::EndOfFile => return Ok(None),
                Step::Begin => self.begin(),
                Step::End => {
                    if let Some(entry) = self.end() {
                        return Ok(Some(entry));
                    }
                }
            }
        }
    }
}
