//! Reading request bodies, never more of them than was agreed.
//!
//! A body is refused by its announced length before any of it is read, and by its real length as soon as it passes the
//! limit. A body without an announced length (chunked) is welcome as long as it is small.
//!
//! All bodies that are held share a [`Room`], because each of them may be slow: what one may be long, and how many there
//! may be, would else be multiplied. The beginning of each is free, so that whoever fills the room with long bodies keeps
//! out long ones and no comment.

use std::ops::Deref;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _};
use tokio::time::timeout;
use warp::Buf;

use crate::http::problem::{Kind, Problem};

/// So many bytes of each body are not counted; a connection's buffer is larger.
const FREE_BYTES: usize = 16 * 1024;

/// The memory that all bodies have together.
#[derive(Debug)]
pub struct Room {
    limit: usize,
    held: AtomicUsize,
}

impl Room {
    /// Room for `limit` bytes beyond those that are free.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Room { limit, held: AtomicUsize::new(0) })
    }

    /// Bytes taken now.
    pub fn held(&self) -> usize {
        self.held.load(Relaxed)
    }

    fn take(&self, bytes: usize) -> Result<(), Problem> {
        let room = |held: usize| held.checked_add(bytes).filter(|sum| *sum <= self.limit);
        self.held.fetch_update(Relaxed, Relaxed, room).map(drop).map_err(|_| {
            Problem::new(Kind::Busy, "more long bodies are being sent than there is memory for; try again later")
        })
    }
}

/// One body's part of a [`Room`], given back when dropped.
#[derive(Debug)]
pub struct Share {
    room: Arc<Room>,
    bytes: usize,
}

impl Share {
    /// Nothing, so far.
    pub fn of(room: &Arc<Room>) -> Self {
        Share { room: Arc::clone(room), bytes: 0 }
    }

    /// Makes this the part of a body that holds `bytes`.
    ///
    /// # Errors
    /// When there is no room for it.
    fn hold(&mut self, bytes: usize) -> Result<(), Problem> {
        let counted = bytes.saturating_sub(FREE_BYTES);
        if counted > self.bytes {
            self.room.take(counted - self.bytes)?;
        } else {
            self.room.held.fetch_sub(self.bytes - counted, Relaxed);
        }
        self.bytes = counted;
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.room.held.fetch_sub(self.bytes, Relaxed);
    }
}

/// A whole body. Its part of the room is taken for as long as it lives.
#[derive(Debug)]
pub struct Whole {
    bytes: Bytes,
    _share: Share,
}

impl Deref for Whole {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// A request body as warp hands it over.
pub type Body = Pin<Box<dyn Stream<Item = Result<Bytes, warp::Error>> + Send>>;

/// Turns warp's body into one with a name.
pub fn boxed(body: impl Stream<Item = Result<impl Buf, warp::Error>> + Send + 'static) -> Body {
    Box::pin(body.map(|chunk| chunk.map(into_bytes)))
}

/// The bytes of a chunk; free of copying, because a chunk is `Bytes` behind its mask.
fn into_bytes(mut chunk: impl Buf) -> Bytes {
    chunk.copy_to_bytes(chunk.remaining())
}

/// The whole body, if it is at most `limit` bytes long and here within `patience`.
///
/// # Errors
/// Too long, too slow, broken off, or no room for it.
pub async fn read_whole(
    body: impl Stream<Item = Result<impl Buf, warp::Error>>,
    announced: Option<u64>,
    limit: usize,
    patience: Duration,
    room: &Arc<Room>,
) -> Result<Whole, Problem> {
    refuse_announced(announced, limit)?;
    let mut share = Share::of(room);
    match timeout(patience, collect(body, limit, &mut share)).await {
        Ok(bytes) => Ok(Whole { bytes: bytes?, _share: share }),
        Err(_) => Err(too_slow(patience)),
    }
}

/// Refuses a body by the length it announces.
///
/// # Errors
/// When that is more than `limit`.
pub fn refuse_announced(announced: Option<u64>, limit: usize) -> Result<(), Problem> {
    match announced {
        Some(length) if usize::try_from(length).is_ok_and(|length| length <= limit) => Ok(()),
        None => Ok(()),
        Some(_) => Err(Problem::too_large("the body", limit)),
    }
}

async fn collect(
    body: impl Stream<Item = Result<impl Buf, warp::Error>>,
    limit: usize,
    share: &mut Share,
) -> Result<Bytes, Problem> {
    let mut body = pin!(body);
    let first = match body.next().await {
        Some(chunk) => into_bytes(chunk.map_err(|_| broken_off())?),
        None => return Ok(Bytes::new()),
    };
    let mut rest = BytesMut::new();
    while first.len() + rest.len() <= limit {
        share.hold(first.len() + rest.capacity())?;
        match body.next().await {
            Some(chunk) => rest.extend_from_slice(&into_bytes(chunk.map_err(|_| broken_off())?)),
            // Nearly every comment comes in one piece, and is not copied.
            None if rest.is_empty() => return Ok(first),
            None => return Ok([first.as_ref(), rest.as_ref()].concat().into()),
        }
    }
    Err(Problem::too_large("the body", limit))
}

/// The body did not come in time.
pub fn too_slow(patience: Duration) -> Problem {
    let detail = format!("the body was not complete within {} ms; send it faster", patience.as_millis());
    Problem::new(Kind::Timeout, detail)
}

/// The body ended before its announced end.
pub fn broken_off() -> Problem {
    Problem::new(Kind::Incomplete, "the body broke off or its chunks are malformed; send it again")
}

/// A piece of a body cut into lines.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// A line without its end.
    Line(Bytes),
    /// A line longer than the limit on lines; it was skipped.
    LongLine,
    /// More of the body is needed first.
    More,
    /// There are no more lines.
    End,
}

