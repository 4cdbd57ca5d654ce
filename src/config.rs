//! How `hamgate serve` is configured: flag, environment variable, file, default, in this order of precedence.
//!
//! Every option has one name in three spellings: `--body-limit-bytes`, `HAMGATE_BODY_LIMIT_BYTES`, and
//! `body_limit_bytes` in the TOML file that `--config` (or `HAMGATE_CONFIG`) names. [`ServeOptions`] is what somebody
//! asked for, each option absent or present; [`ServeConfig`] is what holds in the end, each option with a value.
//!
//! A key in the file that nobody knows is an error with its line, never ignored: a misspelt limit is no limit.
//! `hamgate serve --print-config` prints what holds, as a file that `--config` reads back.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::CommandFactory as _;
use clap::builder::TypedValueParser;
use serde::{Deserialize, Serialize};

use crate::store::{StoreChoice, StoreLocation, StoreOptions};
use crate::telemetry::{LogFormat, LogLevel};

/// Reads a [`StoreChoice`] without repeating what it read: there may be a password in it, and clap would print the value.
#[derive(Debug, Clone, Copy)]
pub struct StoreParser;

impl TypedValueParser for StoreParser {
    type Value = StoreChoice;

    fn parse_ref(
        &self,
        command: &clap::Command,
        _: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<StoreChoice, clap::Error> {
        let refused = |why: &str| {
            let message = format!("invalid value for `--store` or HAMGATE_STORE: {why}");
            clap::Error::raw(clap::error::ErrorKind::ValueValidation, message).with_cmd(command)
        };
        let text = value.to_str().ok_or_else(|| refused("it is no valid Unicode\n"))?;
        text.parse().map_err(|error| refused(&format!("{error}\n")))
    }
}

/// What was asked for on the command line and in the environment.
#[derive(Debug, Clone, Default, clap::Args, Serialize)]
pub struct ServeOptions {
    /// Address and port to listen on
    ///
    /// `127.0.0.1:8080` is reached from this machine only; `0.0.0.0:8080` or `[::]:8080` from everywhere, which is what
    /// a container needs. Port 0 lets the system choose; the line printed at the start says which. Hamgate speaks
    /// plain HTTP/1: put a reverse proxy in front for TLS. Default: 127.0.0.1:8080.
    #[arg(long, env = "HAMGATE_LISTEN", value_name = "ADDRESS", value_parser = parse_listen)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<SocketAddr>,

    /// Model file to judge with
    ///
    /// A file made by `hamgate train`. Default: the model embedded in the program.
    #[arg(long, env = "HAMGATE_MODEL", value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<PathBuf>,

    /// Where decisions, corrections and keys are kept
    ///
    /// `sqlite:PATH` or a path: a SQLite file, which is made when it is not there. `postgres://USER@HOST/DATABASE`: a
    /// PostgreSQL database, which several instances may share; give the password by PGPASSWORD, ~/.pgpass, or in a file
    /// that the address names, `…/DATABASE?password_file=FILE`. `none`: nothing is kept, there are no keys, and feedback is refused. Default: hamgate/hamgate.sqlite in $XDG_DATA_HOME, else
    /// in ~/.local/share.
    #[arg(long, env = "HAMGATE_STORE", hide_env_values = true, value_name = "STORE", value_parser = StoreParser)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store: Option<StoreChoice>,

    /// Days after which a comment that nobody corrected is deleted from the store
    ///
    /// Corrected ones stay: they are what Hamgate learns from. Default: 90.
    #[arg(long, env = "HAMGATE_STORE_RETENTION_DAYS", value_name = "DAYS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store_retention_days: Option<NonZeroU32>,

    /// Size of the store, in MiB, beyond which the oldest comments that nobody corrected go before their time
    ///
    /// Default: 1024.
    #[arg(long, env = "HAMGATE_STORE_LIMIT_MIB", value_name = "MIB")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store_limit_mib: Option<NonZeroU32>,

    /// Answer whoever reaches the port, without a key
    ///
    /// Without keys (`hamgate key add SITE`) and without this option, Hamgate listens only on an address of this machine
    /// itself. Say it where something else decides who reaches the port, such as a container network. Default: false.
    #[arg(long, env = "HAMGATE_OPEN", value_name = "BOOL", num_args = 0..=1, default_missing_value = "true",
        require_equals = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open: Option<bool>,

