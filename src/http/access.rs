//! Who may ask: anyone, or who has a key.
//!
//! The rule is [`ServeConfig::access`](crate::config::ServeConfig::access). It is asked anew with every request, so that
//! a key made or revoked while the service runs counts at once, and revoking the last one never opens an address that strangers can reach.
//!
//! Every request that passes here is counted for whoever asks, see [`rate`](crate::http::rate). A wrong key is counted for
//! nobody: a right one is never refused because of others' wrong ones, which may come from the same proxy.

use std::convert::Infallible;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use warp::{Filter, Rejection};

use crate::config::Access;
use crate::http::App;
use crate::http::gate::Client;
use crate::http::page::{FromElsewhere, from_elsewhere};
use crate::http::problem::{Kind, Problem};
use crate::http::rate::Over;
use crate::site::Site;
use crate::store::Store;

/// On whose behalf a call is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The site whose key was sent; `None` for anyone, where the service is open and a blog is who it says it is.
    pub site: Option<Site>,
    /// Whose limits count.
    pub client: Client,
}

/// The address a request came from, as [`client_of`](crate::http::gate::client_of) has it.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

/// Stands for the address where nobody asked for it, because nothing is limited there.
const NOBODY: Peer = Peer(IpAddr::V4(Ipv4Addr::UNSPECIFIED));

/// Why a call is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// A key is needed, and there is none in the call.
    NoKey,
    /// The key is not valid.
    WrongKey,
    /// A key is needed, and the service has none.
    NoKeys,
    /// No key is needed, but a web page of another site asks.
    OtherPage,
    /// It came too often.
    TooOften(Over),
}

impl Denied {
    /// The same as a word of the closed set.
    pub fn kind(self) -> Kind {
        match self {
            Denied::NoKey | Denied::WrongKey | Denied::NoKeys => Kind::Unauthorized,
            Denied::OtherPage => Kind::OtherPage,
            Denied::TooOften(over) => over.kind,
        }
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        let detail = match denied {
            Denied::NoKey => "send a key as `Authorization: Bearer KEY`; `hamgate key add SITE` makes one",
            Denied::WrongKey => "this key is not valid; `hamgate key add SITE` makes one",
            Denied::NoKeys => "this service has no keys; `hamgate key add SITE` makes one",
            Denied::OtherPage => {
                "a web page of another site may not ask a service that needs no key; ask from a server, or make a key with \
                 `hamgate key add SITE` and send it"
            }
            Denied::TooOften(over) => return over.into(),
        };
        Problem::new(denied.kind(), detail)
    }
}

impl App {
    /// Finds out who asks, and counts the request. Where anyone may ask, a key is optional; one that is not valid is still
    /// refused as soon as there are keys, so that nobody takes a wrong one for right.
    ///
    /// # Errors
    /// When a key is needed or given and there is none that is valid, a page asks that has no business here, or there were
    /// too many requests.
    pub(super) fn caller(
        &self,
        key: Option<&str>,
        from_elsewhere: FromElsewhere,
        peer: Option<Peer>,
    ) -> Result<Caller, Denied> {
        let keys = self.store.as_ref().map(Store::keys).filter(|keys| !keys.is_empty());
        let access = self.config.access(keys.is_some());
        let caller = match (keys, key) {
            (Some(keys), Some(key)) => {
                let (id, site) = keys.find(key).ok_or(Denied::WrongKey)?;
                Caller { site: Some(site.clone()), client: Client::Key(id) }
            }
            _ if access == Access::Anyone && from_elsewhere.0 => return Err(Denied::OtherPage),
            _ if access == Access::Anyone => Caller { site: None, client: Client::Address(peer.unwrap_or(NOBODY).0) },
            (Some(_), None) => return Err(Denied::NoKey),
            (None, _) => return Err(Denied::NoKeys),
        };
        self.rates.request(caller.client).map_err(Denied::TooOften)?;
        Ok(caller)
    }

    /// Counts a word on a comment. Whoever shows no key where there are keys has none: `--open` lets anyone ask, and not
    /// teach.
    ///
    /// # Errors
    /// When a key is needed, or there were too many corrections.
    pub(super) fn may_teach(&self, caller: &Caller) -> Result<(), Denied> {
        let has_keys = self.store.as_ref().is_some_and(|store| !store.keys().is_empty());
        if caller.site.is_none() && has_keys {
            return Err(Denied::NoKey);
        }
        self.rates.correction(caller.client).map_err(Denied::TooOften)
    }
}

/// What the head of a request says of who asks.
#[derive(Debug)]
pub struct Asker {
    authorization: Option<Authorization>,
    from_elsewhere: FromElsewhere,
    peer: Option<Peer>,
}

/// Reads [`Asker`] from a request.
pub fn asker() -> impl Filter<Extract = (Asker,), Error = Rejection> + Copy {
    warp::header::optional::<Authorization>("authorization")
        .and(from_elsewhere())
        .and(warp::ext::optional::<Peer>())
        .map(|authorization, from_elsewhere, peer| Asker { authorization, from_elsewhere, peer })
}

impl Asker {
    /// What was sent as a bearer: a key, or something else.
    pub fn token(&self) -> Option<&str> {
        self.authorization.as_ref().and_then(|authorization| authorization.0.as_deref())
    }

    /// See [`App::caller`].
    ///
    /// # Errors
    /// When they may not ask.
    pub fn caller(&self, app: &App) -> Result<Caller, Problem> {
        Ok(app.caller(self.token(), self.from_elsewhere, self.peer)?)
    }
}

/// The value of an `Authorization` header: a key, or something else. It never shows what it holds.
struct Authorization(Option<String>);

impl FromStr for Authorization {
    type Err = Infallible;

    fn from_str(header: &str) -> Result<Self, Infallible> {
        let key = header.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        Ok(Authorization(key.map(|(_, key)| key.trim().to_owned())))
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authorization")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_from_a_bearer_header_and_never_shown() {
        let table = [
            ("Bearer 0123456789ab", Some("0123456789ab")),
            ("bearer  0123456789ab ", Some("0123456789ab")),
            ("Bearer", None),
            ("Basic 0123456789ab", None),
            ("0123456789ab", None),
        ];
        for (header, expected) in table {
            let authorization: Authorization = header.parse().unwrap();
            assert_eq!(authorization.0.as_deref(), expected, "{header}");
            assert!(!format!("{authorization:?}").contains("0123"));
        }
    }
}
