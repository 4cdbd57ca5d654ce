//! A TCP stream that loses patience.
//!
//! hyper reads and writes through [`Socket`], which turns waiting for too long into an error, and hyper answers an error
//! by closing. How long is too long depends on what is waited for: the next request of an idle connection, the rest of a
//! head, or a client who does not read. (Bodies are timed where they are read, because there an answer can be given.)
//!
//! Why not hyper's own `header_read_timeout`? It is the only one hyper has, it runs while a connection is idle as well,
//! so that idle and slow clients would share one limit, and it allocates a timer per request. Here one timer serves a
//! connection: it is left to run out and only then compared with the deadline of the day.
//!
//! The socket also reads over hyper's shoulder whether a head gives the length of its body twice. hyper drops one of the
//! two before anybody can see it; a proxy in front may have believed the other. Where a head begins is hyper's to say, when
//! requests come in one breath or in odd pieces, so bodies are looked through as well: a JSON text or a form that is sent as
//! it should be has no line that looks like one of the two headers.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use memchr::memchr;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

/// How long a socket waits for what.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For the rest of a head.
    pub head: Duration,
    /// For the next request.
    pub idle: Duration,
    /// For the client to take more of an answer.
    pub write: Duration,
}

/// How long, and for how many bytes, an answer that ends a connection is protected from what the client still sends:
/// closing a socket with unread input makes the system throw the answer away.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 1024 * 1024;

/// What a connection is doing; shared by the socket and the service on top of it, which run in the same task.
#[derive(Debug)]
pub struct Activity {
    /// The phase in the lowest two bits, and above it a number that changes with every phase.
    state: AtomicU32,
    length_given_twice: AtomicBool,
    body_read: AtomicBool,
    lingers: AtomicBool,
    leaves: AtomicBool,
}

const PHASE: u32 = 0b11;
const IDLE: u32 = 0;
const HEAD: u32 = 1;
const BUSY: u32 = 2;

impl Activity {
    /// A new connection: it was opened to send a head.
    pub fn new() -> Arc<Self> {
        Arc::new(Activity {
            state: AtomicU32::new(HEAD),
            length_given_twice: AtomicBool::new(false),
            body_read: AtomicBool::new(false),
            lingers: AtomicBool::new(false),
            leaves: AtomicBool::new(false),
        })
    }

    /// A whole head has arrived, and perhaps there is a body behind it. Tells whether it came in one breath with the request
    /// before it (pipelining), so that nothing had to be waited for in between.
    pub fn begin_request(&self, has_body: bool) -> bool {
        let pipelined = self.phase() == IDLE;
        self.body_read.store(!has_body, Relaxed);
        self.enter(BUSY);
        pipelined
    }

    /// The body has been read to its end.
    pub fn finish_body(&self) {
        self.body_read.store(true, Relaxed);
    }

    /// Whether there is nothing left of the request's body.
    pub fn body_read(&self) -> bool {
        self.body_read.load(Relaxed)
    }

    /// The last answer is written, as far as hyper is concerned.
    pub fn end_request(&self) {
        self.enter(IDLE);
    }

    /// Whether a head gave the length of its body twice: the one that has just arrived, or one that came in one breath with
    /// it. Asking clears it.
    pub fn length_given_twice(&self) -> bool {
        self.length_given_twice.load(Relaxed) && self.length_given_twice.swap(false, Relaxed)
    }

    /// The next answer ends the connection while the client may still be sending.
    pub fn linger(&self) {
        self.lingers.store(true, Relaxed);
    }

    /// The next answer is to say that it is the last one here.
    pub fn leave(&self) {
        self.leaves.store(true, Relaxed);
    }

    /// Whether an answer has to say that it is the last one here.
    pub fn leaves(&self) -> bool {
        self.leaves.load(Relaxed)
    }

    fn enter(&self, phase: u32) {
        let turn = (self.state.load(Relaxed) & !PHASE).wrapping_add(PHASE + 1);
        self.state.store(turn | phase, Relaxed);
    }

    fn phase(&self) -> u32 {
        self.state.load(Relaxed) & PHASE
    }
}

/// A stream with [`Patience`].
#[derive(Debug)]
pub struct Socket {
    stream: TcpStream,
    patience: Patience,
    activity: Arc<Activity>,
    heads: HeadScan,
    /// The head that is waited for, and until when.
    waiting: Option<(u32, Instant)>,
    /// When the client last took something of an answer.
    written: Instant,
    blocked_until: Option<Instant>,
    closing: Option<Closing>,
    read_alarm: Alarm,
    write_alarm: Alarm,
}

#[derive(Debug)]
struct Closing {
    until: Instant,
    left: usize,
}

