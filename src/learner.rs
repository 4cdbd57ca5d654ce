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

use crate::model::{ArtifactError, Classifier, Update};
use crate::moderator::Moderator;
use crate::site::Site;
use crate::store::{InService, Relabelled, Store, StoreError};
use crate::verdict::ModelId;

/// So many corrections at most are learned before the result is put in service.
const AT_ONCE: u32 = 1000;

/// After a failure the store is asked again so much later.
const RETRY: Duration = Duration::from_secs(1);

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
    sites: HashMap<Site, Arc<Classifier>>,
    /// What the store said last of models of sites.
    in_service: Vec<InService>,
    /// Every change of a label up to this number is learned.
    through: i64,
    /// Sites whose model knew changes of labels beyond that one when it came, and up to which number.
    ahead: HashMap<Site, i64>,
    reloads: mpsc::Receiver<Reply>,
    progress: watch::Sender<i64>,
}

impl Learner {
    /// A learner that puts what it learns in service by `moderator`, which holds the generic model of `source`.
    pub fn new(source: ModelSource, moderator: Arc<Moderator>, store: Option<Store>) -> (Self, LearnerHandle) {
        let (asks, reloads) = mpsc::channel(8);
        // Without a store there is nothing to learn, and everything is learned.
        let (progress, through) = watch::channel(if store.is_some() { 0 } else { i64::MAX });
        let learner = Learner {
            generic: moderator.generic(),
            source,
            store,
            moderator,
            sites: HashMap::new(),
            in_service: Vec::new(),
            through: 0,
            ahead: HashMap::new(),
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
        let in_service = store.in_service().await?;
        if in_service != self.in_service {
            let before = std::mem::replace(&mut self.in_service, in_service);
            if let Err(error) = self.replace_models(&store, &before).await {
                // The next time they are still news.
                self.in_service = before;
                return Err(error);
            }
        }
        loop {
            let changes = store.changes(self.through, i64::MAX, AT_ONCE).await?;
            let (news, more) = (!changes.rows.is_empty(), changes.more);
            // First what may fail, so that nothing is learned twice when it is tried again.
            let known = self.learn_ahead(&store, changes.through).await?;
            let rows = changes.rows.into_iter().filter(|row| !known.contains_key(&row.site)).collect();
            self.sites.extend(known);
            learn(&mut self.sites, &self.generic, rows).await;
            self.through = changes.through;
            self.ahead.retain(|_, number| *number > changes.through);
            if news {
                self.serve();
            }
            self.progress.send_replace(self.through);
            if !more {
                return Ok(());
            }
        }
    }

    /// Learns until the process ends.
    pub async fn run(mut self) {
        let mut changed = self.store.as_ref().map(Store::changed);
        let mut seen = self.source.identity();
        let (mut failing, mut retry) = (false, None::<Instant>);
        let mut watch = tokio::time::interval(WATCH);
        watch.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                ask = self.reloads.recv() => match ask {
                    Some(reply) => {
                        seen = self.source.identity();
                        let outcome = self.reload().await;
                        let _ = reply.send(outcome);
                    }
                    None => return,
                },
                _ = watch.tick() => {
                    let now = self.source.identity();
                    // A file that is gone is about to be replaced, or was taken away; either way there is nothing to read.
                    if now.is_some() && now != seen {
                        seen = now;
                        let _ = self.reload().await;
                    }
                    continue;
                }
                () = next(&mut changed) => {}
                () = at(retry) => {}
            }
            let outcome = self.catch_up().await;
            retry = outcome.is_err().then(|| Instant::now() + RETRY);
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

    /// Reads the generic model again; models of sites that stand on it are made anew.
    async fn reload(&mut self) -> Result<ModelId, ReloadError> {
        let source = self.source.clone();
        let read = tokio::task::spawn_blocking(move || source.read()).await;
        let read = read.map_err(|_| ReloadError::Closed)?;
        let generic = read.map_err(|error| {
            tracing::error!(%error, hint = error.hint(), "The model was not replaced; the one before serves on");
            ReloadError::Unusable(error.to_string())
        })?;
        let id = generic.id().clone();
        if id != *self.generic.id() {
            self.generic = Arc::new(generic);
            let own: Vec<Site> =
                self.in_service.iter().filter(|site| site.model.is_some()).map(|site| site.site.clone()).collect();
            self.sites.retain(|site, _| own.contains(site));
            if let Some(store) = self.store.clone()
                && let Err(error) = self.teach_anew(&store, |site| !own.contains(site)).await
            {
                tracing::warn!(%error, "What was learned on the model before cannot be read now; it is learned again later");
                self.through = 0;
                self.ahead.clear();
                self.sites.clear();
                self.in_service.clear();
            }
            self.serve();
            tracing::info!(model = %id, "The model was replaced");
        }
        Ok(id)
    }

    /// Reads the models of the sites whose entry changed, and teaches each what was said since.
    async fn replace_models(&mut self, store: &Store, before: &[InService]) -> Result<(), StoreError> {
        let entries = self.in_service.clone();
        for entry in entries.iter().filter(|entry| !before.contains(entry)) {
            let served = self.sites.get(&entry.site).cloned();
            let (start, since) = match self.read_model(store, entry).await? {
                Ok(classifier) => (classifier, entry.since),
                Err(error) => {
                    tracing::error!(site = %entry.site, %error, "The model of a site cannot be used; what served it before serves on");
                    match served {
                        Some(_) => continue,
                        // The generic model has learned nothing of what people said here.
                        None => (Arc::clone(&self.generic), 0),
                    }
                }
            };
            let model = teach(store, start, &entry.site, since, self.through).await?;
            self.sites.insert(entry.site.clone(), model);
            if since > self.through {
                self.ahead.insert(entry.site.clone(), since);
            } else {
                self.ahead.remove(&entry.site);
            }
            self.serve();
            tracing::info!(site = %entry.site, model = %self.sites[&entry.site].id(), "The model of a site was replaced");
        }
        Ok(())
    }

    /// What the sites that are ahead are judged by after every change of a label up to a number: their models know some of these already.
    async fn learn_ahead(&self, store: &Store, through: i64) -> Result<HashMap<Site, Arc<Classifier>>, StoreError> {
        let mut learned = HashMap::new();
        for (site, &known) in &self.ahead {
            let model = Arc::clone(self.sites.get(site).unwrap_or(&self.generic));
            learned.insert(site.clone(), teach(store, model, site, known, through).await?);
        }
        Ok(learned)
    }

    async fn read_model(
        &self,
        store: &Store,
        entry: &InService,
    ) -> Result<Result<Arc<Classifier>, ArtifactError>, StoreError> {
        let Some(record) = &entry.model else { return Ok(Ok(Arc::clone(&self.generic))) };
        let bytes = store.model_bytes(record.seq).await?;
        let read = tokio::task::spawn_blocking(move || Classifier::from_bytes(&bytes)).await;
        Ok(read.map_err(|_| StoreError::Closed)?.map(Arc::new))
    }

    /// Makes the models of some sites anew on the generic one.
    async fn teach_anew(&mut self, store: &Store, which: impl Fn(&Site) -> bool) -> Result<(), StoreError> {
        for site in store.sites().await?.into_iter().filter(|site| which(site)) {
            let since = self.in_service.iter().find(|entry| entry.site == site).map_or(0, |entry| entry.since);
            let model = teach(store, Arc::clone(&self.generic), &site, since, self.through).await?;
            self.sites.insert(site, model);
        }
        Ok(())
    }

    fn serve(&self) {
        self.moderator.put(Arc::clone(&self.generic), self.sites.clone());
    }
}

/// Learns changes of labels, each for its site.
async fn learn(sites: &mut HashMap<Site, Arc<Classifier>>, generic: &Arc<Classifier>, rows: Vec<Relabelled>) {
    let mut by_site: HashMap<Site, Vec<Relabelled>> = HashMap::new();
    for row in rows {
        by_site.entry(row.site.clone()).or_default().push(row);
    }
    for (site, rows) in by_site {
        let model = Arc::clone(sites.get(&site).unwrap_or(generic));
        let learned = tokio::task::spawn_blocking(move || Arc::new(updated(&model, &rows))).await;
        // It fails only when the runtime shuts down.
        if let Ok(learned) = learned {
            sites.insert(site, learned);
        }
    }
}

/// What a site's model is after every change of its labels between two numbers.
async fn teach(
    store: &Store,
    mut model: Arc<Classifier>,
    site: &Site,
    since: i64,
    through: i64,
) -> Result<Arc<Classifier>, StoreError> {
    let mut at = since;
    while at < through {
        let changes = store.changes(at, through, AT_ONCE).await?;
        at = changes.through;
        let rows: Vec<Relabelled> = changes.rows.into_iter().filter(|row| row.site == *site).collect();
        if !rows.is_empty() {
            let before = Arc::clone(&model);
            let learned = tokio::task::spawn_blocking(move || Arc::new(updated(&before, &rows))).await;
            model = learned.map_err(|_| StoreError::Closed)?;
        }
        if !changes.more {
            break;
        }
    }
    Ok(model)
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
