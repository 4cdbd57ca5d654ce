//! Who may ask: keys, each bound to a site.
//!
//! A key is shown once, when it is made. What is kept is its SHA-256 checksum. A key has 48 random bits, because that is
//! what Akismet's clients expect of one: enough against guessing over the network, not against somebody who has the file
//! and a day of computing. So the file is as secret as the keys; it is made readable by its owner alone.

use std::fmt;

use sha2::{Digest as _, Sha256};
use subtle::{ConditionallySelectable as _, ConstantTimeEq as _};

use crate::site::Site;
use crate::store::connection::{Connection, query};
use crate::store::error::StoreError;
use crate::store::transaction::Transaction;
use crate::store::writer::Work;

/// A new key: 12 lower-case hexadecimal digits. It shows itself only by [`Key::reveal`].
pub struct Key {
    id: i64,
    digits: String,
}

impl Key {
    pub(super) fn new(id: i64, digits: String) -> Self {
        Key { id, digits }
    }

    /// The name it is revoked by.
    pub fn id(&self) -> i64 {
        self.id
    }

    /// The digits, for the one time they are shown.
    pub fn reveal(self) -> String {
        self.digits
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What is kept of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// The name it is revoked by.
    pub id: i64,
    /// The site it is for.
    pub site: Site,
    /// When it was made, in seconds since 1970.
    pub created: i64,
    /// When it was revoked, in seconds since 1970.
    pub revoked: Option<i64>,
}

/// All keys that are valid: the checksum of each, its id and its site.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Keyring(Vec<(Hash, i64, Site)>);

type Hash = [u8; 32];

impl Keyring {
    /// The id of a key and the site it is for, if the key is valid. The time it takes does not depend on how much of a key
    /// is right, nor on which one it is.
    pub fn find(&self, key: &str) -> Option<(i64, &Site)> {
        let hash = hash(key);
        let mut found = u32::MAX;
        for (position, (known, ..)) in (0_u32..).zip(&self.0) {
            found.conditional_assign(&position, known.ct_eq(&hash));
        }
        self.0.get(found as usize).map(|(_, id, site)| (*id, site))
    }

    /// Whether no key is valid.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many keys are valid.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

pub(super) fn hash(key: &str) -> Hash {
    Sha256::digest(key).into()
}

/// Draws a new key.
pub(super) fn draw() -> String {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes[2..]).expect("the system has a source of random numbers");
    format!("{:012x}", u64::from_be_bytes(bytes))
}

/// A new key to store, by its checksum. The answer is its id.
pub(super) struct AddKey {
    pub hash: Hash,
    pub site: Site,
    pub at: i64,
}

impl Work for AddKey {
    type Answer = i64;

    async fn apply(&self, transaction: &mut Transaction<'_>) -> Result<i64, StoreError> {
        let sql = "INSERT INTO keys (hash, site, created) VALUES ($1, $2, $3) RETURNING id";
        let query = query(sql).bind(&self.hash[..]).bind(self.site.as_str()).bind(self.at);
        transaction.news.keys = true;
        query.fetch_one(transaction.connection).await?.get(0)
    }
}

/// The end of a key. One that was revoked before keeps its date.
pub(super) struct RevokeKey {
    pub id: i64,
    pub at: i64,
}

impl Work for RevokeKey {
    type Answer = ();

    async fn apply(&self, transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
        let sql = "UPDATE keys SET revoked = COALESCE(revoked, $2) WHERE id = $1";
        transaction.news.keys = true;
        match query(sql).bind(self.id).bind(self.at).execute(transaction.connection).await? {
            0 => Err(StoreError::UnknownKey),
            _ => Ok(()),
        }
    }
}

pub(super) async fn list(connection: &mut Connection) -> Result<Vec<KeyRecord>, StoreError> {
    let rows = query("SELECT id, site, created, revoked FROM keys ORDER BY id").fetch_all(connection).await?;
    rows.iter()
        .map(|row| Ok(KeyRecord { id: row.get(0)?, site: row.site(1)?, created: row.get(2)?, revoked: row.get(3)? }))
        .collect()
}

pub(super) async fn ring(connection: &mut Connection) -> Result<Keyring, StoreError> {
    let sql = "SELECT hash, id, site FROM keys WHERE revoked IS NULL ORDER BY id";
    let rows = query(sql).fetch_all(connection).await?;
    let keys = rows.iter().map(|row| {
        let hash: &[u8] = row.get(0)?;
        let hash = hash.try_into().map_err(|_| StoreError::Failed("a checksum of another length".to_owned()))?;
        Ok((hash, row.get(1)?, row.site(2)?))
    });
    Ok(Keyring(keys.collect::<Result<_, StoreError>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_twelve_digits_that_debug_does_not_print() {
        let digits = draw();
        assert_eq!(digits.len(), 12);
        assert!(digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)));
        assert_ne!(draw(), digits);
        let key = Key::new(7, digits.clone());
        assert!(!format!("{key:?}").contains(&digits));
        assert_eq!(key.reveal(), digits);
    }

    #[test]
    fn a_keyring_knows_whole_keys_and_nothing_less() {
        let site = |text: &str| text.parse::<Site>().unwrap();
        let ring = Keyring(vec![
            (hash("0123456789ab"), 7, site("example.org")),
            (hash("ba9876543210"), 9, site("example.com")),
        ]);
        assert_eq!(ring.find("0123456789ab"), Some((7, &site("example.org"))));
        assert_eq!(ring.find("ba9876543210"), Some((9, &site("example.com"))));
        for wrong in ["", "0123456789a", "0123456789abc", "0123456789AB", " 0123456789ab"] {
            assert_eq!(ring.find(wrong), None, "{wrong}");
        }
        assert_eq!(Keyring::default().find(""), None);
    }
}