impl Socket {
    /// Wraps a stream.
    pub fn new(stream: TcpStream, patience: Patience, activity: Arc<Activity>) -> Self {
        Socket {
            stream,
            patience,
            activity,
            heads: HeadScan::default(),
            waiting: None,
            written: Instant::now(),
            blocked_until: None,
            closing: None,
            read_alarm: Alarm::default(),
            write_alarm: Alarm::default(),
        }
    }

    fn received(&mut self, bytes: &[u8]) {
        if self.activity.phase() == IDLE && !bytes.is_empty() {
            self.activity.enter(HEAD);
        }
        if self.heads.finds_length_twice(bytes) {
            self.activity.length_given_twice.store(true, Relaxed);
        }
    }

    /// Nothing came: is it time to give up?
    fn poll_reader_gone(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let state = self.activity.state.load(Relaxed);
        let until = match (state & PHASE, self.waiting) {
            // It may be long ago: after an answer hyper does not read again until it is woken.
            (IDLE, _) => self.written + self.patience.idle,
            (HEAD, Some((waiting, until))) if waiting == state => until,
            (HEAD, _) => self.waiting.insert((state, Instant::now() + self.patience.head)).1,
            // Nobody is given up here, but an alarm is set: it is what wakes hyper should nothing ever come after this answer.
            _ => {
                let _ = self.read_alarm.poll(cx, Instant::now() + self.patience.idle);
                return Poll::Pending;
            }
        };
        self.read_alarm.poll(cx, until).map(|()| io::ErrorKind::TimedOut.into())
    }

    /// Nothing went out: is it time to give up?
    fn poll_write_outcome(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.blocked_until = None;
            self.written = Instant::now();
            return written;
        }
        let until = *self.blocked_until.get_or_insert_with(|| Instant::now() + self.patience.write);
        self.write_alarm.poll(cx, until).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }

    /// Throws away what still comes in, for a while.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut scratch = [0; 4096];
        while let Some(closing) = &mut self.closing {
            let mut buffer = ReadBuf::new(&mut scratch);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() && closing.left > buffer.filled().len() => {
                    closing.left -= buffer.filled().len();
                }
                Poll::Ready(_) => break,
                Poll::Pending => return self.read_alarm.poll(cx, closing.until),
            }
        }
        Poll::Ready(())
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        match Pin::new(&mut self.stream).poll_read(cx, buf) {
            Poll::Ready(outcome) => {
                self.received(&buf.filled()[before..]);
                Poll::Ready(outcome)
            }
            Poll::Pending => self.poll_reader_gone(cx).map(Err),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.poll_write_outcome(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.poll_write_outcome(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.closing.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            let unread = self.activity.phase() == HEAD || self.activity.lingers.load(Relaxed);
            if !unread {
                return Poll::Ready(Ok(()));
            }
            self.closing = Some(Closing { until: Instant::now() + LINGER, left: LINGER_BYTES });
        }
        self.poll_linger(cx).map(Ok)
    }
}

/// A timer that costs nothing while deadlines only move away from it.
#[derive(Debug, Default)]
struct Alarm {
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Alarm {
    /// Ready when `deadline` has passed.
    fn poll(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        }
        loop {
            ready!(pin!(&mut *sleep).poll(cx));
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
    }
}

/// Looks through all that comes, in whatever pieces, for two headers that tell a body's length without a blank line between
/// them. The first line of a head may have the end of a body before it, the headers are on lines of their own.
#[derive(Debug, Default)]
struct HeadScan {
    /// The beginning of the current line; the longer of the two names fits in.
    start: [u8; 18],
    /// The length of the current line so far.
    length: usize,
    /// What was seen since the last blank line.
    content_length: bool,
    transfer_encoding: bool,
}

impl HeadScan {
    /// Whether `bytes` end a line after which both headers have been seen.
    fn finds_length_twice(&mut self, bytes: &[u8]) -> bool {
        let mut found = false;
        let mut rest = bytes;
        while let Some(end) = memchr(b'\n', rest) {
            self.extend_line(&rest[..end]);
            self.end_line();
            found |= self.content_length && self.transfer_encoding;
            rest = &rest[end + 1..];
        }
        self.extend_line(rest);
        found
    }

    fn extend_line(&mut self, part: &[u8]) {
        let known = self.length.min(self.start.len());
        let fits = part.len().min(self.start.len() - known);
        self.start[known..known + fits].copy_from_slice(&part[..fits]);
        self.length += part.len();
    }

