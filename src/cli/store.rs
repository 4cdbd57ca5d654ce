//! `hamgate store`: what the store holds.

use clap::Args;

use crate::cli::store_args::{StoreArgs, refused};
use crate::cli::{Failure, output, tables};
use crate::config::ServeConfig;
use crate::store::{Day, ModelRecord, SiteOverview, StoreChoice, StoreLocation};

/// Show where the store lies, how large it is and may become, and what it holds of each site
#[derive(Debug, Args)]
pub struct StoreCommand {
    #[command(flatten)]
    store: StoreArgs,
}

impl StoreCommand {
    /// Shows it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn run(self) -> Result<(), Failure> {
        let config = self.store.configuration()?;
        let text = self.store.work(async |store| {
            let unreadable = |error| refused(error, "cannot read the store");
            let sites = store.overview().await.map_err(unreadable)?;
            let mut models = Vec::new();
            for site in &sites {
                models.extend(store.models(&site.site).await.map_err(unreadable)?);
            }
            Ok(head(&config, store.health().bytes) + &by_site(&sites, &models) + &by_model(&models))
        })?;
        Ok(output::print(&text)?)
    }
}

fn head(config: &ServeConfig, bytes: u64) -> String {
    let place = config.store.as_ref().and_then(StoreChoice::location).map_or_else(String::new, StoreLocation::readable);
    format!(
        "{place}\n{} of at most {} MiB; a comment nobody corrected goes after {} days\n",
        mebibytes(bytes),
        config.store_limit_mib,
        config.store_retention_days,
    )
}

fn by_site(sites: &[SiteOverview], models: &[ModelRecord]) -> String {
    if sites.is_empty() {
        return "\nIt holds no comments.\n".to_owned();
    }
    let mut table = tables::Table::new(["site", "comments", "oldest", "own ham", "own spam", "model"]);
    for site in sites {
        let model = models.iter().find(|model| model.in_service && model.site == site.site);
        table.row([
            site.site.to_string(),
            site.comments.to_string(),
            site.oldest.map_or_else(|| tables::NONE.to_owned(), |at| Day::of(at).to_string()),
            site.own.ham.to_string(),
            site.own.spam.to_string(),
            model.map_or_else(|| "shipped".to_owned(), |model| model.model.to_string()),
        ]);
    }
    format!("\n{}", table.render())
}

fn by_model(models: &[ModelRecord]) -> String {
    if models.is_empty() {
        return String::new();
    }
    let mut table = tables::Table::new(["models kept", "model", "trained", "size", "in service"]);
    for model in models {
        table.row([
            model.site.to_string(),
            model.model.to_string(),
            Day::of(model.at).to_string(),
            mebibytes(model.bytes),
            (if model.in_service { "yes" } else { "no" }).to_owned(),
        ]);
    }
    format!("\n{}", table.render())
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