/// Cuts a body into lines, holding at most one line and one chunk of it.
pub struct Lines {
    body: Body,
    buffer: BytesMut,
    /// So far into `buffer` there is no line end; it need not be looked at again.
    searched: usize,
    taken: usize,
    skipping: bool,
    ended: bool,
    line_limit: usize,
    body_limit: usize,
    share: Share,
}

impl Lines {
    /// Cuts `body` into lines of at most `line_limit` bytes, as long as it has no more than `body_limit`.
    pub fn new(body: Body, line_limit: usize, body_limit: usize, share: Share) -> Self {
        let buffer = BytesMut::new();
        Lines { body, buffer, searched: 0, taken: 0, skipping: false, ended: false, line_limit, body_limit, share }
    }

    /// The next piece of what is here already.
    pub fn next_here(&mut self) -> Piece {
        loop {
            let end = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n');
            match end.map(|at| self.searched + at) {
                Some(at) => {
                    let line = self.buffer.split_to(at + 1).freeze().slice(..at);
                    self.searched = 0;
                    if std::mem::take(&mut self.skipping) {
                        continue;
                    }
                    return if line.len() > self.line_limit { Piece::LongLine } else { Piece::Line(line) };
                }
                None if self.skipping => self.buffer.clear(),
                None if self.buffer.len() > self.line_limit => {
                    self.buffer.clear();
                    self.searched = 0;
                    self.skipping = true;
                    return Piece::LongLine;
                }
                None => {}
            }
            self.searched = self.buffer.len();
            return match (self.ended, self.buffer.is_empty()) {
                (false, _) => Piece::More,
                (true, true) => Piece::End,
                (true, false) => {
                    self.searched = 0;
                    Piece::Line(self.buffer.split().freeze())
                }
            };
        }
    }

