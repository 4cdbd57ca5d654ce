//! The addresses of the service, in one table.
//!
//! Metrics and logs name a request by its [`Endpoint`], never by the path that was asked for: a path is whatever a
//! stranger typed, an endpoint is a word of a closed set.

use warp::http::Method;

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    /// `POST /v1/check`
    Check,
    /// `POST /v1/check/batch`
    Batch,
    /// `POST /v1/feedback`
    Feedback,
    /// `POST /v1/feedback/undo`
    Undo,
    /// `POST /v1/admin/reload`
    Reload,
    /// `GET /v1/model`
    Model,
    /// `GET /healthz`
    Health,
    /// `GET /readyz`
    Ready,
    /// `GET /metrics`
    Metrics,
    /// `GET /openapi.json`
    OpenApi,
    /// Akismet's `POST /1.1/comment-check`; this and all that follow also behind a key, `/KEY/1.1/...`.
    CommentCheck,
    /// Akismet's `POST /1.1/submit-spam`
    SubmitSpam,
    /// Akismet's `POST /1.1/submit-ham`
    SubmitHam,
    /// Akismet's `POST /1.1/verify-key`
    VerifyKey,
    /// Akismet's `POST /1.1/deactivate`
    Deactivate,
    /// Akismet's `POST /1.1/get-subscription`
    GetSubscription,
    /// Akismet's `POST /1.1/get-stats`
    GetStats,
    /// Akismet's `POST /1.1/token`
    Token,
    /// Akismet's `GET /1.1/test`
    Test,
    /// Akismet's `GET` or `POST /1.2/usage-limit`
    UsageLimit,
    /// Akismet's `GET` or `POST /1.2/key-sites`
    KeySites,
    /// Akismet's `GET /1.2/compatible-plugins`
    CompatiblePlugins,
    /// Anything else.
    Unknown,
}

impl Endpoint {
    /// All of them; the position is the `usize` of the variant.
    pub const ALL: [Endpoint; 23] = [
        Endpoint::Check,
        Endpoint::Batch,
        Endpoint::Feedback,
        Endpoint::Undo,
        Endpoint::Reload,
        Endpoint::Model,
        Endpoint::Health,
        Endpoint::Ready,
        Endpoint::Metrics,
        Endpoint::OpenApi,
        Endpoint::CommentCheck,
        Endpoint::SubmitSpam,
        Endpoint::SubmitHam,
        Endpoint::VerifyKey,
        Endpoint::Deactivate,
        Endpoint::GetSubscription,
        Endpoint::GetStats,
        Endpoint::Token,
        Endpoint::Test,
        Endpoint::UsageLimit,
        Endpoint::KeySites,
        Endpoint::CompatiblePlugins,
        Endpoint::Unknown,
    ];

    /// The endpoint at `path`; a slash at the end is forgiven.
    pub fn at(path: &str) -> Self {
        let (_, path) = split_key(path);
        let path = path.strip_suffix('/').unwrap_or(path);
        Self::ALL.into_iter().find(|endpoint| endpoint.name() == path).unwrap_or(Endpoint::Unknown)
    }

