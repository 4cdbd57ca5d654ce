//! How many connections are taken in and batches answered at once, in all and of one client.
//!
//! Whoever comes on top is told so at once. Waiting for a free place instead would let a few slow clients hold up
//! everyone for as long as their time-outs allow.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::http::metrics::Refusal;

/// What is counted as one client: a key, or the address of whoever needs none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Client {
    /// The key with this id.
    Key(i64),
    /// An address, as [`client_of`] has it.
    Address(IpAddr),
}

/// Counts what is open now, by clients.
#[derive(Debug)]
pub struct Gate<C> {
    most: usize,
    most_from_one: usize,
    open: Mutex<Open<C>>,
}

#[derive(Debug)]
struct Open<C> {
    all: usize,
    by_client: HashMap<C, usize>,
}

/// A place for one, given back when dropped.
#[derive(Debug)]
pub struct Place<C: Eq + Hash> {
    gate: Arc<Gate<C>>,
    client: C,
}

impl<C: Copy + Eq + Hash> Gate<C> {
    /// A gate for `most`, and `most_from_one` from one client.
    pub fn new(most: usize, most_from_one: usize) -> Arc<Self> {
        let open = Open { all: 0, by_client: HashMap::new() };
        Arc::new(Gate { most, most_from_one, open: Mutex::new(open) })
    }

    /// How many are open.
    pub fn count(&self) -> usize {
        self.open().all
    }

    /// Takes in one of `client`, or says which limit it meets.
    ///
    /// # Errors
    /// When a limit is reached.
    pub fn admit(self: &Arc<Self>, client: C) -> Result<Place<C>, Refusal> {
        let mut open = self.open();
        if open.all >= self.most {
            return Err(Refusal::TooMany);
        }
        let from_client = open.by_client.entry(client).or_default();
        if *from_client >= self.most_from_one {
            return Err(Refusal::TooManyFromOne);
        }
        *from_client += 1;
        open.all += 1;
        Ok(Place { gate: Arc::clone(self), client })
    }
}

impl<C: Copy + Eq + Hash> Place<C> {
    /// Whose place it is.
    pub fn client(&self) -> C {
        self.client
    }
}

impl<C> Gate<C> {
    fn open(&self) -> MutexGuard<'_, Open<C>> {
        // The counts are changed together with nothing between that could panic.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Eq + Hash> Drop for Place<C> {
    fn drop(&mut self) {
        let mut open = self.gate.open();
        open.all -= 1;
        if let Some(from_client) = open.by_client.get_mut(&self.client) {
            *from_client -= 1;
            if *from_client == 0 {
                open.by_client.remove(&self.client);
            }
        }
    }
}

/// The part of an address that stands for one client: whoever has an IPv6 address has the /64 around it.
pub fn client_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let network = u128::from(v6) & !u128::from(u64::MAX);
            IpAddr::V6(network.into())
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        client_of(text.parse().unwrap())
    }

    #[test]
    fn one_client_cannot_take_every_place() {
        let gate = Gate::new(3, 2);
        let first = gate.admit(ip("192.0.2.1")).unwrap();
        let _second = gate.admit(ip("::ffff:192.0.2.1")).unwrap();
        assert_eq!(gate.admit(ip("192.0.2.1")).unwrap_err(), Refusal::TooManyFromOne);
        let _other = gate.admit(ip("192.0.2.2")).unwrap();
        assert_eq!(gate.admit(ip("192.0.2.3")).unwrap_err(), Refusal::TooMany);
        drop(first);
        assert!(gate.admit(ip("192.0.2.1")).is_ok());
    }

    #[test]
    fn neighbours_in_one_ipv6_network_are_one_client() {
        let gate = Gate::new(9, 1);
        let _place = gate.admit(ip("2001:db8:0:1::1")).unwrap();
        assert!(gate.admit(ip("2001:db8:0:1:ffff::2")).is_err());
        assert!(gate.admit(ip("2001:db8:0:2::1")).is_ok());
    }

    #[test]
    fn a_client_who_left_is_forgotten() {
        let gate = Gate::new(9, 1);
        drop(gate.admit(ip("192.0.2.1")).unwrap());
        assert!(gate.open().by_client.is_empty());
        assert_eq!(gate.count(), 0);
    }
}
