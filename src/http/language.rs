//! Which language reasons are given in: what `Accept-Language` asks for, as far as we speak it.
//!
//! English unless German is preferred. A header that makes no sense asks for nothing.

use std::convert::Infallible;
use std::str::FromStr;

use crate::reasons::Language;

/// What `Accept-Language` comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preferred(pub Language);

impl FromStr for Preferred {
    type Err = Infallible;

    fn from_str(header: &str) -> Result<Self, Infallible> {
        let mut best = (Language::default(), 0.0);
        for (language, quality) in header.split(',').filter_map(read_range) {
            if quality > best.1 {
                best = (language, quality);
            }
        }
        Ok(Preferred(best.0))
    }
}

/// One range, `de-AT;q=0.8`, if it is of a language we speak. `*` is whatever we like best.
fn read_range(range: &str) -> Option<(Language, f32)> {
    let mut parts = range.split(';').map(str::trim);
    let tag = parts.next()?;
    let language = if tag == "*" { Language::default() } else { Language::from_tag(tag)? };
    let quality = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    let quality = quality.map_or(1.0, |text| text.trim().parse().unwrap_or(0.0));
    Some((language, quality))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_liked_best_is_spoken_if_we_speak_it() {
        let table = [
            ("de", Language::German),
            ("de-AT, en;q=0.8", Language::German),
            ("en, de", Language::English),
            ("en;q=0.3, de;q=0.7", Language::German),
            ("fr, de;q=0.5, en;q=0.4", Language::German),
            ("fr, it", Language::English),
            ("*, de;q=0.5", Language::English),
            ("de;q=0", Language::English),
            ("de;q=nonsense", Language::English),
            ("DE-de ; q=0.9", Language::German),
            ("", Language::English),
            (";;,,;q=1", Language::English),
        ];
        for (header, expected) in table {
            assert_eq!(header.parse(), Ok(Preferred(expected)), "{header}");
        }
    }
}
