//! `hamgate import`: what other programs' moderators decided becomes corrections in the store.
//!
//! One thread reads while another writes, a few hundred comments at a time, so that memory does not grow with the file.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Write as _;
use std::io::{IsTerminal as _, stderr};
use std::path::PathBuf;
use std::thread::JoinHandle;

use anyhow::{Context as _, anyhow};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::mpsc;

use crate::cli::store_args::{StoreArgs, refused};
use crate::cli::values::{EncodingArg, FormatArg, TakenFor};
use crate::cli::{Failure, output, retrain, tables};
use crate::clock;
use crate::comment::Label;
use crate::import::{Entry, Import, ImportError, ImportOptions, Imported, LeftOut, Status, Why};
use crate::site::Site;
use crate::store::{Change, Correction, Origin, OwnRows, Store, StoreChoice, StoreError, Target};
use crate::text::fingerprint;

/// So many comments are stored at once, or fewer when they are long. A multiple of what the store writes by one statement.
const BATCH: usize = 256;

/// A batch is handed on once its texts take this much.
const BATCH_BYTES: usize = 1 << 20;

/// A clock elsewhere may be ahead of ours by a zone, and no more.
const A_DAY: i64 = 86_400;

/// So many of the comments that are left out for one reason are named.
const NAMED: usize = 10;

/// Of so many sites at most it is told how a model would fare: each takes a training.
const REPORTED: usize = 5;

/// Take over what the moderators of a blog decided before it had Hamgate
///
/// Reads an export of WordPress (WXR) or Disqus, a table such as `wp comment list --format=csv` prints, the database of
/// Isso, or JSON Lines with a `label` or `status`; plain or gzip; told apart by their content. What was approved is ham,
/// what was called spam is spam, and what waits or lies in the bin is left out unless you say otherwise. What is imported
/// stays in the store as if you had corrected it; the next training learns from it. Importing a file twice changes nothing.
///
/// IP addresses and the part of e-mail addresses before the @ are not kept.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ImportArgs {
    /// Files to import, one after the other
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    #[command(flatten)]
    store: StoreArgs,

    /// Address of the blog, such as example.org, spelt as for `hamgate key add`
    ///
    /// Default: what the file says, for those that say it (WXR, JSON Lines).
    #[arg(long, value_name = "SITE")]
    site: Option<Site>,

    /// What the files are. Default: told from their content
    #[arg(long, value_enum)]
    format: Option<FormatArg>,

    /// Encoding of the files. Default: what they declare, else utf-8
    #[arg(long, value_name = "ENCODING")]
    encoding: Option<EncodingArg>,

    /// What to take comments for that wait for moderation
    #[arg(long, value_enum, default_value = "skip")]
    pending: TakenFor,

    /// What to take comments for that were thrown away
    #[arg(long, value_enum, default_value = "skip")]
    bin: TakenFor,

    /// Read and count, and store nothing
    #[arg(long)]
    dry_run: bool,

    /// Show no progress bar
    #[arg(long, short)]
    quiet: bool,
}

const EXAMPLES: &str = "\
Examples:
  hamgate import wordpress.xml
  hamgate import comments.csv --site https://blog.example
  hamgate import disqus.xml.gz --site blog.example --dry-run
  hamgate import comments.db --site blog.example --pending spam

How to get each file out of the other program: docs/import.md.";

