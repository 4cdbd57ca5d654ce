//! What settings pages and account tools ask. The figures are those of our own store; there is nothing to pay and no limit.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Map, Value, json};
use warp::reply::Response;

use crate::clock::now;
use crate::http::access::Caller;
use crate::http::akismet::answer::{self, Refusal};
use crate::http::akismet::form::Form;
use crate::http::{App, content};
use crate::store::{Day, Month, SiteUsage, Store, Totals};

/// Sites in an answer of key-sites, unless asked for another number.
const SITES: usize = 500;

/// An account that works and costs nothing. WordPress saves a key only after it has seen one.
pub fn subscription() -> Response {
    answer::json(&json!({
        "account_id": 1,
        "account_name": "Hamgate",
        "account_type": "hamgate",
        "status": "active",
        "next_billing_date": false,
        "limit_reached": false,
    }))
}

/// `get-stats`: the figures of a site, in all and by day or month.
pub async fn statistics(app: &App, caller: &Caller, form: &Form<'_>) -> Result<Response, Refusal> {
    let site = caller.site_of(form)?;
    let today = Day::of(now());
    let (first, by_day) = match form.get("from").as_deref() {
        Some("60-days") => (Day(today.0 - 59), true),
        Some("6-months") => (Day(today.0 - 182).month().first_day(), false),
        _ => (Day(0), false),
    };
    let days = store(app)?.totals(&site, first, Day(today.0 + 1)).await.map_err(|_| Refusal::FiguresFail)?;
    let mut sum = Totals::default();
    let mut periods: Vec<(String, Totals)> = Vec::new();
    for (day, totals) in days {
        sum += totals;
        let period = if by_day { day } else { day.month().first_day() }.to_string();
        match periods.last_mut() {
            Some((last, figures)) if *last == period => *figures += totals,
            _ => periods.push((period, totals)),
        }
    }
    let breakdown: Map<String, Value> = periods
        .into_iter()
        .map(|(period, totals)| {
            let mut figures = figures(&totals);
            figures.insert("da".into(), period.clone().into());
            (period, figures.into())
        })
        .collect();
    let mut answer = figures(&sum);
    // How long a person would have taken is anyone's guess, and not ours.
    answer.insert("time_saved".into(), 0.into());
    answer.insert("breakdown".into(), breakdown.into());
    Ok(answer::json(&answer))
}

fn figures(totals: &Totals) -> Map<String, Value> {
    let figures = json!({
        "spam": totals.spam,
        "ham": totals.ham,
        "missed_spam": totals.missed_spam,
        "false_positives": totals.false_positives,
        "accuracy": accuracy(totals),
    });
    figures.as_object().cloned().unwrap_or_default()
}

/// The share of decisions that nobody corrected, in percent with two decimals.
fn accuracy(totals: &Totals) -> String {
    let checks = totals.checks();
    let right = checks.saturating_sub(totals.missed_spam + totals.false_positives);
    let percent = if checks == 0 { 100.0 } else { 100.0 * right as f64 / checks as f64 };
    format!("{percent:.2}")
}

