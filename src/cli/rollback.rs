//! `hamgate rollback`: the model of a site before the one in service.

use clap::Args;

use crate::cli::Failure;
use crate::cli::store_args::StoreArgs;
use crate::site::Site;

/// Put the previous model of a site back in service
///
/// Goes back one training; said again, one more, and at last to the generic model. Corrections made before the rollback are kept, but have
/// no effect until the next `hamgate train --store`; those made after it are learned at once, as always. A running service takes it up
/// within two seconds.
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// Address of the blog, as for `hamgate key add`
    site: Site,

    #[command(flatten)]
    store: StoreArgs,
}

impl RollbackArgs {
    /// Does it.
    ///
    /// # Errors
    /// When the store cannot be written, or the site has no model of its own.
    pub fn run(self) -> Result<(), Failure> {
        self.store.work(async |store| {
            let now = store.rollback(&self.site).await.map_err(|error| {
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
