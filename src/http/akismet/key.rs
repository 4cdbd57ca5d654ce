//! Where the key of a request is. There are five places, and each has clients that use no other.
//!
//! | place | who puts it there |
//! |---|---|
//! | field `api_key`, in body or query | WordPress (last of all fields), akismet.py, @cedx/akismet, NodeBB |
//! | field `key` | verify-key of nearly everyone, get-stats of WordPress |
//! | first label of the host, `KEY.rest.akismet.com` | akismet-api (Twikoo), akismet for Node (Waline), python-akismet, Discourse |
//! | first segment of the path, `/KEY/1.1/comment-check` | clients that may change the address and not the host's name |
//! | nowhere | a service without keys is asked without one |
//!
//! They are asked in this order, with one exception: verify-key asks about `key` first, because WordPress sends the key
//! that somebody typed as `key` and adds its old one as `api_key`.

use crate::http::akismet::form::Form;

/// Every place of a request that may hold a key.
#[derive(Debug, Clone, Copy)]
pub struct Places<'a> {
    /// The body.
    pub body: &'a Form<'a>,
    /// The query.
    pub query: &'a Form<'a>,
    /// The host as the client named it, port included or not.
    pub host: &'a str,
    /// The segment before `/1.1/`.
    pub path: Option<&'a str>,
}

impl Places<'_> {
    /// The key, in lower case: a host's name has no other.
    pub fn key(&self, asks_about_key: bool) -> Option<String> {
        let fields = if asks_about_key { ["key", "api_key"] } else { ["api_key", "key"] };
        let field = fields.into_iter().find_map(|name| self.body.get(name).or_else(|| self.query.get(name)));
        field.or_else(|| self.in_address()).map(|key| key.to_ascii_lowercase())
    }

    /// A key in the address counts only where it looks like one: every host has a first label.
    fn in_address(&self) -> Option<String> {
        let label = self.host.split_once('.').map(|(label, _)| label);
        [self.path, label].into_iter().flatten().find(|word| looks_like_key(word)).map(str::to_owned)
    }
}

/// Keys of Akismet and of ours have twelve hexadecimal digits.
fn looks_like_key(word: &str) -> bool {
    word.len() == 12 && word.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_found_wherever_a_client_puts_it() {
        let table = [
            // body, query, host, path, expected for other calls, expected for verify-key
            ("api_key=aaa&key=bbb", "", "h", None, Some("aaa"), Some("bbb")),
            ("blog=x&api_key=aaa", "", "0123456789ab.h", None, Some("aaa"), Some("aaa")),
            ("key=BBB", "", "h", None, Some("bbb"), Some("bbb")),
            ("", "api_key=ccc", "h", None, Some("ccc"), Some("ccc")),
            ("", "", "0123456789AB.rest.akismet.com", None, Some("0123456789ab"), Some("0123456789ab")),
            ("", "", "0123456789ab.localhost:8080", None, Some("0123456789ab"), Some("0123456789ab")),
            ("", "", "h:80", Some("0123456789ab"), Some("0123456789ab"), Some("0123456789ab")),
            ("", "", "filter.example.org", Some("spam"), None, None),
            ("", "", "commentspams.example.org", Some("0123456789ab"), Some("0123456789ab"), Some("0123456789ab")),
            ("", "", "commentspams.example.org", None, None, None),
            ("", "", "127.0.0.1:8080", None, None, None),
            ("api_key=&key", "", "", None, None, None),
        ];
        for (body, query, host, path, other, verify) in table {
            let (body, query) = (Form::parse(body.as_bytes(), ""), Form::parse(query.as_bytes(), ""));
            let places = Places { body: &body, query: &query, host, path };
            assert_eq!(places.key(false).as_deref(), other, "{host}");
            assert_eq!(places.key(true).as_deref(), verify, "{host}");
        }
    }
}
