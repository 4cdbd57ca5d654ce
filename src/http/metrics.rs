//! What the service counts, for `GET /metrics`.
//!
//! Counting is adding to an atomic, because it happens on every request; the work is in reading them out, in
//! OpenMetrics text, when somebody asks. Labels come from closed sets, so that no request can add a series.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use warp::http::StatusCode;

use crate::answer::Answer;
use crate::comment::Label;
use crate::http::endpoint::Endpoint;
use crate::http::problem::Kind;
use crate::moderator::Moderator;
use crate::store::{Change, ErrorKind, Store, StoreHealth, StoreState};
use crate::verdict::{Decision, Queue};

/// The media type of [`Metrics::render`].
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Everything that is counted.
#[derive(Debug, Default)]
pub struct Metrics {
    verdicts: [AtomicU64; VERDICTS.len()],
    responses: [AtomicU64; STATUSES.len()],
    latencies: [Latencies; Endpoint::ALL.len()],
    rejected: [AtomicU64; Kind::ALL.len()],
    connections_accepted: AtomicU64,
    connections_closed: AtomicU64,
    connections_refused: [AtomicU64; REFUSALS.len()],
    panics: AtomicU64,
}

/// Decision and queue of every verdict there is.
const VERDICTS: [(&str, &str); 3] = [("approve", ""), ("hold", "review"), ("hold", "spam")];

/// Every status the service answers with; the last one stands for any other.
const STATUSES: [u16; 17] = [200, 400, 401, 403, 404, 405, 408, 409, 413, 415, 422, 429, 431, 500, 503, 414, 0];

/// Why a connection was refused.
const REFUSALS: [&str; 2] = ["too_many", "too_many_from_address"];

/// Which limit a refused connection met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The one on all connections.
    TooMany,
    /// The one on those of one client: one address, or one key.
    TooManyFromOne,
}

impl Metrics {
    /// Counts a verdict.
    pub fn judged(&self, answer: &Answer) {
        let position = match (answer.verdict, answer.queue) {
            (Decision::Approve, _) => 0,
            (Decision::Hold, Some(Queue::Spam)) => 2,
            (Decision::Hold, _) => 1,
        };
        self.verdicts[position].fetch_add(1, Relaxed);
    }

    /// Counts a response and the time it took.
    pub fn responded(&self, endpoint: Endpoint, status: StatusCode, took: Duration) {
        let known = STATUSES.iter().position(|known| *known == status.as_u16());
        self.responses[known.unwrap_or(STATUSES.len() - 1)].fetch_add(1, Relaxed);
        self.latencies[endpoint as usize].observe(took);
    }

    /// Counts an input that was refused, be it a whole request or a line of a batch.
    pub fn rejected(&self, kind: Kind) {
        self.rejected[kind as usize].fetch_add(1, Relaxed);
    }

    /// Counts a connection that was taken in.
    pub fn connection_accepted(&self) {
        self.connections_accepted.fetch_add(1, Relaxed);
    }

    /// Counts a connection that has ended.
    pub fn connection_closed(&self) {
        self.connections_closed.fetch_add(1, Relaxed);
    }

    /// Counts a connection that was turned away.
    pub fn connection_refused(&self, why: Refusal) {
        self.connections_refused[why as usize].fetch_add(1, Relaxed);
    }

    /// Counts a panic.
    pub fn panicked(&self) {
        self.panics.fetch_add(1, Relaxed);
    }

    /// Connections open now.
    fn connections_open(&self) -> i64 {
        // Closed is read first, so that a connection ending in between cannot make the difference negative.
        let closed = self.connections_closed.load(Relaxed);
        self.connections_accepted.load(Relaxed).saturating_sub(closed).try_into().unwrap_or(i64::MAX)
    }

