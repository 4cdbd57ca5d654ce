//! What a person may write as the value of an option.

use std::collections::BTreeMap;
use std::str::FromStr;

use clap::ValueEnum;
use encoding_rs::Encoding;

use crate::comment::Label;
use crate::import::Format;
use crate::reasons::Language;
use crate::text::Fields;

/// A share of comments, written `5/1000`, `0.5%` or `0.005`; at least 0 and below 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share(pub f64);

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.trim().parse::<f64>().ok();
        let share = match (text.split_once('/'), text.trim_end().strip_suffix('%')) {
            (Some((part, whole)), _) => number(part).zip(number(whole)).map(|(part, whole)| part / whole),
            (None, Some(percent)) => number(percent).map(|percent| percent / 100.0),
            (None, None) => number(text),
        };
        match share {
            // NaN (0/0) and infinity (5/0) are in no range.
            Some(share) if (0.0..1.0).contains(&share) => Ok(Share(share)),
            Some(_) => Err("must be at least 0 and below 1, such as 5/1000, 0.5% or 0.005".to_owned()),
            None => Err("is no share; write it as 5/1000, 0.5% or 0.005".to_owned()),
        }
    }
}

/// A probability strictly between 0 and 1, for thresholds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Chance(pub f64);

impl FromStr for Chance {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse::<Share>() {
            Ok(Share(chance)) if chance > 0.0 => Ok(Chance(chance)),
            _ => Err("must lie between 0 and 1, such as 0.9 or 90%".to_owned()),
        }
    }
}

/// How many times more the rows of a source count, written `my-blog=3`.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceWeight {
    /// Name of the source.
    pub source: String,
    /// Above 0.
    pub factor: f64,
}

/// The trainer's limit for the weight of one row; for a small source, which weighs more by itself, it has a lower one.
const MOST_WEIGHT: f64 = 256.0;

/// The weights by source; of two for one source, the later.
pub fn by_source(weights: &[SourceWeight]) -> BTreeMap<String, f64> {
    weights.iter().map(|weight| (weight.source.clone(), weight.factor)).collect()
}

impl FromStr for SourceWeight {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // From the right, because a name may hold anything.
        let (source, factor) = text.rsplit_once('=').ok_or("must name a source and a factor, such as my-blog=3")?;
        match factor.trim().parse::<f64>() {
            Ok(factor) if factor > 0.0 && factor <= MOST_WEIGHT => {
                Ok(SourceWeight { source: source.to_owned(), factor })
            }
            _ => Err(format!("must end in a number above 0 and at most {MOST_WEIGHT}, such as my-blog=3")),
        }
    }
}

/// A day of the calendar, written `2026-11-23`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Day(pub String);

impl FromStr for Day {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        is_day(text)
            .then(|| Day(text.to_owned()))
            .ok_or_else(|| "is no day; write it as YYYY-MM-DD, such as 2026-11-23".to_owned())
    }
}

fn is_day(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts[..] else { return false };
    let number = |text: &str, digits: usize| {
        let all_digits = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
        all_digits.then(|| text.parse::<u32>().ok()).flatten()
    };
    let (Some(year), Some(month), Some(day)) = (number(year, 4), number(month, 2), number(day, 2)) else {
        return false;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(leap),
        _ => return false,
    };
    (1..=days).contains(&day)
}

/// An encoding of text, by any of its names on the web.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EncodingArg(pub &'static Encoding);

impl FromStr for EncodingArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let encoding = Encoding::for_label(text.as_bytes()).map(EncodingArg);
        encoding.ok_or_else(|| "is no encoding; such are utf-8, utf-16, windows-1252 and iso-8859-15".to_owned())
    }
}

/// The format of a file of comments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FormatArg {
    /// WordPress: Tools, Export.
    Wxr,
    /// A table with a header, such as `wp comment list --format=csv` prints.
    Csv,
    /// Disqus: Moderation, Export.
    Disqus,
    /// Isso's database.
    Isso,
    /// A JSON object a line, such as `hamgate export` writes.
    Jsonl,
}

impl From<FormatArg> for Format {
    fn from(format: FormatArg) -> Self {
        match format {
            FormatArg::Wxr => Format::Wxr,
            FormatArg::Csv => Format::Csv,
            FormatArg::Disqus => Format::Disqus,
            FormatArg::Isso => Format::Isso,
            FormatArg::Jsonl => Format::JsonLines,
        }
    }
}

/// What comments are taken for that nobody judged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum TakenFor {
    /// Good ones.
    Ham,
    /// Spam.
    Spam,
    /// Nothing: they are left out.
    #[default]
    Skip,
}

impl TakenFor {
    /// The label, if they get one.
    pub fn label(self) -> Option<Label> {
        match self {
            TakenFor::Ham => Some(Label::Ham),
            TakenFor::Spam => Some(Label::Spam),
            TakenFor::Skip => None,
        }
    }
}

/// Which fields of a comment to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FieldsArg {
    /// Text, author, website and the title or address of the post.
    All,
    /// The text alone, as benchmarks of text classifiers do.
    Content,
}

impl From<FieldsArg> for Fields {
    fn from(fields: FieldsArg) -> Self {
        match fields {
            FieldsArg::All => Fields::All,
            FieldsArg::Content => Fields::ContentOnly,
        }
    }
}

/// The language of reasons.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum LanguageArg {
    /// English.
    #[default]
    En,
    /// German.
    De,
}

impl From<LanguageArg> for Language {
    fn from(language: LanguageArg) -> Self {
        match language {
            LanguageArg::En => Language::English,
            LanguageArg::De => Language::German,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_may_be_written_in_three_ways() {
        for text in ["5/1000", "0.5%", "0.005", ".005", "5 / 1000", "0.5 %", "1/200"] {
            let Share(share) = text.parse().unwrap();
            assert!((share - 0.005).abs() < 1e-12, "{text} is {share}");
        }
        assert_eq!("0".parse(), Ok(Share(0.0)));
        for text in ["", "5", "100%", "1", "-0.1", "5/0", "0/0", "NaN", "inf", "five", "1/2/3"] {
            assert!(text.parse::<Share>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_chance_is_neither_never_nor_always() {
        assert_eq!("90%".parse(), Ok(Chance(0.9)));
        for text in ["0", "1", "1.5", "x"] {
            assert!(text.parse::<Chance>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_weight_names_a_source_and_a_factor_above_zero() {
        assert!("blog=256".parse::<SourceWeight>().is_ok());
        assert_eq!("a=b=2.5".parse(), Ok(SourceWeight { source: "a=b".to_owned(), factor: 2.5 }));
        for text in ["blog", "blog=", "blog=0", "blog=-1", "blog=NaN", "blog=inf", "blog=x", "blog=256.5"] {
            assert!(text.parse::<SourceWeight>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_day_stands_in_the_calendar() {
        for text in ["2026-11-23", "2024-02-29", "2000-02-29"] {
            assert!(text.parse::<Day>().is_ok(), "{text}");
        }
        for text in [
            "2026-11-31",
            "2025-02-29",
            "1900-02-29",
            "2026-13-01",
            "2026-1-1",
            "23.11.2026",
            "2026-11-23T00:00",
            "+026-01-01",
        ] {
            assert!(text.parse::<Day>().is_err(), "{text}");
        }
    }
}
