//! How a comment becomes features.
//!
//! A feature is one observation about a comment: a word, two words near each other, a run of three or five
//! characters, a habit of form, a part of a link, how many words of the post's title it takes up. Features are
//! grouped into [`View`]s; each view has its own naive Bayes table, so that a thousand character runs cannot
//! outvote three words by their number.
//!
//! Training, scoring and explaining all come through [`Extractor::extract`]; if they ever differed, every measured
//! number in this repository would be about a program we do not run.
//!
//! Nothing here can fail: whatever a stranger pastes into a form, there is an answer, in time linear in its length.
//! Nothing here looks anything up, so a score never depends on the network or the day.
//!
//! Not features, on purpose: `email_domain`, `date`, `lang`, `source`, and the mere *presence* of a website or
//! e-mail address. In every public corpus they stand for the place a row was collected at, not for its label
//! (naming them costs honest readers with a website dearly; see `docs/tried.md`).

mod author;
mod fingerprint;
mod fragments;
mod hash;
mod links;
mod markup;
mod normalize;
mod structure;
mod topic;
mod words;

pub use fingerprint::{Fingerprint, fingerprint, folded};
pub use hash::{FeatureHash, Hasher};
pub use words::{END_OF_TEXT, START_OF_TEXT, near_duplicate_shingles};

use crate::comment::Comment;

/// Raised with every change of what [`Extractor::extract`] yields: a model only fits the revision it was trained with.
pub const FEATURE_REVISION: u32 = 4;

/// One way of looking at a comment, with a naive Bayes table of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum View {
    /// Single words, numbers and punctuation.
    Words,
    /// Two tokens at most four apart: orthogonal sparse bigrams (Siefkes et al., "Combining Winnow and Orthogonal
    /// Sparse Bigrams for Incremental Spam Filtering", PKDD 2004).
    WordPairs,
    /// Runs of three and of five characters across the whole visible text, links included, and across the names of the commenter and of
    /// the website: what sells in a text sells in a name (`docs/tried.md`, "Names read as text").
    Fragments,
    /// Form: length, capitals, digits, punctuation, mark-up, scripts.
    Structure,
    /// Words of the hosts and paths of links in the text.
    Links,
    /// The commenter's display name.
    Author,
    /// Words of the host and path of the commenter's website.
    AuthorLink,
    /// How many words of the post's title the text takes up, or that it repeats the title.
    Topic,
}

impl View {
    /// All views, in the order of every per-view array.
    pub const ALL: [View; 8] = [
        View::Words,
        View::WordPairs,
        View::Fragments,
        View::Structure,
        View::Links,
        View::Author,
        View::AuthorLink,
        View::Topic,
    ];
    /// Number of views.
    pub const COUNT: usize = Self::ALL.len();

    /// The name used in files, JSON and tables.
    pub fn name(self) -> &'static str {
        match self {
            View::Words => "words",
            View::WordPairs => "word_pairs",
            View::Fragments => "fragments",
            View::Structure => "structure",
            View::Links => "links",
            View::Author => "author",
            View::AuthorLink => "author_link",
            View::Topic => "topic",
        }
    }

    /// Position in [`View::ALL`].
    pub fn index(self) -> usize {
        self as usize
    }

    /// The view's table has two to the power of this many buckets.
    ///
    /// Measured in `docs/tried.md` ("How many buckets?").
    pub fn bits(self) -> u32 {
        match self {
            View::Words | View::Fragments => 18,
            View::WordPairs => 19,
            View::Structure => 12,
            View::Links | View::Author | View::AuthorLink => 16,
            View::Topic => 8,
        }
    }

    /// Number of buckets of the view's table.
    pub fn buckets(self) -> usize {
        1 << self.bits()
    }
}

/// Receives the features of one comment, repetitions included.
///
/// `name` makes the text a person may see; scoring never calls it, so it costs nothing there.
pub trait Sink {
    /// Takes one feature.
    fn feature(&mut self, view: View, hash: FeatureHash, name: impl FnOnce() -> String);

