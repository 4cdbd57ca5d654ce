//! Learning while the service runs: what people say takes effect in the models in service, wherever it was said.
//!
//! One task follows the store. A correction stored by this process, by another instance or by `hamgate label` comes out of
//! the same feed ([`Store::changes`]) and is learned the same way ([`Classifier::updated`]); a model that `hamgate train`
//! published, or `hamgate rollback` took back, is read, checked and swapped in. The generic model is read again when somebody asks for it
//! or its file changes. Whatever cannot be read is told in the log, and what served before serves on.
//!
//! Everything a site is judged by follows from the store alone: its model, and every correction after it. So a restart
//! brings back what was learned, and instances that share a store agree.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};

use crate::comment::Label;
use crate::model::{ArtifactError, Classifier, Update};
use crate::moderator::Moderator;
use crate::site::Site;
use crate::store::{InService, Relabelled, Store, StoreError};
use crate::verdict::ModelId;

/// So many corrections at most are learned before the result is put in service.
const AT_ONCE: u32 = 1000;

/// So many sites at most have a model of their own, each of a megabyte and a half, and of six once it was trained or told of many comments;
/// a site more is judged by the generic one until it is trained.
/// Where no key is needed, whoever asks may name as many sites as they like.
const MOST_SITES: usize = 128;

/// After a failure the store is asked again so much later.
const RETRY: Duration = Duration::from_secs(1);

/// And if nothing happens, so much later, should news have been lost.
const LOOK_ANYWAY: Duration = Duration::from_secs(60);

/// How often the model file is looked at.
const WATCH: Duration = Duration::from_secs(2);

/// Where the generic model comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelSource {
    /// It is part of the program.
    Embedded,
    /// A file, which may be replaced at any time.
    File(PathBuf),
}

impl ModelSource {
    /// Reads and fully checks the model.
    ///
    /// # Errors
    /// When the file is no model this program can use.
    pub fn read(&self) -> Result<Classifier, ArtifactError> {
        match self {
            ModelSource::Embedded => Ok(Classifier::embedded()),
            ModelSource::File(path) => Classifier::read_file(path),
        }
    }

    /// What changes when the file is replaced or written to: its time, its length and its number.
    fn identity(&self) -> Option<(std::time::SystemTime, u64, u64)> {
        use std::os::unix::fs::MetadataExt as _;
        let ModelSource::File(path) = self else { return None };
        let metadata = std::fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len(), metadata.ino()))
    }
}

/// What a learner is asked from outside.
#[derive(Debug, Clone)]
pub struct LearnerHandle {
    reloads: mpsc::Sender<Reply>,
    through: watch::Receiver<i64>,
}

type Reply = oneshot::Sender<Result<ModelId, ReloadError>>;

/// Why the generic model was not replaced. The one before serves on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReloadError {
    /// The file is no model.
    #[error("the model was not replaced: {0}")]
    Unusable(String),
    /// What people said cannot be learned on top of it.
    #[error("the model was not replaced, because what people said cannot be read: {0}")]
    Store(String),
    /// The service is shutting down.
    #[error("the service is shutting down")]
    Closed,
}

impl LearnerHandle {
    /// Reads the generic model again, checks it and puts it in service.
    ///
    /// # Errors
    /// When it cannot be used; the one before serves on.
    pub async fn reload(&self) -> Result<ModelId, ReloadError> {
        let (reply, answer) = oneshot::channel();
        self.reloads.send(reply).await.map_err(|_| ReloadError::Closed)?;
        answer.await.map_err(|_| ReloadError::Closed)?
    }

    /// Waits until the change of a label with this number has taken effect in this process, at most so long; tells whether it has.
    pub async fn learned(&self, number: i64, at_most: Duration) -> bool {
        let mut through = self.through.clone();
        tokio::time::timeout(at_most, through.wait_for(|through| *through >= number))
            .await
            .is_ok_and(|seen| seen.is_ok())
    }
}

