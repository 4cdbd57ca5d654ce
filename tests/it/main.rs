//! All integration tests, in one binary.

/// A client, a server on the production path, and the model the tests use.
mod support;
/// Runs the program as a user does, in a folder of its own.
mod workshop;

/// Akismet's protocol: keys, forms, words, errors, figures.
mod akismet;
/// What real clients sent, byte for byte, and what they are answered.
mod akismet_captured;
/// Akismet's protocol with a store that does not answer, and what it keeps of a visitor.
mod akismet_store;
/// Bad bodies, paths, methods and media types are refused in the one form of refusals, and nothing a stranger sends is an
/// error of ours.
mod bad_requests;
/// Many comments in one request: order, bad lines, bounds, streaming.
mod batch_api;
/// One comment, one verdict: answers, reasons, languages.
mod check_api;
/// What `/v1/check` remembers, of which site, and what it does not.
mod check_remembers;
/// What `evaluate` prints, and that it does not flatter.
mod cli_evaluate;
/// What `import` stores, leaves out, refuses and says.
mod cli_import;
mod cli_learning;
/// What `train --store` and `rollback` do, refuse and say.
mod cli_retrain;
/// What `score` answers, line for line.
mod cli_score;
/// What is said, exported, erased and shown of a store from the terminal.
mod cli_store;
/// What `train` learns, refuses and writes.
mod cli_train;
/// Flag, environment, file and default; what the program says when its configuration or model is wrong.
mod config;
/// Files and folders of labelled rows, good and bad.
mod corpus;
/// Our own comments are what `data/README.md` says they are.
mod data;
/// What people say of a comment by our own interface: what it changes, whose it is, and what is refused.
mod feedback;
/// Exports of other programs are read, whatever is in them, in bounded memory.
mod import;
/// Several programs on one store are one service, and stay one when the database comes and goes.
mod instances;
/// Keys are made, shown once, listed, revoked and needed; no port is opened to strangers by accident.
mod keys;
/// The program is killed while feedback flows, again and again.
mod kill;
/// The layers of ARCHITECTURE.md point one way.
mod layers;
/// What people say has an effect, survives, is shared and taken back; models are replaced while requests run.
mod learning;
/// How often one key may ask and correct, and how many batches there are at once.
mod limits;
/// A web page in the operator's browser may not ask a service that needs no key.
mod other_pages;
/// Nothing a stranger types reaches a log line, at any level.
mod privacy;
/// What README shows is what happens.
mod readme;
/// Probes, model card, metrics, and an OpenAPI document that is true.
mod service_api;
/// The server ends in time, whatever its clients do.
mod shutdown;
/// Clients that send slowly, wait, or do not read, and clients that come in crowds.
mod slow_clients;
/// What is remembered, found again, refused, let go, and never lost.
mod store;
/// Corrections, undos, the feed of changes, models, erasure and export.
mod store_learning;
/// What PostgreSQL does that a file does not: come and go, be shared, and be somebody else's.
mod store_postgres;
