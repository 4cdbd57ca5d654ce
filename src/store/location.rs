//! Where the store lies.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use crate::store::error::StoreError;

/// The parameter of an address that names a file with the password, as containers are given secrets. PostgreSQL's own
/// programs do not know it.
const PASSWORD_FILE: &str = "password_file";

/// The parameters of an address that hold no secret, and are shown.
const SHOWN: &[&str] = &[
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "application_name",
    "options",
    "sslmode",
    "ssl-mode",
    "statement-cache-capacity",
    PASSWORD_FILE,
];

/// Those that hold one. A name in neither list is refused: sqlx would write it, and what it is set to, into the log.
const SECRET: &[&str] = &["password"];

/// A parameter of an address, decoded as sqlx decodes it.
struct Parameter<'a> {
    written: &'a str,
    name: String,
}

impl<'a> Parameter<'a> {
    /// All that stand behind the `?`.
    fn all(parameters: &'a str) -> impl Iterator<Item = Parameter<'a>> {
        parameters.split('&').filter(|written| !written.is_empty()).map(|written| {
            let name = written.split('=').next().unwrap_or_default().replace('+', " ");
            Parameter { written, name: percent_decode_str(&name).decode_utf8_lossy().into_owned() }
        })
    }

    fn is_shown(&self) -> bool {
        SHOWN.contains(&self.name.as_str())
    }

    fn is_known(&self) -> bool {
        self.is_shown() || SECRET.contains(&self.name.as_str())
    }

    fn value(&self) -> &'a str {
        self.written.split_once('=').map_or("", |(_, value)| value)
    }
}

/// A place that can hold a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreLocation {
    /// A SQLite file, made when it is not there.
    Sqlite(PathBuf),
    /// A database of a PostgreSQL server, and in it the first schema of the search path.
    Postgres(PostgresUrl),
}

/// The address of a PostgreSQL database. It may hold a password, which it does not show.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl(String);

/// A store somewhere, or none: the value of `--store`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum StoreChoice {
    /// Nothing is remembered.
    None,
    /// There is a store.
    At(StoreLocation),
}

/// A text that names no place we can keep a store at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    /// Nothing behind `sqlite:`, or nothing at all.
    #[error("the path of the store is empty; write `sqlite:PATH`, a path, `postgres://…`, or `none`")]
    Empty,
    /// A database in memory would forget on exit what it acknowledged.
    #[error(
        "a store in memory would forget what it acknowledged; write `sqlite:PATH`, a path, `postgres://…`, or `none`"
    )]
    InMemory,
    /// The address of some other database.
    #[error("only SQLite and PostgreSQL are known; write `sqlite:PATH`, a path, `postgres://…`, or `none`")]
    UnknownDatabase,
    /// Not as PostgreSQL's addresses are.
    #[error("this is no address of a PostgreSQL database; write `postgres://USER@HOST:5432/DATABASE`")]
    BadAddress,
    /// An address with a parameter that nobody knows.
    #[error(
        "the address has a parameter that is not known; host, port, dbname, user, password_file, application_name and \
         options are"
    )]
    UnknownParameter,
    /// An address that asks for TLS.
    #[error(
        "connections to PostgreSQL are not encrypted by Hamgate, so `sslmode` cannot be require, verify-ca or verify-full; \
         leave it out and use a socket, a trusted network or a tunnel"
    )]
    Encrypted,
}

impl StoreLocation {
    /// `hamgate/hamgate.sqlite` in `$XDG_DATA_HOME`, else in `$HOME/.local/share`; `None` where there is neither.
    pub fn of_this_user() -> Option<Self> {
        // The specification of XDG tells programs to ignore relative paths.
        let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let data = folder("XDG_DATA_HOME").or_else(|| Some(folder("HOME")?.join(".local/share")))?;
        Some(StoreLocation::Sqlite(data.join("hamgate").join("hamgate.sqlite")))
    }

    /// How a person knows it: the path, or the address without the password.
    pub fn readable(&self) -> String {
        match self {
            StoreLocation::Sqlite(path) => path.display().to_string(),
            StoreLocation::Postgres(url) => url.to_string(),
        }
    }
}

impl From<PathBuf> for StoreLocation {
    fn from(path: PathBuf) -> Self {
        StoreLocation::Sqlite(path)
    }
}

impl fmt::Display for StoreLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreLocation::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            StoreLocation::Postgres(url) => url.fmt(f),
        }
    }
}