/// The task.
#[derive(Debug)]
pub struct Learner {
    source: ModelSource,
    store: Option<Store>,
    moderator: Arc<Moderator>,
    generic: Arc<Classifier>,
    /// What each site is judged by that taught anything.
    sites: HashMap<Site, Taught>,
    /// What the store said last of the models of sites.
    in_service: HashMap<Site, InService>,
    /// Up to which number a site's model is not to know changes that it does not know yet; 0 for most.
    since: HashMap<Site, i64>,
    /// Every change of a label up to this number is learned.
    through: i64,
    /// Whether it was told already that there are too many sites.
    full: bool,
    reloads: mpsc::Receiver<Reply>,
    progress: watch::Sender<i64>,
}

/// What a site is judged by, and what it has to be told to understand the next change.
#[derive(Debug, Clone)]
struct Taught {
    model: Arc<Classifier>,
    /// It knows every change of a label of its site up to this number, but for those it is not to know.
    through: i64,
    /// Comments whose last change it is not to know, with the label it knows of each: changes made before a rollback, and imports, which
    /// wait for a training.
    unheard: HashMap<i64, Option<Label>>,
}

impl Taught {
    fn new(model: Arc<Classifier>, through: i64) -> Self {
        Taught { model, through, unheard: HashMap::new() }
    }

    /// The changes to learn, each with the label this model knows. Those up to the number `since` it is not to know.
    fn hear(&mut self, rows: Vec<Relabelled>, since: i64) -> Vec<Relabelled> {
        let mut heard = Vec::with_capacity(rows.len());
        for mut row in rows {
            if row.number <= since || row.imported {
                self.unheard.entry(row.seq).or_insert(row.before);
                continue;
            }
            row.before = self.unheard.remove(&row.seq).unwrap_or(row.before);
            if row.before != row.after {
                heard.push(row);
            }
        }
        heard
    }

    /// Learns some changes; whoever judges by the model before goes on to do so.
    async fn learn(&mut self, rows: Vec<Relabelled>, since: i64) {
        let heard = self.hear(rows, since);
        if heard.is_empty() {
            return;
        }
        let model = Arc::clone(&self.model);
        match tokio::task::spawn_blocking(move || Arc::new(updated(&model, &heard))).await {
            Ok(model) => self.model = model,
            Err(error) => tracing::error!(
                panicked = error.is_panic(),
                "Corrections were not learned; the next training learns them"
            ),
        }
    }

    /// Learns every change of a site up to a number.
    async fn catch_up(&mut self, store: &Store, site: &Site, since: i64, until: i64) -> Result<(), StoreError> {
        while self.through < until {
            let changes = store.changes_of(Some(site), self.through, until, AT_ONCE).await?;
            self.learn(changes.rows, since).await;
            self.through = changes.through;
            if !changes.more {
                self.through = self.through.max(until);
            }
        }
        Ok(())
    }
}

impl Learner {
    /// A learner that puts what it learns in service by `moderator`, which holds the generic model of `source`.
    pub fn new(source: ModelSource, moderator: Arc<Moderator>, store: Option<Store>) -> (Self, LearnerHandle) {
        let (asks, reloads) = mpsc::channel(8);
        // Nothing is learned yet, not even that there is nothing. Without a store, everything is.
        let (progress, through) = watch::channel(if store.is_some() { -1 } else { i64::MAX });
        let learner = Learner {
            generic: moderator.generic(),
            source,
            store,
            moderator,
            sites: HashMap::new(),
            in_service: HashMap::new(),
            since: HashMap::new(),
            through: 0,
            full: false,
            reloads,
            progress,
        };
        (learner, LearnerHandle { reloads: asks, through })
    }

