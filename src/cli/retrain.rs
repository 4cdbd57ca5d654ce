//! `hamgate train --store`: a model for each site that has taught Hamgate something, and the report before it is put in service.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use tokio::runtime::Handle;

use crate::cli::values::Share;
use crate::cli::{Failure, model, output, tables};
use crate::clock::now;
use crate::comment::{Comment, Label, LabelledComment};
use crate::config::ServeOptions;
use crate::evaluate::{Allowed, Flips, objections};
use crate::figures::{Figures, Judged};
use crate::model::{
    About, Classifier, HeldOutJudge, OWN_HAM_FOR_THRESHOLD, OwnModel, OwnOptions, Rows, own_ham_for_certainty,
    train_own,
};
use crate::site::Site;
use crate::store::{Day, NewModel, Page, Store, StoreChoice, StoreError, StoreOptions};
use crate::verdict::Decision;

/// So many rows are read from the store at a time.
const PAGE: u32 = 500;

/// So many comments of each kind are shown.
const SHOWN: usize = 50;

/// Of a comment so many characters are shown.
const SHOWN_CHARACTERS: usize = 160;

/// How a store is retrained.
#[derive(Debug, Clone)]
pub struct Retraining {
    /// The site; every site with comments of its own if not given.
    pub site: Option<Site>,
    /// The generic model to start from; the embedded one if not given.
    pub model: Option<PathBuf>,
    /// Of honest comments, how many may be held.
    pub ham_held_at_most: Share,
    /// Of approvals nobody corrected, how many may turn into holds.
    pub flips_at_most: Share,
    /// How many times an ordinary row each own comment counts; 20 if not given, as when learned at once.
    pub own_weight: Option<f64>,
    /// Decisions of so many days are judged again.
    pub days: u32,
    /// Show the texts of decisions that would change.
    pub show_flips: bool,
    /// Put the model in service although something speaks against it.
    pub force: bool,
    /// Put nothing in service.
    pub dry_run: bool,
}

impl Retraining {
    /// Trains, reports, and puts in service what nothing speaks against.
    ///
    /// # Errors
    /// When the store cannot be read or written, there is nothing to learn from, or something speaks against a model.
    pub fn run(&self, store: Option<StoreChoice>) -> Result<(), Failure> {
        let config = super::serve::configure(&ServeOptions { store, ..ServeOptions::default() })?;
        let location = config.store.as_ref().and_then(StoreChoice::location).ok_or_else(|| {
            Failure::from(anyhow!("a blog's own comments are kept in a store, and there is none"))
                .with_hint("give it with `--store`, the same as for `hamgate serve`")
        })?;
        let generic = Arc::new(model::read(self.model.as_deref().or(config.model.as_deref()))?);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.context("cannot start")?;
        let options = StoreOptions { forgets: false, ..config.store_options() };
        let store = runtime.block_on(super::store_args::open_existing(location, options))?;
        let outcome = self.sites(runtime.handle(), &store, &generic);
        runtime.block_on(store.close());
        outcome
    }

    fn sites(&self, runtime: &Handle, store: &Store, generic: &Arc<Classifier>) -> Result<(), Failure> {
        let sites = match &self.site {
            Some(site) => vec![site.clone()],
            None => runtime.block_on(store.sites()).map_err(unreadable)?,
        };
        if sites.is_empty() {
            return Err(Failure::from(anyhow!("nobody has said of any comment yet what it is"))
                .with_hint("label some with `hamgate label`, by feedback from the blog, or take over its history with `hamgate import`"));
        }
        let mut refused = Vec::new();
        for site in sites {
            let through = runtime.block_on(store.last_change()).map_err(unreadable)?;
            let blog = Blog { runtime, store, site: &site, through };
            if !self.site(&blog, generic)? {
                refused.push(site.to_string());
            }
        }
        if refused.is_empty() {
            return Ok(());
        }
        let failure = Failure::from(anyhow!("not put in service: the new model of {}", refused.join(", ")));
        Err(failure.with_hint(
            "look at the comments above (`--show-flips` shows all), correct labels that are wrong, or insist with `--force`",
        ))
    }