    /// Everything as OpenMetrics text.
    ///
    /// # Errors
    /// Never in practice: the text grows in memory.
    pub fn render(
        self: &Arc<Self>,
        moderator: &Arc<Moderator>,
        store: Option<&Store>,
        taken: Taken,
    ) -> Result<String, fmt::Error> {
        let mut registry = Registry::with_prefix("hamgate");
        registry.register_collector(Box::new(Arc::clone(self)));
        registry.register_collector(Box::new(InService(Arc::clone(moderator))));
        registry.register_collector(Box::new(taken));
        if let Some(store) = store {
            registry.register_collector(Box::new(Remembered(store.health())));
        }
        let mut text = String::with_capacity(16 * 1024);
        text::encode(&mut text, &registry)?;
        Ok(text)
    }
}

impl Collector for Metrics {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let verdicts = VERDICTS.iter().zip(&self.verdicts);
        counters(
            &mut encoder,
            ("verdicts", "Verdicts given, by decision and queue"),
            verdicts.map(|((decision, queue), n)| ([("decision", *decision), ("queue", *queue)], n)),
        )?;
        let responses = STATUSES.iter().zip(&self.responses);
        counters(
            &mut encoder,
            ("responses", "Responses sent, by status (0: any other)"),
            responses.map(|(status, n)| ([("status", *status)], n)),
        )?;
        let rejected = Kind::ALL.iter().zip(&self.rejected);
        counters(
            &mut encoder,
            ("rejected_inputs", "Requests and batch lines refused, by kind of problem"),
            rejected.map(|(kind, n)| ([("kind", kind.name())], n)),
        )?;
        let refused = REFUSALS.iter().zip(&self.connections_refused);
        counters(
            &mut encoder,
            ("connections_refused", "Connections turned away, by the limit they met"),
            refused.map(|(limit, n)| ([("limit", *limit)], n)),
        )?;
        encoder
            .encode_descriptor("connections_accepted", "Connections taken in", None, MetricType::Counter)?
            .encode_counter::<NoLabelSet, _, u64>(&self.connections_accepted.load(Relaxed), None)?;
        encoder
            .encode_descriptor("connections_open", "Connections open now", None, MetricType::Gauge)?
            .encode_gauge(&self.connections_open())?;
        encoder
            .encode_descriptor("panics", "Faults of the program that a request met", None, MetricType::Counter)?
            .encode_counter::<NoLabelSet, _, u64>(&self.panics.load(Relaxed), None)?;
        let help = "Time from the head of a request to the head of its answer, by route";
        let mut family = encoder.encode_descriptor("request_duration_seconds", help, None, MetricType::Histogram)?;
        for (endpoint, latencies) in Endpoint::ALL.iter().zip(&self.latencies) {
            let (sum, count, buckets) = latencies.read();
            let labels = [("route", endpoint.name())];
            family.encode_family(&labels)?.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)?;
        }
        Ok(())
    }
}

/// Writes one family of counters.
fn counters<'a, L: EncodeLabelSet>(
    encoder: &mut DescriptorEncoder,
    (name, help): (&str, &str),
    series: impl Iterator<Item = (L, &'a AtomicU64)>,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (labels, count) in series {
        family.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&count.load(Relaxed), None)?;
    }
    Ok(())
}

/// Tells which program and model are in service.
#[derive(Debug)]
struct InService(Arc<Moderator>);

impl Collector for InService {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let classifier = self.0.generic();
        let labels = [("version", env!("CARGO_PKG_VERSION")), ("model", classifier.id().as_str())];
        encoder
            .encode_descriptor("service", "Program and model in service", None, MetricType::Info)?
            .encode_info(&labels)
    }
}

/// What is taken now of what is limited.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    /// Bytes of bodies that are being read.
    pub body_bytes: usize,
    /// Batches that are being answered.
    pub batches: usize,
}

impl Collector for Taken {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let gauges = [
            (
                "body_memory_bytes",
                "Bytes of long bodies that are being read, of those that --body-memory-bytes allows",
                self.body_bytes,
            ),
            ("batches_open", "Batches being answered now, of those that --max-batches allows", self.batches),
        ];
        for (name, help, value) in gauges {
            let value = i64::try_from(value).unwrap_or(i64::MAX);
            encoder.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)?;
        }
        Ok(())
    }
}