    /// Waits for more of the body.
    ///
    /// # Errors
    /// When it broke off, passes its limit, or there is no room for what waits for its end.
    pub async fn fetch(&mut self) -> Result<(), Problem> {
        self.share.hold(self.buffer.len())?;
        match self.body.next().await {
            None => self.ended = true,
            Some(Err(_)) => return Err(broken_off()),
            Some(Ok(chunk)) => {
                self.taken += chunk.len();
                if self.taken > self.body_limit {
                    return Err(Problem::too_large("the batch", self.body_limit));
                }
                self.buffer.extend_from_slice(&chunk);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(chunks: &[&'static str]) -> Body {
        let chunks: Vec<_> = chunks.iter().map(|chunk| Ok(Bytes::from_static(chunk.as_bytes()))).collect();
        Box::pin(futures_util::stream::iter(chunks))
    }

    async fn pieces(chunks: &[&'static str], line_limit: usize, body_limit: usize) -> Vec<String> {
        let mut lines = Lines::new(body(chunks), line_limit, body_limit, Share::of(&Room::new(0)));
        let mut seen = Vec::new();
        loop {
            match lines.next_here() {
                Piece::Line(line) => seen.push(String::from_utf8(line.to_vec()).unwrap()),
                Piece::LongLine => seen.push("(long)".into()),
                Piece::End => return seen,
                Piece::More => {
                    if lines.fetch().await.is_err() {
                        seen.push("(refused)".into());
                        return seen;
                    }
                }
            }
        }
    }

    #[tokio::test]
    async fn lines_are_the_same_however_the_body_is_cut_into_chunks() {
        let expected = ["one", "", "three", "four"];
        assert_eq!(pieces(&["one\n\nthree\nfour"], 9, 99).await, expected);
        assert_eq!(pieces(&["o", "ne", "\n\nth", "ree\n", "", "four"], 9, 99).await, expected);
        assert_eq!(pieces(&["one\n\nthree\nfour\n"], 9, 99).await, expected);
        assert!(pieces(&[], 9, 99).await.is_empty());
    }

    #[tokio::test]
    async fn a_long_line_is_skipped_and_the_rest_goes_on() {
        let expected = ["a", "(long)", "b"];
        assert_eq!(pieces(&["a\n123456\nb"], 5, 99).await, expected);
        assert_eq!(pieces(&["a\n1234", "5", "6", "7", "8\nb"], 5, 99).await, expected);
        assert_eq!(pieces(&["a\n123456789"], 5, 99).await, ["a", "(long)"]);
        assert_eq!(pieces(&["12345\n"], 5, 99).await, ["12345"]);
    }

    #[tokio::test]
    async fn a_body_over_its_limit_is_refused_where_it_passes_it() {
        assert_eq!(pieces(&["a\n", "b\n", "c\n"], 5, 4).await, ["a", "b", "(refused)"]);
    }

    #[tokio::test]
    async fn a_whole_body_of_exactly_the_limit_is_taken_and_one_byte_more_is_not() {
        let (patience, room) = (Duration::from_secs(9), Room::new(0));
        for chunks in [&["12345"] as &[_], &["12", "345"], &["", "12345"], &["1", "2", "3", "4", "5"]] {
            assert_eq!(read_whole(body(chunks), None, 5, patience, &room).await.unwrap()[..], *b"12345");
            assert_eq!(read_whole(body(chunks), None, 4, patience, &room).await.unwrap_err().kind(), Kind::TooLarge);
        }
        assert_eq!(read_whole(body(&["1"]), Some(6), 5, patience, &room).await.unwrap_err().kind(), Kind::TooLarge);
        assert_eq!(read_whole(body(&[]), None, 5, patience, &room).await.unwrap()[..], *b"");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_ends_is_given_up_on() {
        let endless: Body = Box::pin(futures_util::stream::pending());
        let problem = read_whole(endless, None, 5, Duration::from_secs(3), &Room::new(0)).await.unwrap_err();
        assert_eq!(problem.kind(), Kind::Timeout);
    }

    /// A body of `chunks` chunks of 10,000 bytes.
    fn long(chunks: usize) -> Body {
        body(&vec![str::from_utf8(&[b'x'; 10_000]).unwrap(); chunks])
    }

    #[tokio::test]
    async fn bodies_share_their_room_and_give_it_back() {
        let (patience, room) = (Duration::from_secs(9), Room::new(200_000));
        let read = |chunks| read_whole(long(chunks), None, 1_000_000, patience, &room);
        let first = read(9).await.unwrap();
        assert_eq!(first.len(), 90_000);
        assert!(room.held() >= 90_000 - FREE_BYTES, "{}", room.held());
        assert_eq!(read(20).await.unwrap_err().kind(), Kind::Busy);
        // What every connection may have is there all the same.
        let short = read(1).await.unwrap();
        drop(first);
        drop(read(9).await.unwrap());
        drop(short);
        assert_eq!(room.held(), 0);
    }

    #[tokio::test]
    async fn a_line_without_end_is_counted_while_it_is_waited_for() {
        let room = Room::new(50_000);
        let mut lines = Lines::new(long(20), 1_000_000, 1_000_000, Share::of(&room));
        let mut fetched = 0;
        let problem = loop {
            assert_eq!(lines.next_here(), Piece::More);
            match lines.fetch().await {
                Ok(()) => fetched += 1,
                Err(problem) => break problem,
            }
        };
        assert_eq!(
            (problem.kind(), fetched),
            (Kind::Busy, 7),
            "7 chunks are the first over 50,000 bytes and the free ones"
        );
        drop(lines);
        assert_eq!(room.held(), 0);
    }
}
