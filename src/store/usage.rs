//! Figures by site and time, kept apart from the comments they count, so that they stay when comments go.

use std::fmt;
use std::str::FromStr;

use crate::comment::Label;
use crate::site::Site;
use crate::store::connection::{Connection, Row, query};
use crate::store::error::StoreError;
use crate::store::transaction::{Figures, Transaction};
use crate::verdict::Decision;

/// A day of the calendar, UTC, counted from 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i64);

/// A month of the calendar, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month {
    year: i64,
    /// 1 to 12.
    month: i64,
}

/// A text that is no month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write a month as year and number, such as 2026-11")]
pub struct MonthError;

/// A text that is no day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write a day of the calendar as year, month and day, such as 2026-11-23")]
pub struct DayError;

/// A moment, UTC, in seconds since 1970; written `2026-11-23T09:30:00Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub i64);

/// What was counted. Trials (`test`) are not in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Comments that were held.
    pub spam: u64,
    /// Comments that were approved.
    pub ham: u64,
    /// Comments a person called spam that were not held.
    pub missed_spam: u64,
    /// Comments a person called ham that were not approved.
    pub false_positives: u64,
}

/// What one site used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteUsage {
    /// The site.
    pub site: Site,
    /// What was counted.
    pub totals: Totals,
    /// Whether it had keys, and all of them are revoked.
    pub revoked: bool,
}

impl Totals {
    /// Comments that were decided.
    pub fn checks(&self) -> u64 {
        self.spam + self.ham
    }
}

impl std::ops::AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.spam += other.spam;
        self.ham += other.ham;
        self.missed_spam += other.missed_spam;
        self.false_positives += other.false_positives;
    }
}

impl Day {
    /// The day of a moment, given in seconds since 1970.
    pub fn of(unix_seconds: i64) -> Self {
        Day(unix_seconds.div_euclid(86_400))
    }

    /// The month it lies in.
    pub fn month(self) -> Month {
        let (year, month, _) = self.civil();
        Month { year, month }
    }

    /// When it begins, in seconds since 1970.
    pub fn first_second(self) -> i64 {
        self.0 * 86_400
    }