    /// Trains for one site; `false` when something spoke against the model.
    fn site(&self, blog: &Blog, generic: &Arc<Classifier>) -> Result<bool, Failure> {
        let Blog { runtime, store, site, through } = *blog;
        let OwnModel { classifier, held_out } = blog.train(generic, self.ham_held_at_most, self.own_weight, now())?;
        let (before, known) = blog.trained_before(generic)?;
        let judge_before = HeldOutJudge::of(generic, &before, &blog.rows_as_of(known)).map_err(unreadable)?;
        let comparison = blog.compare(&judge_before, &held_out)?;
        let flips = blog.flips(self.days, &before, &classifier)?;

        let mut page = head(site, &classifier);
        page.push_str(&comparison.table());
        page.push_str(
            &comparison.held(
                "\nhonest comments of yours that it would hold, each judged by a model that had not learned it\n",
            ),
        );
        page.push_str(&flips.render(self.days, self.show_flips));
        output::print(&page)?;

        let allowed = Allowed { ham_held: self.ham_held_at_most.0, approvals_held: self.flips_at_most.0 };
        let objections = objections(&comparison.before, &comparison.after, flips.count, allowed);
        for objection in &objections {
            eprintln!("{site}: {objection}");
        }
        if !objections.is_empty() && !self.force {
            return Ok(false);
        }
        if before.id() == classifier.id() {
            eprintln!("{site}: nothing new to learn; model {} stays", before.id());
            return Ok(true);
        }
        if self.dry_run {
            eprintln!("{site}: a dry run; nothing was put in service");
            return Ok(true);
        }
        let new = NewModel {
            site: site.clone(),
            model: classifier.id().clone(),
            bytes: classifier.to_bytes(),
            through,
            at: now(),
        };
        runtime.block_on(store.publish(new)).map_err(unreadable)?;
        eprintln!(
            "{site}: model {} is in service, after {}; `hamgate rollback {site}` goes back. A running service takes it up within two \
             seconds.",
            classifier.id(),
            before.id()
        );
        Ok(true)
    }
}

/// The honest report at the end of an import: how the model would fare that `hamgate train --store` would make now.
///
/// # Errors
/// When the store cannot be read.
pub fn held_out_report(runtime: &Handle, store: &Store, site: &Site) -> Result<String, Failure> {
    let generic = Arc::new(model::read(None)?);
    let through = runtime.block_on(store.last_change()).map_err(unreadable)?;
    let blog = Blog { runtime, store, site, through };
    let OwnModel { classifier, held_out } =
        blog.train(&generic, Share(crate::model::TrainOptions::HAM_HELD_AT_MOST), None, now())?;
    let judge_before = HeldOutJudge::of(&generic, &generic, &blog.rows_as_of(0)).map_err(unreadable)?;
    let comparison = blog.compare(&judge_before, &held_out)?;
    let mut page = head(site, &classifier);
    page.push_str(&comparison.table());
    page.push_str(&comparison.held("\ngood comments it would have held\n"));
    Ok(page)
}

/// One site of a store.
#[derive(Clone, Copy)]
struct Blog<'a> {
    runtime: &'a Handle,
    store: &'a Store,
    site: &'a Site,
    /// What is said later is learned on top of the new model, and not by it.
    through: i64,
}