    /// File with the token that administers the service
    ///
    /// Whoever sends it as `Authorization: Bearer TOKEN` may ask `POST /v1/admin/reload`. At least 16 characters; white space around it
    /// is left out. No key does. Default: nobody may ask by HTTP; SIGHUP always does the same.
    #[arg(long, env = "HAMGATE_ADMIN_TOKEN_FILE", value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_token_file: Option<PathBuf>,

    /// TOML file with options
    ///
    /// Its keys are the names of the other options with underscores, for example `body_limit_bytes = 65536` or
    /// `idle_timeout = "60s"`. A flag and an environment variable win over the file.
    #[arg(long, env = "HAMGATE_CONFIG", value_name = "FILE")]
    #[serde(skip)]
    pub config: Option<PathBuf>,

    /// Print the configuration that holds, as TOML, and exit
    ///
    /// Shows what flags, environment, file and defaults come to. The output is a valid file for `--config`.
    #[arg(long)]
    #[serde(skip)]
    pub print_config: bool,

    /// Longest comment taken, in bytes of its JSON
    ///
    /// Holds for the body of /v1/check and for each line of /v1/check/batch. A longer one is answered with 413; in a
    /// batch only its own line is. Default: 65536.
    #[arg(long, env = "HAMGATE_BODY_LIMIT_BYTES", value_name = "BYTES")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_limit_bytes: Option<NonZeroUsize>,

    /// Most memory for bodies that are being read, in bytes
    ///
    /// Of all requests together, the first 16 KiB of each left out, which every connection may have: so short comments are
    /// taken even while others send more long ones than fit in. One that no longer fits in is answered with 503. Keep it
    /// above eight times `--body-limit-bytes`, the longest form of Akismet's protocol. Default: 67108864.
    #[arg(long, env = "HAMGATE_BODY_MEMORY_BYTES", value_name = "BYTES")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_memory_bytes: Option<NonZeroUsize>,

    /// Longest batch taken, in bytes
    ///
    /// Batches are streamed, so this bounds work and not memory. A batch that says it is longer is answered with 413; one
    /// that turns out to be longer gets its answers up to there and an error as its last line. Default: 67108864.
    #[arg(long, env = "HAMGATE_BATCH_LIMIT_BYTES", value_name = "BYTES")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_limit_bytes: Option<NonZeroUsize>,

    /// Most comments in one batch
    ///
    /// A longer batch gets its answers up to there and an error as its last line. Default: 100000.
    #[arg(long, env = "HAMGATE_BATCH_LIMIT_COMMENTS", value_name = "COUNT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_limit_comments: Option<NonZeroUsize>,

    /// Time a whole batch may take
    ///
    /// After it the batch ends with an error as its last line. Durations are written as `500ms`, `30s`, `10m` or `1h`.
    /// Default: 10m.
    #[arg(long, env = "HAMGATE_BATCH_TIMEOUT", value_name = "DURATION")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_timeout: Option<TimeSpan>,

    /// Time a client has to send the head of a request
    ///
    /// Counted from its first byte, and for the first request of a connection from the connection itself. After it the
    /// connection is closed. Default: 10s.
    #[arg(long, env = "HAMGATE_HEADER_TIMEOUT", value_name = "DURATION")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header_timeout: Option<TimeSpan>,

    /// Time a client has to send the whole body of a request
    ///
    /// After it the answer is 408 and the connection is closed. In a batch it is the longest wait for more of it.
    /// Default: 15s.
    #[arg(long, env = "HAMGATE_BODY_TIMEOUT", value_name = "DURATION")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_timeout: Option<TimeSpan>,

    /// Time an unused connection is kept open for the next request
    ///
    /// Default: 60s.
    #[arg(long, env = "HAMGATE_IDLE_TIMEOUT", value_name = "DURATION")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_timeout: Option<TimeSpan>,

    /// Time a request may take in all, from its head to its answer
    ///
    /// A last resort behind the other timeouts; after it the answer is 503. Batches have `--batch-timeout` instead.
    /// Default: 30s.
    #[arg(long, env = "HAMGATE_REQUEST_TIMEOUT", value_name = "DURATION")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_timeout: Option<TimeSpan>,

    /// Time a long comment may wait for its turn
    ///
    /// Comments of more than 8 KiB are judged as many at a time as there are threads. One that waited for so long is answered with
    /// 503, and Akismet's clients hold it; so a flood of them keeps nobody waiting. Default: 250ms.
    #[arg(long, env = "HAMGATE_TURN_TIMEOUT", value_name = "DURATION")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turn_timeout: Option<TimeSpan>,

