//! Text cut into lines, in batches that one thread can read while others parse.
//!
//! Forgiving where editors and systems differ (a byte order mark, `\r\n`, blank lines, no newline at the end) and strict
//! where memory is at stake: a line over [`MAX_LINE_BYTES`] is reported and never held.

use std::io::{self, BufRead, BufReader, Read};

/// The longest line accepted: a comment of a million characters, however they are escaped. A longer line means that the file is
/// something else.
pub const MAX_LINE_BYTES: usize = 8 << 20;

/// A batch is handed on once it holds this much.
const BATCH_BYTES: usize = 1 << 18;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Some lines of one stream.
#[derive(Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    lines: Vec<Line>,
    failure: Option<io::Error>,
}

#[derive(Debug)]
struct Line {
    number: u64,
    /// Where it ends in `bytes`; it starts where the one before ends.
    end: usize,
    too_long: bool,
}

/// A line was longer than [`MAX_LINE_BYTES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the line is longer than {MAX_LINE_BYTES} bytes; put one JSON object on a line")]
pub struct LineTooLong;

impl Batch {
    /// Every line that is not blank, with its number counted from 1.
    pub fn lines(&self) -> impl Iterator<Item = (u64, Result<&[u8], LineTooLong>)> {
        let mut start = 0;
        self.lines.iter().map(move |line| {
            let text = &self.bytes[std::mem::replace(&mut start, line.end)..line.end];
            (line.number, if line.too_long { Err(LineTooLong) } else { Ok(text) })
        })
    }

    /// Why reading ended after these lines, if not at the end of the stream.
    pub fn failure(&self) -> Option<&io::Error> {
        self.failure.as_ref()
    }

    fn clear(&mut self) {
        // One long line must not keep its megabyte in every buffer.
        self.bytes.clear();
        self.bytes.shrink_to(2 * BATCH_BYTES);
        self.lines.clear();
        self.failure = None;
    }
}

/// Reads batches of whole lines.
#[derive(Debug)]
pub struct LineReader<R> {
    input: BufReader<R>,
    number: u64,
    ended: bool,
}

impl<R: Read> LineReader<R> {
    /// Reads lines from `input`, which needs no buffer of its own.
    pub fn new(input: R) -> Self {
        LineReader { input: BufReader::with_capacity(BATCH_BYTES, input), number: 0, ended: false }
    }

    /// Replaces the content of `batch` by the next lines; `false` when there are none.
    ///
    /// Waits for one line and then takes what has arrived already, so that a person who types lines gets answers at once.
    pub fn fill(&mut self, batch: &mut Batch) -> bool {
        batch.clear();
        while !self.ended && batch.bytes.len() < BATCH_BYTES && (batch.lines.is_empty() || self.has_whole_line()) {
            if let Err(failure) = self.read_line(batch) {
                batch.failure = Some(failure);
                self.ended = true;
            }
        }
        !batch.lines.is_empty() || batch.failure.is_some()
    }

    fn has_whole_line(&self) -> bool {
        self.input.buffer().contains(&b'\n')
    }

    fn read_line(&mut self, batch: &mut Batch) -> io::Result<()> {
        let start = batch.bytes.len();
        let with_newline = MAX_LINE_BYTES + 1;
        let read = match self.input.by_ref().take(with_newline as u64).read_until(b'\n', &mut batch.bytes) {
            Ok(read) => read,
            Err(error) => {
                // Half a line is no line.
                batch.bytes.truncate(start);
                return Err(error);
            }
        };
        if read == 0 {
            self.ended = true;
            return Ok(());
        }
        self.number += 1;
        let too_long = read == with_newline && batch.bytes.last() != Some(&b'\n');
        if too_long {
            batch.bytes.truncate(start);
            self.input.skip_until(b'\n')?;
        } else {
            trim(&mut batch.bytes, start, self.number == 1);
            if batch.bytes[start..].trim_ascii().is_empty() {
                batch.bytes.truncate(start);
                return Ok(());
            }
        }
        batch.lines.push(Line { number: self.number, end: batch.bytes.len(), too_long });
        Ok(())
    }
}