impl Blog<'_> {
    fn train(
        &self,
        generic: &Classifier,
        held_at_most: Share,
        weight: Option<f64>,
        at: i64,
    ) -> Result<OwnModel, Failure> {
        let options = OwnOptions { ham_held_at_most: held_at_most.0, weight };
        let about = About { date: Some(Day::of(at).to_string()), files: Vec::new() };
        train_own(generic, &self.rows_as_of(self.through), &options, about).map_err(|error| {
            Failure::from(anyhow::Error::new(error).context(format!("cannot train for {}", self.site)))
        })
    }

    /// The model of the last training, and the last number it knows; the generic one if there was none, or none that can be used.
    fn trained_before(&self, generic: &Arc<Classifier>) -> Result<(Arc<Classifier>, i64), Failure> {
        let in_service = self.runtime.block_on(self.store.in_service()).map_err(unreadable)?;
        let record = in_service.into_iter().find(|entry| entry.site == *self.site).and_then(|entry| entry.model);
        let Some(record) = record else { return Ok((Arc::clone(generic), 0)) };
        let bytes = self.runtime.block_on(self.store.model_bytes(record.seq)).map_err(unreadable)?;
        match Classifier::from_bytes(&bytes) {
            Ok(before) if before.card().own.as_ref().is_some_and(|own| own.generic == *generic.id()) => {
                Ok((Arc::new(before), record.through))
            }
            Ok(_) => {
                eprintln!(
                    "note: the last training started from another generic model; compared with {} alone",
                    generic.id()
                );
                Ok((Arc::clone(generic), 0))
            }
            Err(error) => {
                eprintln!(
                    "note: the model of the last training cannot be used ({error}); compared with the generic one"
                );
                Ok((Arc::clone(generic), 0))
            }
        }
    }

    /// The site's own comments, with the labels they had as of a number.
    fn rows_as_of(&self, number: i64) -> OwnComments<'_> {
        OwnComments { blog: self, number }
    }

    /// Judges every own comment by models that had not learned it.
    fn compare(&self, before: &HeldOutJudge, after: &HeldOutJudge) -> Result<Comparison, Failure> {
        let found = std::sync::Mutex::new((Vec::new(), Vec::new(), Vec::new()));
        let comments = self.rows_as_of(self.through);
        let judged = comments.for_each(&|row| {
            let verdicts = [before.judge(row), after.judge(row)];
            let mut found = found.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let (judged_before, judged_after, held) = &mut *found;
            if row.label == Label::Ham && verdicts[1].decision == Decision::Hold {
                held.push((verdicts[1].evidence.0, excerpt(&row.comment)));
            }
            let [was, is] = verdicts.map(|verdict| Judged { verdict, label: row.label });
            judged_before.push(was);
            judged_after.push(is);
        });
        judged.map_err(unreadable)?;
        let (before, after, mut held) = found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        held.sort_by(|a, b| b.0.total_cmp(&a.0));
        let held = held.into_iter().map(|(_, text)| text).collect();
        Ok(Comparison { before: Figures::of_judged(&before), after: Figures::of_judged(&after), held })
    }

    /// Judges the decisions of some days again. Those that the model of the last training would not have made were made by other rules, or by
    /// what was learned since; they say nothing about the new one.
    fn flips(&self, days: u32, before: &Classifier, after: &Classifier) -> Result<Changed, Failure> {
        let since = now() - i64::from(days) * 86_400;
        let mut changed = Changed::default();
        let mut page = Page { after: 0, limit: PAGE };
        loop {
            let decisions = self.runtime.block_on(self.store.decisions(self.site, since, page)).map_err(unreadable)?;
            let full = decisions.len() >= PAGE as usize;
            for decision in decisions {
                page.after = decision.seq;
                let [was, is] = [before, after].map(|model| model.judge(&decision.comment).decision);
                if was == decision.decision {
                    changed.add(was, is, decision.label, &decision.comment);
                }
            }
            if !full {
                return Ok(changed);
            }
        }
    }
}

/// A site's own comments, page by page.
struct OwnComments<'a> {
    blog: &'a Blog<'a>,
    /// Labels are those as of this number.
    number: i64,
}

impl Rows for OwnComments<'_> {
    type Error = StoreError;

    fn for_each(&self, visit: &(dyn Fn(&LabelledComment) + Sync)) -> Result<(), StoreError> {
        let Blog { runtime, store, site, .. } = *self.blog;
        let mut page = Page { after: 0, limit: PAGE };
        loop {
            let rows = runtime.block_on(store.labelled(site, self.number, page))?;
            let full = rows.len() >= PAGE as usize;
            for row in rows {
                page.after = row.seq;
                let Some(label) = row.label_as_of else { continue };
                visit(&LabelledComment {
                    comment: row.comment,
                    label,
                    source: site.to_string(),
                    family: None,
                    split: None,
                    topic: None,
                });
            }
            if !full {
                return Ok(());
            }
        }
    }
}

fn head(site: &Site, classifier: &Classifier) -> String {
    let card = classifier.card();
    let Some(own) = &card.own else { return String::new() };
    let mut head = format!(
        "{site}: {} ham and {} spam of its own, each counted {:.1} times, beside the generic model {}\n",
        own.rows.ham, own.rows.spam, own.weight, own.generic
    );
    let hold = card.thresholds.hold().probability();
    let allowed = format!("at most {:.1} of 1,000 honest comments", card.ham_held_at_most * 1000.0);
    let certain = own_ham_for_certainty(card.ham_held_at_most);
    let drawn = certain.is_some_and(|certain| own.rows.ham >= certain);
    let _ = match (own.own_thresholds, OWN_HAM_FOR_THRESHOLD.saturating_sub(own.rows.ham)) {
        (true, _) if drawn => {
            writeln!(head, "its own threshold: holds from probability {hold} on, drawn to hold {allowed}")
        }
        (true, _) => writeln!(
            head,
            "its own threshold: holds from probability {hold} on, more careful than the generic one, so as to hold {allowed}"
        ),
        (false, 0) => {
            let later = certain.map(|certain| format!(", and from {certain} on draws its own")).unwrap_or_default();
            writeln!(
                head,
                "the threshold of the generic model: holds from probability {hold} on; to hold {allowed}, its own ham asks for no other{later}"
            )
        }
        (false, missing) => writeln!(
            head,
            "the threshold of the generic model: holds from probability {hold} on; {missing} more ham until its own is asked"
        ),
    };
    if own.rows.spam == 0 {
        head.push_str("it has no spam of its own; what it knows of spam is the generic model's\n");
    }
    head
}

