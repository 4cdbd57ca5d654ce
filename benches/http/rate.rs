//! A load generator with a fixed rate, for `benches/http/run --rate`: `http-rate ADDRESS PATH FILE RATE SECONDS`.
//!
//! Request number n is due n/RATE seconds after the start, whatever became of those before it, and its latency counts
//! from then on, not from when it could at last be sent. So a server that stands still for a second has a thousand slow
//! answers at a thousand requests/s, and not one ("coordinated omission": Gil Tene, "How NOT to Measure Latency").
//!
//! Sends the lines of FILE as JSON bodies in turn, over kept-alive connections, and prints one JSON object. It never sleeps:
//! a processor that slept wakes up late, on a shared machine by milliseconds, and that is not the server's doing. So it
//! takes all of one core.

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::{JoinSet, yield_now};
use tokio::time::Instant;

/// Enough that a request hardly ever waits for the answer to the one before it.
const CONNECTIONS: u64 = 64;

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, path, file, rate, seconds] = arguments.as_slice() else {
        return Err("usage: http-rate ADDRESS PATH FILE RATE SECONDS".into());
    };
    let bodies = std::fs::read_to_string(file)?.lines().map(|line| Bytes::from(line.to_owned())).collect();
    let bodies: &'static Vec<Bytes> = Box::leak(Box::new(bodies));
    let load = Load { rate: rate.parse()?, requests: rate.parse::<u64>()? * seconds.parse::<u64>()?, bodies };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = runtime.block_on(run(address, path, load))?;
    outcome.print(&load);
    Ok(())
}

#[derive(Clone, Copy)]
struct Load {
    rate: u64,
    requests: u64,
    bodies: &'static Vec<Bytes>,
}

/// What became of the requests.
#[derive(Default)]
struct Outcome {
    /// Of those that were answered with 200, in microseconds.
    latencies: Vec<u32>,
    refused: u64,
    took: Duration,
}

async fn run(address: &str, path: &str, load: Load) -> Result<Outcome, Failure> {
    let mut clients = JoinSet::new();
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        connections.push(connect(address).await?);
    }
    let start = Instant::now() + Duration::from_millis(100);
    for (first, connection) in connections.into_iter().enumerate() {
        clients.spawn(client(connection, address.to_owned(), path.to_owned(), load, start, first as u64));
    }
    let mut outcome = Outcome::default();
    while let Some(client) = clients.join_next().await {
        let client = client??;
        outcome.latencies.extend(client.latencies);
        outcome.refused += client.refused;
    }
    outcome.took = start.elapsed();
    outcome.latencies.sort_unstable();
    Ok(outcome)
}

async fn connect(address: &str) -> Result<SendRequest<Full<Bytes>>, Failure> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

/// Sends every request of its turn: an error ends the measurement, because then it is none.
async fn client(
    mut connection: SendRequest<Full<Bytes>>,
    host: String,
    path: String,
    load: Load,
    start: Instant,
    first: u64,
) -> Result<Outcome, Failure> {
    let mut outcome = Outcome::default();
    for number in (first..load.requests).step_by(CONNECTIONS as usize) {
        let due = start + Duration::from_nanos(number * 1_000_000_000 / load.rate);
        while Instant::now() < due {
            yield_now().await;
        }
        let body = load.bodies[number as usize % load.bodies.len()].clone();
        let request = Request::post(&path).header("host", &host).header("content-type", "application/json");
        connection.ready().await?;
        let response = connection.send_request(request.body(Full::new(body))?).await?;
        let ok = response.status() == 200;
        response.into_body().collect().await?;
        if ok {
            outcome.latencies.push(u32::try_from(due.elapsed().as_micros()).unwrap_or(u32::MAX));
        } else {
            outcome.refused += 1;
        }
    }
    Ok(outcome)
}

impl Outcome {
    fn print(&self, load: &Load) {
        let at = |share: f64| {
            let rank = ((self.latencies.len() as f64 * share).ceil() as usize).max(1) - 1;
            self.latencies.get(rank).map(|&microseconds| f64::from(microseconds) / 1000.0)
        };
        let line = serde_json::json!({
            "requests": load.requests,
            "answered": self.latencies.len(),
            "refused": self.refused,
            "requests_per_s": load.requests as f64 / self.took.as_secs_f64(),
            "p50_ms": at(0.5),
            "p99_ms": at(0.99),
            "p999_ms": at(0.999),
            "most_ms": at(1.0),
        });
        println!("{line}");
    }
}
