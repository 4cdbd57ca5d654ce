//! Seeing a text as its reader would: HTML and BBCode tags removed, their link targets kept.

/// Copies the visible text of `text` to `visible`, a space in place of every tag; appends link targets to `links` and
/// returns the number of tags. Where there is none, `visible` is not written, for it is `text`.
///
/// Only things that are tags go: `a < b` and `[sic]` stay. Linear in the length of the text: a tag ends at the first
/// closing bracket, and where none follows any more, nothing is searched.
pub(super) fn strip(text: &str, visible: &mut String, links: &mut Vec<String>) -> usize {
    visible.clear();
    let last_angle = text.rfind('>');
    let last_square = text.rfind(']');
    let mut tags = 0;
    let mut copied = 0;
    let mut at = 0;
    while let Some(step) = memchr::memchr2(b'<', b'[', &text.as_bytes()[at..]) {
        let open = at + step;
        let tag = match text.as_bytes()[open] {
            b'<' if last_angle.is_some_and(|last| last > open) => html_tag(&text[open..]),
            b'[' if last_square.is_some_and(|last| last > open) => bbcode_tag(&text[open..]),
            _ => None,
        };
        let Some(tag) = tag else {
            at = open + 1;
            continue;
        };
        tags += 1;
        links.extend(tag.link.map(str::to_owned));
        visible.push_str(&text[copied..open]);
        visible.push(' ');
        at = open + tag.length;
        copied = at;
    }
    if tags > 0 {
        visible.push_str(&text[copied..]);
    }
    tags
}

/// One tag at the start of a text.
struct Tag<'a> {
    /// Length in bytes, brackets included.
    length: usize,
    /// What it links to.
    link: Option<&'a str>,
}

/// `<a href="x">`, `</p>`, `<br/>`: a letter must follow the bracket.
fn html_tag(text: &str) -> Option<Tag<'_>> {
    let inner = text[1..].strip_prefix('/').unwrap_or(&text[1..]);
    if !inner.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    let length = text.find('>')? + 1;
    Some(Tag { length, link: attribute(&text[..length], "href") })
}

/// The value of an attribute inside one tag.
fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let bytes = tag.as_bytes();
    // Not inside another name (`data-href`).
    let starts_a_name = |at: usize| !bytes[at - 1].is_ascii_alphanumeric() && bytes[at - 1] != b'-';
    let start = (1..bytes.len().saturating_sub(name.len()))
        .find(|&at| starts_a_name(at) && bytes[at..at + name.len()].eq_ignore_ascii_case(name.as_bytes()))?;
    let value = tag.get(start + name.len()..)?.trim_start().strip_prefix('=')?.trim_start();
    let value = value.trim_start_matches(['"', '\'']);
    let end = value.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '>')).unwrap_or(value.len());
    Some(&value[..end]).filter(|link| !link.is_empty())
}

/// `[url=x]`, `[/url]`, `[b]`: only names that boards know, so that `[sic]` and `[1]` stay text.
fn bbcode_tag(text: &str) -> Option<Tag<'_>> {
    const NAMES: &[&str] = &[
        "url", "link", "b", "i", "u", "img", "quote", "color", "size", "code", "email", "font", "center", "list",
        "align",
    ];
    let inner = text[1..].strip_prefix('/').unwrap_or(&text[1..]);
    let name_end = inner.find(|c: char| !c.is_ascii_alphabetic())?;
    let name = &inner[..name_end];
    if !NAMES.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        return None;
    }
    let rest = &inner[name_end..];
    // Search for the end only behind a `=`: what is searched through is then part of the tag, and never searched again.
    let (value, close) = match rest.as_bytes()[0] {
        b']' => (None, 0),
        b'=' => {
            let close = rest.find(']')?;
            (Some(rest[1..close].trim_matches(['"', '\''])), close)
        }
        _ => return None,
    };
    let length = text.len() - inner.len() + name_end + close + 1;
    Some(Tag { length, link: value.filter(|_| name.eq_ignore_ascii_case("url") || name.eq_ignore_ascii_case("link")) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_go_and_their_targets_stay() {
        let table: &[(&str, &str, &[&str], usize)] = &[
            ("see <a href=\"http://x.example/a\">this</a>", "see  this ", &["http://x.example/a"], 2),
            ("<A HREF = 'x.example'>y</A>", " y ", &["x.example"], 2),
            ("[url=http://x.example]y[/url] [sic] [1]", " y  [sic] [1]", &["http://x.example"], 2),
            ("<a data-href=x href=y.example>y</a>", " y ", &["y.example"], 2),
            ("a < b and c > d, 3<4", "a < b and c > d, 3<4", &[], 0),
            ("I <3 you <br/>and", "I <3 you  and", &[], 1),
            ("<a href=", "<a href=", &[], 0),
            ("[url=x", "[url=x", &[], 0),
        ];
        for (text, visible, targets, tags) in table {
            let (mut seen, mut links) = (String::new(), Vec::new());
            assert_eq!(strip(text, &mut seen, &mut links), *tags, "{text}");
            let seen = if *tags == 0 { (*text).to_owned() } else { seen };
            assert_eq!(
                (seen.as_str(), links.as_slice()),
                (*visible, targets.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>().as_slice())
            );
        }
    }
}