    /// Time a client may leave an answer unread
    ///
    /// Counted while the network takes no more of it. After it the connection is closed. Default: 15s.
    #[arg(long, env = "HAMGATE_WRITE_TIMEOUT", value_name = "DURATION")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub write_timeout: Option<TimeSpan>,

    /// Most connections open at once
    ///
    /// One more is answered with 503 at once. Keep it below the limit of open files (`ulimit -n`). Default: 512.
    #[arg(long, env = "HAMGATE_MAX_CONNECTIONS", value_name = "COUNT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_connections: Option<NonZeroUsize>,

    /// Most connections open at once from one client address
    ///
    /// So that one client cannot take all of them. Addresses of one IPv6 /64 count as one. Behind a reverse proxy all
    /// connections come from the proxy: raise it to the value of `--max-connections` there. Default: 256.
    #[arg(long, env = "HAMGATE_MAX_CONNECTIONS_PER_ADDRESS", value_name = "COUNT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_connections_per_address: Option<NonZeroUsize>,

    /// How often one key may ask
    ///
    /// `600/m`: up to 600 requests at once, and 600 a minute from then on; also `10/s`, `1000/90s`, `5000/h`. `none`: as often as it
    /// likes. Where no key is needed, the client's address stands for it (an IPv6 /64 is one). Whoever asks more often is
    /// answered with 429, and Akismet's clients hold the comment. Comments in batches are counted by themselves at the same
    /// rate, and wait instead. Probes, metrics and the like are not counted. Each instance counts for itself. Default: none.
    #[arg(long, env = "HAMGATE_MAX_REQUESTS_PER_KEY", value_name = "RATE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_requests_per_key: Option<RateLimit>,

    /// How often one key may correct
    ///
    /// Written like `--max-requests-per-key`, and counted for the same clients: everything sent to /v1/feedback,
    /// /v1/feedback/undo, submit-spam and submit-ham. A correction over it is answered with 429 and is not stored. Keep it
    /// above what a moderator may do in one go. `hamgate import` and `hamgate label` are not counted. Default: 10000/h.
    #[arg(long, env = "HAMGATE_MAX_CORRECTIONS_PER_KEY", value_name = "RATE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_corrections_per_key: Option<RateLimit>,

    /// Most batches answered at once
    ///
    /// One more is answered with 503 at once. Default: 256.
    #[arg(long, env = "HAMGATE_MAX_BATCHES", value_name = "COUNT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_batches: Option<NonZeroUsize>,

    /// Most batches answered at once of one key
    ///
    /// So that one key cannot take all of them. Where no key is needed, the client's address stands for it. One more is
    /// answered with 429 at once. Default: 128.
    #[arg(long, env = "HAMGATE_MAX_BATCHES_PER_KEY", value_name = "COUNT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_batches_per_key: Option<NonZeroUsize>,

    /// Time for requests in flight to end after SIGTERM or SIGINT
    ///
    /// After it the program ends, whatever a client still does. `docker stop` waits 10 seconds before it kills.
    /// Default: 8s.
    #[arg(long, env = "HAMGATE_SHUTDOWN_DEADLINE", value_name = "DURATION")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shutdown_deadline: Option<TimeSpan>,

    /// How Akismet's clients are told that a comment is held
    ///
    /// `queue`: what a person should look at waits for moderation, what is certain lies in the spam folder; clients that
    /// cannot tell the two apart (all but WordPress and Discourse) get both as spam, because they would publish it
    /// otherwise. `pending`: everything held waits for moderation; only for clients that know the header
    /// `X-akismet-error`, others publish it. `spam`: everything held lies in the spam folder. Default: queue.
    #[arg(long, env = "HAMGATE_AKISMET_HOLD", value_name = "WHERE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub akismet_hold: Option<AkismetHold>,

    /// Form of log lines on stderr
    ///
    /// Default: text.
    #[arg(long, env = "HAMGATE_LOG_FORMAT", value_name = "FORMAT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_format: Option<LogFormat>,

    /// Least severe log line that is written
    ///
    /// `debug` writes one line per request: method, route, status, duration, verdict, model. No level ever writes what
    /// a commenter typed. Default: info.
    #[arg(long, env = "HAMGATE_LOG_LEVEL", value_name = "LEVEL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_level: Option<LogLevel>,

