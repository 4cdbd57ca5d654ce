//! Models trained for one site, handed on through the store: whoever trains one, every instance finds it here.

use crate::site::Site;
use crate::store::connection::{Connection, Row, query};
use crate::store::error::StoreError;
use crate::store::transaction::Transaction;
use crate::store::writer::Work;
use crate::verdict::ModelId;

/// So many models are kept of each site: the one in service, and those a person may go back to.
const KEPT: i64 = 3;

/// A model to put in service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewModel {
    /// The site it is for.
    pub site: Site,
    /// Its id.
    pub model: ModelId,
    /// The model file.
    pub bytes: Vec<u8>,
    /// It has learned every change of a label up to this number.
    pub through: i64,
    /// When it was trained, in seconds since 1970.
    pub at: i64,
}

/// What is known of a model that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelRecord {
    /// Its number in the store.
    pub seq: i64,
    /// The site it is for.
    pub site: Site,
    /// Its id.
    pub model: ModelId,
    /// When it was trained, in seconds since 1970.
    pub at: i64,
    /// It has learned every change of a label up to this number.
    pub through: i64,
    /// How long the model file is.
    pub bytes: u64,
    /// Whether its site is judged by it.
    pub in_service: bool,
}

/// What a site is judged by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InService {
    /// The site.
    pub site: Site,
    /// Its model; `None` for the shipped one, after a rollback.
    pub model: Option<ModelRecord>,
    /// Changes of labels with a higher number are learned on top of it.
    pub since: i64,
}

/// A step back: the model before the one in service.
pub(super) struct Rollback(pub Site);

impl Work for NewModel {
    type Answer = i64;

    fn changes(&self) -> bool {
        true
    }

    async fn apply(&self, transaction: &mut Transaction<'_>) -> Result<i64, StoreError> {
        let site = self.site.as_str();
        // What was rolled back stays so: a later rollback must not bring it back.
        let sql = "DELETE FROM models WHERE site = $1 AND EXISTS (SELECT 1 FROM in_service s WHERE s.site = $1) \
                   AND seq > COALESCE((SELECT s.model FROM in_service s WHERE s.site = $1), 0)";
        query(sql).bind(site).execute(transaction.connection).await?;
        let sql = "INSERT INTO models (site, model, at, through, bytes) VALUES ($1, $2, $3, $4, $5) RETURNING seq";
        let insert = query(sql).bind(site).bind(self.model.as_str()).bind(self.at).bind(self.through);
        let seq = insert.bind(&self.bytes[..]).fetch_one(transaction.connection).await?.get(0)?;
        put(transaction, &self.site, Some(seq), self.through).await?;
        let sql = "DELETE FROM models WHERE site = $1 AND seq NOT IN \
                   (SELECT seq FROM models WHERE site = $1 ORDER BY seq DESC LIMIT $2)";
        query(sql).bind(site).bind(KEPT).execute(transaction.connection).await?;
        Ok(seq)
    }
}

impl Work for Rollback {
    type Answer = InService;

    fn changes(&self) -> bool {
        true
    }

    async fn apply(&self, transaction: &mut Transaction<'_>) -> Result<InService, StoreError> {
        let site = &self.0;
        let sql = "SELECT model FROM in_service WHERE site = $1 AND model IS NOT NULL";
        let now = query(sql).bind(site.as_str()).fetch_optional(transaction.connection).await?;
        let now: i64 = now.ok_or(StoreError::NothingToRollBack)?.get(0)?;
        let sql = "SELECT seq FROM models WHERE site = $1 AND seq < $2 ORDER BY seq DESC LIMIT 1";
        let before = query(sql).bind(site.as_str()).bind(now).fetch_optional(transaction.connection).await?;
        let before: Option<i64> = before.map(|row| row.get(0)).transpose()?;
        let since = transaction.last_number().await?;
        put(transaction, site, before, since).await?;
        let models = list(transaction.connection, Some(site)).await?;
        Ok(InService { site: site.clone(), model: models.into_iter().find(|model| model.in_service), since })
    }
}

/// Drops the models that may have learned from a comment, as far as its site is not judged by them: nothing brings them back.
pub(super) async fn forget_learned_from(transaction: &mut Transaction<'_>, comment: i64) -> Result<(), StoreError> {
    let sql = "DELETE FROM models WHERE site = (SELECT c.site FROM comments c WHERE c.seq = $1 \
               AND EXISTS (SELECT 1 FROM corrections k WHERE k.comment = c.seq)) \
               AND NOT EXISTS (SELECT 1 FROM in_service s WHERE s.model = models.seq)";
    query(sql).bind(comment).execute(transaction.connection).await.map(drop)
}

/// Puts a model in service.
async fn put(transaction: &mut Transaction<'_>, site: &Site, model: Option<i64>, since: i64) -> Result<(), StoreError> {
    let sql = "INSERT INTO in_service (site, model, since) VALUES ($1, $2, $3) \
               ON CONFLICT (site) DO UPDATE SET model = excluded.model, since = excluded.since";
    query(sql).bind(site.as_str()).bind(model).bind(since).execute(transaction.connection).await?;
    query("UPDATE sequence SET models = models + 1").execute(transaction.connection).await?;
    transaction.news.learning = true;
    Ok(())
}

/// The models that are kept, of one site or of every site, oldest first.
pub(super) async fn list(connection: &mut Connection, site: Option<&Site>) -> Result<Vec<ModelRecord>, StoreError> {
    let sql = "SELECT m.seq, m.site, m.model, m.at, m.through, CAST(LENGTH(m.bytes) AS BIGINT), \
               EXISTS (SELECT 1 FROM in_service s WHERE s.model = m.seq) \
               FROM models m WHERE $1 IS NULL OR m.site = $1 ORDER BY m.seq";
    let rows = query(sql).bind(site.map(Site::as_str)).fetch_all(connection).await?;
    let mut models = rows.iter().map(record).collect::<Result<Vec<_>, _>>()?;
    // By site first, and not by the database: each orders texts in its own way.
    models.sort_by(|a, b| a.site.cmp(&b.site));
    Ok(models)
}

fn record(row: &Row) -> Result<ModelRecord, StoreError> {
    Ok(ModelRecord {
        seq: row.get(0)?,
        site: row.site(1)?,
        model: ModelId::from_checksum(row.get(2)?),
        at: row.get(3)?,
        through: row.get(4)?,
        bytes: row.count(5)?,
        in_service: row.get(6)?,
    })
}

/// What each site is judged by that ever had a model of its own.
pub(super) async fn in_service(connection: &mut Connection) -> Result<Vec<InService>, StoreError> {
    let sql = "SELECT m.seq, s.site, m.model, m.at, m.through, CAST(LENGTH(m.bytes) AS BIGINT), m.seq IS NOT NULL, s.since \
               FROM in_service s LEFT JOIN models m ON m.seq = s.model";
    let rows = query(sql).fetch_all(connection).await?;
    let read = |row: &Row| {
        let model = if row.get(6)? { Some(record(row)?) } else { None };
        Ok(InService { site: row.site(1)?, model, since: row.get(7)? })
    };
    let mut sites = rows.iter().map(read).collect::<Result<Vec<_>, StoreError>>()?;
    sites.sort_by(|a, b| a.site.cmp(&b.site));
    Ok(sites)
}

/// A model file.
pub(super) async fn bytes(connection: &mut Connection, seq: i64) -> Result<Vec<u8>, StoreError> {
    let row = query("SELECT bytes FROM models WHERE seq = $1").bind(seq).fetch_optional(connection).await?;
    row.ok_or(StoreError::UnknownModel)?.get(0)
}