impl FromStr for StoreLocation {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, LocationError> {
        let path = match text.split_once(':') {
            Some(("sqlite", rest)) => rest.strip_prefix("//").unwrap_or(rest),
            Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => {
                return text.parse().map(StoreLocation::Postgres);
            }
            Some((_, rest)) if rest.starts_with("//") => return Err(LocationError::UnknownDatabase),
            _ => text,
        };
        match path {
            "" => Err(LocationError::Empty),
            ":memory:" => Err(LocationError::InMemory),
            path => Ok(StoreLocation::Sqlite(PathBuf::from(path))),
        }
    }
}

impl PostgresUrl {
    /// What sqlx needs to connect; what the address leaves out comes from PGHOST, PGUSER, PGPASSWORD and their like.
    pub(super) fn options(&self) -> Result<PgConnectOptions, StoreError> {
        let (options, file) = self.parts().map_err(|error| StoreError::Unreachable(error.to_string()))?;
        let Some(file) = file else { return Ok(options) };
        let password = std::fs::read_to_string(&file).map_err(|error| {
            StoreError::Unreachable(format!(
                "the file with the password, `{}`, cannot be read: {error}",
                file.display()
            ))
        })?;
        Ok(options.password(password.trim_end_matches(['\r', '\n'])))
    }

    /// What sqlx understands of it, and the file that holds the password.
    fn parts(&self) -> Result<(PgConnectOptions, Option<PathBuf>), LocationError> {
        let bad = |_| LocationError::BadAddress;
        let Some((address, parameters)) = self.0.split_once('?') else {
            return Ok((self.0.parse().map_err(bad)?, None));
        };
        // Whatever stands behind a `#` reaches nobody.
        let parameters = parameters.split('#').next().unwrap_or_default();
        if !Parameter::all(parameters).all(|parameter| parameter.is_known()) {
            return Err(LocationError::UnknownParameter);
        }
        let file = Parameter::all(parameters).find(|it| it.name == PASSWORD_FILE).map(|it| it.value());
        let file = match file.map(|path| percent_decode_str(path).decode_utf8()) {
            None => None,
            Some(Ok(path)) if !path.is_empty() => Some(PathBuf::from(&*path)),
            Some(_) => return Err(LocationError::BadAddress),
        };
        let others = Parameter::all(parameters).filter(|it| it.name != PASSWORD_FILE);
        let others: Vec<_> = others.map(|it| it.written).collect();
        Ok((format!("{address}?{}", others.join("&")).parse().map_err(bad)?, file))
    }
}

impl FromStr for PostgresUrl {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, LocationError> {
        let url = PostgresUrl(text.to_owned());
        match url.parts()?.0.get_ssl_mode() {
            PgSslMode::Disable | PgSslMode::Allow | PgSslMode::Prefer => Ok(url),
            PgSslMode::Require | PgSslMode::VerifyCa | PgSslMode::VerifyFull => Err(LocationError::Encrypted),
        }
    }
}

/// Without the password, which may stand before the `@` and as a parameter: only what is known to hold none is shown.
impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (address, parameters) = self.0.split_once('?').unwrap_or((&self.0, ""));
        let (scheme, rest) = address.split_once("://").unwrap_or(("postgres", address));
        write!(f, "{scheme}://")?;
        match rest.rsplit_once('@') {
            Some((user, place)) => write!(f, "{}@{place}", user.split(':').next().unwrap_or_default())?,
            None => f.write_str(rest)?,
        }
        let parameters = parameters.split('#').next().unwrap_or_default();
        let shown = Parameter::all(parameters).filter(Parameter::is_shown);
        for (parameter, before) in shown.zip(std::iter::once('?').chain(std::iter::repeat('&'))) {
            write!(f, "{before}{}", parameter.written)?;
        }
        Ok(())
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresUrl({self})")
    }
}

impl StoreChoice {
    /// The same, fit to be shown.
    #[must_use]
    pub fn without_password(self) -> Self {
        match self {
            StoreChoice::At(StoreLocation::Postgres(url)) => {
                StoreChoice::At(StoreLocation::Postgres(PostgresUrl(url.to_string())))
            }
            choice => choice,
        }
    }

    /// The place, where there is one.
    pub fn location(&self) -> Option<&StoreLocation> {
        match self {
            StoreChoice::None => None,
            StoreChoice::At(location) => Some(location),
        }
    }
}

impl FromStr for StoreChoice {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, LocationError> {
        match text {
            "none" => Ok(StoreChoice::None),
            text => text.parse().map(StoreChoice::At),
        }
    }
}

impl TryFrom<String> for StoreChoice {
    type Error = LocationError;

    fn try_from(text: String) -> Result<Self, LocationError> {
        text.parse()
    }
}