    /// Threads that answer requests
    ///
    /// Default: as many as the machine, or the container's share of it, has cores.
    #[arg(long, env = "HAMGATE_THREADS", value_name = "COUNT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threads: Option<NonZeroUsize>,
}

/// Where comments that are held wait, in software that speaks Akismet's protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum AkismetHold {
    /// As the verdict says: for moderation or in the spam folder.
    Queue,
    /// For moderation.
    Pending,
    /// In the spam folder.
    Spam,
}

/// The configuration that holds. Each field is explained at its namesake in [`ServeOptions`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServeConfig {
    /// See [`ServeOptions::listen`].
    pub listen: SocketAddr,
    /// See [`ServeOptions::model`]; `None` is the embedded model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<PathBuf>,
    /// See [`ServeOptions::store`]; `None` where the default cannot be told, because there is no home folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store: Option<StoreChoice>,
    /// See [`ServeOptions::store_retention_days`].
    pub store_retention_days: NonZeroU32,
    /// See [`ServeOptions::store_limit_mib`].
    pub store_limit_mib: NonZeroU32,
    /// See [`ServeOptions::open`].
    pub open: bool,
    /// See [`ServeOptions::admin_token_file`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_token_file: Option<PathBuf>,
    /// See [`ServeOptions::body_limit_bytes`].
    pub body_limit_bytes: NonZeroUsize,
    /// See [`ServeOptions::body_memory_bytes`].
    pub body_memory_bytes: NonZeroUsize,
    /// See [`ServeOptions::batch_limit_bytes`].
    pub batch_limit_bytes: NonZeroUsize,
    /// See [`ServeOptions::batch_limit_comments`].
    pub batch_limit_comments: NonZeroUsize,
    /// See [`ServeOptions::batch_timeout`].
    pub batch_timeout: TimeSpan,
    /// See [`ServeOptions::header_timeout`].
    pub header_timeout: TimeSpan,
    /// See [`ServeOptions::body_timeout`].
    pub body_timeout: TimeSpan,
    /// See [`ServeOptions::idle_timeout`].
    pub idle_timeout: TimeSpan,
    /// See [`ServeOptions::request_timeout`].
    pub request_timeout: TimeSpan,
    /// See [`ServeOptions::turn_timeout`].
    pub turn_timeout: TimeSpan,
    /// See [`ServeOptions::write_timeout`].
    pub write_timeout: TimeSpan,
    /// See [`ServeOptions::max_connections`].
    pub max_connections: NonZeroUsize,
    /// See [`ServeOptions::max_connections_per_address`].
    pub max_connections_per_address: NonZeroUsize,
    /// See [`ServeOptions::max_requests_per_key`].
    pub max_requests_per_key: RateLimit,
    /// See [`ServeOptions::max_corrections_per_key`].
    pub max_corrections_per_key: RateLimit,
    /// See [`ServeOptions::max_batches`].
    pub max_batches: NonZeroUsize,
    /// See [`ServeOptions::max_batches_per_key`].
    pub max_batches_per_key: NonZeroUsize,
    /// See [`ServeOptions::shutdown_deadline`].
    pub shutdown_deadline: TimeSpan,
    /// See [`ServeOptions::akismet_hold`].
    pub akismet_hold: AkismetHold,
    /// See [`ServeOptions::log_format`].
    pub log_format: LogFormat,
    /// See [`ServeOptions::log_level`].
    pub log_level: LogLevel,
    /// See [`ServeOptions::threads`].
    pub threads: NonZeroUsize,
}

impl Default for ServeConfig {
    fn default() -> Self {
        ServeConfig {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            model: None,
            store: StoreLocation::of_this_user().map(StoreChoice::At),
            store_retention_days: NonZeroU32::new(StoreOptions::default().retention_days).unwrap_or(NonZeroU32::MIN),
            store_limit_mib: NonZeroU32::new(StoreOptions::default().limit_mib).unwrap_or(NonZeroU32::MIN),
            open: false,
            admin_token_file: None,
            body_limit_bytes: count(64 * 1024),
            body_memory_bytes: count(64 * 1024 * 1024),
            batch_limit_bytes: count(64 * 1024 * 1024),
            batch_limit_comments: count(100_000),
            batch_timeout: TimeSpan::from_secs(600),
            header_timeout: TimeSpan::from_secs(10),
            body_timeout: TimeSpan::from_secs(15),
            idle_timeout: TimeSpan::from_secs(60),
            request_timeout: TimeSpan::from_secs(30),
            turn_timeout: TimeSpan::from_millis(250),
            write_timeout: TimeSpan::from_secs(15),
            max_connections: count(512),
            max_connections_per_address: count(256),
            max_requests_per_key: RateLimit::NONE,
            max_corrections_per_key: RateLimit::of(10_000, TimeSpan::from_secs(60 * 60)),
            max_batches: count(256),
            max_batches_per_key: count(128),
            shutdown_deadline: TimeSpan::from_secs(8),
            akismet_hold: AkismetHold::Queue,
            log_format: LogFormat::Text,
            log_level: LogLevel::Info,
            threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        }
    }
}

