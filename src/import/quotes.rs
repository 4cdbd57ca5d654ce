//! The quotation marks of CSV as the standard wants them, before a reader of CSV sees them.
//!
//! PHP writes CSV of a kind of its own, and so does wp-cli, which is written in PHP: behind a backslash it does not double
//! a quotation mark. `say \"hi\"` becomes `"say \"hi\""`, where everybody else reads the end of a field in the middle of
//! it. Old blogs are full of `\"`. Here those marks are doubled where they are text. It cannot always be told: a field that
//! ends in a backslash looks the same as text that goes on with a quotation mark. Then the column and what follows decide,
//! and where that is wrong the record has too many or too few columns, which is an error and not a wrong text.
//!
//! A file that ends between quotation marks was cut short. Readers of CSV take that for the end of a field; here it is an
//! error.

use std::io::{self, BufRead as _, Read};

use super::stream::Stream;

/// What the fields are set apart by, how many there are, and whether PHP wrote them.
#[derive(Debug, Clone, Copy)]
pub struct Dialect {
    /// Between fields.
    pub delimiter: u8,
    /// Of the header.
    pub columns: usize,
    /// Whether a backslash keeps a quotation mark from being doubled.
    pub php: bool,
}

/// Where in a record we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the first byte of a field.
    Start,
    /// In a field without quotation marks.
    Plain,
    /// In a field with them.
    Quoted,
    /// Behind a mark that ends the field, unless another follows.
    Closing,
    /// Behind a backslash of PHP's.
    Backslash,
    /// Behind a backslash of PHP's and so many marks, which are not written yet.
    Marks(usize),
    /// Behind a backslash, a mark and a delimiter, neither of which is written yet.
    MarkDelimiter,
}

/// A stream of CSV with every quotation mark in a field doubled.
pub struct Quotes {
    stream: Stream,
    dialect: Dialect,
    state: State,
    /// Number of the field in its record, counted from 1.
    column: usize,
    ready: Vec<u8>,
    taken: usize,
    ended: bool,
}

impl Quotes {
    /// A stream at the beginning of its header.
    pub fn new(stream: Stream, dialect: Dialect) -> Self {
        Quotes { stream, dialect, state: State::Start, column: 1, ready: Vec::new(), taken: 0, ended: false }
    }

    /// The stream.
    pub fn stream(&mut self) -> &mut Stream {
        &mut self.stream
    }

    /// Whether the file ended within a field.
    pub fn was_cut_short(&self) -> bool {
        self.ended && matches!(self.state, State::Quoted | State::Backslash)
    }

    fn feed(&mut self, byte: u8) {
        let is_delimiter = byte == self.dialect.delimiter;
        let is_end = is_delimiter || byte == b'\n' || byte == b'\r';
        match self.state {
            State::Closing if byte == b'"' => {
                self.ready.push(byte);
                self.state = State::Quoted;
            }
            State::Start | State::Plain | State::Closing => self.plain(byte),
            State::Backslash if byte == b'"' => self.state = State::Marks(1),
            State::Quoted | State::Backslash => self.quoted(byte),
            State::Marks(marks) if byte == b'"' => self.state = State::Marks(marks + 1),
            State::Marks(1) if is_delimiter && self.column < self.dialect.columns => self.state = State::MarkDelimiter,
            State::Marks(1) if is_end && !is_delimiter && self.column == self.dialect.columns => self.close(byte, 0),
            State::Marks(marks) if marks % 2 == 0 && is_end => self.close(byte, marks / 2),
            // Odd: the first is text behind PHP's backslash, the others are pairs. Even: all are pairs, and no PHP wrote this.
            State::Marks(marks) => self.go_on(byte, marks.div_ceil(2)),
            // PHP puts a field that begins with white space between marks: so this is text.
            State::MarkDelimiter if byte == b' ' => {
                self.go_on(self.dialect.delimiter, 1);
                self.quoted(byte);
            }
            State::MarkDelimiter => {
                self.close(self.dialect.delimiter, 0);
                self.feed(byte);
            }
        }
    }

    /// The marks that were kept back are text, and the field goes on.
    fn go_on(&mut self, byte: u8, marks: usize) {
        self.ready.extend(std::iter::repeat_n(b'"', 2 * marks));
        self.quoted(byte);
    }

    /// The marks that were kept back are text but for the last, which ends the field.
    fn close(&mut self, byte: u8, marks: usize) {
        self.ready.extend(std::iter::repeat_n(b'"', 2 * marks + 1));
        self.plain(byte);
    }

    fn plain(&mut self, byte: u8) {
        self.ready.push(byte);
        self.state = match byte {
            b'"' if self.state == State::Start => State::Quoted,
            b'\n' | b'\r' => {
                self.column = 1;
                State::Start
            }
            byte if byte == self.dialect.delimiter => {
                self.column += 1;
                State::Start
            }
            _ => State::Plain,
        };
    }

