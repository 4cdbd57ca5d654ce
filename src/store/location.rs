//! Where the store lies.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A place that can hold a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreLocation {
    /// A SQLite file, made when it is not there.
    Sqlite(PathBuf),
}

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
    #[error("the path of the store is empty; write `sqlite:PATH`, a path, or `none`")]
    Empty,
    /// A database in memory would forget on exit what it acknowledged.
    #[error("a store in memory would forget what it acknowledged; write `sqlite:PATH`, a path, or `none`")]
    InMemory,
    /// The address of some other database.
    #[error("only SQLite is known so far; write `sqlite:PATH`, a path, or `none`")]
    UnknownDatabase,
}

impl StoreLocation {
    /// `hamgate/hamgate.sqlite` in `$XDG_DATA_HOME`, else in `$HOME/.local/share`; `None` where there is neither.
    pub fn of_this_user() -> Option<Self> {
        // The specification of XDG tells programs to ignore relative paths.
        let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let data = folder("XDG_DATA_HOME").or_else(|| Some(folder("HOME")?.join(".local/share")))?;
        Some(StoreLocation::Sqlite(data.join("hamgate").join("hamgate.sqlite")))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        match self {
            StoreLocation::Sqlite(path) => path,
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
        write!(f, "sqlite:{}", self.path().display())
    }
}

impl FromStr for StoreLocation {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, LocationError> {
        let path = match text.split_once(':') {
            Some(("sqlite", rest)) => rest.strip_prefix("//").unwrap_or(rest),
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

impl StoreChoice {
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

impl From<StoreChoice> for String {
    fn from(choice: StoreChoice) -> Self {
        choice.to_string()
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
            ("postgres://localhost/hamgate", Err(LocationError::UnknownDatabase)),
        ];
        for (text, expected) in table {
            let expected = expected.map(|path| StoreLocation::Sqlite(path.into()));
            assert_eq!(text.parse(), expected, "{text}");
        }
    }

    #[test]
    fn none_is_a_choice_and_every_choice_reads_back() {
        for text in ["none", "sqlite:none", "sqlite:/a b/c"] {
            assert_eq!(text.parse::<StoreChoice>().unwrap().to_string(), text);
        }
        assert_eq!("none".parse(), Ok(StoreChoice::None));
    }
}