    /// Takes many of one view; `name` is asked for one by its position among them.
    #[inline]
    fn features(&mut self, view: View, hashes: impl Iterator<Item = FeatureHash>, name: impl Fn(usize) -> String) {
        for (at, hash) in hashes.enumerate() {
            self.feature(view, hash, || name(at));
        }
    }
}

/// Which fields of a comment are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fields {
    /// Every field that has a view.
    All,
    /// The text alone, as benchmarks of text classifiers do.
    ContentOnly,
}

/// Buffers larger than this many bytes are given back after use.
const LARGE_BUFFER: usize = 1 << 18;

/// Turns comments into features; holds the buffers that would otherwise be allocated per comment.
#[derive(Debug, Default)]
pub struct Extractor {
    document: Document,
    tokens: Vec<words::Token>,
    title: topic::Title,
    buffer: String,
    characters: Vec<char>,
}

/// A comment's text, taken apart. Most comments have neither mark-up nor links; for them a step copies nothing, and the text of
/// the step before is read instead.
#[derive(Debug, Default)]
struct Document {
    /// Normal form of the whole text, see [`normalize`].
    normalized: String,
    /// Number of HTML and BBCode tags.
    tags: usize,
    /// The normal form without tags; only if there are any.
    without_tags: String,
    /// Whether links or e-mail addresses stand in the visible text.
    has_links: bool,
    /// The visible text without them; only if there are any.
    without_links: String,
    /// The visible text, links included, in lower case and with white space folded.
    visible: Vec<char>,
    /// The same without links; only if there are any.
    prose: Vec<char>,
    /// Targets of links, in the text and in mark-up.
    links: Vec<String>,
    /// Domains of e-mail addresses in the text.
    mail_domains: Vec<String>,
}

impl Document {
    /// Fills every part from a raw text.
    fn read(&mut self, content: &str, buffer: &mut String) {
        self.links.clear();
        self.mail_domains.clear();
        normalize::normalize(content, buffer, &mut self.normalized);
        self.tags = markup::strip(&self.normalized, &mut self.without_tags, &mut self.links);
        let visible = if self.tags > 0 { &self.without_tags } else { &self.normalized };
        normalize::fold(visible, &mut self.visible);
        self.has_links = links::cut(visible, &mut self.without_links, &mut self.links, &mut self.mail_domains);
        if self.has_links {
            normalize::fold(&self.without_links, &mut self.prose);
        }
    }

    /// What somebody wrote, without mark-up and links, in lower case and with white space folded.
    fn prose(&self) -> &[char] {
        if self.has_links { &self.prose } else { &self.visible }
    }

    /// The prose with its capitals and white space.
    fn prose_as_written(&self) -> &str {
        match () {
            () if self.has_links => &self.without_links,
            () if self.tags > 0 => &self.without_tags,
            () => &self.normalized,
        }
    }
}

impl Extractor {
    /// Hands every feature of `comment` to `sink`, in an order that is always the same.
    pub fn extract(&mut self, comment: &Comment, fields: Fields, sink: &mut impl Sink) {
        self.shrink();
        self.read(&comment.content);
        let Extractor { document, tokens, title, buffer, characters } = self;
        words::emit(document.prose(), tokens, sink);
        words::emit_pairs(document.prose(), tokens, sink);
        fragments::emit(&document.visible, sink);
        structure::emit(&comment.content, document, tokens, sink);
        links::emit(&document.links, &document.mail_domains, buffer, sink);
        if fields == Fields::All {
            title.read(comment, buffer);
            topic::emit(title, document.prose(), tokens, sink);
            if let Some(author) = &comment.author {
                normalize::normalize(author, buffer, &mut document.normalized);
                normalize::fold(&document.normalized, characters);
                author::emit(&document.normalized, characters, sink);
                fragments::emit(characters, sink);
            }
            if let Some(url) = &comment.author_url {
                let site = links::emit_author_link(url, buffer, sink);
                characters.clear();
                characters.extend(site.chars().map(|c| if c.is_alphanumeric() { c } else { ' ' }));
                fragments::emit(characters, sink);
            }
        }
    }

