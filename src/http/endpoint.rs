//! The addresses of the service, in one table.
//!
//! Metrics and logs name a request by its [`Endpoint`], never by the path that was asked for: a path is whatever a
//! stranger typed, an endpoint is one of eight words.

use warp::http::Method;

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    /// `POST /v1/check`
    Check,
    /// `POST /v1/check/batch`
    Batch,
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
    /// Anything else.
    Unknown,
}

impl Endpoint {
    /// All of them; the position is the `usize` of the variant.
    pub const ALL: [Endpoint; 8] = [
        Endpoint::Check,
        Endpoint::Batch,
        Endpoint::Model,
        Endpoint::Health,
        Endpoint::Ready,
        Endpoint::Metrics,
        Endpoint::OpenApi,
        Endpoint::Unknown,
    ];

    /// The endpoint at `path`; a slash at the end is forgiven.
    pub fn at(path: &str) -> Self {
        match path.strip_suffix('/').unwrap_or(path) {
            "/v1/check" => Endpoint::Check,
            "/v1/check/batch" => Endpoint::Batch,
            "/v1/model" => Endpoint::Model,
            "/healthz" => Endpoint::Health,
            "/readyz" => Endpoint::Ready,
            "/metrics" => Endpoint::Metrics,
            "/openapi.json" => Endpoint::OpenApi,
            _ => Endpoint::Unknown,
        }
    }

    /// The path, or `unknown`: the label in metrics and logs.
    pub fn name(self) -> &'static str {
        match self {
            Endpoint::Check => "/v1/check",
            Endpoint::Batch => "/v1/check/batch",
            Endpoint::Model => "/v1/model",
            Endpoint::Health => "/healthz",
            Endpoint::Ready => "/readyz",
            Endpoint::Metrics => "/metrics",
            Endpoint::OpenApi => "/openapi.json",
            Endpoint::Unknown => "unknown",
        }
    }

    /// The methods taken here, as the `Allow` header lists them; `None` where nothing is.
    pub fn allow(self) -> Option<&'static str> {
        match self {
            Endpoint::Check | Endpoint::Batch => Some("POST"),
            Endpoint::Unknown => None,
            _ => Some("GET, HEAD"),
        }
    }

    /// Whether `method` is taken here.
    pub fn takes(self, method: &Method) -> bool {
        self.allow().is_some_and(|allow| allow.split(", ").any(|name| name == method.as_str()))
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
    fn only_the_listed_methods_are_taken() {
        assert!(Endpoint::Check.takes(&Method::POST) && !Endpoint::Check.takes(&Method::GET));
        assert!(Endpoint::Health.takes(&Method::HEAD) && !Endpoint::Health.takes(&Method::DELETE));
        assert!(!Endpoint::Unknown.takes(&Method::GET));
    }
}
