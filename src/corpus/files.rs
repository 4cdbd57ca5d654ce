//! Which files a corpus consists of, and how their bytes are read: plain or gzip, told apart by their first bytes.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;
use sha2::{Digest, Sha256};

use super::CorpusError;

/// Ends of the names a folder is searched for. A file named by the user may be called anything.
const SUFFIXES: [&str; 2] = [".jsonl", ".jsonl.gz"];

const READ_BUFFER: usize = 1 << 16;

/// A file of the corpus.
#[derive(Debug, Clone)]
pub(super) struct CorpusFile {
    /// As the user named it, or below the folder the user named.
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
}

/// Lists the files that `paths` mean: files themselves, and folders searched to any depth. Sorted by path within a
/// folder; a file reached twice is listed once, because its rows must not count twice.
pub(super) fn list(paths: &[PathBuf]) -> Result<Vec<CorpusFile>, CorpusError> {
    let (mut files, mut seen) = (Vec::new(), HashSet::new());
    for path in paths {
        let mut found = Vec::new();
        if metadata(path)?.is_dir() {
            search(path, &mut found)?;
            if found.is_empty() {
                return Err(CorpusError::NothingInFolder { path: path.clone() });
            }
            found.sort();
        } else {
            found.push(path.clone());
        }
        for path in found {
            let identity = fs::canonicalize(&path).map_err(|source| cannot_read(&path, source))?;
            let metadata = metadata(&path)?;
            if !metadata.is_file() {
                return Err(CorpusError::NotAFile { path });
            }
            if seen.insert(identity) {
                files.push(CorpusFile { bytes: metadata.len(), path });
            }
        }
    }
    Ok(files)
}

fn search(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), CorpusError> {
    for entry in fs::read_dir(folder).map_err(|source| cannot_read(folder, source))? {
        let entry = entry.map_err(|source| cannot_read(folder, source))?;
        let path = entry.path();
        // The entry's own type, so that a link back to a folder above cannot send us round in circles.
        let kind = entry.file_type().map_err(|source| cannot_read(&path, source))?;
        if kind.is_dir() {
            search(&path, found)?;
        } else if SUFFIXES.iter().any(|suffix| entry.file_name().to_string_lossy().ends_with(suffix)) {
            found.push(path);
        }
    }
    Ok(())
}

fn metadata(path: &Path) -> Result<fs::Metadata, CorpusError> {
    fs::metadata(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => CorpusError::Missing { path: path.to_owned() },
        _ => cannot_read(path, source),
    })
}

fn cannot_read(path: &Path, source: io::Error) -> CorpusError {
    CorpusError::Unreadable { path: path.to_owned(), source }
}

/// Opens a file for its text; `done` grows by the bytes read from disk.
pub(super) fn open(path: &Path, done: Arc<AtomicU64>) -> io::Result<Box<dyn Read + Send>> {
    decompressed(Counted { inner: File::open(path)?, done })
}

/// The text of a stream that may be gzip, of any number of members.
///
/// # Errors
/// When the first bytes cannot be read.
pub fn decompressed(mut stream: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
    const GZIP: [u8; 2] = [0x1F, 0x8B];
    // Read to its end and not looked for in a buffer: a pipe may hand over its first bytes one at a time.
    let mut head = Vec::with_capacity(GZIP.len());
    stream.by_ref().take(GZIP.len() as u64).read_to_end(&mut head)?;
    let is_gzip = head == GZIP;
    let input = BufReader::with_capacity(READ_BUFFER, Cursor::new(head).chain(stream));
    Ok(if is_gzip { Box::new(MultiGzDecoder::new(input)) } else { Box::new(input) })
}

/// SHA-256 of a file's bytes as they lie on disk, in hexadecimal digits.
pub(super) fn sha256(path: &Path) -> io::Result<String> {
    let (mut file, mut hasher, mut buffer) = (File::open(path)?, Sha256::new(), vec![0; READ_BUFFER]);
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => hasher.update(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat())
}

struct Counted<R> {
    inner: R,
    done: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.done.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::read::GzEncoder;

    use super::*;

    /// Hands over one byte a call.
    struct Trickle<R>(R);

    impl<R: Read> Read for Trickle<R> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let most = buffer.len().min(1);
            self.0.read(&mut buffer[..most])
        }
    }

    #[test]
    fn text_and_gzip_are_told_apart_even_if_they_come_byte_by_byte() {
        for text in ["", "a", "{\"content\":\"x\"}\n"] {
            let packed = GzEncoder::new(Cursor::new(text), Compression::fast());
            for stream in [decompressed(Trickle(Cursor::new(text))), decompressed(Trickle(packed))] {
                assert_eq!(io::read_to_string(stream.unwrap()).unwrap(), text);
            }
        }
    }
}
