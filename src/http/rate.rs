//! How often one client may ask, and how often it may correct.
//!
//! A [`Client`] is a key, or an address where no key is needed. Each has a bucket that holds as many as the rate says and
//! fills evenly: so many may come at once, and from then on as many as flow in. All that is kept of a bucket is when it
//! will be full again (the algorithm is known as GCRA), and of a full one that need not be kept either.
//!
//! A request over its limit is refused. A comment in a batch waits instead, because a stream can; its bucket is another
//! one of the same size, so that a long batch does not use up what its blog needs for the comments of the day.
//!
//! Why not the crate `governor`, which does this arithmetic? It forgets a client only when its bucket is full, so whoever
//! has many addresses would decide how much memory that takes, or how often everything is searched for what can go.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::config::{Rate, RateLimit, ServeConfig};
use crate::http::endpoint::Endpoint;
use crate::http::gate::Client;
use crate::http::problem::{Kind, Problem};

/// So many clients are told apart at a time, each for less than a hundred bytes.
const MOST_CLIENTS: usize = 16 * 1024;

/// The limits on how often, each only where there is one.
#[derive(Debug)]
pub struct Rates {
    requests: Option<Buckets>,
    in_batches: Option<Buckets>,
    corrections: Option<Buckets>,
}

/// What a client did too often, and for how long it should not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Over {
    /// What was counted: requests or corrections.
    pub kind: Kind,
    rate: Rate,
    /// Until the next one is welcome.
    pub wait: Duration,
}

impl Rates {
    /// The limits of a configuration.
    pub fn new(config: &ServeConfig) -> Self {
        let buckets = |limit: RateLimit, kind| limit.rate().map(|rate| Buckets::new(rate, kind));
        Rates {
            requests: buckets(config.max_requests_per_key, Kind::TooManyRequests),
            in_batches: buckets(config.max_requests_per_key, Kind::TooManyRequests),
            corrections: buckets(config.max_corrections_per_key, Kind::TooManyCorrections),
        }
    }

    /// Whether it matters at an endpoint which address asks. Telling costs a little, and most never need to know.
    pub fn tell_addresses_apart(&self, endpoint: Endpoint) -> bool {
        match endpoint {
            // How many there are at once is limited as well.
            Endpoint::Batch => true,
            Endpoint::Feedback | Endpoint::Undo | Endpoint::SubmitSpam | Endpoint::SubmitHam => {
                self.requests.is_some() || self.corrections.is_some()
            }
            _ => self.requests.is_some(),
        }
    }

    /// Counts a request.
    ///
    /// # Errors
    /// When there were too many.
    pub fn request(&self, client: Client) -> Result<(), Over> {
        take(self.requests.as_ref(), client)
    }

    /// Counts a comment in a batch.
    ///
    /// # Errors
    /// When there were too many. It may wait for so long.
    pub fn comment_in_batch(&self, client: Client) -> Result<(), Over> {
        take(self.in_batches.as_ref(), client)
    }

    /// Counts a correction.
    ///
    /// # Errors
    /// When there were too many.
    pub fn correction(&self, client: Client) -> Result<(), Over> {
        take(self.corrections.as_ref(), client)
    }
}

fn take(buckets: Option<&Buckets>, client: Client) -> Result<(), Over> {
    buckets.map_or(Ok(()), |buckets| buckets.take(client, Instant::now()))
}

impl Over {
    /// What `Retry-After` says.
    pub fn retry_after_seconds(self) -> u64 {
        self.wait.as_millis().div_ceil(1000).max(1).try_into().unwrap_or(u64::MAX)
    }
}

impl From<Over> for Problem {
    fn from(over: Over) -> Self {
        let (rate, seconds) = (over.rate, over.retry_after_seconds());
        let (what, option, instead) = match over.kind {
            Kind::TooManyCorrections => {
                ("corrections", "--max-corrections-per-key", ", or bring in many with `hamgate import`")
            }
            _ => ("requests", "--max-requests-per-key", ""),
        };
        let detail = format!(
            "more {what} came with one key, or from one address where no key is needed, than the limit of {rate} \
             (`{option}`); come back in {seconds} s{instead}"
        );
        Problem::new(over.kind, detail).with_retry_after(seconds)
    }
}

/// The buckets of all clients for one limit.
#[derive(Debug)]
struct Buckets {
    kind: Kind,
    rate: Rate,
    /// The time in which one flows in.
    one: Duration,
    /// The time in which an empty bucket fills.
    all: Duration,
    /// When the bucket of a client will be full. Whoever is not in it has a full one.
    full_at: Mutex<HashMap<Client, Instant>>,
}

impl Buckets {
    fn new(rate: Rate, kind: Kind) -> Self {
        let one = rate.within.duration() / rate.most.get();
        Buckets { kind, rate, one, all: one * rate.most.get(), full_at: Mutex::default() }
    }

