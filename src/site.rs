//! Which blog a comment, a key or a figure belongs to.
//!
//! Blogs name themselves in many spellings: with and without scheme, `www.`, capitals, a slash at the end. A [`Site`]
//! is the one spelling of all of them.

use std::fmt;
use std::str::FromStr;

/// The host of a blog with its port and path, if it has them: lower case, without scheme, `www.`, user, query and slash
/// at the end. `https://www.Example.org/Blog/?p=1` is `example.org/blog`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Site(String);

/// A text that is no address of a site. It never repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SiteError {
    /// There is no host in it.
    #[error("the address of a site is missing; write it like `example.org` or `https://example.org/blog`")]
    Empty,
    /// White space, control characters, or an address within an address.
    #[error("this is no address of a site; write it like `example.org` or `https://example.org/blog`")]
    NotAnAddress,
    /// Longer than any real one.
    #[error("the address of a site may have at most {} bytes", Site::LONGEST)]
    TooLong,
}

impl Site {
    /// Longest address taken, in bytes.
    pub const LONGEST: usize = 1024;

    /// The spelling.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Site {
    type Err = SiteError;

    fn from_str(text: &str) -> Result<Self, SiteError> {
        let site = spell(text.trim())?;
        // What is stored is read again: an address within an address would then be read as something else.
        if spell(&site)? == site { Ok(Site(site)) } else { Err(SiteError::NotAnAddress) }
    }
}

/// The one spelling of an address.
fn spell(text: &str) -> Result<String, SiteError> {
    if text.len() > Site::LONGEST {
        return Err(SiteError::TooLong);
    }
    if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(SiteError::NotAnAddress);
    }
    let lower = text.to_lowercase();
    let address = lower.split_once("://").map_or(lower.as_str(), |(_, rest)| rest);
    let address = address.split(['?', '#']).next().unwrap_or_default();
    let (host, path) = address.split_at(address.find('/').unwrap_or(address.len()));
    let host = host.rsplit('@').next().unwrap_or_default();
    let host = host.strip_prefix("www.").unwrap_or(host).trim_end_matches('.');
    if host.is_empty() {
        return Err(SiteError::Empty);
    }
    Ok(format!("{host}{}", path.trim_end_matches('/')))
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn whatever_is_taken_is_read_back_as_it_is(text in "(https?://|//)?[a-cwİß.:/@?#-]{0,30}") {
            if let Ok(site) = text.parse::<Site>() {
                prop_assert_eq!(site.as_str().parse::<Site>(), Ok(site.clone()));
            }
        }
    }

    #[test]
    fn every_spelling_of_one_site_is_that_site() {
        let table = [
            ("https://www.Example.org/", "example.org"),
            ("http://example.org", "example.org"),
            (" example.org ", "example.org"),
            ("https://example.org/Blog/?p=1#top", "example.org/blog"),
            ("http://anna:secret@example.org:8080//", "example.org:8080"),
            ("https://www.BÜCHER.example/", "bücher.example"),
            ("example.org.", "example.org"),
        ];
        for (text, expected) in table {
            assert_eq!(text.parse::<Site>().unwrap().as_str(), expected, "{text}");
            assert_eq!(expected.parse::<Site>().unwrap().as_str(), expected, "a spelling is its own");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_being_repeated() {
        let long = "x".repeat(Site::LONGEST + 1);
        let table = [
            ("", SiteError::Empty),
            ("https://", SiteError::Empty),
            ("https:///blog", SiteError::Empty),
            ("www.", SiteError::Empty),
            ("my blog", SiteError::NotAnAddress),
            ("x://y:///z", SiteError::Empty),
            ("http://http://x.example", SiteError::NotAnAddress),
            ("www.www.x.example", SiteError::NotAnAddress),
            ("example.org\0", SiteError::NotAnAddress),
            (&long, SiteError::TooLong),
        ];
        for (text, expected) in table {
            assert_eq!(text.parse::<Site>(), Err(expected), "{text:?}");
        }
    }
}
