//! `POST /v1/admin/reload`: the generic model is read again, checked, and swapped in.
//!
//! The only path that needs the token of `--admin-token-file`; a key of a site opens nothing here.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use warp::reply::Response;
use warp::{Filter, Rejection};

use crate::http::access::{Asker, asker};
use crate::http::problem::{Kind, Problem};
use crate::http::{App, json, with};
use crate::learner::ReloadError;
use crate::verdict::ModelId;

/// A token shorter than this could be guessed.
const FEWEST_CHARACTERS: usize = 16;

/// The checksum of the token that administers the service.
#[derive(Clone)]
pub struct AdminToken([u8; 32]);

impl fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminToken")
    }
}

/// Why a file holds no token.
#[derive(Debug, thiserror::Error)]
pub enum AdminTokenError {
    /// It cannot be read.
    #[error("the file cannot be read")]
    Io(#[from] std::io::Error),
    /// What it holds could be guessed.
    #[error("the token has less than {FEWEST_CHARACTERS} characters")]
    TooShort,
}

impl AdminToken {
    /// Reads the token of a file.
    ///
    /// # Errors
    /// When the file cannot be read or the token is too short.
    pub fn read_file(path: &Path) -> Result<Self, AdminTokenError> {
        let text = std::fs::read_to_string(path)?;
        let token = text.trim();
        if token.chars().count() < FEWEST_CHARACTERS {
            return Err(AdminTokenError::TooShort);
        }
        Ok(AdminToken(Sha256::digest(token).into()))
    }

    /// Whether this is the token; how long that takes does not depend on how much of it is right.
    fn is(&self, token: &str) -> bool {
        let checksum: [u8; 32] = Sha256::digest(token).into();
        self.0.ct_eq(&checksum).into()
    }
}

/// The route.
pub fn route(app: &Arc<App>) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    warp::path!("v1" / "admin" / "reload")
        .and(warp::post())
        .and(asker())
        .and(with(app))
        .then(async |asker, app: Arc<App>| reload(&asker, &app).await.unwrap_or_else(|problem| app.refuse(problem)))
        .boxed()
}

/// What a reload came to.
#[derive(Serialize)]
struct Reloaded {
    model: ModelId,
}

async fn reload(asker: &Asker, app: &App) -> Result<Response, Problem> {
    let detail = match (&app.admin, asker.token()) {
        (Some(admin), Some(token)) if admin.is(token) => None,
        (Some(_), Some(_)) => Some("this is not the token of --admin-token-file"),
        (Some(_), None) => Some("send the token of --admin-token-file as `Authorization: Bearer TOKEN`"),
        (None, _) => Some("this service was started without --admin-token-file; send it SIGHUP instead"),
    };
    if let Some(detail) = detail {
        return Err(Problem::new(Kind::Unauthorized, detail));
    }
    let learner = app.learner.as_ref().ok_or_else(Problem::internal)?;
    match learner.reload().await {
        Ok(model) => json(&Reloaded { model }),
        Err(error @ ReloadError::Unusable(_)) => Err(Problem::new(Kind::NotReplaced, error.to_string())),
        Err(error @ (ReloadError::Closed | ReloadError::Store(_))) => Err(Problem::new(Kind::Busy, error.to_string())),
    }
}
