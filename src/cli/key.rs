//! `hamgate key`: who may ask.

use clap::{Args, Subcommand};

use crate::cli::store_args::{StoreArgs, refused};
use crate::cli::{Failure, output, tables};
use crate::site::Site;
use crate::store::{Day, Key, KeyRecord, Store};

/// Make, list and revoke the keys that blogs ask with
///
/// Each key is for one site. As long as there is a key, `hamgate serve` answers only who has one; a running service
/// sees a change within two seconds. Of a key only a checksum is kept: a lost one cannot be shown again, only replaced.
#[derive(Debug, Args)]
pub struct KeyArgs {
    #[command(subcommand)]
    command: Command,

    #[command(flatten)]
    store: StoreArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a key for a site, and show it, once, on standard output
    Add {
        /// Address of the blog, such as example.org or https://example.org/blog
        site: Site,
    },
    /// List the keys there were: id, site, when made, when revoked; never the key
    List,
    /// End the validity of a key
    Revoke {
        /// The number that `hamgate key list` shows
        #[arg(value_name = "ID")]
        id: i64,
    },
}

impl KeyArgs {
    /// Does it.
    ///
    /// # Errors
    /// When there is no store, or it cannot be read or written.
    pub fn run(self) -> Result<(), Failure> {
        match self.command {
            Command::Add { .. } => self.store.make_and_work(async |store| self.command.run(store).await),
            Command::List | Command::Revoke { .. } => self.store.work(async |store| self.command.run(store).await),
        }
    }
}

impl Command {
    async fn run(self, store: &Store) -> Result<(), Failure> {
        match self {
            Command::Add { site } => {
                let key = store.add_key(&site).await.map_err(|error| refused(error, "cannot make a key"))?;
                Ok(show(key, &site)?)
            }
            Command::List => {
                let keys = store.list_keys().await.map_err(|error| refused(error, "cannot list the keys"))?;
                Ok(output::print(&table(&keys))?)
            }
            Command::Revoke { id } => {
                store.revoke_key(id).await.map_err(|error| refused(error, "cannot revoke the key"))?;
                eprintln!("Key {id} is no longer valid. A running service knows within two seconds.");
                Ok(())
            }
        }
    }
}

/// The key alone on standard output, so that a script can take it; what it is on standard error.
fn show(key: Key, site: &Site) -> anyhow::Result<()> {
    eprintln!("Key {} for {site}. It is shown only now:", key.id());
    output::print(&(key.reveal() + "\n"))
}

fn table(keys: &[KeyRecord]) -> String {
    let mut table = tables::Table::new(["site", "id", "made", "revoked"]);
    for key in keys {
        let revoked = key.revoked.map_or_else(|| tables::NONE.to_owned(), |at| Day::of(at).to_string());
        table.row([key.site.to_string(), key.id.to_string(), Day::of(key.created).to_string(), revoked]);
    }
    table.render()
}
