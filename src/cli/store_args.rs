//! The store a command works on.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use clap::Args;

use crate::cli::Failure;
use crate::config::{ServeConfig, ServeOptions, StoreParser};
use crate::store::{Store, StoreChoice, StoreError, StoreLocation, StoreOptions};

/// Which store it is. Every command that takes one takes it in the same words.
#[derive(Debug, Clone, Args)]
pub struct StoreArgs {
    /// Store to work on; the one `hamgate serve` uses
    ///
    /// A path, or postgres://USER@HOST/DATABASE. Default: hamgate/hamgate.sqlite in $XDG_DATA_HOME, else in
    /// ~/.local/share.
    #[arg(long, env = "HAMGATE_STORE", hide_env_values = true, value_name = "STORE", value_parser = StoreParser, global = true)]
    store: Option<StoreChoice>,

    /// TOML file of `hamgate serve` that may name the store
    #[arg(long, env = "HAMGATE_CONFIG", value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

impl StoreArgs {
    /// The configuration of the service that uses the same store.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn configuration(&self) -> Result<ServeConfig, Failure> {
        let options =
            ServeOptions { store: self.store.clone(), config: self.config.clone(), ..ServeOptions::default() };
        super::serve::configure(&options)
    }

    /// Opens the store that is there, does something with it, and closes it.
    ///
    /// # Errors
    /// When there is no store, it cannot be opened, or the work fails.
    pub fn work<T>(&self, work: impl AsyncFnOnce(&Store) -> Result<T, Failure>) -> Result<T, Failure> {
        self.work_on(work, open_existing)
    }

    /// As [`StoreArgs::work`], but a store is made where there is none.
    ///
    /// # Errors
    /// When it cannot be opened or made, or the work fails.
    pub fn make_and_work<T>(&self, work: impl AsyncFnOnce(&Store) -> Result<T, Failure>) -> Result<T, Failure> {
        self.work_on(work, super::serve::open)
    }

    fn work_on<T>(
        &self,
        work: impl AsyncFnOnce(&Store) -> Result<T, Failure>,
        open: impl AsyncFnOnce(&StoreLocation, StoreOptions) -> Result<Store, Failure>,
    ) -> Result<T, Failure> {
        let config = self.configuration()?;
        let location = config.store.as_ref().and_then(StoreChoice::location).ok_or_else(|| {
            Failure::from(anyhow!("this works on a store, and there is none"))
                .with_hint("give its path with `--store`, the same as for `hamgate serve`")
        })?;
        // What goes is up to the service and its options; and a command may take longer than a visitor would wait.
        let options = StoreOptions {
            forgets: false,
            // Nobody waits for a verdict here, and a service may be writing to the same file.
            lock_patience: Duration::from_secs(30),
            answer_patience: Duration::from_secs(120),
            ..config.store_options()
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
        runtime.block_on(async {
            let store = open(location, options).await?;
            let done = work(&store).await;
            store.close().await;
            done
        })
    }
}

/// Opens a store that is there. Whoever mistypes a path is told so, instead of being answered by an empty store.
pub(super) async fn open_existing(location: &StoreLocation, options: StoreOptions) -> Result<Store, Failure> {
    if let StoreLocation::Sqlite(path) = location
        && matches!(path.try_exists(), Ok(false))
    {
        return Err(Failure::from(anyhow!("there is no store at `{}`", path.display())).with_hint(
            "check the path given by `--store`, HAMGATE_STORE or the file of `--config`; only `hamgate serve`, \
             `hamgate import` and `hamgate key add` make a store",
        ));
    }
    super::serve::open(location, options).await
}

/// What was tried and why it did not work.
pub fn refused(error: StoreError, what: &'static str) -> Failure {
    let hint = error.hint();
    Failure::from(anyhow::Error::new(error).context(what)).with_hint(hint)
}
