//! The bytes of an export as UTF-8 text, a piece at a time.
//!
//! Whatever the file is, all formats read it through a [`Stream`]: it undoes gzip, decodes what is not UTF-8, refuses what
//! is no text, counts lines, and keeps whoever reads from gathering more than [`MAX_PIECE_BYTES`] at once. So the memory
//! that reading takes does not depend on what is in the file.

use std::fmt;
use std::io::{self, BufRead, Read};
use std::sync::Arc;

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8};

use super::error::{Blame, Fault};
use crate::corpus::decompressed;

/// The largest piece of a file that is ever held: an element of XML, a record of CSV, whatever they contain.
pub const MAX_PIECE_BYTES: usize = 16 << 20;

/// So much is read and decoded at a time. What a format is recognised by lies within the first of these.
const CHUNK: usize = 1 << 16;

/// How far into the text something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Line, counted from 1.
    pub line: u64,
    /// Bytes of the text before it, unpacked and as UTF-8, where they are known.
    pub byte: Option<u64>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        self.byte.map_or(Ok(()), |byte| write!(f, ", byte {byte}"))
    }
}

/// A fault on its way through a library that knows only of `io::Error`.
#[derive(Debug)]
struct Carried(Fault, Place);

impl fmt::Display for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Carried {}

/// What reading failed of: a fault of the text at its place, or of the disk.
pub fn blame_of(error: &io::Error) -> Blame {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Carried>()) {
        Some(Carried(fault, place)) => Blame { place: Some(*place), fault: fault.clone() },
        None => Fault::Unreadable(Arc::new(io::Error::new(error.kind(), error.to_string()))).into(),
    }
}

/// The text of a file.
pub struct Stream {
    input: Box<dyn Read + Send>,
    encoding: &'static Encoding,
    decoder: Decoder,
    raw: Vec<u8>,
    raw_start: usize,
    input_ended: bool,
    decoder_ended: bool,
    text: Vec<u8>,
    start: usize,
    end: usize,
    /// What comes after the text that is decoded, if not more text.
    fault: Option<Fault>,
    line: u64,
    byte: u64,
    piece: usize,
    limit: usize,
}

impl Stream {
    /// The text of `input`, which may be gzip. Without an `encoding`, that of the byte order mark or of the XML declaration,
    /// or else UTF-8.
    pub fn new(input: impl Read + Send + 'static, encoding: Option<&'static Encoding>) -> Result<Self, Blame> {
        let mut input = decompressed(input).map_err(|error| blame_of(&error))?;
        let mut raw = Vec::with_capacity(CHUNK);
        input.by_ref().take(CHUNK as u64).read_to_end(&mut raw).map_err(|error| blame_of(&error))?;
        let encoding = match (Encoding::for_bom(&raw), encoding) {
            (Some((of_mark, _)), _) => of_mark,
            (None, Some(chosen)) => chosen,
            (None, None) => declared(&raw)?.unwrap_or(UTF_8),
        };
        Ok(Stream {
            input,
            encoding,
            decoder: encoding.new_decoder_with_bom_removal(),
            input_ended: raw.is_empty(),
            raw,
            raw_start: 0,
            decoder_ended: false,
            text: vec![0; CHUNK],
            start: 0,
            end: 0,
            fault: None,
            line: 1,
            byte: 0,
            piece: 0,
            limit: MAX_PIECE_BYTES,
        })
    }

    /// The first bytes as they are in the file, to tell text from something else.
    pub fn head(&self) -> &[u8] {
        &self.raw
    }

    /// How far the reader is.
    pub fn place(&self) -> Place {
        Place { line: self.line, byte: Some(self.byte) }
    }

    /// Begins a new piece: the reader lets go of what it gathered before.
    pub fn begin_piece(&mut self) {
        self.piece = 0;
    }

    /// For a reader with a bound of its own.
    pub fn without_pieces(self) -> Self {
        Stream { limit: usize::MAX, ..self }
    }

    /// Decodes the next chunk. Nothing is left of the one before.
    fn decode(&mut self) -> io::Result<()> {
        (self.start, self.end) = (0, 0);
        while self.end == 0 && !self.decoder_ended && self.fault.is_none() {
            if self.raw_start == self.raw.len() && !self.input_ended {
                self.raw_start = 0;
                self.raw.resize(CHUNK, 0);
                let read = self.input.read(&mut self.raw);
                self.raw.truncate(*read.as_ref().unwrap_or(&0));
                match read {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    read => self.input_ended = read? == 0,
                }
            }
            let raw = &self.raw[self.raw_start..];
            let (result, read, written) =
                self.decoder.decode_to_utf8_without_replacement(raw, &mut self.text, self.input_ended);
            self.raw_start += read;
            self.end = written;
            match result {
                DecoderResult::InputEmpty => self.decoder_ended = self.input_ended,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(..) => self.fault = Some(Fault::NotText { encoding: self.encoding.name() }),
            }
        }
        if let Some(nul) = self.text[..self.end].iter().position(|&byte| byte == 0) {
            self.end = nul;
            self.fault = Some(Fault::Nul);
        }
        Ok(())
    }
}