/// A default count; every one written here is above 0.
fn count(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).unwrap_or(NonZeroUsize::MIN)
}

impl ServeOptions {
    /// Lays these options over those of the file they name, and those over the defaults.
    ///
    /// # Errors
    /// When the file cannot be read, is not TOML, or holds an unknown key or a value of the wrong kind.
    pub fn resolve(&self) -> Result<ServeConfig, ConfigError> {
        let mut settings = match &self.config {
            Some(path) => read_file(path)?,
            None => toml::Table::new(),
        };
        // Both conversions are between types of this file, with the same names and forms.
        let asked = toml::Table::try_from(self).map_err(|e| ConfigError::Inconsistent(e.to_string()))?;
        settings.extend(asked);
        settings.try_into().map_err(|e: toml::de::Error| ConfigError::Inconsistent(e.to_string()))
    }
}

impl ServeConfig {
    /// How the store is to be kept.
    pub fn store_options(&self) -> StoreOptions {
        StoreOptions {
            retention_days: self.store_retention_days.get(),
            limit_mib: self.store_limit_mib.get(),
            ..StoreOptions::default()
        }
    }

    /// Who may ask for verdicts, depending on whether there is a valid key.
    pub fn access(&self, has_keys: bool) -> Access {
        match (self.open, has_keys) {
            (true, _) => Access::Anyone,
            (false, true) => Access::WithKey,
            (false, false) if self.listen.ip().to_canonical().is_loopback() => Access::Anyone,
            (false, false) => Access::Nobody,
        }
    }

    /// As TOML that `--config` reads back, but for the password in the address of a store, which is left out.
    ///
    /// # Errors
    /// When a path is not valid Unicode, which TOML cannot hold.
    pub fn to_toml(&self) -> Result<String, ConfigError> {
        let store = self.store.clone().map(StoreChoice::without_password);
        toml::to_string(&ServeConfig { store, ..self.clone() }).map_err(|e| ConfigError::Inconsistent(e.to_string()))
    }
}

/// Who may ask for verdicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Whoever reaches the port.
    Anyone,
    /// Who has a key.
    WithKey,
    /// There are no keys yet, and the port may be reached by strangers.
    Nobody,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file `{}`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A key that is no option.
    #[error("`{}`, line {line}: there is no option `{key}`{}", path.display(), Suggestion(near))]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// Line, counted from 1.
        line: usize,
        /// The key as written.
        key: String,
        /// Options with similar names, best first.
        near: Vec<String>,
    },
    /// Not TOML, or a value of the wrong kind.
    #[error("`{}`, line {line}: {why}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Line, counted from 1.
        line: usize,
        /// The parser's reason.
        why: String,
    },
    /// An option that cannot be written as TOML: a path that is not Unicode.
    #[error("the options cannot be joined: {0}")]
    Inconsistent(String),
}

impl ConfigError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            ConfigError::Unreadable { .. } => "check the path given by `--config` or HAMGATE_CONFIG",
            ConfigError::UnknownKey { .. } | ConfigError::Invalid { .. } => {
                "`hamgate serve --help` explains every option; `hamgate serve --print-config` prints a valid file"
            }
            ConfigError::Inconsistent(_) => "use paths of valid Unicode",
        }
    }
}

/// `; did you mean ...?`, or nothing.
struct Suggestion<'a>(&'a [String]);

impl fmt::Display for Suggestion<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => Ok(()),
            names => write!(f, "; did you mean `{}`?", names.join("` or `")),
        }
    }
}