impl ImportArgs {
    /// Runs the command.
    ///
    /// # Errors
    /// When a file cannot be read to its end, nothing says which site it is about, or the store cannot be written. What
    /// was imported before stays.
    pub fn run(self) -> Result<(), Failure> {
        if !self.dry_run {
            let config = self.store.configuration()?;
            if config.store.as_ref().and_then(StoreChoice::location).is_none() {
                return Err(Failure::from(anyhow!("what is imported is kept in a store, and there is none"))
                    .with_hint(
                        "give its path with `--store`, the same as for `hamgate serve`, or try with `--dry-run`",
                    ));
            }
            return self.store.make_and_work(async |store| self.import(Some(store)).await);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
        runtime.block_on(self.import(None))
    }

    async fn import(&self, store: Option<&Store>) -> Result<(), Failure> {
        let mut tally = Tally::default();
        let mut done = Ok(());
        for file in &self.files {
            done = self.import_file(file.clone(), store, &mut tally).await;
            if done.is_err() {
                break;
            }
        }
        // After an error, too: what came before it is stored.
        if done.is_err() && !tally.has_something() {
            return done;
        }
        let own = match store {
            Some(store) => {
                own_rows(store, &tally.sites).await.map_err(|error| refused(error, "cannot count what there is now"))?
            }
            None => Vec::new(),
        };
        output::print(&tally.render(self, &own))?;
        let Some(store) = store.filter(|_| done.is_ok() && tally.has_changed()) else { return done };
        let with_rows: Vec<_> = own.into_iter().filter(|own| own.rows != OwnRows::default()).collect();
        for Own { site, .. } in with_rows.iter().take(REPORTED) {
            output::print(&report(store.clone(), site.clone()).await?)?;
        }
        if let Some(Own { site, .. }) = with_rows.get(REPORTED) {
            output::print(&format!(
                "\nNo figures for {site} and those after it: `hamgate train --store --dry-run` has them for every site.\n"
            ))?;
        }
        done
    }

    async fn import_file(&self, file: PathBuf, store: Option<&Store>, tally: &mut Tally) -> Result<(), Failure> {
        let (batches, mut arriving) = mpsc::channel(2);
        let reading = self.read(file, batches);
        let mut stored = Ok(());
        while let Some(batch) = arriving.recv().await {
            stored = if let Some(store) = store {
                tally.store(store, batch).await
            } else {
                tally.count_unstored(batch);
                Ok(())
            };
            if stored.is_err() {
                break;
            }
        }
        // Whoever reads notices that nobody listens any more.
        drop(arriving);
        let (left, read) = reading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        tally.add(left);
        stored.map_err(|error| refused(error, "cannot store what was read"))?;
        read
    }

    /// Reads a file on a thread of its own, which ends with what it left out.
    fn read(
        &self,
        file: PathBuf,
        batches: mpsc::Sender<Vec<Correction>>,
    ) -> JoinHandle<(LeftOuts, Result<(), Failure>)> {
        let options = ImportOptions {
            format: self.format.map(Into::into),
            encoding: self.encoding.map(|EncodingArg(encoding)| encoding),
        };
        let judge = Judge { site: self.site.clone(), pending: self.pending, bin: self.bin, now: clock::now() };
        let quiet = self.quiet || !stderr().is_terminal();
        std::thread::spawn(move || {
            let mut left = LeftOuts::default();
            let read = read_all(&file, options, &judge, &batches, quiet, &mut left);
            (left, read)
        })
    }
}

/// Hands on what the file says until it ends, or nobody listens.
fn read_all(
    file: &std::path::Path,
    options: ImportOptions,
    judge: &Judge,
    batches: &mpsc::Sender<Vec<Correction>>,
    quiet: bool,
    left: &mut LeftOuts,
) -> Result<(), Failure> {
    let import = Import::open(file, options).map_err(unreadable)?;
    let (bar, progress) = (if quiet { ProgressBar::hidden() } else { visible_bar() }, import.progress());
    if !quiet {
        eprintln!("`{}` is: {}", file.display(), import.format());
    }
    bar.set_length(progress.of());
    let (mut batch, mut bytes, mut comments) = (Vec::with_capacity(BATCH), 0, 0_u64);
    let mut end = Ok(());
    for entry in import {
        match entry {
            Ok(Entry::LeftOut(comment)) => left.add(&comment),
            Ok(Entry::Comment(comment)) => match judge.correction(comment) {
                Ok(correction) => {
                    bytes += weight(&correction);
                    batch.push(correction);
                }
                Err(Unjudged::Pending) => left.pending += 1,
                Err(Unjudged::Bin) => left.bin += 1,
                Err(Unjudged::NoSite) => {
                    end = Err(Failure::from(anyhow!("`{}` does not say which blog it is from", file.display()))
                        .with_hint("name the blog with `--site`, spelt as for `hamgate key add`"));
                    break;
                }
            },
            Err(error) => {
                end = Err(unreadable(error));
                break;
            }
        }
        if batch.len() == BATCH || bytes > BATCH_BYTES {
            comments += batch.len() as u64;
            bar.set_position(progress.done());
            bar.set_message(format!("{comments} comments"));
            bytes = 0;
            if batches.blocking_send(std::mem::replace(&mut batch, Vec::with_capacity(BATCH))).is_err() {
                break;
            }
        }
    }
    bar.finish_and_clear();
    // Nobody listens when storing failed, which is told elsewhere.
    let _ = batches.blocking_send(batch);
    end
}

fn unreadable(error: ImportError) -> Failure {
    let hint = error.hint();
    Failure::from(error).with_hint(hint)
}

fn visible_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {wide_bar} {percent} %, {eta} left");
    ProgressBar::new(0).with_style(style.expect("the template is well-formed"))
}