impl BufRead for Stream {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.piece > self.limit {
            return Err(io::Error::other(Carried(Fault::TooLarge, self.place())));
        }
        if self.start == self.end && self.fault.is_none() {
            self.decode()?;
        }
        match &self.fault {
            Some(fault) if self.start == self.end => Err(io::Error::other(Carried(fault.clone(), self.place()))),
            _ => Ok(&self.text[self.start..self.end]),
        }
    }

    fn consume(&mut self, bytes: usize) {
        let used = &self.text[self.start..self.start + bytes];
        self.line += used.split(|&byte| byte == b'\n').count() as u64 - 1;
        self.byte += bytes as u64;
        self.piece = self.piece.saturating_add(bytes);
        self.start += bytes;
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let bytes = available.len().min(buffer.len());
        buffer[..bytes].copy_from_slice(&available[..bytes]);
        self.consume(bytes);
        Ok(bytes)
    }
}

/// The encoding that an XML declaration names.
fn declared(head: &[u8]) -> Result<Option<&'static Encoding>, Fault> {
    const LONGEST: usize = 256;
    let head = &head[..head.len().min(LONGEST)];
    let Some(text) = head.trim_ascii_start().strip_prefix(b"<?xml") else { return Ok(None) };
    let declaration = text.split(|&byte| byte == b'>').next().unwrap_or_default();
    let declaration = String::from_utf8_lossy(declaration);
    let Some((_, value)) = declaration.split_once("encoding") else { return Ok(None) };
    let label = value.split(['"', '\'']).nth(1).unwrap_or_default();
    match Encoding::for_label(label.as_bytes()) {
        // Whoever could read the declaration as it stands does not read UTF-16.
        Some(encoding) => Ok(Some(encoding.output_encoding())),
        None => Err(Fault::UnknownEncoding),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn read(bytes: &[u8], encoding: Option<&'static Encoding>) -> Result<String, Blame> {
        let mut stream = Stream::new(Cursor::new(bytes.to_vec()), encoding)?;
        let mut text = String::new();
        stream.read_to_string(&mut text).map_err(|error| blame_of(&error))?;
        Ok(text)
    }

    #[test]
    fn text_is_decoded_by_its_mark_its_declaration_or_the_word_of_the_user() {
        let utf_16: Vec<u8> = "\u{feff}Grüße".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let table: [(&[u8], Option<&'static Encoding>, &str); 8] = [
            ("Grüße".as_bytes(), None, "Grüße"),
            ("\u{feff}Grüße".as_bytes(), None, "Grüße"),
            (&utf_16, None, "Grüße"),
            (&utf_16, Some(UTF_8), "Grüße"),
            (b"Gr\xfc\xdfe", Encoding::for_label(b"iso-8859-1"), "Grüße"),
            (b"<?xml version='1.0' encoding='ISO-8859-1'?>\xfc", None, "<?xml version='1.0' encoding='ISO-8859-1'?>ü"),
            (
                b"<?xml version=\"1.0\" encoding=\"UTF-16\"?>\xc3\xbc",
                None,
                "<?xml version=\"1.0\" encoding=\"UTF-16\"?>ü",
            ),
            (b"", None, ""),
        ];
        for (bytes, encoding, expected) in table {
            assert_eq!(read(bytes, encoding).unwrap(), expected, "{bytes:?}");
        }
    }

    #[test]
    fn what_is_no_text_is_refused_at_its_place() {
        let table: [(&[u8], &str, u64, u64); 4] = [
            (b"a\nb\xffc", "not UTF-8", 2, 3),
            (b"a\n\nb\xc3", "not UTF-8", 3, 4),
            (b"a\nb\0c", "NUL", 2, 3),
            (b"\xff\xfea\0\0\xd8\0\0", "not UTF-16LE", 1, 1),
        ];
        for (bytes, expected, line, byte) in table {
            let Blame { place, fault } = read(bytes, None).unwrap_err();
            assert!(fault.to_string().contains(expected), "{bytes:?} gave: {fault}");
            assert_eq!(place, Some(Place { line, byte: Some(byte) }), "{bytes:?}");
        }
    }

    #[test]
    fn an_encoding_nobody_knows_is_refused() {
        let fault = read(b"<?xml version='1.0' encoding='klingon'?>", None).unwrap_err().fault;
        assert!(matches!(fault, Fault::UnknownEncoding), "{fault}");
    }

    #[test]
    fn a_reader_that_gathers_too_much_is_stopped_and_one_that_lets_go_is_not() {
        let mut stream = Stream::new(io::repeat(b'x'), None).unwrap();
        let error = io::copy(&mut stream, &mut io::sink()).unwrap_err();
        assert!(matches!(blame_of(&error).fault, Fault::TooLarge));
        let read = stream.byte as usize;
        assert!((MAX_PIECE_BYTES..MAX_PIECE_BYTES + 2 * CHUNK).contains(&read), "{read}");
        stream.begin_piece();
        assert!(stream.fill_buf().is_ok());
    }

    #[test]
    fn a_pack_that_is_cut_short_is_unreadable() {
        let words = Cursor::new("word ".repeat(1000));
        let mut packed = flate2::read::GzEncoder::new(words, flate2::Compression::fast());
        let mut bytes = Vec::new();
        packed.read_to_end(&mut bytes).unwrap();
        assert_eq!(read(&bytes, None).unwrap().len(), 5000);
        let fault = read(&bytes[..bytes.len() / 2], None).unwrap_err().fault;
        assert!(matches!(fault, Fault::Unreadable(_)), "{fault}");
    }
}