/// Reads a configuration file and checks every key and value in it.
fn read_file(path: &Path) -> Result<toml::Table, ConfigError> {
    let text =
        std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
    let invalid = |e: toml::de::Error| ConfigError::Invalid {
        path: path.to_owned(),
        line: line_of(&text, e.span().map_or(0, |span| span.start)),
        why: e.message().to_owned(),
    };
    let keys: HashMap<toml::Spanned<String>, toml::Value> = toml::from_str(&text).map_err(invalid)?;
    let known = option_names();
    let first_unknown = keys.keys().filter(|key| !known.contains(key.get_ref())).min_by_key(|key| key.span().start);
    if let Some(key) = first_unknown {
        return Err(ConfigError::UnknownKey {
            path: path.to_owned(),
            line: line_of(&text, key.span().start),
            key: key.get_ref().clone(),
            near: near_names(key.get_ref(), &known),
        });
    }
    toml::from_str::<ServeConfig>(&text).map_err(invalid)?;
    toml::from_str(&text).map_err(invalid)
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

/// The keys a file may hold: every option but those about files themselves.
fn option_names() -> Vec<String> {
    #[derive(clap::Parser)]
    struct Shape {
        #[command(flatten)]
        _options: ServeOptions,
    }
    let not_in_files = ["config", "print_config", "help", "version"];
    let names = Shape::command().get_arguments().map(|argument| argument.get_id().to_string()).collect::<Vec<_>>();
    names.into_iter().filter(|name| !not_in_files.contains(&name.as_str())).collect()
}

/// At most two names that a typing error may have turned into `key`.
fn near_names(key: &str, known: &[String]) -> Vec<String> {
    let key = key.to_lowercase().replace('-', "_");
    let mut near: Vec<(f64, &String)> =
        known.iter().map(|name| (strsim::jaro_winkler(&key, name), name)).filter(|(score, _)| *score > 0.8).collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    near.into_iter().take(2).map(|(_, name)| name.clone()).collect()
}

fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| "write an IP address with a port, such as 127.0.0.1:8080, 0.0.0.0:8080 or [::]:8080".into())
}

/// A duration as people write it: `500ms`, `30s`, `10m`, `1h`. Never 0 and never more than a day, so that no deadline
/// can overflow the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeSpan(Duration);

impl TimeSpan {
    const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

    const fn from_millis(milliseconds: u64) -> Self {
        TimeSpan(Duration::from_millis(milliseconds))
    }

    const fn from_secs(seconds: u64) -> Self {
        TimeSpan(Duration::from_secs(seconds))
    }

    /// The duration itself.
    pub const fn duration(self) -> Duration {
        self.0
    }
}

/// A text that is no duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write a duration of more than 0 and at most 24 hours, such as \"500ms\", \"30s\", \"10m\" or \"1h\"")]
pub struct TimeSpanError;

impl TryFrom<Duration> for TimeSpan {
    type Error = TimeSpanError;

    fn try_from(duration: Duration) -> Result<Self, TimeSpanError> {
        let fits = !duration.is_zero() && duration <= Self::LONGEST;
        fits.then_some(TimeSpan(duration)).ok_or(TimeSpanError)
    }
}

impl FromStr for TimeSpan {
    type Err = TimeSpanError;

    fn from_str(text: &str) -> Result<Self, TimeSpanError> {
        let text = text.trim();
        let unit_at = text.find(|c: char| !c.is_ascii_digit()).ok_or(TimeSpanError)?;
        let number: u64 = text[..unit_at].parse().map_err(|_| TimeSpanError)?;
        let unit_ms = match text[unit_at..].trim() {
            "ms" => 1,
            "s" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            _ => return Err(TimeSpanError),
        };
        Duration::from_millis(number.checked_mul(unit_ms).ok_or(TimeSpanError)?).try_into()
    }
}

impl TryFrom<String> for TimeSpan {
    type Error = TimeSpanError;

    fn try_from(text: String) -> Result<Self, TimeSpanError> {
        text.parse()
    }
}

impl From<TimeSpan> for String {
    fn from(span: TimeSpan) -> Self {
        span.to_string()
    }
}

impl fmt::Display for TimeSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.as_millis();
        match ms {
            _ if ms.is_multiple_of(3_600_000) => write!(f, "{}h", ms / 3_600_000),
            _ if ms.is_multiple_of(60_000) => write!(f, "{}m", ms / 60_000),
            _ if ms.is_multiple_of(1_000) => write!(f, "{}s", ms / 1_000),
            _ => write!(f, "{ms}ms"),
        }
    }
}

/// So many at once, and the same number in each such time from then on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub most: NonZeroU32,
    /// In what time.
    pub within: TimeSpan,
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let within = self.within.to_string();
        let one = within.strip_prefix('1').filter(|unit| !unit.starts_with(|c: char| c.is_ascii_digit()));
        write!(f, "{}/{}", self.most, one.unwrap_or(&within))
    }
}

