//! Links: where they stand in a text, and the words their hosts and paths are made of.
//!
//! Only words count, never presence: that a comment has a website, a scheme or an ending such as `.com` says more about
//! where a corpus was collected than about its writer (see the head of [`super`]).

use std::fmt::Write as _;

use linkify::{LinkFinder, LinkKind};

use super::{Hasher, Sink, View};

/// More links than this add no features: a dump of a thousand is judged by its beginning.
const MOST_LINKS: usize = 20;
/// A run of characters without white space that is longer than this many bytes holds no link.
const LONGEST_RUN: usize = 2048;
/// More words of one path than this add no features.
const MOST_PATH_WORDS: usize = 12;

/// Copies `visible` to `prose`, a space in place of every link and e-mail address; collects the former and the domains of
/// the latter. Returns whether there were any; if not, `prose` is not written, for it is `visible`.
pub(super) fn cut(visible: &str, prose: &mut String, links: &mut Vec<String>, mail_domains: &mut Vec<String>) -> bool {
    prose.clear();
    let mut finder = LinkFinder::new();
    finder.url_must_have_scheme(false);
    let mut copied = 0;
    for (offset, link) in
        runs_with_marks(visible).flat_map(|(offset, run)| finder.links(run).map(move |link| (offset, link)))
    {
        let text = link.as_str();
        match link.kind() {
            LinkKind::Email => mail_domains.extend(text.rsplit('@').next().map(str::to_lowercase)),
            _ if text.contains("://") || text.starts_with("www.") || has_public_suffix(text) => {
                links.push(text.to_owned());
            }
            // "Hallo.Ich" is a missing space, not a host.
            _ => continue,
        }
        prose.push_str(&visible[copied..offset + link.start()]);
        prose.push(' ');
        copied = offset + link.end();
    }
    if copied > 0 {
        prose.push_str(&visible[copied..]);
    }
    copied > 0
}

/// Runs of characters without white space that a link or an e-mail address may stand in, each with its place: those with an `@`, a `://`, or
/// a dot before another character.
///
/// The finder looks back over a run again at every dot: of a run without end it would never have done, so long ones are left out.
fn runs_with_marks(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let bytes = text.as_bytes();
    let is_mark = |&at: &usize| match bytes[at] {
        b'.' => bytes.get(at + 1).is_some_and(|next| !next.is_ascii_whitespace()),
        b':' => bytes[at + 1..].starts_with(b"//"),
        _ => true,
    };
    let mut end = 0;
    memchr::memchr3_iter(b'.', b':', b'@', bytes).filter(is_mark).filter_map(move |at| {
        if at < end {
            return None;
        }
        let start = text[end..at].rfind(char::is_whitespace).map_or(end, |space| end + space);
        end = text[at..].find(char::is_whitespace).map_or(text.len(), |space| at + space);
        let run = text[start..end].trim_start();
        Some((end - run.len(), run)).filter(|_| run.len() <= LONGEST_RUN)
    })
}

/// Whether the host ends in a suffix that exists, so that `etwas.Das` is no link and `etwas.de` is one.
fn has_public_suffix(link: &str) -> bool {
    let host = host_and_path(link).0;
    psl::suffix(host.to_lowercase().as_bytes()).is_some_and(|suffix| suffix.is_known())
}

/// Splits a link without its scheme into host and the rest.
pub(super) fn host_and_path(link: &str) -> (&str, &str) {
    let bare = link.split_once("://").map_or(link, |(_, rest)| rest);
    let end = bare.find(['/', '?', '#', ':']).unwrap_or(bare.len());
    (&bare[..end], &bare[end..])
}

/// Features of the links in a text; `lower` is only there to be reused.
pub(super) fn emit(links: &[String], mail_domains: &[String], lower: &mut String, sink: &mut impl Sink) {
    for link in links.iter().take(MOST_LINKS) {
        parts(link, lower, |kind, part| feature(View::Links, kind, part, sink));
    }
    for domain in mail_domains.iter().take(MOST_LINKS) {
        feature(View::Links, "mail", domain, sink);
    }
}

/// Features of the commenter's website; returns what the site is called (`baeckerei-huber` of `https://www.baeckerei-huber.at/brot`).
pub(super) fn emit_author_link<'a>(url: &str, lower: &'a mut String, sink: &mut impl Sink) -> &'a str {
    parts(url.trim(), lower, |kind, part| feature(View::AuthorLink, kind, part, sink))
}

fn feature(view: View, kind: &str, part: &str, sink: &mut impl Sink) {
    sink.feature(view, Hasher::new(kind).add_text(part).finish(), || {
        let mut name = String::with_capacity(kind.len() + part.len() + 1);
        let _ = write!(name, "{kind}:{part}");
        name
    });
}