    /// A key that near-duplicates of the comment last extracted tend to share: the smallest hash of any run of three
    /// of its words (MinHash, Broder 1997: two texts agree with the probability of their Jaccard similarity, equal prose always).
    pub fn near_duplicate_key(&self) -> u64 {
        words::shingles(self.document.prose(), &self.tokens).into_iter().min().unwrap_or_default()
    }

    /// Takes a raw text apart.
    fn read(&mut self, content: &str) {
        self.document.read(content, &mut self.buffer);
        words::tokenize(self.document.prose(), &mut self.tokens);
    }

    /// Forgets buffers that an unusually long comment has made large.
    fn shrink(&mut self) {
        if self.document.visible.capacity().max(self.buffer.capacity()) > LARGE_BUFFER {
            *self = Extractor::default();
        }
    }
}

/// The distinct buckets a comment touches, per view: what a multinomial model with binary counts sees.
#[derive(Debug, Clone)]
pub struct Features {
    buckets: [Vec<u32>; View::COUNT],
    /// A bit for every bucket of every view: set if the bucket is in the list.
    seen: [Box<[u64]>; View::COUNT],
}

impl Default for Features {
    fn default() -> Self {
        Features {
            buckets: Default::default(),
            seen: View::ALL.map(|view| vec![0; view.buckets() / 64].into_boxed_slice()),
        }
    }
}

impl Sink for Features {
    #[inline]
    fn feature(&mut self, view: View, hash: FeatureHash, _name: impl FnOnce() -> String) {
        let bucket = hash.bucket(view);
        self.buckets[view.index()].push(bucket);
    }

    #[inline]
    fn features(&mut self, view: View, hashes: impl Iterator<Item = FeatureHash>, _name: impl Fn(usize) -> String) {
        self.buckets[view.index()].extend(hashes.map(|hash| hash.bucket(view)));
    }
}

impl Features {
    /// Replaces the content by the features of `comment`.
    pub fn fill(&mut self, extractor: &mut Extractor, comment: &Comment, fields: Fields) {
        self.clear();
        extractor.extract(comment, fields, self);
        self.distinct();
    }

    /// Keeps the first of each bucket. All at the end and without a branch: looked at one by one as they came, features waited for memory, and
    /// the processor guessed wrong at each repetition (`docs/tried.md`, "Taking repetitions out").
    fn distinct(&mut self) {
        for (list, seen) in self.buckets.iter_mut().zip(&mut self.seen) {
            let mut kept = 0;
            for at in 0..list.len() {
                let bucket = list[at];
                let word = &mut seen[bucket as usize / 64];
                let bit = 1 << (bucket % 64);
                let new = *word & bit == 0;
                *word |= bit;
                list[kept] = bucket;
                kept += usize::from(new);
            }
            list.truncate(kept);
            for &bucket in &*list {
                seen[bucket as usize / 64] = 0;
            }
        }
    }

    /// The distinct buckets of one view, in order of first occurrence.
    pub fn of(&self, view: View) -> &[u32] {
        &self.buckets[view.index()]
    }