/// `usage-limit`: how much was asked this month. `places` are where parameters may stand.
pub async fn usage(app: &App, caller: &Caller, places: [&Form<'_>; 2]) -> Result<Response, Refusal> {
    let usage: u64 = sites(app, caller, Month::of(now())).await?.iter().map(|usage| usage.totals.checks()).sum();
    let mut answer = json!({ "limit": "none", "usage": usage, "percentage": "0.00", "throttled": false });
    if places.iter().any(|place| place.flag("extended")) {
        answer["notice_level"] = false.into();
        answer["upgrade"] = false.into();
    }
    Ok(answer::json(&answer))
}

/// `key-sites`: what each site asked in a month.
pub async fn key_sites(app: &App, caller: &Caller, places: [&Form<'_>; 2]) -> Result<Response, Refusal> {
    let get = |name: &str| places.iter().find_map(|place| place.get(name));
    let number = |name: &str| get(name).and_then(|text| text.parse::<usize>().ok());
    let month = match get("month") {
        Some(text) => text.parse().map_err(|_| Refusal::BadMonth)?,
        None => Month::of(now()),
    };
    let mut sites = sites(app, caller, month).await?;
    if let Some(part) = get("filter") {
        sites.retain(|usage| usage.site.as_str().contains(&part.to_lowercase()));
    }
    let column = column(get("order").as_deref());
    sites.sort_by_key(|usage| std::cmp::Reverse(column(&usage.totals)));
    let page = Page {
        month,
        total: sites.len(),
        limit: number("limit").unwrap_or(SITES),
        offset: number("offset").unwrap_or(0),
    };
    let rows: Vec<SiteUsage> = sites.into_iter().skip(page.offset).take(page.limit).collect();
    Ok(if get("format").is_some_and(|format| format.eq_ignore_ascii_case("csv")) {
        content("text/csv; charset=utf-8", page.csv(&rows).into_bytes())
    } else {
        answer::json(&page.json(&rows))
    })
}

/// The figure that rows are sorted by, largest first.
fn column(order: Option<&str>) -> fn(&Totals) -> u64 {
    match order {
        Some("spam") => |totals| totals.spam,
        Some("ham") => |totals| totals.ham,
        Some("missed_spam") => |totals| totals.missed_spam,
        Some("false_positives") => |totals| totals.false_positives,
        _ => Totals::checks,
    }
}

/// A part of the list of sites.
struct Page {
    month: Month,
    total: usize,
    limit: usize,
    offset: usize,
}

/// Akismet writes these numbers as text.
#[derive(Serialize)]
struct Row<'a> {
    site: &'a str,
    api_calls: String,
    spam: String,
    ham: String,
    missed_spam: String,
    false_positives: String,
    is_revoked: bool,
}

impl Page {
    fn json(&self, rows: &[SiteUsage]) -> Value {
        let rows: Vec<Row> = rows.iter().map(row).collect();
        json!({ self.month.to_string(): rows, "limit": self.limit, "offset": self.offset, "total": self.total })
    }

    fn csv(&self, rows: &[SiteUsage]) -> String {
        // Akismet names the key here. Whoever asks knows it, and a table gets about.
        let mut csv = format!(
            "Active sites during {} (limit:{}, offset: {}, total: {})\n\
             Site,Total API Calls,Spam,Ham,Missed Spam,False Positives,Is Revoked\n",
            self.month, self.limit, self.offset, self.total
        );
        for Row { site, api_calls, spam, ham, missed_spam, false_positives, is_revoked } in rows.iter().map(row) {
            let site = cell(site);
            // Writing to a String cannot fail.
            let _ = writeln!(csv, "{site},{api_calls},{spam},{ham},{missed_spam},{false_positives},{is_revoked}");
        }
        csv
    }
}

fn row(usage: &SiteUsage) -> Row<'_> {
    let totals = &usage.totals;
    Row {
        site: usage.site.as_str(),
        api_calls: totals.checks().to_string(),
        spam: totals.spam.to_string(),
        ham: totals.ham.to_string(),
        missed_spam: totals.missed_spam.to_string(),
        false_positives: totals.false_positives.to_string(),
        is_revoked: usage.revoked,
    }
}

/// A cell of a table. In quotes when it holds what ends a cell, and never taken for a formula by a spreadsheet.
fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

/// The figures a caller may see: those of its own site, or all of an open service.
async fn sites(app: &App, caller: &Caller, month: Month) -> Result<Vec<SiteUsage>, Refusal> {
    let mut sites = store(app)?.usage(month).await.map_err(|_| Refusal::FiguresFail)?;
    if let Some(own) = &caller.site {
        sites.retain(|usage| usage.site == *own);
    }
    Ok(sites)
}

fn store(app: &App) -> Result<&Store, Refusal> {
    app.store.as_ref().ok_or(Refusal::NoFigures)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(site: &str, [spam, ham, missed_spam, false_positives]: [u64; 4]) -> SiteUsage {
        let totals = Totals { spam, ham, missed_spam, false_positives };
        SiteUsage { site: site.parse().unwrap(), totals, revoked: false }
    }

    #[test]
    fn accuracy_is_the_share_that_nobody_corrected() {
        for (figures, expected) in [([0, 0, 0, 0], "100.00"), ([3, 1, 1, 0], "75.00"), ([1, 0, 5, 5], "0.00")] {
            assert_eq!(accuracy(&usage("x", figures).totals), expected, "{figures:?}");
        }
    }

    #[test]
    fn a_page_of_sites_is_the_same_as_json_and_as_csv() {
        let rows = [usage("example.org", [3, 4, 1, 2]), usage("example.com/a,\"b", [0; 4]), usage("=1+1", [0; 4])];
        let page = Page { month: "2026-11".parse().unwrap(), total: 3, limit: 10, offset: 0 };
        let expected = json!({
            "2026-11": [
                {"site": "example.org", "api_calls": "7", "spam": "3", "ham": "4", "missed_spam": "1",
                    "false_positives": "2", "is_revoked": false},
                {"site": "example.com/a,\"b", "api_calls": "0", "spam": "0", "ham": "0", "missed_spam": "0",
                    "false_positives": "0", "is_revoked": false},
                {"site": "=1+1", "api_calls": "0", "spam": "0", "ham": "0", "missed_spam": "0",
                    "false_positives": "0", "is_revoked": false},
            ],
            "limit": 10, "offset": 0, "total": 3,
        });
        assert_eq!(page.json(&rows), expected);
        assert_eq!(
            page.csv(&rows),
            "Active sites during 2026-11 (limit:10, offset: 0, total: 3)\n\
             Site,Total API Calls,Spam,Ham,Missed Spam,False Positives,Is Revoked\n\
             example.org,7,3,4,1,2,false\n\
             \"example.com/a,\"\"b\",0,0,0,0,0,false\n\
             '=1+1,0,0,0,0,0,false\n"
        );
    }
}