    fn quoted(&mut self, byte: u8) {
        self.ready.push(byte);
        self.state = match byte {
            b'"' => State::Closing,
            b'\\' if self.dialect.php => State::Backslash,
            _ => State::Quoted,
        };
    }

    fn end(&mut self) {
        self.ended = true;
        match self.state {
            State::Marks(marks) if marks % 2 == 0 => self.ready.extend(std::iter::repeat_n(b'"', marks + 1)),
            State::Marks(marks) => self.ready.extend(std::iter::repeat_n(b'"', marks)),
            State::MarkDelimiter => self.ready.extend([b'"', self.dialect.delimiter]),
            _ => {}
        }
    }
}

impl Read for Quotes {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.ready.len() && !self.ended {
            self.ready.clear();
            self.taken = 0;
            let chunk = self.stream.fill_buf()?;
            // A small part, so that the stream's place is near that of the record being read.
            let chunk = chunk[..chunk.len().min(buffer.len())].to_vec();
            self.stream.consume(chunk.len());
            if chunk.is_empty() {
                self.end();
            }
            for byte in chunk {
                self.feed(byte);
            }
        }
        let bytes = buffer.len().min(self.ready.len() - self.taken);
        buffer[..bytes].copy_from_slice(&self.ready[self.taken..self.taken + bytes]);
        self.taken += bytes;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    fn read(csv: &str, columns: usize, php: bool) -> (Vec<Vec<String>>, bool) {
        let stream = Stream::new(Cursor::new(csv.as_bytes().to_vec()), None).unwrap_or_else(|_| unreachable!());
        let quotes = Quotes::new(stream, Dialect { delimiter: b',', columns, php });
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(quotes);
        let rows = reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect();
        (rows, reader.get_ref().was_cut_short())
    }

    /// What PHP 8.2 prints of these texts with `fputcsv($f, [$n, $text, 'x'], ',', '"', '\\')`.
    #[test]
    fn what_php_writes_is_read_as_it_was() {
        let table = [
            ("\"say \"\"hi\"\"\"", r#"say "hi""#),
            (r#""he said \"hi\" to""#, r#"he said \"hi\" to"#),
            (r#""ends with \""#, r"ends with \"),
            (r#""\"yes\", she said""#, r#"\"yes\", she said"#),
            (r#""x \"""y""#, r#"x \""y"#),
            (r#""a\\"b""#, r#"a\\"b"#),
            ("\"l1\nl2\"", "l1\nl2"),
            (r#""with ""quote"" at end \"""#, r#"with "quote" at end \""#),
            (r#""plain\""#, r"plain\"),
            ("\"a\n\\\"\nb\"", "a\n\\\"\nb"),
            ("noquote", "noquote"),
            ("\"\"", ""),
        ];
        for (csv, text) in table {
            let (rows, cut) = read(&format!("1,{csv},x\n2,\"b c\",y\n"), 3, true);
            assert_eq!(rows, [["1", text, "x"], ["2", "b c", "y"]], "{csv}");
            assert!(!cut, "{csv}");
            if text.contains("\"\n") {
                // In the last column nothing tells this from the end of a record.
                continue;
            }
            let (rows, cut) = read(&format!("1,{csv}"), 2, true);
            assert_eq!((rows, cut), (vec![vec!["1".to_owned(), text.to_owned()]], false), "{csv} at the end");
        }
    }

    #[test]
    fn a_file_that_ends_between_marks_was_cut_short() {
        for (csv, expected) in [
            ("a,\"b", true),
            ("a,\"b\\", true),
            ("a,\"b\"", false),
            ("a,\"b\"\"", true),
            ("a,b", false),
            ("a,\"b\"\n", false),
            ("", false),
        ] {
            assert_eq!(read(csv, 2, true).1, expected, "{csv}");
        }
    }

    proptest! {
        #[test]
        fn what_a_library_writes_is_read_as_it_was(rows in proptest::collection::vec(proptest::array::uniform2("[a\",\\\\\n ü]{0,8}"), 1..5)) {
            let mut writer = csv::Writer::from_writer(Vec::new());
            for row in &rows {
                writer.write_record(row).unwrap();
            }
            let csv = String::from_utf8(writer.into_inner().unwrap()).unwrap();
            let (read, cut) = read(&csv, 2, false);
            prop_assert!(!cut);
            prop_assert_eq!(read, rows.iter().map(|row| row.to_vec()).collect::<Vec<_>>());
        }

        #[test]
        fn what_php_writes_without_backslashes_is_read_as_it_was(text in "[a\", \n]{0,12}") {
            let csv = format!("1,\"{}\",x\n", text.replace('"', "\"\""));
            prop_assert_eq!(read(&csv, 3, true), (vec![vec!["1".to_owned(), text, "x".to_owned()]], false));
        }
    }
}