/// A limit on how often something may happen, as people write it: `10/s`, `600/m`, `1000/90s`; `none` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RateLimit(Option<Rate>);

impl RateLimit {
    /// No limit.
    pub const NONE: Self = RateLimit(None);

    fn of(most: u32, within: TimeSpan) -> Self {
        RateLimit(NonZeroU32::new(most).map(|most| Rate { most, within }))
    }

    /// The limit, if there is one.
    pub const fn rate(self) -> Option<Rate> {
        self.0
    }
}

/// A text that is no limit on how often something may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write a number above 0 and a time, such as \"10/s\", \"600/m\" or \"1000/90s\", or \"none\" for no limit")]
pub struct RateLimitError;

impl FromStr for RateLimit {
    type Err = RateLimitError;

    fn from_str(text: &str) -> Result<Self, RateLimitError> {
        let text = text.trim();
        if text == "none" {
            return Ok(RateLimit::NONE);
        }
        let (most, within) = text.split_once('/').ok_or(RateLimitError)?;
        let most = most.trim().parse().map_err(|_| RateLimitError)?;
        let within = within.trim();
        let one = if within.starts_with(|c: char| c.is_ascii_digit()) { "" } else { "1" };
        let within = format!("{one}{within}").parse().map_err(|_| RateLimitError)?;
        Ok(RateLimit(Some(Rate { most, within })))
    }
}

impl TryFrom<String> for RateLimit {
    type Error = RateLimitError;

    fn try_from(text: String) -> Result<Self, RateLimitError> {
        text.parse()
    }
}

