//! Whether a request was made by a web page of another site.
//!
//! Where no key is needed, whoever reaches the port may ask, and a browser on this machine reaches it for every page it
//! shows: a page may send a form to `http://127.0.0.1:8080` that its reader never sees. Browsers say so, in two headers
//! that a page cannot change, `Sec-Fetch-Site` and `Origin`; blogs and libraries send neither. A key protects by itself,
//! because a page does not know it and browsers add none.
//!
//! An `Origin` under our own address counts as another site where that address is a name: whoever owns a name can make
//! it mean this machine (DNS rebinding). An IP address and `localhost` cannot be lent.

use std::convert::Infallible;
use std::net::IpAddr;
use std::str::FromStr;

use warp::host::Authority;
use warp::{Filter, Rejection};

/// Whether a page of another site asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FromElsewhere(pub bool);

impl FromElsewhere {
    /// Reads the two headers, and that of the host the request was sent to.
    pub fn read(fetch_site: Option<&str>, origin: Option<&str>, host: Option<&str>) -> Self {
        let told = fetch_site.is_some_and(|site| !["same-origin", "none"].contains(&site));
        FromElsewhere(told || origin.is_some_and(|origin| !is_own(origin, host)))
    }
}

/// Whether an origin is the address that the request was sent to, and one that nobody can lend.
fn is_own(origin: &str, host: Option<&str>) -> bool {
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    let (Some(authority), Some(host)) = (authority, host) else { return false };
    authority.eq_ignore_ascii_case(host) && authority.parse().is_ok_and(|authority| is_this_machine(&authority))
}

fn is_this_machine(authority: &Authority) -> bool {
    let host = authority.host();
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    address.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok()
}

/// Reads [`FromElsewhere`] from a request.
pub fn from_elsewhere() -> impl Filter<Extract = (FromElsewhere,), Error = Rejection> + Copy {
    warp::header::optional::<Header>("sec-fetch-site")
        .and(warp::header::optional::<Header>("origin"))
        .and(warp::header::optional::<Header>("host"))
        .map(|fetch_site: Option<Header>, origin: Option<Header>, host: Option<Header>| {
            let [fetch_site, origin, host] =
                [&fetch_site, &origin, &host].map(|header| header.as_ref().map(|header| &*header.0));
            FromElsewhere::read(fetch_site, origin, host)
        })
}

/// The text of a header.
struct Header(Box<str>);

impl FromStr for Header {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Header(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_of_this_service_only_under_an_address_that_cannot_be_lent() {
        let here = "127.0.0.1:8080";
        let table = [
            // Sec-Fetch-Site, Origin, Host, and whether it comes from elsewhere
            (None, None, Some(here), false),
            (None, None, None, false),
            (Some("none"), None, Some(here), false),
            (Some("same-origin"), Some("http://127.0.0.1:8080"), Some(here), false),
            (None, Some("http://127.0.0.1:8080"), Some(here), false),
            (None, Some("http://LOCALHOST:8080"), Some("localhost:8080"), false),
            (None, Some("http://[::1]:8080"), Some("[::1]:8080"), false),
            (None, Some("https://192.0.2.7"), Some("192.0.2.7"), false),
            (Some("cross-site"), None, Some(here), true),
            (Some("same-site"), None, Some(here), true),
            (Some("cross-site"), Some("http://127.0.0.1:8080"), Some(here), true),
            (Some("something new"), None, Some(here), true),
            (None, Some("https://evil.example"), Some(here), true),
            (None, Some("http://127.0.0.1:8081"), Some(here), true),
            (None, Some("http://localhost:8080"), Some(here), true),
            (None, Some("null"), Some(here), true),
            (None, Some(""), Some(here), true),
            (None, Some("http://127.0.0.1:8080"), None, true),
            // The names of these lead here, today.
            (Some("same-origin"), Some("http://evil.example:8080"), Some("evil.example:8080"), true),
            (None, Some("http://127.0.0.1.evil.example"), Some("127.0.0.1.evil.example"), true),
            (None, Some("http://a@localhost"), Some("localhost"), true),
        ];
        for (fetch_site, origin, host, expected) in table {
            let read = FromElsewhere::read(fetch_site, origin, host);
            assert_eq!(read, FromElsewhere(expected), "{fetch_site:?} {origin:?} {host:?}");
        }
    }
}