    fn clear(&mut self) {
        for list in &mut self.buckets {
            list.clear();
            list.shrink_to(LARGE_BUFFER / size_of::<u32>());
        }
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// Collects names instead of buckets.
    #[derive(Default)]
    pub struct Names(pub Vec<(View, String)>);

    impl Sink for Names {
        fn feature(&mut self, view: View, _hash: FeatureHash, name: impl FnOnce() -> String) {
            self.0.push((view, name()));
        }
    }

    /// The names of one view's features of a text.
    pub fn names(view: View, content: &str) -> Vec<String> {
        names_of(view, &Comment { content: content.to_owned(), ..Comment::default() })
    }

    pub fn names_of(view: View, comment: &Comment) -> Vec<String> {
        let mut sink = Names::default();
        Extractor::default().extract(comment, Fields::All, &mut sink);
        sink.0.into_iter().filter(|(v, _)| *v == view).map(|(_, name)| name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn features(comment: &Comment) -> Features {
        let mut features = Features::default();
        features.fill(&mut Extractor::default(), comment, Fields::All);
        features
    }

    #[test]
    fn a_feature_counts_once_however_often_it_is_repeated() {
        let once = features(&Comment::from_text("casino bonus").unwrap());
        let often = features(&Comment::from_text("casino bonus casino bonus casino bonus").unwrap());
        assert_eq!(once.of(View::Words).len(), 2);
        assert_eq!(often.of(View::Words).len(), 2);
    }

    #[test]
    fn a_reused_extractor_remembers_nothing_of_the_comment_before() {
        let mut extractor = Extractor::default();
        let mut reused = Features::default();
        let spam =
            Comment::from_text("<a href='http://pills.example/buy'>Buy</a> NOW!!! write to me@pills.example").unwrap();
        let spam = Comment { post_title: Some("Where to buy pills".into()), ..spam };
        let ham = Comment::from_text("Schöner Beitrag.").unwrap();
        reused.fill(&mut extractor, &spam, Fields::All);
        reused.fill(&mut extractor, &ham, Fields::All);
        let fresh = features(&ham);
        for view in View::ALL {
            assert_eq!(reused.of(view), fresh.of(view), "{view:?}");
        }
    }

    #[test]
    fn content_only_hides_the_other_fields() {
        let comment = Comment {
            author: Some("Kredit ohne Schufa".into()),
            author_url: Some("https://kredit.example/sofort".into()),
            post_title: Some("Hallo Kredit".into()),
            ..Comment::from_text("Hallo").unwrap()
        };
        let mut features = Features::default();
        features.fill(&mut Extractor::default(), &comment, Fields::ContentOnly);
        for view in [View::Author, View::AuthorLink, View::Topic] {
            assert!(features.of(view).is_empty(), "{view:?}");
        }
    }

    #[test]
    fn names_of_people_and_websites_are_read_as_text_is() {
        let text = features(&Comment::from_text("kredit ohne schufa").unwrap());
        let name = Comment { author: Some("Kredit ohne SCHUFA".into()), ..Comment::default() };
        let site =
            Comment { author_url: Some("https://www.kredit-ohne-schufa.example/jetzt".into()), ..Comment::default() };
        for comment in [name, site] {
            assert_eq!(features(&comment).of(View::Fragments), text.of(View::Fragments), "{comment:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::default())]

        #[test]
        fn any_text_at_all_has_distinct_features_within_the_tables(content in any::<String>(), author in any::<String>(), url in any::<String>()) {
            let comment = Comment { content, author: Some(author), author_url: Some(url), ..Comment::default() };
            let features = features(&comment);
            for view in View::ALL {
                let mut list = features.of(view).to_vec();
                prop_assert!(list.iter().all(|&bucket| (bucket as usize) < view.buckets()));
                let n = list.len();
                list.sort_unstable();
                list.dedup();
                prop_assert_eq!(list.len(), n);
            }
        }

        #[test]
        fn a_website_of_any_shape_is_read_without_panic(url in r"(https?://|//|www\.)?[a-c᎒ßÅ.:/@?#%-]{0,30}") {
            features(&Comment { content: format!("x {url} y"), author_url: Some(url), ..Comment::default() });
        }

        #[test]
        fn mark_up_soup_is_read_without_panic(content in r#"[<>\[\]/=a-z"' &;#@.:\u{200b}ßЖ0-9-]{0,200}"#) {
            features(&Comment { content, ..Comment::default() });
        }
    }
}
