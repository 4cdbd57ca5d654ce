//! What makes two submissions the same comment, although the blog sends it differently the second time.
//!
//! A correction by Akismet's protocol does not say which decision it corrects: it sends the comment again. Between the
//! two, blogs change line ends and entities, and WordPress adds backslashes to the first and not to the second.

use sha2::{Digest as _, Sha256};

use super::normalize::{fold, normalize_spelling};
use crate::comment::Comment;
use crate::site::Site;

/// The beginning of a SHA-256 checksum.
pub type Fingerprint = [u8; 16];

/// The fingerprint of a comment on a site: of the site, the commenter's name and the text. Capitals, white space,
/// line ends, entities, invisible characters and backslashes do not matter; no other field does.
pub fn fingerprint(site: &Site, comment: &Comment) -> Fingerprint {
    let mut checksum = Sha256::new();
    for part in [comment.author.as_deref().unwrap_or_default(), &comment.content] {
        let folded = folded(part);
        // The length keeps the end of one part from becoming the beginning of the next.
        checksum.update((folded.len() as u64).to_le_bytes());
        checksum.update(&folded);
    }
    checksum.update(site.as_str());
    let mut print = Fingerprint::default();
    print.copy_from_slice(&checksum.finalize()[..size_of::<Fingerprint>()]);
    print
}

/// A text in the one spelling of it that a fingerprint is made of.
pub fn folded(text: &str) -> String {
    let (mut buffer, mut normal, mut characters) = (String::new(), String::new(), Vec::new());
    normalize_spelling(&text.replace('\\', ""), &mut buffer, &mut normal);
    fold(&normal, &mut characters);
    characters.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(site: &str, author: &str, content: &str) -> Fingerprint {
        let author = Some(author.to_owned()).filter(|author| !author.is_empty());
        let comment = Comment { content: content.to_owned(), author, ..Comment::default() };
        fingerprint(&site.parse().unwrap(), &comment)
    }

    #[test]
    fn a_comment_sent_again_in_another_spelling_is_the_same_comment() {
        let first = of("https://www.example.org/", "O'Hara", "It's \"fine\" & good,\r\nreally. Grüße");
        let table = [
            ("example.org", "O'Hara", "It's \"fine\" & good,\nreally. Grüße"),
            ("example.org", "O\\'Hara", "It\\'s \\\"fine\\\" & good,\r\nreally. Grüße"),
            ("http://EXAMPLE.org", "O&#039;Hara", "It&#039;s &quot;fine&quot; &amp; good,\nreally. Gr&uuml;&szlig;e"),
            ("example.org", "o'hara", " it's \"fine\" &  good, really. GRÜSSE".replace("SS", "ß").as_str()),
            ("example.org", "O'Hara", "It's \"fine\" & go\u{200b}od,\n\nreally. Gru\u{308}ße"),
        ]
        .map(|(site, author, content)| of(site, author, content));
        for (row, print) in table.into_iter().enumerate() {
            assert_eq!(print, first, "row {row}");
        }
    }

    #[test]
    fn another_site_author_or_text_is_another_comment() {
        let first = of("example.org", "Anna", "Hello");
        for (site, author, content) in [
            ("example.com", "Anna", "Hello"),
            ("example.org/blog", "Anna", "Hello"),
            ("example.org", "Ann", "aHello"),
            ("example.org", "", "Hello"),
            ("example.org", "Anna", "Hello!"),
            ("example.org", "Anna", "@bob Hello"),
        ] {
            assert_ne!(of(site, author, content), first, "{site} {author} {content}");
        }
    }
}