    /// The path, or `unknown`: the label in metrics and logs.
    pub fn name(self) -> &'static str {
        self.facts().0
    }

    /// The methods taken here, as the `Allow` header lists them; `None` where nothing is.
    pub fn allow(self) -> Option<&'static str> {
        self.facts().1
    }

    fn facts(self) -> (&'static str, Option<&'static str>) {
        match self {
            Endpoint::Check => ("/v1/check", POST),
            Endpoint::Batch => ("/v1/check/batch", POST),
            Endpoint::Feedback => ("/v1/feedback", POST),
            Endpoint::Undo => ("/v1/feedback/undo", POST),
            Endpoint::Reload => ("/v1/admin/reload", POST),
            Endpoint::Model => ("/v1/model", GET),
            Endpoint::Health => ("/healthz", GET),
            Endpoint::Ready => ("/readyz", GET),
            Endpoint::Metrics => ("/metrics", GET),
            Endpoint::OpenApi => ("/openapi.json", GET),
            Endpoint::CommentCheck => ("/1.1/comment-check", POST),
            Endpoint::SubmitSpam => ("/1.1/submit-spam", POST),
            Endpoint::SubmitHam => ("/1.1/submit-ham", POST),
            Endpoint::VerifyKey => ("/1.1/verify-key", POST),
            Endpoint::Deactivate => ("/1.1/deactivate", POST),
            Endpoint::GetSubscription => ("/1.1/get-subscription", POST),
            Endpoint::GetStats => ("/1.1/get-stats", POST),
            Endpoint::Token => ("/1.1/token", POST),
            Endpoint::Test => ("/1.1/test", GET),
            Endpoint::UsageLimit => ("/1.2/usage-limit", GET_OR_POST),
            Endpoint::KeySites => ("/1.2/key-sites", GET_OR_POST),
            Endpoint::CompatiblePlugins => ("/1.2/compatible-plugins", GET),
            Endpoint::Unknown => ("unknown", None),
        }
    }

    /// Whether `method` is taken here.
    pub fn takes(self, method: &Method) -> bool {
        self.allow().is_some_and(|allow| allow.split(", ").any(|name| name == method.as_str()))
    }

    /// Whether this is an address of Akismet's protocol.
    pub fn is_of_akismet(self) -> bool {
        ["/1.1/", "/1.2/"].into_iter().any(|version| self.name().starts_with(version))
    }
}

const GET: Option<&str> = Some("GET, HEAD");
const POST: Option<&str> = Some("POST");
const GET_OR_POST: Option<&str> = Some("GET, HEAD, POST");

/// A path of Akismet's protocol without the key that may stand before it, `/KEY/1.1/...`, and that key.
pub fn split_key(path: &str) -> (Option<&str>, &str) {
    let behind_key = path.get(1..).and_then(|rest| rest.find('/')).map(|at| path.split_at(at + 1));
    match behind_key {
        Some((key, rest)) if key.len() > 1 && (rest.starts_with("/1.1/") || rest.starts_with("/1.2/")) => {
            (Some(&key[1..]), rest)
        }
        _ => (None, path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_endpoint_is_found_at_its_own_name() {
        for (position, endpoint) in Endpoint::ALL.into_iter().enumerate() {
            assert_eq!(endpoint as usize, position);
            assert_eq!(Endpoint::at(endpoint.name()), endpoint);
        }
        for path in ["", "/", "*", "/v1", "/v1/check//", "//v1/check", "/V1/CHECK", "/healthz/x"] {
            assert_eq!(Endpoint::at(path), Endpoint::Unknown, "{path}");
        }
        assert_eq!(Endpoint::at("/v1/check/"), Endpoint::Check);
    }

    #[test]
    fn a_key_may_stand_before_the_paths_of_akismet_and_no_others() {
        let table = [
            ("/1.1/comment-check", None, Endpoint::CommentCheck),
            ("/0123456789ab/1.1/comment-check", Some("0123456789ab"), Endpoint::CommentCheck),
            ("/0123456789ab/1.2/key-sites/", Some("0123456789ab"), Endpoint::KeySites),
            ("/ü/1.1/verify-key", Some("ü"), Endpoint::VerifyKey),
            ("//1.1/verify-key", None, Endpoint::Unknown),
            ("/a/b/1.1/verify-key", None, Endpoint::Unknown),
            ("/a/v1/check", None, Endpoint::Unknown),
            ("/1.1/nothing", None, Endpoint::Unknown),
            ("1.1/verify-key", None, Endpoint::Unknown),
            ("ü", None, Endpoint::Unknown),
        ];
        for (path, key, endpoint) in table {
            assert_eq!((split_key(path).0, Endpoint::at(path)), (key, endpoint), "{path}");
        }
    }

    #[test]
    fn only_the_listed_methods_are_taken() {
        assert!(Endpoint::Check.takes(&Method::POST) && !Endpoint::Check.takes(&Method::GET));
        assert!(Endpoint::Health.takes(&Method::HEAD) && !Endpoint::Health.takes(&Method::DELETE));
        assert!(!Endpoint::Unknown.takes(&Method::GET));
    }
}