/// Figures of two models on the same rows, and the honest ones the second would hold.
struct Comparison {
    before: Figures,
    after: Figures,
    held: Vec<String>,
}

impl Comparison {
    fn table(&self) -> String {
        let mut table =
            tables::Table::new(["own comments, judged by models that had not learned them", "before", "after"]);
        let (before, after) = (&self.before, &self.after);
        let count = |part: u64, whole: u64, rate: Option<f64>| format!("{} ({part} of {whole})", tables::rate(rate));
        let held = |f: &Figures| count(f.ham_held, f.ham, f.ham_held_per_1000());
        let approved = |f: &Figures| count(f.spam_approved, f.spam, f.spam_approved_per_1000());
        table.row(["ham held per 1,000".to_owned(), held(before), held(after)]);
        table.row(["spam approved per 1,000".to_owned(), approved(before), approved(after)]);
        for (name, of) in [
            ("AUC", (|f: &Figures| tables::coefficient(f.auc)) as fn(&Figures) -> String),
            ("MCC at probability 0.5", |f| tables::coefficient(f.mcc)),
            ("calibration error", |f| tables::coefficient(f.calibration_error)),
        ] {
            table.row([name.to_owned(), of(before), of(after)]);
        }
        format!("\n{}", table.render())
    }

    fn held(&self, title: &str) -> String {
        if self.held.is_empty() {
            return String::new();
        }
        let mut text = title.to_owned();
        for line in self.held.iter().take(SHOWN) {
            let _ = writeln!(text, "  {line}");
        }
        if let more @ 1.. = self.held.len().saturating_sub(SHOWN) {
            let _ = writeln!(text, "  and {more} more");
        }
        text
    }
}

/// Decisions that would change.
#[derive(Debug, Default)]
struct Changed {
    count: Flips,
    now_held: Vec<String>,
    now_approved: Vec<String>,
}

impl Changed {
    fn add(&mut self, was: Decision, is: Decision, label: Option<Label>, comment: &Comment) {
        match (was, is) {
            (Decision::Approve, after) if label != Some(Label::Spam) => {
                self.count.approved += 1;
                if after == Decision::Hold {
                    self.count.now_held += 1;
                    self.now_held.push(excerpt(comment));
                }
            }
            (Decision::Hold, after) if label != Some(Label::Ham) => {
                self.count.held += 1;
                if after == Decision::Approve {
                    self.count.now_approved += 1;
                    self.now_approved.push(excerpt(comment));
                }
            }
            _ => {}
        }
    }

    fn render(&self, days: u32, show: bool) -> String {
        let Flips { approved, now_held, held, now_approved } = self.count;
        let mut text = format!(
            "\ndecisions of the last {days} days: of {approved} approved, {now_held} would be held; of {held} held, {now_approved} would be approved\n"
        );
        if show {
            for (title, list) in [("would be held", &self.now_held), ("would be approved", &self.now_approved)] {
                for line in list {
                    let _ = writeln!(text, "  {title}: {line}");
                }
            }
        } else if now_held + now_approved > 0 {
            text.push_str("  (--show-flips shows each)\n");
        }
        text
    }
}

/// A comment on one line: author and beginning of the text, without what a terminal would obey.
fn excerpt(comment: &Comment) -> String {
    let author = comment.author.as_deref().unwrap_or("anonymous");
    let text = format!("{author}: {}", comment.content);
    let mut line: String = text.split_whitespace().collect::<Vec<_>>().join(" ").replace(char::is_control, "\u{fffd}");
    if let Some((end, _)) = line.char_indices().nth(SHOWN_CHARACTERS) {
        line.truncate(end);
        line.push('…');
    }
    line
}

fn unreadable(error: StoreError) -> Failure {
    let hint = error.hint();
    Failure::from(anyhow::Error::new(error).context("cannot use the store")).with_hint(hint)
}
