//! `hamgate rollback`: the model of a site before the one in service.

use anyhow::{Context as _, anyhow};
use clap::Args;

use crate::cli::Failure;
use crate::config::ServeOptions;
use crate::site::Site;
use crate::store::{StoreChoice, StoreOptions};

/// Put the previous model of a site back in service
///
/// Goes back one training; said again, one more, and at last to the generic model. Corrections made before the rollback are kept, but have
/// no effect until the next `hamgate train --store`; those made after it are learned at once, as always. A running service takes it up
/// within two seconds.
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// Address of the blog, as for `hamgate key add`
    site: Site,

    /// Store that keeps the models; the one `hamgate serve` uses
    ///
    /// Default: hamgate/hamgate.sqlite in $XDG_DATA_HOME, else in ~/.local/share.
    #[arg(long, env = "HAMGATE_STORE", value_name = "STORE")]
    store: Option<StoreChoice>,
}

impl RollbackArgs {
    /// Does it.
    ///
    /// # Errors
    /// When the store cannot be written, or the site has no model of its own.
    pub fn run(self) -> Result<(), Failure> {
        let config = super::serve::configure(&ServeOptions { store: self.store, ..ServeOptions::default() })?;
        let location = config.store.as_ref().and_then(StoreChoice::location).ok_or_else(|| {
            Failure::from(anyhow!("models of sites are kept in a store, and there is none"))
                .with_hint("give it with `--store`, the same as for `hamgate serve`")
        })?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
        runtime.block_on(async {
            let store = super::serve::open(location, StoreOptions { forgets: false, ..config.store_options() }).await?;
            let rolled_back = store.rollback(&self.site).await;
            store.close().await;
            let now = rolled_back.map_err(|error| {
                let hint = error.hint();
                let error = anyhow::Error::new(error).context(format!("cannot go back for {}", self.site));
                Failure::from(error).with_hint(hint)
            })?;
            match now.model {
                Some(record) => eprintln!("{}: model {} is in service again.", self.site, record.model),
                None => eprintln!("{}: the generic model is in service again.", self.site),
            }
            eprintln!(
                "Corrections made until now have no effect until the next `hamgate train --store`; later ones have."
            );
            Ok(())
        })
    }
}