impl From<RateLimit> for String {
    fn from(limit: RateLimit) -> Self {
        limit.0.map_or_else(|| "none".to_owned(), |rate| rate.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve_file(text: &str) -> Result<ServeConfig, ConfigError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        ServeOptions { config: Some(file.path().to_owned()), ..ServeOptions::default() }.resolve()
    }

    #[test]
    fn durations_are_written_as_people_write_them() {
        let table = [("500ms", 500), ("30s", 30_000), ("10m", 600_000), ("1h", 3_600_000), (" 2 s ", 2_000)];
        for (text, ms) in table {
            assert_eq!(text.parse::<TimeSpan>().unwrap().duration(), Duration::from_millis(ms), "{text}");
        }
        for text in ["", "30", "s", "0s", "-1s", "1d", "1.5s", "25h", "99999999999999999999s", "18446744073709551615h"]
        {
            assert_eq!(text.parse::<TimeSpan>(), Err(TimeSpanError), "{text}");
        }
        for text in ["500ms", "1500ms", "30s", "90s", "10m", "2h"] {
            assert_eq!(text.parse::<TimeSpan>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn rates_are_written_as_people_write_them() {
        let table = [
            ("10/s", 10, 1_000, "10/s"),
            ("600/m", 600, 60_000, "600/m"),
            (" 600 / 1 min ", 600, 60_000, "600/m"),
            ("1000/90s", 1_000, 90_000, "1000/90s"),
            ("1/10m", 1, 600_000, "1/10m"),
            ("5000/h", 5_000, 3_600_000, "5000/h"),
            ("7/ms", 7, 1, "7/ms"),
        ];
        for (text, most, within, written) in table {
            let limit: RateLimit = text.parse().unwrap();
            let rate = limit.rate().unwrap();
            assert_eq!((rate.most.get(), rate.within.duration()), (most, Duration::from_millis(within)), "{text}");
            assert_eq!(String::from(limit), written);
        }
        assert_eq!("none".parse(), Ok(RateLimit::NONE));
        assert_eq!(String::from(RateLimit::NONE), "none");
        for text in
            ["", "10", "0", "0/s", "/s", "10/", "10/0s", "-1/s", "1.5/s", "10/day", "10/25h", "1/2/s", "99999999999/s"]
        {
            assert_eq!(text.parse::<RateLimit>(), Err(RateLimitError), "{text}");
        }
    }

    #[test]
    fn an_option_wins_over_the_file_and_the_file_over_the_default() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "body_limit_bytes = 1000\nidle_timeout = \"5s\"\n").unwrap();
        let options = ServeOptions {
            config: Some(file.path().to_owned()),
            body_limit_bytes: NonZeroUsize::new(2000),
            ..ServeOptions::default()
        };
        let config = options.resolve().unwrap();
        assert_eq!(config.body_limit_bytes.get(), 2000);
        assert_eq!(config.idle_timeout.to_string(), "5s");
        assert_eq!(config.header_timeout, ServeConfig::default().header_timeout);
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line_and_the_nearest_option() {
        let error = resolve_file("# limits\nidle_timeout = \"5s\"\nbody_limit = 5\n").unwrap_err();
        let message = error.to_string();
        assert!(message.contains("line 3: there is no option `body_limit`"), "{message}");
        assert!(message.contains("did you mean `body_limit_bytes`"), "{message}");
        let message = resolve_file("zzz = 1\n").unwrap_err().to_string();
        assert!(message.ends_with("there is no option `zzz`"), "{message}");
    }

    #[test]
    fn a_wrong_value_is_named_with_its_line() {
        let table = [
            ("threads = 2\nidle_timeout = 5\n", "line 2"),
            ("idle_timeout = \"5 parsecs\"\n", "such as \"500ms\""),
            ("max_connections = 0\n", "nonzero"),
            ("threads = 1\nmax_requests_per_key = 600\n", "line 2"),
            ("max_corrections_per_key = \"often\"\n", "\"none\" for no limit"),
            ("listen = \"localhost\"\n", "line 1"),
            ("log_level = \"loud\"\n", "loud"),
            ("listen = \n", "line 1"),
            ("threads = 1\nthreads = 2\n", "line 2"),
        ];
        for (text, expected) in table {
            let message = resolve_file(text).unwrap_err().to_string();
            assert!(message.contains(expected), "{text:?} gave: {message}");
        }
    }

    #[test]
    fn the_printed_configuration_reads_back_as_itself() {
        let config = ServeConfig { model: Some("my.model".into()), ..ServeConfig::default() };
        assert_eq!(resolve_file(&config.to_toml().unwrap()).unwrap(), config);
    }

    #[test]
    fn who_may_ask_follows_from_address_keys_and_the_explicit_word() {
        use Access::{Anyone, Nobody, WithKey};
        let table = [
            // address, then: no keys, keys, open without keys, open with keys
            ("127.0.0.1:1", [Anyone, WithKey, Anyone, Anyone]),
            ("127.9.9.9:1", [Anyone, WithKey, Anyone, Anyone]),
            ("[::1]:1", [Anyone, WithKey, Anyone, Anyone]),
            ("[::ffff:127.0.0.1]:1", [Anyone, WithKey, Anyone, Anyone]),
            ("0.0.0.0:1", [Nobody, WithKey, Anyone, Anyone]),
            ("[::]:1", [Nobody, WithKey, Anyone, Anyone]),
            ("192.0.2.7:1", [Nobody, WithKey, Anyone, Anyone]),
            ("[2001:db8::7]:1", [Nobody, WithKey, Anyone, Anyone]),
        ];
        for (address, expected) in table {
            let access = |open, has_keys| {
                ServeConfig { listen: address.parse().unwrap(), open, ..ServeConfig::default() }.access(has_keys)
            };
            assert_eq!([access(false, false), access(false, true), access(true, false), access(true, true)], expected);
        }
    }

    #[test]
    fn a_store_that_cannot_be_is_named_with_its_line() {
        for (text, expected) in [
            ("store = \"mysql://localhost/x\"\n", "only SQLite and PostgreSQL"),
            ("store = \"postgres://localhost/x?sslmode=require\"\n", "not encrypted"),
            ("store = \"\"\n", "the path of the store is empty"),
            ("store_retention_days = 0\n", "nonzero"),
            ("open = \"yes\"\n", "line 1"),
        ] {
            let message = resolve_file(text).unwrap_err().to_string();
            assert!(message.contains(expected), "{text:?} gave: {message}");
        }
        assert_eq!(resolve_file("store = \"none\"\n").unwrap().store, Some(StoreChoice::None));
    }

    #[test]
    fn every_option_is_also_an_environment_variable_and_has_a_paragraph_of_help() {
        #[derive(clap::Parser)]
        struct Shape {
            #[command(flatten)]
            _options: ServeOptions,
        }
        for argument in Shape::command().get_arguments().filter(|a| a.get_id() != "print_config") {
            let id = argument.get_id().as_str();
            let variable = format!("HAMGATE_{}", id.to_uppercase());
            assert_eq!(argument.get_env().and_then(|name| name.to_str()), Some(variable.as_str()));
            assert!(argument.get_long_help().is_some(), "{id} has no long help");
        }
    }
}
