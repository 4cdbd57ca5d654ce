//! How many connections are taken in, in all and from one client.
//!
//! Whoever comes on top is told so at once. Waiting for a free place instead would let a few slow clients hold up
//! everyone for as long as their time-outs allow.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::http::metrics::Refusal;

/// Counts the connections that are open.
#[derive(Debug)]
pub struct Gate {
    most: usize,
    most_from_one: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    all: usize,
    by_client: HashMap<IpAddr, usize>,
}

/// A place for one connection, given back when dropped.
#[derive(Debug)]
pub struct Place {
    gate: Arc<Gate>,
    client: IpAddr,
}

impl Gate {
    /// A gate for `most` connections, and `most_from_one` from one client.
    pub fn new(most: usize, most_from_one: usize) -> Arc<Self> {
        Arc::new(Gate { most, most_from_one, open: Mutex::default() })
    }

    /// Takes in a connection from `address`, or says which limit it meets.
    ///
    /// # Errors
    /// When a limit is reached.
    pub fn admit(self: &Arc<Self>, address: IpAddr) -> Result<Place, Refusal> {
        let client = client_of(address);
        let mut open = self.open();
        if open.all >= self.most {
            return Err(Refusal::TooMany);
        }
        let from_client = open.by_client.entry(client).or_default();
        if *from_client >= self.most_from_one {
            return Err(Refusal::TooManyFromAddress);
        }
        *from_client += 1;
        open.all += 1;
        Ok(Place { gate: Arc::clone(self), client })
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        // The counts are changed together with nothing between that could panic.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
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
fn client_of(address: IpAddr) -> IpAddr {
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
        text.parse().unwrap()
    }

    #[test]
    fn one_client_cannot_take_every_place() {
        let gate = Gate::new(3, 2);
        let first = gate.admit(ip("192.0.2.1")).unwrap();
        let _second = gate.admit(ip("::ffff:192.0.2.1")).unwrap();
        assert_eq!(gate.admit(ip("192.0.2.1")).unwrap_err(), Refusal::TooManyFromAddress);
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
        assert_eq!(gate.open().all, 0);
    }
}