    /// Learns everything the store knows, and puts it in service.
    ///
    /// # Errors
    /// When the store cannot be read; what was learned until then is in service.
    pub async fn catch_up(&mut self) -> Result<(), StoreError> {
        let Some(store) = self.store.clone() else { return Ok(()) };
        for entry in store.in_service().await? {
            if self.in_service.get(&entry.site) != Some(&entry) {
                self.replace_model(&store, entry).await?;
            }
        }
        loop {
            let changes = store.changes(self.through, i64::MAX, AT_ONCE).await?;
            let news = !changes.rows.is_empty();
            // First what may fail, so that nothing is learned twice when it is tried again: sites whose models know more than the others.
            let ahead: Vec<Site> = self
                .sites
                .iter()
                .filter(|(_, taught)| taught.through > self.through)
                .map(|(site, _)| site.clone())
                .collect();
            for site in &ahead {
                let since = self.since(site);
                if let Some(taught) = self.sites.get_mut(site) {
                    taught.catch_up(&store, site, since, changes.through).await?;
                }
            }
            let mut by_site: HashMap<Site, Vec<Relabelled>> = HashMap::new();
            for row in changes.rows.into_iter().filter(|row| !ahead.contains(&row.site)) {
                by_site.entry(row.site.clone()).or_default().push(row);
            }
            for (site, rows) in by_site {
                let since = self.since(&site);
                if let Some(taught) = self.site(&site) {
                    taught.learn(rows, since).await;
                }
            }
            self.through = changes.through;
            for taught in self.sites.values_mut() {
                taught.through = taught.through.max(changes.through);
            }
            if news {
                self.serve();
            }
            if !changes.more {
                self.progress.send_replace(self.through);
                return Ok(());
            }
        }
    }

