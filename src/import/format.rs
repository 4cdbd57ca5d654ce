//! What a file is, told from how it begins. The ends of names are not asked.

use std::fmt;
use std::io::BufRead as _;

use quick_xml::Reader;
use quick_xml::events::Event;

use super::error::{Blame, Fault};
use super::stream::{Stream, blame_of};
use super::table;

/// The formats that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// WordPress's own export.
    Wxr,
    /// A table of comments, such as wp-cli prints.
    Csv,
    /// Disqus's export.
    Disqus,
    /// Isso's database.
    Isso,
    /// A comment a line, in our own schema.
    JsonLines,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::Wxr => "export of WordPress (WXR)",
            Format::Csv => "CSV of comments",
            Format::Disqus => "export of Disqus",
            Format::Isso => "database of Isso",
            Format::JsonLines => "JSON Lines",
        })
    }
}

/// Finds out what a text is; nothing of it is read. A format that was asked for is only held against what is certain.
pub fn recognise(stream: &mut Stream, asked: Option<Format>) -> Result<Format, Blame> {
    let head = stream.fill_buf().map_err(|error| blame_of(&error))?;
    let head = String::from_utf8_lossy(head);
    let text = head.trim_start();
    if text.is_empty() {
        return Err(Fault::Empty.into());
    }
    let found = match text.as_bytes()[0] {
        b'<' => by_root(text),
        b'{' => Ok(Format::JsonLines),
        b'[' => {
            Err(Fault::NotRecognised("it is a JSON array; put one object on a line, for instance with `jq -c '.[]'`"))
        }
        _ if is_sql(text) => Err(Fault::NotRecognised(
            "it is a dump of SQL; export the comments with wp-cli, as CSV, or from WordPress's tools",
        )),
        _ if table::has_columns(text) => Ok(Format::Csv),
        _ => Err(Fault::NotRecognised("it begins like nothing that is known")),
    };
    match (asked, found) {
        (None, found) => Ok(found?),
        (Some(asked), Ok(found)) if asked == found => Ok(asked),
        // A document begins with `<` and nothing else does.
        (Some(asked @ Format::Csv), Err(_)) if !text.starts_with('<') => Ok(asked),
        (Some(asked), _) => Err(Fault::OtherFormat(asked).into()),
    }
}

fn by_root(text: &str) -> Result<Format, Fault> {
    let mut reader = Reader::from_str(text);
    loop {
        return match reader.read_event() {
            Ok(Event::Start(root) | Event::Empty(root)) => match AsRef::<str>::as_ref(&root.name()) {
                "rss" => Ok(Format::Wxr),
                "disqus" => Ok(Format::Disqus),
                name if name.eq_ignore_ascii_case("html") => {
                    Err(Fault::NotRecognised("it is a web page, perhaps one that asks to log in"))
                }
                _ => Err(Fault::NotRecognised("it is XML, but neither WordPress nor Disqus writes such")),
            },
            Ok(Event::DocType(name)) if name.trim().eq_ignore_ascii_case("html") => {
                Err(Fault::NotRecognised("it is a web page, perhaps one that asks to log in"))
            }
            Ok(Event::DocType(_)) => Err(Fault::DocumentType),
            Ok(Event::Eof) | Err(_) => Err(Fault::NotRecognised("it begins like XML and has no root element")),
            Ok(_) => continue,
        };
    }
}

fn is_sql(text: &str) -> bool {
    ["-- ", "/*!", "CREATE TABLE", "INSERT INTO", "SET "].iter().any(|start| text.starts_with(start))
}