    fn end_line(&mut self) {
        let start = &self.start[..self.length.min(self.start.len())];
        let is = |name: &[u8]| start.get(..name.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(name));
        let blank = matches!(start, b"" | b"\r");
        self.content_length = !blank && (self.content_length || is(b"content-length:"));
        self.transfer_encoding = !blank && (self.transfer_encoding || is(b"transfer-encoding:"));
        self.length = 0;
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A client, and the socket it is connected to, with a head that waits to be read.
    async fn connected() -> (TcpStream, Socket, Arc<Activity>) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        client.write_all(b"GET").await.unwrap();
        stream.readable().await.unwrap();
        let patience = Patience { head: 10 * SECOND, idle: 60 * SECOND, write: 60 * SECOND };
        let activity = Activity::new();
        let socket = Socket::new(stream, patience, Arc::clone(&activity));
        (client, socket, activity)
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_of_an_idle_connection_begins_when_its_last_answer_is_taken() {
        let (_client, mut socket, activity) = connected().await;
        assert_eq!(socket.read(&mut [0; 3]).await.unwrap(), 3);
        for pause in [7, 11] {
            tokio::time::sleep(pause * SECOND).await;
            activity.begin_request(false);
            socket.write_all(b"HTTP/1.1 200 OK").await.unwrap();
            activity.end_request();
        }
        let answered = Instant::now();
        tokio::time::sleep(5 * SECOND).await;
        let error = socket.read(&mut [0]).await.unwrap_err();
        assert_eq!((error.kind(), answered.elapsed().as_secs()), (io::ErrorKind::TimedOut, 60));
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_was_only_read_while_an_answer_was_made_is_woken_all_the_same() {
        let (_client, mut socket, activity) = connected().await;
        assert_eq!(socket.read(&mut [0; 3]).await.unwrap(), 3);
        activity.begin_request(false);
        let begun = Instant::now();
        // As hyper does it: once while it waits for the answer, and then not before somebody wakes the task.
        let mut polls = 0;
        let error = std::future::poll_fn(|cx| {
            polls += 1;
            let outcome = Pin::new(&mut socket).poll_read(cx, &mut ReadBuf::new(&mut [0]));
            if activity.phase() == BUSY {
                activity.end_request();
            }
            outcome
        });
        let error = tokio::time::timeout(100 * SECOND, error).await.expect("somebody wakes the task").unwrap_err();
        assert_eq!((error.kind(), begun.elapsed().as_secs(), polls), (io::ErrorKind::TimedOut, 60, 2));
    }

    fn found(head: &str, piece: usize) -> bool {
        let mut scan = HeadScan::default();
        let mut found = false;
        for bytes in head.as_bytes().chunks(piece) {
            found |= scan.finds_length_twice(bytes);
        }
        found
    }

    #[test]
    fn a_length_given_twice_is_found_however_the_head_is_cut() {
        let table = [
            ("POST / HTTP/1.1\r\nContent-Length: 3\r\ntransfer-encoding: chunked\r\n\r\n", true),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nCONTENT-LENGTH:3\r\nX: y\r\n\r\n", true),
            ("\r\nPOST / HTTP/1.1\nContent-Length: 3\nTransfer-Encoding: chunked\n\n", true),
            ("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nTransfer-Encoding: chunked\r\n", false),
            ("POST / HTTP/1.1\r\nX-Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", false),
            ("POST / HTTP/1.1\r\nX: content-length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", false),
            ("POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n", false),
            (
                "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcPOST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
                true,
            ),
            (
                "GET / HTTP/1.1\r\n\r\nPOST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nX: y\r\nContent-Length: 3\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
                true,
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nPOST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
                false,
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcPOST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                false,
            ),
        ];
        for (head, expected) in table {
            for piece in [1, 2, 7, 18, 19, 4096] {
                assert_eq!(found(head, piece), expected, "{head:?} in pieces of {piece}");
            }
        }
    }

    /// Whether the deadline is still to come.
    async fn waits(alarm: &mut Alarm, deadline: Instant) -> bool {
        std::future::poll_fn(|cx| Poll::Ready(alarm.poll(cx, deadline).is_pending())).await
    }

    #[tokio::test(start_paused = true)]
    async fn an_alarm_rings_at_the_deadline_of_the_day_however_it_has_moved() {
        let second = Duration::from_secs(1);
        let start = Instant::now();
        let mut alarm = Alarm::default();
        assert!(waits(&mut alarm, start + second).await);
        std::future::poll_fn(|cx| alarm.poll(cx, start + 5 * second)).await;
        assert_eq!(Instant::now(), start + 5 * second);
        assert!(waits(&mut alarm, start + 60 * second).await);
        std::future::poll_fn(|cx| alarm.poll(cx, start + 6 * second)).await;
        assert_eq!(Instant::now(), start + 6 * second);
    }
}
