//! Who may ask for verdicts: anyone, or who has a key.
//!
//! The rule is [`ServeConfig::access`](crate::config::ServeConfig::access). It is asked anew with every request, so that
//! a key made or revoked while the service runs counts at once, and revoking the last one never opens the service.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use crate::config::Access;
use crate::http::App;
use crate::http::problem::{Kind, Problem};
use crate::store::Store;

/// The value of an `Authorization` header: a key, or something else. It never shows what it holds.
pub struct Authorization(Option<String>);

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

impl App {
    /// Refuses a request that needs a key and has none.
    ///
    /// # Errors
    /// When a key is needed and there is none that is valid.
    pub(super) fn require_key(&self, authorization: Option<&Authorization>) -> Result<(), Problem> {
        let keys = self.store.as_ref().map(Store::keys);
        let has_keys = keys.as_ref().is_some_and(|keys| !keys.is_empty());
        let valid = |key: &str| keys.as_ref().is_some_and(|keys| keys.site_of(key).is_some());
        let key = || authorization.and_then(|authorization| authorization.0.as_deref());
        let detail = match self.config.access(has_keys) {
            Access::Anyone => return Ok(()),
            Access::WithKey if key().is_some_and(valid) => return Ok(()),
            Access::WithKey if key().is_some() => "this key is not valid; `hamgate key add SITE` makes one",
            Access::WithKey => "send a key as `Authorization: Bearer KEY`; `hamgate key add SITE` makes one",
            Access::Nobody => "this service has no keys; `hamgate key add SITE` makes one",
        };
        Err(Problem::new(Kind::Unauthorized, detail))
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
