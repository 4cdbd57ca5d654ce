//! XML as a walk from leaf to leaf, in bounded memory.
//!
//! quick-xml parses; this file adds what an importer of strangers' files needs: no document types, no entities but XML's
//! own, bounds on depth, names and pieces, and an end of the file that is an end of the document. What real exports get
//! wrong is forgiven where it is harmless: a bare `&` in an address, a reference nobody declared.

use quick_xml::Reader;
use quick_xml::errors::{Error, IllFormedError, SyntaxError};
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::error::{Blame, Fault};
use super::stream::{Place, Stream, blame_of};

/// How deep elements may be nested. Exports need six.
pub const MAX_DEPTH: usize = 64;

/// How long the name of an element may be.
pub const MAX_NAME_BYTES: usize = 256;

/// A buffer that one large element has blown up is given back above this.
const KEPT_BYTES: usize = 1 << 18;

/// What is met on the walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// An element begins: [`Xml::path`] is its path, and [`Xml::identity`] its attribute of that name.
    Begin,
    /// An element ends: [`Xml::path`] is its path, and if it was wanted, [`Xml::text`] is its text.
    End,
    /// The document ends.
    EndOfFile,
}

/// A document, walked through once.
pub struct Xml {
    reader: Reader<Stream>,
    buffer: Vec<u8>,
    wanted: fn(&str) -> bool,
    path: String,
    /// Where in `path` each open element's name begins.
    names: Vec<usize>,
    /// The element that ended with the last step is taken off the path by the next.
    leaving: bool,
    /// Depth of the wanted element we are in.
    collecting: Option<usize>,
    text: String,
    identity: Option<String>,
}

impl Xml {
    /// A document of which the texts of the elements with `wanted` paths are kept until the next step.
    pub fn new(mut stream: Stream, wanted: fn(&str) -> bool) -> Self {
        stream.begin_piece();
        let mut reader = Reader::from_reader(stream);
        let config = reader.config_mut();
        config.allow_dangling_amp = true;
        config.expand_empty_elements = true;
        Xml {
            reader,
            buffer: Vec::new(),
            wanted,
            path: String::new(),
            names: Vec::new(),
            leaving: false,
            collecting: None,
            text: String::new(),
            identity: None,
        }
    }

    /// Names of the open elements from the root, joined by `/`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The text of the wanted element that ended.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The attribute `id`, with whatever prefix, of the element that began.
    pub fn identity(&self) -> Option<&str> {
        self.identity.as_deref()
    }

    /// How far the walk is.
    pub fn place(&mut self) -> Place {
        self.reader.get_mut().place()
    }

    /// Walks on.
    pub fn step(&mut self) -> Result<Step, Blame> {
        if std::mem::take(&mut self.leaving) {
            self.path.truncate(self.names.pop().unwrap_or(0).saturating_sub(1));
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        let step = loop {
            buffer.clear();
            buffer.shrink_to(KEPT_BYTES);
            // A wanted element is one piece, however many tags and references it consists of.
            if self.collecting.is_none() {
                self.reader.get_mut().begin_piece();
            }
            let event = match self.reader.read_event_into(&mut buffer) {
                Ok(event) => event,
                Err(error) => break Err(blame(&error)),
            };
            match self.take(event) {
                Ok(None) => {}
                Ok(Some(step)) => break Ok(step),
                Err(fault) => break Err(fault.into()),
            }
        };
        self.buffer = buffer;
        let place = self.place();
        step.map_err(|blame| Blame { place: blame.place.or(Some(place)), ..blame })
    }

    fn take(&mut self, event: Event<'_>) -> Result<Option<Step>, Fault> {
        match event {
            Event::Start(start) => self.enter(&start).map(Some),
            Event::End(_) => {
                self.leaving = true;
                if self.collecting == Some(self.names.len()) {
                    self.collecting = None;
                }
                Ok(Some(Step::End))
            }
            Event::Text(text) => {
                self.collect(&text);
                Ok(None)
            }
            Event::CData(text) => {
                self.collect(&text);
                Ok(None)
            }
            Event::GeneralRef(reference) => {
                self.resolve(&reference);
                Ok(None)
            }
            Event::DocType(_) => Err(Fault::DocumentType),
            Event::Eof if self.names.is_empty() => Ok(Some(Step::EndOfFile)),
            Event::Eof => Err(Fault::EndsEarly),
            // `expand_empty_elements` leaves no `Empty`; declarations, instructions and comments say nothing to us.
            Event::Empty(_) | Event::Decl(_) | Event::PI(_) | Event::Comment(_) => Ok(None),
        }
    }

    fn enter(&mut self, start: &BytesStart<'_>) -> Result<Step, Fault> {
        let name = start.name();
        let name: &str = name.as_ref();
        if name.len() > MAX_NAME_BYTES {
            return Err(Fault::LongName);
        }
        if self.names.len() == MAX_DEPTH {
            return Err(Fault::TooDeep);
        }
        if !self.path.is_empty() {
            self.path.push('/');
        }
        self.names.push(self.path.len());
        self.path.push_str(name);
        self.identity = identity(start);
        if self.collecting.is_none() && (self.wanted)(&self.path) {
            self.collecting = Some(self.names.len());
            self.text.clear();
            self.text.shrink_to(KEPT_BYTES);
        }
        Ok(Step::Begin)
    }

    fn collect(&mut self, text: &str) {
        if self.collecting.is_some() {
            self.text.push_str(text);
        }
    }

    /// XML's own five entities and characters by number. Anything else stays as it was written: with document types refused,
    /// nobody can have declared it.
    fn resolve(&mut self, reference: &BytesRef<'_>) {
        let name: &str = reference;
        let character = match name {
            "lt" => Some('<'),
            "gt" => Some('>'),
            "amp" => Some('&'),
            "apos" => Some('\''),
            "quot" => Some('"'),
            _ => reference.resolve_char_ref().ok().flatten(),
        };
        match character {
            Some(character) => self.collect(character.encode_utf8(&mut [0; 4])),
            None => {
                for part in ["&", name, ";"] {
                    self.collect(part);
                }
            }
        }
    }
}

/// The value of `id` or `…:id`. An attribute that breaks the rules ends the search: no identity is better than a wrong one.
fn identity(start: &BytesStart<'_>) -> Option<String> {
    // Looking for doubles takes time that grows with the square of their number.
    let mut attributes = start.attributes();
    let found = attributes
        .with_checks(false)
        .map_while(Result::ok)
        .find(|attribute| AsRef::<str>::as_ref(&attribute.key.local_name()) == "id")?;
    (found.value.len() <= MAX_NAME_BYTES).then(|| found.value.into_owned())
}

fn blame(error: &Error) -> Blame {
    let fault = match error {
        Error::Io(error) => return blame_of(error),
        Error::Syntax(SyntaxError::InvalidBangMarkup) => {
            Fault::NotXml("something begins with `<!` and is nothing known")
        }
        // All others are about something that is not closed before the end.
        Error::Syntax(_) => Fault::EndsEarly,
        Error::IllFormed(IllFormedError::MismatchedEndTag { .. }) => {
            Fault::NotXml("an element is closed that is not the one last opened")
        }
        Error::IllFormed(IllFormedError::UnmatchedEndTag(_)) => {
            Fault::NotXml("an element is closed that was not opened")
        }
        _ => Fault::NotXml("it breaks the rules"),
    };
    fault.into()
}