    /// Learns until the process ends.
    pub async fn run(mut self) {
        let mut changed = self.store.as_ref().map(Store::changed);
        // The file may have been replaced since it was read; reading it once more does no harm.
        let mut seen = None;
        let mut failing = false;
        let mut look = Some(Instant::now());
        let mut watch = tokio::time::interval(WATCH);
        watch.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                ask = self.reloads.recv() => match ask {
                    Some(reply) => {
                        let now = self.source.identity();
                        let outcome = self.reload().await;
                        seen = outcome.is_ok().then_some(now).flatten();
                        let _ = reply.send(outcome);
                        continue;
                    }
                    None => return,
                },
                _ = watch.tick() => {
                    let now = self.source.identity();
                    // A file that is gone is about to be replaced, or was taken away; either way there is nothing to read.
                    if now.is_some() && now != seen {
                        seen = now;
                        if let Err(ReloadError::Store(_)) = self.reload().await {
                            seen = None;
                        }
                    }
                    continue;
                }
                () = next(&mut changed) => {}
                () = at(look) => {}
            }
            let outcome = self.catch_up().await;
            look = Some(Instant::now() + if outcome.is_err() { RETRY } else { LOOK_ANYWAY });
            match outcome {
                Err(error) if !failing => {
                    tracing::warn!(%error, "Corrections cannot be learned; verdicts go on, and it is tried again");
                    failing = true;
                }
                Ok(()) if failing => {
                    tracing::info!("Corrections are learned again");
                    failing = false;
                }
                _ => {}
            }
        }
    }

    /// Reads the generic model again; models of sites that stand on it are made anew, and all are put in service together.
    async fn reload(&mut self) -> Result<ModelId, ReloadError> {
        let source = self.source.clone();
        let read = tokio::task::spawn_blocking(move || source.read()).await;
        let read = read.map_err(|_| ReloadError::Closed)?;
        let generic = read.map_err(|error| {
            tracing::error!(%error, hint = error.hint(), "The model was not replaced; the one before serves on");
            ReloadError::Unusable(error.to_string())
        })?;
        let id = generic.id().clone();
        if id == *self.generic.id() {
            return Ok(id);
        }
        let generic = Arc::new(generic);
        let sites = self.taught_anew(&generic).await.map_err(|error| {
            tracing::error!(%error, "The model was not replaced, because what people said cannot be read; the one before serves on");
            ReloadError::Store(error.to_string())
        })?;
        (self.generic, self.sites) = (generic, sites);
        self.serve();
        tracing::info!(model = %id, "The model was replaced");
        Ok(id)
    }

    /// The sites on another generic model; those with a trained model keep it.
    async fn taught_anew(&self, generic: &Arc<Classifier>) -> Result<HashMap<Site, Taught>, StoreError> {
        let mut sites = self.sites.clone();
        let Some(store) = &self.store else { return Ok(sites) };
        for (site, taught) in &mut sites {
            if taught.model.card().own.is_some() {
                continue;
            }
            let mut anew = Taught::new(Arc::clone(generic), 0);
            anew.catch_up(store, site, self.since(site), taught.through).await?;
            *taught = anew;
        }
        Ok(sites)
    }

    /// Reads the model that a site is to be judged by, and teaches it what was said since.
    async fn replace_model(&mut self, store: &Store, entry: InService) -> Result<(), StoreError> {
        let site = entry.site.clone();
        let read = match &entry.model {
            None => Some(Taught::new(Arc::clone(&self.generic), 0)),
            Some(record) => {
                let bytes = store.model_bytes(record.seq).await?;
                let read = tokio::task::spawn_blocking(move || Classifier::from_bytes(&bytes)).await;
                match read.map_err(|_| StoreError::Closed)? {
                    Ok(model) => Some(Taught::new(Arc::new(model), record.through)),
                    Err(error) => {
                        tracing::error!(%site, %error, "The model of a site cannot be used; what served it before serves on");
                        None
                    }
                }
            }
        };
        // Where there is none, what served it goes on learning; at a start, that is the generic model, which learns all that people said.
        if let Some(mut taught) = read {
            // A rollback says what is not to be known: whatever came before it.
            taught.catch_up(store, &site, entry.since, self.through.max(entry.since)).await?;
            tracing::info!(%site, model = %taught.model.id(), "The model of a site was replaced");
            self.sites.insert(site.clone(), taught);
            self.since.insert(site.clone(), entry.since);
            self.serve();
        }
        self.in_service.insert(site, entry);
        Ok(())
    }

    fn since(&self, site: &Site) -> i64 {
        self.since.get(site).copied().unwrap_or_default()
    }

    /// What a site is judged by; a site that had nothing of its own gets it, if there is room.
    fn site(&mut self, site: &Site) -> Option<&mut Taught> {
        if !self.sites.contains_key(site) {
            if self.sites.len() >= MOST_SITES {
                if !std::mem::replace(&mut self.full, true) {
                    tracing::warn!(
                        sites = MOST_SITES,
                        "Too many sites to learn from each at once; further ones learn by `hamgate train --store`"
                    );
                }
                return None;
            }
            self.sites.insert(site.clone(), Taught::new(Arc::clone(&self.generic), self.through));
        }
        self.sites.get_mut(site)
    }

    fn serve(&self) {
        let models = self.sites.iter().map(|(site, taught)| (site.clone(), Arc::clone(&taught.model))).collect();
        self.moderator.put(Arc::clone(&self.generic), models);
    }
}

/// A model that has learned some changes. Its name tells the last of them.
fn updated(model: &Classifier, rows: &[Relabelled]) -> Classifier {
    let last = rows.iter().map(|row| row.number).max().unwrap_or_default();
    let updates = rows.iter().map(|row| Update { comment: &row.comment, before: row.before, after: row.after });
    model.updated(model.id().with_corrections(last), updates)
}

/// Waits for news of the store; for ever if there is none.
async fn next(changed: &mut Option<watch::Receiver<u64>>) {
    match changed {
        // The store is gone when this fails, and nothing will ever change again.
        Some(receiver) => match receiver.changed().await {
            Ok(()) => {}
            Err(_) => std::future::pending().await,
        },
        None => std::future::pending().await,
    }
}

/// Waits until a moment; for ever if there is none.
async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