    /// Takes one out of the bucket of a client.
    fn take(&self, client: Client, now: Instant) -> Result<(), Over> {
        let mut clients = self.lock();
        if clients.len() >= MOST_CLIENTS && !clients.contains_key(&client) {
            make_room(&mut clients, now);
        }
        let full_at = clients.entry(client).or_insert(now);
        let refilled_at = (*full_at).max(now) + self.one;
        match (refilled_at - now).checked_sub(self.all) {
            Some(wait) if !wait.is_zero() => Err(Over { kind: self.kind, rate: self.rate, wait }),
            _ => {
                *full_at = refilled_at;
                Ok(())
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Client, Instant>> {
        // What is changed under it is one number at a time.
        self.full_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets clients whose buckets are full. When that leaves many, all addresses are forgotten: whoever has so many is not
/// held up by limits on each, and looking through all of them once for each that comes would hold up everybody.
fn make_room(clients: &mut HashMap<Client, Instant>, now: Instant) {
    clients.retain(|_, full_at| *full_at > now);
    if clients.len() > MOST_CLIENTS / 2 {
        clients.retain(|client, _| matches!(client, Client::Key(_)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(rate: &str) -> Buckets {
        let rate = rate.parse::<RateLimit>().unwrap().rate().unwrap();
        Buckets::new(rate, Kind::TooManyRequests)
    }

    fn address(n: u32) -> Client {
        Client::Address(std::net::Ipv4Addr::from_bits(n).into())
    }

    /// How many of `tries` are taken at once.
    fn taken(buckets: &Buckets, client: Client, tries: u32, now: Instant) -> usize {
        (0..tries).filter(|_| buckets.take(client, now).is_ok()).count()
    }

    #[test]
    fn so_many_may_come_at_once_and_then_as_many_as_flow_in() {
        let (buckets, key, start) = (buckets("60/m"), Client::Key(1), Instant::now());
        let second = Duration::from_secs(1);
        assert_eq!(taken(&buckets, key, 100, start), 60);
        assert_eq!(buckets.take(key, start).unwrap_err().wait, second);
        assert_eq!(taken(&buckets, key, 100, start + second / 2), 0);
        assert_eq!(buckets.take(key, start + second / 2).unwrap_err().wait, second / 2);
        assert_eq!(taken(&buckets, key, 100, start + second), 1);
        assert_eq!(taken(&buckets, key, 100, start + 11 * second), 10);
        assert_eq!(taken(&buckets, key, 100, start + 3_600 * second), 60, "a bucket holds no more than that");
    }

    #[test]
    fn whoever_keeps_to_the_rate_is_never_refused() {
        let (buckets, key, start) = (buckets("7/100ms"), Client::Key(1), Instant::now());
        for n in 0..1_000 {
            assert_eq!(buckets.take(key, start + n * Duration::from_millis(100) / 7), Ok(()), "{n}");
        }
    }

    #[test]
    fn one_client_takes_nothing_from_another() {
        let (buckets, start) = (buckets("3/h"), Instant::now());
        assert_eq!(taken(&buckets, Client::Key(1), 9, start), 3);
        for other in [Client::Key(2), address(1), address(2)] {
            assert_eq!(taken(&buckets, other, 9, start), 3);
        }
        assert_eq!(taken(&buckets, Client::Key(1), 9, start), 0);
    }

    #[test]
    fn a_rate_beyond_what_a_clock_can_tell_is_no_limit() {
        let (buckets, start) = (buckets("4294967295/ms"), Instant::now());
        assert_eq!(taken(&buckets, Client::Key(1), 1_000, start), 1_000);
    }

    #[test]
    fn who_comes_from_ever_new_addresses_takes_no_more_memory_and_nothing_from_a_key() {
        let (buckets, start) = (buckets("3/h"), Instant::now());
        assert_eq!(taken(&buckets, Client::Key(1), 9, start), 3);
        for n in 0..3 * MOST_CLIENTS as u32 {
            assert_eq!(buckets.take(address(n), start), Ok(()), "nobody new is refused because of the others");
            assert!(buckets.lock().len() <= MOST_CLIENTS);
        }
        assert_eq!(taken(&buckets, Client::Key(1), 9, start), 0, "a key is remembered");
        let later = start + Duration::from_secs(3_600);
        assert_eq!(buckets.take(address(u32::MAX), later), Ok(()));
        make_room(&mut buckets.lock(), later);
        assert_eq!(buckets.lock().len(), 1, "those whose buckets are full are forgotten");
    }

    #[test]
    fn a_refusal_says_the_limit_its_option_and_when_to_come_back() {
        let buckets = buckets("1/90s");
        let start = Instant::now();
        buckets.take(Client::Key(1), start).unwrap();
        let over = buckets.take(Client::Key(1), start + Duration::from_millis(500)).unwrap_err();
        assert_eq!(over.retry_after_seconds(), 90);
        let response = Problem::from(over).into_response();
        assert_eq!(response.status(), 429);
        assert_eq!(response.headers()["retry-after"], "90");
        let problem = serde_json::to_string(&Problem::from(over).to_json()).unwrap();
        assert!(problem.contains("1/90s (`--max-requests-per-key`); come back in 90 s\""), "{problem}");
        assert!(!problem.contains("import"), "{problem}");
        let problem = Problem::from(Over { kind: Kind::TooManyCorrections, ..over });
        let problem = serde_json::to_string(&problem.to_json()).unwrap();
        assert!(problem.contains("`--max-corrections-per-key`") && problem.contains("hamgate import"), "{problem}");
    }
}
