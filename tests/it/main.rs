//! All integration tests, in one binary.

/// A client, a server on the production path, and the model the tests use.
mod support;

/// Bad bodies, paths, methods and media types are refused in the one form of refusals, and nothing a stranger sends is an
/// error of ours.
mod bad_requests;
/// Many comments in one request: order, bad lines, bounds, streaming.
mod batch_api;
/// One comment, one verdict: answers, reasons, languages.
mod check_api;
/// Flag, environment, file and default; what the program says when its configuration or model is wrong.
mod config;
/// Nothing a stranger types reaches a log line, at any level.
mod privacy;
/// Probes, model card, metrics, and an OpenAPI document that is true.
mod service_api;
/// The server ends in time, whatever its clients do.
mod shutdown;
/// Clients that send slowly, wait, or do not read, and clients that come in crowds.
mod slow_clients;