fn weight(correction: &Correction) -> usize {
    match &correction.target {
        Target::Comment { comment, .. } => size_of::<Correction>() + comment.content.len(),
        Target::Decision(_) | Target::DecisionOf(..) => size_of::<Correction>(),
    }
}

/// How the model would fare that a training would make of this site's comments now.
async fn report(store: Store, site: Site) -> Result<String, Failure> {
    let runtime = tokio::runtime::Handle::current();
    let site_name = site.clone();
    let report = tokio::task::spawn_blocking(move || retrain::held_out_report(&runtime, &store, &site)).await;
    let report = report.context("cannot judge what was imported")??;
    Ok(format!("\n{report}\n`hamgate train --store --site {site_name}` puts that model in service.\n"))
}

/// What the sites have now.
async fn own_rows(store: &Store, sites: &BTreeSet<Site>) -> Result<Vec<Own>, StoreError> {
    let mut own = Vec::with_capacity(sites.len());
    for site in sites {
        own.push(Own { site: site.clone(), rows: store.own_rows(site).await? });
    }
    Ok(own)
}

/// What turns a status into a label.
struct Judge {
    site: Option<Site>,
    pending: TakenFor,
    bin: TakenFor,
    /// For comments without a date, or with one before 1970 or more than a day ahead of the clock.
    now: i64,
}

/// Why a comment becomes no correction.
enum Unjudged {
    Pending,
    Bin,
    NoSite,
}

impl Judge {
    fn correction(&self, imported: Imported) -> Result<Correction, Unjudged> {
        let label = match imported.status {
            Status::Approved => Label::Ham,
            Status::Spam => Label::Spam,
            Status::Pending => self.pending.label().ok_or(Unjudged::Pending)?,
            Status::Bin => self.bin.label().ok_or(Unjudged::Bin)?,
        };
        let site = self.site.clone().or(imported.site).ok_or(Unjudged::NoSite)?;
        Ok(Correction {
            target: Target::Comment { site, comment: imported.comment },
            label,
            origin: Origin::Import,
            at: imported.at.filter(|at| (1..=self.now + A_DAY).contains(at)).unwrap_or(self.now),
        })
    }
}

/// What was read and not taken.
#[derive(Debug, Default)]
struct LeftOuts {
    pending: u64,
    bin: u64,
    contradictions: u64,
    by_reason: BTreeMap<Why, (u64, Vec<String>)>,
}

impl LeftOuts {
    fn add(&mut self, comment: &LeftOut) {
        let (number, named) = self.by_reason.entry(comment.why).or_default();
        *number += 1;
        if named.len() < NAMED {
            named.push(comment.to_string());
        }
    }
}

/// What came of all files.
#[derive(Debug, Default)]
struct Tally {
    /// By change and label.
    changes: [[u64; 2]; Change::ALL.len()],
    /// In a trial, where nothing is known of changes.
    unstored: [u64; 2],
    left: LeftOuts,
    sites: BTreeSet<Site>,
    said: Said,
}

/// What this run has said of which comments, in eight bytes each: the beginning of a fingerprint, and the label in its
/// lowest bit.
#[derive(Debug, Default)]
struct Said(HashSet<u64>);

impl Said {
    /// Notes what is said of a comment; `false` when the other was said of it before.
    fn note(&mut self, correction: &Correction) -> bool {
        let Target::Comment { site, comment } = &correction.target else { return true };
        let beginning = fingerprint(site, comment).iter().take(8).fold(0, |sum, &byte| (sum << 8) | u64::from(byte));
        let [this, other] = if correction.label == Label::Ham { [0, 1] } else { [1, 0] };
        if self.0.contains(&(beginning & !1 | other)) {
            return false;
        }
        self.0.insert(beginning & !1 | this);
        true
    }
}

impl Tally {
    /// The sites of more than so many are not listed.
    const MOST_SITES: usize = 50;