/// Hands over the parts of one link: its registrable `domain`, the `word`s of that domain, `sub`-domains, whether the
/// domain has a `digit` or a `hyphen`, and the words of its `path`. Returns the domain without its suffix.
fn parts<'a>(link: &str, lower: &'a mut String, mut part: impl FnMut(&str, &str)) -> &'a str {
    lower.clear();
    lower.extend(link.chars().flat_map(char::to_lowercase));
    let lower = lower.trim_end_matches(['.', ',', ';', '!', '?', ')']);
    let (host, path) = host_and_path(lower);
    // The public suffix list knows names without the dot of the root, and what it answers is their end.
    let host = host.strip_prefix("www.").unwrap_or(host).trim_end_matches('.');
    let domain = psl::domain_str(host).unwrap_or(host);
    if domain.is_empty() {
        return "";
    }
    part("domain", domain);
    let label = domain.split('.').next().unwrap_or(domain);
    for word in label.split(|c: char| !c.is_alphabetic()).filter(|word| word.chars().nth(2).is_some()) {
        part("host", word);
    }
    let subdomains = host.strip_suffix(domain).unwrap_or_default();
    for sub in subdomains.split('.').filter(|sub| !sub.is_empty()).take(3) {
        part("sub", sub);
    }
    if label.contains(|c: char| c.is_ascii_digit()) {
        part("form", "digit");
    }
    if label.contains('-') {
        part("form", "hyphen");
    }
    for word in
        path.split(|c: char| !c.is_alphabetic()).filter(|word| word.chars().nth(2).is_some()).take(MOST_PATH_WORDS)
    {
        part("path", word);
    }
    label
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::text::testing::{names, names_of};

    #[test]
    fn a_link_is_its_words() {
        let table: &[(&str, &[&str])] = &[
            (
                "look https://www.Cheap-Pills24.co.uk/buy/now?id=5",
                &[
                    "domain:cheap-pills24.co.uk",
                    "host:cheap",
                    "host:pills",
                    "form:digit",
                    "form:hyphen",
                    "path:buy",
                    "path:now",
                ],
            ),
            ("<a href=\"http://shop.bags.example/\">x</a>", &["domain:bags.example", "host:bags", "sub:shop"]),
            ("write to joe@bags.example", &["mail:bags.example"]),
            ("Danke.Das war gut", &[]),
            ("siehe www.beispiel.example", &["domain:beispiel.example", "host:beispiel"]),
            ("siehe beispiel.de", &["domain:beispiel.de", "host:beispiel"]),
        ];
        for (text, expected) in table {
            assert_eq!(&names(View::Links, text), expected, "{text}");
        }
    }

    #[test]
    fn a_website_counts_by_its_words_not_by_its_presence_scheme_or_ending() {
        let site = |url: &str| {
            names_of(View::AuthorLink, &crate::comment::Comment { author_url: Some(url.into()), ..Default::default() })
        };
        assert_eq!(
            site("http://baeckerei-huber.at"),
            ["domain:baeckerei-huber.at", "host:baeckerei", "host:huber", "form:hyphen"]
        );
        assert_eq!(site("http://baeckerei-huber.at/"), site("https://www.baeckerei-huber.at"));
        assert_eq!(site("http://baeckerei-huber.at./x"), site("http://baeckerei-huber.at/x"));
        assert_eq!(site("http://᎒../"), ["domain:᎒"]);
    }

    proptest! {
        #[test]
        fn what_is_not_looked_at_holds_no_link(text in r"[a-cäÅ.:@/ \u{a0}-]{0,40}|(https?:|www|a\.de|@| |x){0,8}") {
            let mut finder = LinkFinder::new();
            finder.url_must_have_scheme(false);
            let in_run = |(offset, run): (usize, &str)| finder.links(run).map(|link| offset + link.start()).collect::<Vec<_>>();
            let runs = text.split(char::is_whitespace).map(|run| (run.as_ptr() as usize - text.as_ptr() as usize, run));
            let all: Vec<usize> = runs.flat_map(in_run).collect();
            prop_assert_eq!(runs_with_marks(&text).flat_map(in_run).collect::<Vec<_>>(), all);
        }
    }

    #[test]
    fn a_thousand_links_cost_no_more_than_twenty() {
        let dump = (0..1000).map(|n| format!("http://s{n}.example/")).collect::<Vec<_>>().join(" ");
        assert!(names(View::Links, &dump).len() <= MOST_LINKS * 20);
    }
}