/// What the store says of itself.
#[derive(Debug)]
struct Remembered(StoreHealth);

impl Collector for Remembered {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let health = &self.0;
        let gauges = [
            ("store_ready", "1 when the last write worked, else 0", u64::from(health.state == StoreState::Ready)),
            ("store_queue_decisions", "Decisions that wait to be written", health.queued as u64),
            ("store_bytes", "Bytes the tables of the store take", health.bytes),
        ];
        for (name, help, value) in gauges {
            let value = i64::try_from(value).unwrap_or(i64::MAX);
            encoder.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)?;
        }
        let counters = [
            ("store_decisions_remembered", "Decisions written", health.remembered),
            ("store_decisions_lost", "Decisions dropped because too many waited", health.lost),
            ("store_corrections_undone", "Corrections taken back", health.undone),
        ];
        for (name, help, value) in counters {
            let counter = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            { counter }.encode_counter::<NoLabelSet, _, u64>(&value, None)?;
        }
        let help = "Corrections, by label and what they changed";
        let mut family = encoder.encode_descriptor("store_corrections", help, None, MetricType::Counter)?;
        for label in Label::ALL {
            for change in Change::ALL {
                let labels = [("label", label.name()), ("change", change.name())];
                let count = health.corrections[label.index()][change as usize];
                family.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
            }
        }
        let help = "Failed writes and unanswered requests, by kind";
        let mut family = encoder.encode_descriptor("store_errors", help, None, MetricType::Counter)?;
        for (kind, count) in ErrorKind::ALL.iter().zip(&health.errors) {
            family.encode_family(&[("kind", kind.name())])?.encode_counter::<NoLabelSet, _, u64>(count, None)?;
        }
        Ok(())
    }
}

/// A histogram of durations.
#[derive(Debug, Default)]
struct Latencies {
    buckets: [AtomicU64; BOUNDS_US.len() + 1],
    sum_ns: AtomicU64,
}

/// Upper bounds of the buckets, in microseconds: a verdict takes tens of them, a slow client's body seconds.
const BOUNDS_US: [u64; 15] =
    [25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 100_000, 500_000, 1_000_000, 5_000_000, 30_000_000];

impl Latencies {
    fn observe(&self, took: Duration) {
        let ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_US.iter().position(|bound| ns <= bound * 1_000).unwrap_or(BOUNDS_US.len());
        self.buckets[bucket].fetch_add(1, Relaxed);
        self.sum_ns.fetch_add(ns, Relaxed);
    }

    /// Sum in seconds, count, and each bucket's bound in seconds with its own count.
    #[expect(clippy::cast_precision_loss, reason = "a sum of durations is reported, not accounted for")]
    fn read(&self) -> (f64, u64, Vec<(f64, u64)>) {
        let bounds = BOUNDS_US.iter().map(|us| *us as f64 / 1e6).chain([f64::MAX]);
        let buckets: Vec<(f64, u64)> = bounds.zip(self.buckets.iter().map(|n| n.load(Relaxed))).collect();
        let count = buckets.iter().map(|(_, n)| n).sum();
        (self.sum_ns.load(Relaxed) as f64 / 1e9, count, buckets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_falls_into_the_first_bucket_that_holds_it() {
        let latencies = Latencies::default();
        for us in [25, 26, 31_000_000] {
            latencies.observe(Duration::from_micros(us));
        }
        let (sum, count, buckets) = latencies.read();
        assert_eq!(count, 3);
        assert!((sum - 31.000_051).abs() < 1e-9);
        let filled: Vec<f64> = buckets.iter().filter(|(_, n)| *n > 0).map(|(bound, _)| *bound).collect();
        assert_eq!(filled, [25e-6, 50e-6, f64::MAX]);
    }

    #[test]
    fn an_unforeseen_status_is_counted_as_zero() {
        let metrics = Metrics::default();
        metrics.responded(Endpoint::Check, StatusCode::IM_A_TEAPOT, Duration::ZERO);
        assert_eq!(metrics.responses[STATUSES.len() - 1].load(Relaxed), 1);
    }
}
