//! A client that writes bytes, so that it can do what no HTTP client would.

use std::collections::HashMap;
use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::FOREVER;

/// A connection.
pub struct Raw {
    stream: TcpStream,
    unread: Vec<u8>,
}

/// One answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HashMap<String, String>,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// Asserts that this is a refusal in the one form of refusals, and returns its detail.
    pub fn problem(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        assert_eq!(self.json()["status"], status);
        self.json()["detail"].as_str().unwrap().to_owned()
    }
}

impl Raw {
    pub async fn connect(address: SocketAddr) -> Self {
        Raw { stream: TcpStream::connect(address).await.unwrap(), unread: Vec::new() }
    }

    /// A client whose system takes next to nothing that it does not read.
    pub async fn connect_with_small_buffer(address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        Raw { stream: socket.connect(address).await.unwrap(), unread: Vec::new() }
    }

    pub async fn send(&mut self, text: impl AsRef<[u8]>) {
        self.stream.write_all(text.as_ref()).await.unwrap();
    }

    /// Sends until the other side takes no more; `true` when everything went out.
    pub async fn try_send(&mut self, text: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(text.as_ref()).await.is_ok()
    }

    pub async fn finish_sending(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// Waits until the other side has sent `text`, and forgets everything up to its end.
    pub async fn wait_for(&mut self, text: &str) {
        timeout(FOREVER, self.until(text)).await.expect("the text in time");
    }

    /// Whether `text` is among what the other side has sent so far.
    pub async fn has(&mut self, text: &str) -> bool {
        while let Ok(1..) = self.stream.try_read_buf(&mut self.unread) {}
        tokio::task::yield_now().await;
        self.unread.windows(text.len()).any(|window| window == text.as_bytes())
    }

    /// The next answer with a `Content-Length`, or chunked.
    pub async fn answer(&mut self) -> Answer {
        timeout(FOREVER, self.read_answer()).await.expect("an answer in time")
    }

    /// Waits until the other side closes, and returns what it said before.
    pub async fn closed(&mut self) -> String {
        let closing = async { while self.fill().await {} };
        timeout(FOREVER, closing).await.expect("the connection is closed in time");
        String::from_utf8_lossy(&std::mem::take(&mut self.unread)).into_owned()
    }

    /// Whether more arrived; a reset is an end like any other.
    async fn fill(&mut self) -> bool {
        self.stream.read_buf(&mut self.unread).await.is_ok_and(|count| count > 0)
    }

    async fn read_answer(&mut self) -> Answer {
        let head = self.until("\r\n\r\n").await;
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: HashMap<String, String> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        let body = match headers.get("content-length") {
            Some(length) => self.take(length.parse().unwrap()).await,
            None if headers.get("transfer-encoding").is_some_and(|coding| coding == "chunked") => self.chunks().await,
            None => self.closed().await,
        };
        Answer { status, headers, body }
    }

    async fn chunks(&mut self) -> String {
        let mut body = String::new();
        loop {
            let size = self.until("\r\n").await;
            let size = usize::from_str_radix(size.trim(), 16).unwrap();
            body += &self.take(size).await;
            self.take(2).await;
            if size == 0 {
                return body;
            }
        }
    }

    async fn until(&mut self, end: &str) -> String {
        loop {
            let found = self.unread.windows(end.len()).position(|window| window == end.as_bytes());
            if let Some(at) = found {
                return self.take(at + end.len()).await;
            }
            assert!(self.fill().await, "closed after {:?}", String::from_utf8_lossy(&self.unread));
        }
    }

    async fn take(&mut self, count: usize) -> String {
        while self.unread.len() < count {
            assert!(self.fill().await, "closed after {:?}", String::from_utf8_lossy(&self.unread));
        }
        String::from_utf8(self.unread.drain(..count).collect()).unwrap()
    }
}

/// The head of a POST with a body of `length` bytes.
pub fn post(path: &str, length: usize) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n")
}

/// The head of a POST with a chunked body.
pub fn post_chunked(path: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n")
}

/// One chunk of a chunked body.
pub fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}