/// The choice as it is read back: with the password, if there is one.
impl From<StoreChoice> for String {
    fn from(choice: StoreChoice) -> Self {
        match choice {
            StoreChoice::At(StoreLocation::Postgres(PostgresUrl(url))) => url,
            choice => choice.to_string(),
        }
    }
}

impl fmt::Display for StoreChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreChoice::None => f.write_str("none"),
            StoreChoice::At(location) => location.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use sqlx::ConnectOptions as _;

    use super::*;

    #[test]
    fn a_location_is_a_path_with_or_without_its_scheme() {
        let table = [
            ("sqlite:a/b.sqlite", Ok("a/b.sqlite")),
            ("sqlite:/a/b.sqlite", Ok("/a/b.sqlite")),
            ("sqlite:///a/b.sqlite", Ok("/a/b.sqlite")),
            ("/a/b.sqlite", Ok("/a/b.sqlite")),
            ("b", Ok("b")),
            ("c:b", Ok("c:b")),
            ("", Err(LocationError::Empty)),
            ("sqlite:", Err(LocationError::Empty)),
            ("sqlite::memory:", Err(LocationError::InMemory)),
            ("mysql://localhost/hamgate", Err(LocationError::UnknownDatabase)),
            ("postgres://localhost:many/hamgate", Err(LocationError::BadAddress)),
            ("postgres://localhost/hamgate?password_file=", Err(LocationError::BadAddress)),
            ("postgres://localhost/hamgate?password_file=/p&sslmode=require", Err(LocationError::Encrypted)),
            ("postgres://localhost/hamgate?sslmode=require", Err(LocationError::Encrypted)),
            ("postgresql://localhost/hamgate?sslmode=verify-full", Err(LocationError::Encrypted)),
            ("postgres://localhost/hamgate?pasword=s3cret", Err(LocationError::UnknownParameter)),
            ("postgres://anna:5?cret@localhost/hamgate", Err(LocationError::UnknownParameter)),
        ];
        for (text, expected) in table {
            let expected = expected.map(|path| StoreLocation::Sqlite(path.into()));
            assert_eq!(text.parse(), expected, "{text}");
        }
    }

    #[test]
    fn an_address_of_postgresql_never_shows_its_password() {
        let table = [
            ("postgres://anna:secret@db.example:5433/hamgate", "postgres://anna@db.example:5433/hamgate"),
            ("postgresql://db.example/hamgate?password=secret&user=anna", "postgresql://db.example/hamgate?user=anna"),
            ("postgres:///hamgate?host=/run/postgresql", "postgres:///hamgate?host=/run/postgresql"),
            ("postgres:///h?host=/run&password=secret&user=x", "postgres:///h?host=/run&user=x"),
            ("postgres://anna:p%40secret@db.example/x", "postgres://anna@db.example/x"),
            ("postgres://db.example/x?p%61ssword=secret&user=anna", "postgres://db.example/x?user=anna"),
            ("postgres://db.example/x?user=anna#secret", "postgres://db.example/x?user=anna"),
            ("postgres://anna@db.example/x?password_file=/run/p", "postgres://anna@db.example/x?password_file=/run/p"),
        ];
        for (text, shown) in table {
            let location: StoreLocation = text.parse().unwrap();
            assert_eq!(location.to_string(), shown);
            assert_eq!(location.readable(), shown);
            assert!(!format!("{location:?}").contains("secret"), "{text}");
            let choice = StoreChoice::At(location);
            assert_eq!(String::from(choice.clone()), text);
            assert_eq!(String::from(choice.without_password()), shown);
        }
    }

    #[test]
    fn a_password_is_read_from_the_file_the_address_names() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a password");
        std::fs::write(&path, "s p@cial\n").unwrap();
        let named = path.to_str().unwrap().replace(' ', "%20");
        let url: PostgresUrl =
            format!("postgres://anna@db.example/x?password_file={named}&options=-c%20a%3Db").parse().unwrap();
        // What was read can be seen only in the address that sqlx makes of it.
        let read = url.options().unwrap().to_url_lossy();
        assert_eq!((read.username(), read.password(), read.path()), ("anna", Some("s%20p%40cial"), "/x"));
        std::fs::remove_file(&path).unwrap();
        let StoreError::Unreachable(why) = url.options().unwrap_err() else { panic!("another error") };
        assert!(why.contains("a password") && why.contains("No such file"), "{why}");
    }

    #[test]
    fn none_is_a_choice_and_every_choice_reads_back() {
        for text in ["none", "sqlite:none", "sqlite:/a b/c", "postgres://anna:secret@db.example/hamgate?host=/run"] {
            assert_eq!(String::from(text.parse::<StoreChoice>().unwrap()), text);
        }
        assert_eq!("none".parse(), Ok(StoreChoice::None));
    }
}