    /// Stores a batch, all of it or nothing, and counts what changed.
    async fn store(&mut self, store: &Store, mut batch: Vec<Correction>) -> Result<(), StoreError> {
        self.leave_out_contradictions(&mut batch);
        let labels: Vec<Label> = batch.iter().map(|correction| correction.label).collect();
        for correction in &batch {
            self.site(correction);
        }
        for (label, corrected) in labels.into_iter().zip(store.correct_all(batch).await?) {
            self.changes[corrected.change as usize][label.index()] += 1;
        }
        Ok(())
    }

    fn count_unstored(&mut self, mut batch: Vec<Correction>) {
        self.leave_out_contradictions(&mut batch);
        for correction in &batch {
            self.unstored[correction.label.index()] += 1;
            self.site(correction);
        }
    }

    /// Of a comment with both labels the first counts, or each import would turn it over.
    fn leave_out_contradictions(&mut self, batch: &mut Vec<Correction>) {
        let before = batch.len();
        batch.retain(|correction| self.said.note(correction));
        self.left.contradictions += (before - batch.len()) as u64;
    }

    fn site(&mut self, correction: &Correction) {
        if let Target::Comment { site, .. } = &correction.target
            && !self.sites.contains(site)
            && self.sites.len() < Self::MOST_SITES
        {
            self.sites.insert(site.clone());
        }
    }

    fn add(&mut self, left: LeftOuts) {
        self.left.pending += left.pending;
        self.left.bin += left.bin;
        self.left.contradictions += left.contradictions;
        for (why, (number, named)) in left.by_reason {
            let (sum, all) = self.left.by_reason.entry(why).or_default();
            *sum += number;
            all.extend(named);
            all.truncate(NAMED);
        }
    }

    fn has_something(&self) -> bool {
        self.changes.iter().chain([&self.unstored]).flatten().any(|&number| number > 0)
    }

    fn has_changed(&self) -> bool {
        [Change::New, Change::Relabelled].iter().any(|&change| self.changes[change as usize] != [0, 0])
    }

    fn render(&self, args: &ImportArgs, own: &[Own]) -> String {
        let mut text = String::new();
        let mut table = tables::Table::new(["", "ham", "spam"]);
        if args.dry_run {
            let [ham, spam] = self.unstored;
            table.row(["would be imported".to_owned(), ham.to_string(), spam.to_string()]);
        } else {
            for change in Change::ALL {
                let name = match change {
                    Change::New => "new",
                    Change::AlreadyKnown => "known already",
                    Change::Relabelled => "relabelled",
                    Change::Kept => "kept what was said here",
                };
                let [ham, spam] = self.changes[change as usize];
                if change == Change::Kept && ham + spam == 0 {
                    continue;
                }
                table.row([name.to_owned(), ham.to_string(), spam.to_string()]);
            }
        }
        text += &table.render();
        text += &self.left.render(args);
        for own in own {
            text += &own.render();
        }
        text
    }
}

impl LeftOuts {
    fn render(&self, args: &ImportArgs) -> String {
        let mut lines = String::new();
        let say_otherwise = |option: &str| format!("; `{option} ham` or `{option} spam` would take them");
        for (number, what, option) in
            [(self.pending, "waiting for moderation", "--pending"), (self.bin, "thrown away", "--bin")]
        {
            if number > 0 {
                let _ = writeln!(lines, "  {number} {what}{}", say_otherwise(option));
            }
        }
        if self.contradictions > 0 {
            let _ = writeln!(lines, "  {} with the other label before; the first one counts", self.contradictions);
        }
        for why in Why::ALL {
            let Some((number, named)) = self.by_reason.get(&why) else { continue };
            let more = if *number > named.len() as u64 { ", …" } else { "" };
            let _ = writeln!(lines, "  {number} {why}: {}{more}", named.join(", "));
        }
        if lines.is_empty() {
            return lines;
        }
        let what = if args.dry_run { "would be left out" } else { "left out" };
        format!("\n{what}:\n{lines}")
    }
}

/// What a site has now.
#[derive(Debug)]
struct Own {
    site: Site,
    rows: OwnRows,
}

impl Own {
    fn render(&self) -> String {
        let Own { site, rows: OwnRows { ham, spam } } = self;
        let advice = match (ham, spam) {
            (1.., 0) => "There is no spam of its own: spam is recognised by the generic spam of the shipped model.\n",
            (0, 1..) => "There is no ham of its own: honest comments are recognised by those of the shipped model.\n",
            _ => "",
        };
        format!("\n{site} now has {ham} ham and {spam} spam of its own.\n{advice}")
    }
}
