//! Tables of comments: CSV as wp-cli prints wp_comments, or just texts with labels. The header says which column is what.

use std::collections::HashMap;
use std::io::BufRead as _;

use csv::StringRecord;

use super::error::Blame;
use super::quotes::{Dialect, Quotes};
use super::stream::{Place, Stream, blame_of};
use super::{Draft, Entry, Fault, Reader, Status, bounded, present, seconds};
use crate::comment::domain_of;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Column {
    Id,
    Content,
    Author,
    Email,
    EmailDomain,
    AuthorUrl,
    Label,
    Status,
    DateGmt,
    Date,
    Type,
    PostTitle,
    PostUrl,
    Lang,
    Site,
}

impl Column {
    fn of(name: &str) -> Option<Self> {
        Some(match name.trim().to_ascii_lowercase().as_str() {
            "comment_id" | "id" => Column::Id,
            "comment_content" | "content" => Column::Content,
            "comment_author" | "author" => Column::Author,
            "comment_author_email" | "author_email" => Column::Email,
            "email_domain" => Column::EmailDomain,
            "comment_author_url" | "author_url" => Column::AuthorUrl,
            "label" => Column::Label,
            "comment_approved" | "status" => Column::Status,
            "comment_date_gmt" => Column::DateGmt,
            "comment_date" | "date" => Column::Date,
            "comment_type" => Column::Type,
            "post_title" => Column::PostTitle,
            "url" | "post_url" => Column::PostUrl,
            "lang" => Column::Lang,
            "site" => Column::Site,
            _ => return None,
        })
    }
}

/// A table of comments.
pub struct Table {
    reader: csv::Reader<Quotes>,
    columns: HashMap<Column, usize>,
    wordpress: bool,
    record: StringRecord,
}

/// The first line of a text, cut into the names of columns, with what sets them apart.
fn header(text: &str) -> (u8, Vec<&str>) {
    let line = text.trim_start_matches('\u{feff}').lines().next().unwrap_or_default();
    let count = |delimiter: u8| line.bytes().filter(|&byte| byte == delimiter).count();
    let delimiter = [b',', b';', b'\t'].into_iter().rev().max_by_key(|&delimiter| count(delimiter)).unwrap_or(b',');
    let names = line.split(char::from(delimiter)).map(|name| name.trim().trim_matches('"')).collect();
    (delimiter, names)
}

/// Whether a text begins with a header of ours.
pub fn has_columns(text: &str) -> bool {
    let (_, names) = header(text);
    let known: Vec<Column> = names.iter().filter_map(|name| Column::of(name)).collect();
    known.contains(&Column::Content) || names.iter().any(|name| name.to_ascii_lowercase().starts_with("comment_"))
}

impl Table {
    /// Reads the header.
    pub fn new(mut stream: Stream) -> Result<Self, Blame> {
        let head = stream.fill_buf().map_err(|error| blame_of(&error))?;
        let head = String::from_utf8_lossy(head);
        let (delimiter, names) = header(&head);
        let wordpress = names.iter().any(|name| name.to_ascii_lowercase().starts_with("comment_"));
        let mut columns = HashMap::new();
        for (number, name) in names.iter().enumerate() {
            if let Some(column) = Column::of(name) {
                columns.entry(column).or_insert(number);
            }
        }
        let dialect = Dialect { delimiter, columns: names.len(), php: wordpress };
        let blame = |fault| Blame { place: Some(Place { line: 1, byte: None }), fault };
        if !columns.contains_key(&Column::Content) {
            return Err(blame(Fault::NoContent));
        }
        if !columns.contains_key(&Column::Label) && !columns.contains_key(&Column::Status) {
            return Err(blame(Fault::NoStatus));
        }
        drop(head);
        let reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(Quotes::new(stream, dialect));
        Ok(Table { reader, columns, wordpress, record: StringRecord::new() })
    }

    fn entry(&self) -> Result<Entry, Fault> {
        let field = |column| self.columns.get(&column).and_then(|&number| self.record.get(number)).unwrap_or_default();
        let text = |column| self.without_guard(field(column));
        let mut draft = Draft {
            status: match present(field(Column::Label)) {
                Some(label) => Status::of_label(&label)?,
                None => Status::of(field(Column::Status)),
            },
            at: seconds(field(Column::DateGmt)).or_else(|| seconds(field(Column::Date))),
            comment_type: present(field(Column::Type)),
            site: field(Column::Site).parse().ok(),
            line: self.record.position().map(csv::Position::line),
            ..Draft::default()
        };
        draft.email(text(Column::Email));
        let comment = &mut draft.comment;
        comment.content = bounded(text(Column::Content));
        comment.id = present(field(Column::Id));
        comment.author = present(text(Column::Author));
        comment.author_url = present(text(Column::AuthorUrl));
        comment.email_domain = comment.email_domain.take().or_else(|| present(&domain_of(field(Column::EmailDomain))));
        comment.post_title = present(text(Column::PostTitle));
        // wp-cli's `url` is the comment's own, a place on the page of the post.
        comment.post_url = present(text(Column::PostUrl).split("#comment").next().unwrap_or_default());
        comment.lang = present(field(Column::Lang));
        Ok(draft.finish())
    }

    /// A field as it was before wp-cli put an apostrophe before what a spreadsheet could take for a formula.
    fn without_guard<'a>(&self, field: &'a str) -> &'a str {
        match field.strip_prefix('\'') {
            Some(rest) if self.wordpress && rest.starts_with(['=', '+', '-', '@', '\t', '\r']) => rest,
            _ => field,
        }
    }
}

impl Reader for Table {
    fn next(&mut self) -> Result<Option<Entry>, Blame> {
        self.reader.get_mut().stream().begin_piece();
        let more = self.reader.read_record(&mut self.record);
        if self.reader.get_ref().was_cut_short() {
            let place = Some(self.reader.get_mut().stream().place());
            return Err(Blame { place, fault: Fault::EndsEarly });
        }
        match more {
            Ok(true) => self.entry().map(Some).map_err(|fault| {
                let line = self.record.position().map(csv::Position::line);
                Blame { place: line.map(|line| Place { line, byte: None }), fault }
            }),
            Ok(false) => Ok(None),
            Err(error) => Err(blame(error)),
        }
    }
}

fn blame(error: csv::Error) -> Blame {
    let line = error.position().map(|position| Place { line: position.line(), byte: None });
    match error.into_kind() {
        csv::ErrorKind::Io(error) => blame_of(&error),
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            Blame { place: line, fault: Fault::Columns { found: len, expected: expected_len } }
        }
        // The stream gives nothing but UTF-8, and nothing is seeked or deserialized.
        _ => Blame { place: line, fault: Fault::NotText { encoding: "UTF-8" } },
    }
}