    /// Year, month and day of the month. Howard Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`.
    fn civil(self) -> (i64, i64, i64) {
        let days = self.0 + 719_468;
        let era = days.div_euclid(146_097);
        let of_era = days.rem_euclid(146_097);
        let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let shifted = (5 * of_year + 2) / 153;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        (year + era * 400 + i64::from(month <= 2), month, of_year - (153 * shifted + 2) / 5 + 1)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.civil();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl FromStr for Day {
    type Err = DayError;

    fn from_str(text: &str) -> Result<Self, DayError> {
        let (month, day) = text.rsplit_once('-').ok_or(DayError)?;
        let month: Month = month.parse().map_err(|_| DayError)?;
        let day = Day(month.first_day().0 + day.parse::<u8>().map(i64::from).map_err(|_| DayError)? - 1);
        // The 31st of a month of 30 days is the first of the next.
        if day.to_string() == text { Ok(day) } else { Err(DayError) }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of_day = self.0.rem_euclid(86_400);
        let (hours, minutes, seconds) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
        write!(f, "{}T{hours:02}:{minutes:02}:{seconds:02}Z", Day::of(self.0))
    }
}

impl Month {
    /// The month of a moment, given in seconds since 1970.
    pub fn of(unix_seconds: i64) -> Self {
        Day::of(unix_seconds).month()
    }

    /// Its first day.
    pub fn first_day(self) -> Day {
        // The same source, `days_from_civil`, for the first of a month.
        let year = self.year - i64::from(self.month <= 2);
        let era = year.div_euclid(400);
        let of_era = year.rem_euclid(400);
        let shifted = if self.month > 2 { self.month - 3 } else { self.month + 9 };
        let of_year = (153 * shifted + 2) / 5;
        Day(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
    }

    /// The month after it.
    #[must_use]
    pub fn next(self) -> Self {
        if self.month == 12 { Month { year: self.year + 1, month: 1 } } else { Month { month: self.month + 1, ..self } }
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

impl FromStr for Month {
    type Err = MonthError;

    fn from_str(text: &str) -> Result<Self, MonthError> {
        let (year, month) = text.split_once('-').ok_or(MonthError)?;
        let number = |digits: &str, length: usize| {
            let well_formed = digits.len() == length && digits.bytes().all(|byte| byte.is_ascii_digit());
            well_formed.then(|| digits.parse::<i64>().ok()).flatten().ok_or(MonthError)
        };
        let (year, month) = (number(year, 4)?, number(month, 2)?);
        if (1..=12).contains(&month) { Ok(Month { year, month }) } else { Err(MonthError) }
    }
}

/// Counts one decision.
pub(super) fn decided(transaction: &mut Transaction<'_>, site: &Site, at: i64, decision: Decision) {
    let figures = transaction.figures(site, at);
    match decision {
        Decision::Approve => figures.approved += 1,
        Decision::Hold => figures.held += 1,
    }
}

/// Counts that the label of a comment changed. What was counted wrong before is taken back, on the same day.
pub(super) fn relabelled(
    transaction: &mut Transaction<'_>,
    site: &Site,
    at: i64,
    decision: Option<Decision>,
    (before, after): (Option<Label>, Option<Label>),
) {
    // Nobody was wrong about a comment that nobody judged.
    let Some(decision) = decision else { return };
    let figures = transaction.figures(site, at);
    for (label, change) in [(before, -1), (after, 1)] {
        match (label, decision) {
            (Some(Label::Spam), Decision::Approve) => figures.missed_spam += change,
            (Some(Label::Ham), Decision::Hold) => figures.false_positives += change,
            _ => {}
        }
    }
}

/// Adds to the figures of a site on a day.
pub(super) async fn add(
    connection: &mut Connection,
    site: &Site,
    day: Day,
    figures: Figures,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO usage (site, day, approved, held, missed_spam, false_positives) \
               VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (site, day) DO UPDATE \
               SET approved = usage.approved + excluded.approved, held = usage.held + excluded.held, \
               missed_spam = usage.missed_spam + excluded.missed_spam, \
               false_positives = usage.false_positives + excluded.false_positives";
    let query = query(sql).bind(site.as_str()).bind(day.0).bind(figures.approved).bind(figures.held);
    query.bind(figures.missed_spam).bind(figures.false_positives).execute(connection).await.map(drop)
}

/// Every site with figures or keys, and its figures from `first` to before `end`.
pub(super) async fn by_site(connection: &mut Connection, first: Day, end: Day) -> Result<Vec<SiteUsage>, StoreError> {
    let sql = "SELECT s.site, \
               CAST(COALESCE(SUM(u.held), 0) AS BIGINT), CAST(COALESCE(SUM(u.approved), 0) AS BIGINT), \
               CAST(COALESCE(SUM(u.missed_spam), 0) AS BIGINT), CAST(COALESCE(SUM(u.false_positives), 0) AS BIGINT), \
               EXISTS (SELECT 1 FROM keys k WHERE k.site = s.site) \
               AND NOT EXISTS (SELECT 1 FROM keys k WHERE k.site = s.site AND k.revoked IS NULL) \
               FROM (SELECT site FROM keys UNION SELECT site FROM usage WHERE day >= $1 AND day < $2) s \
               LEFT JOIN usage u ON u.site = s.site AND u.day >= $1 AND u.day < $2 GROUP BY s.site";
    let rows = query(sql).bind(first.0).bind(end.0).fetch_all(connection).await?;
    let read = |row: &Row| Ok(SiteUsage { site: row.site(0)?, totals: totals(row, 1)?, revoked: row.get(5)? });
    let mut sites = rows.iter().map(read).collect::<Result<Vec<_>, StoreError>>()?;
    // Not by the database: each orders texts in its own way.
    sites.sort_by(|a, b| a.site.cmp(&b.site));
    Ok(sites)
}

/// The figures of one site day by day, days without any left out.
pub(super) async fn by_day(
    connection: &mut Connection,
    site: &Site,
    first: Day,
    end: Day,
) -> Result<Vec<(Day, Totals)>, StoreError> {
    let sql = "SELECT day, held, approved, missed_spam, false_positives FROM usage \
               WHERE site = $1 AND day >= $2 AND day < $3 ORDER BY day";
    let rows = query(sql).bind(site.as_str()).bind(first.0).bind(end.0).fetch_all(connection).await?;
    rows.iter().map(|row| Ok((Day(row.get(0)?), totals(row, 1)?))).collect()
}

fn totals(row: &Row, first: usize) -> Result<Totals, StoreError> {
    let count = |column| row.count(first + column);
    Ok(Totals { spam: count(0)?, ham: count(1)?, missed_spam: count(2)?, false_positives: count(3)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_their_dates() {
        let table = [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (19_782, "2024-02-29"),
            (19_783, "2024-03-01"),
            (20_780, "2026-11-23"),
        ];
        for (day, date) in table {
            assert_eq!(Day(day).to_string(), date);
            assert_eq!(date.parse(), Ok(Day(day)));
        }
        for text in ["", "2026-11", "2026-11-31", "2025-02-29", "2026-11-00", "2026-11-1", "2026-11-256", "23.11.2026"]
        {
            assert_eq!(text.parse::<Day>(), Err(DayError), "{text}");
        }
        assert_eq!(Day(1).first_second(), 86_400);
        assert_eq!(Moment(1_795_426_205).to_string(), "2026-11-23T09:30:05Z");
        assert_eq!(Moment(-1).to_string(), "1969-12-31T23:59:59Z");
        assert_eq!(Day::of(86_399), Day(0));
        assert_eq!(Day::of(-1), Day(-1));
    }

    #[test]
    fn months_begin_where_the_month_before_ends() {
        let mut month: Month = "1999-12".parse().unwrap();
        for _ in 0..1_000 {
            let first = month.first_day();
            assert_eq!(first.month(), month);
            assert!(first.to_string().ends_with("-01"), "{first}");
            assert_eq!(Day(month.next().first_day().0 - 1).month(), month);
            month = month.next();
        }
        for text in ["", "2026", "2026-13", "2026-00", "26-11", "2026-1", "+026-11", "2026-11-01"] {
            assert_eq!(text.parse::<Month>(), Err(MonthError), "{text}");
        }
    }
}