/// Cuts the line end, and before the first line the byte order mark, off the line that begins at `start`.
fn trim(bytes: &mut Vec<u8>, start: usize, first: bool) {
    for end in [b'\n', b'\r'] {
        if bytes.len() > start && bytes.last() == Some(&end) {
            bytes.pop();
        }
    }
    if first && bytes[start..].starts_with(BYTE_ORDER_MARK) {
        bytes.drain(start..start + BYTE_ORDER_MARK.len());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(input: impl Read) -> (Vec<(u64, Option<String>)>, Option<io::ErrorKind>) {
        let (mut reader, mut batch, mut lines) = (LineReader::new(input), Batch::default(), Vec::new());
        while reader.fill(&mut batch) {
            let text = |line: &[u8]| String::from_utf8(line.to_vec()).unwrap();
            lines.extend(batch.lines().map(|(number, line)| (number, line.ok().map(text))));
            if let Some(failure) = batch.failure() {
                return (lines, Some(failure.kind()));
            }
        }
        (lines, None)
    }

    fn check(input: &str, expected: &[(u64, &str)]) {
        let expected: Vec<_> = expected.iter().map(|(number, line)| (*number, Some((*line).to_owned()))).collect();
        assert_eq!(read(input.as_bytes()), (expected, None), "{input:?}");
    }

    #[test]
    fn line_ends_byte_order_marks_and_blank_lines_are_no_content() {
        check("", &[]);
        check("a", &[(1, "a")]);
        check("a\nb\n", &[(1, "a"), (2, "b")]);
        check("a\r\n\r\n  \t\nb", &[(1, "a"), (4, "b")]);
        check("\u{feff}a\n\u{feff}b", &[(1, "a"), (2, "\u{feff}b")]);
        check("\u{feff}\n\u{feff}", &[(2, "\u{feff}")]);
        check("\n\n\n", &[]);
    }

    #[test]
    fn a_line_over_the_bound_is_reported_and_the_next_one_read() {
        let longest = "x".repeat(MAX_LINE_BYTES);
        check(&format!("{longest}\nb"), &[(1, &longest), (2, "b")]);
        check(&longest, &[(1, &longest)]);
        let (lines, _) = read(format!("a\n{longest}yz\nb\n{longest}y").as_bytes());
        assert_eq!(lines, [(1, Some("a".into())), (2, None), (3, Some("b".into())), (4, None)]);
    }

    #[test]
    fn lines_before_a_failure_are_kept_and_half_a_line_is_not() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::from(io::ErrorKind::ConnectionReset))
            }
        }
        let (lines, failure) = read(b"a\nb\nhal".chain(Broken));
        assert_eq!((lines.len(), failure), (2, Some(io::ErrorKind::ConnectionReset)));
    }

    #[test]
    fn a_line_typed_by_hand_is_not_kept_waiting_for_the_next() {
        /// Hands over one line a call and fails the test when asked for a third.
        struct Typist(Vec<&'static [u8]>);
        impl Read for Typist {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let line = self.0.pop().expect("asked again before the lines were handed on");
                buffer[..line.len()].copy_from_slice(line);
                Ok(line.len())
            }
        }
        let (mut reader, mut batch) = (LineReader::new(Typist(vec![b"b\n", b"a\n"])), Batch::default());
        for _ in 0..2 {
            assert!(reader.fill(&mut batch));
            assert_eq!(batch.lines().count(), 1);
        }
    }

    proptest! {
        #[test]
        fn lines_and_numbers_are_those_of_the_text(lines in proptest::collection::vec("[a-zä ]{0,12}", 0..40)) {
            let expected: Vec<_> = (1..)
                .zip(&lines)
                .filter(|(_, line)| !line.trim().is_empty())
                .map(|(number, line)| (number, Some(line.clone())))
                .collect();
            prop_assert_eq!(read(lines.join("\n").as_bytes()), (expected, None));
        }
    }
}
