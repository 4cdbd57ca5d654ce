//! `hamgate forget`: erasing what a person asks to be erased.

use std::io::{self, IsTerminal as _, Write as _};

use anyhow::{Context as _, anyhow};
use clap::Args;

use crate::cli::store_args::{StoreArgs, refused};
use crate::cli::{Failure, output};
use crate::site::Site;
use crate::store::{Day, Forget};

/// Erase comments and all that was said of them
///
/// All that is given must apply to a comment. Capitals, white space, entities and backslashes do not matter. It says how
/// many comments that are before it erases any. Figures by day stay, and models that learned from these comments know them
/// until the next `hamgate train`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ForgetArgs {
    /// Comments by whoever gave exactly this name
    #[arg(long, value_name = "NAME")]
    author: Option<String>,

    /// Comments with this in their text
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,

    /// Comments from before this day, such as 2026-01-31 (UTC)
    #[arg(long, value_name = "DAY")]
    before: Option<Day>,

    /// Comments on this site. Default: on all sites
    #[arg(long, value_name = "SITE")]
    site: Option<Site>,

    /// Do not ask
    #[arg(long)]
    yes: bool,

    #[command(flatten)]
    store: StoreArgs,
}

const EXAMPLES: &str = "\
Examples:
  hamgate forget --author 'Anna Beispiel'
  hamgate forget --site blog.example --before 2025-01-01 --yes";

/// What is said when a reader is in the way.
const REMAINS: &str = "\
Another program is reading the store. Until it has ended, the text still stands in the log beside the file (-wal).
`hamgate serve` then clears it away within a minute; if it does not run, any command of Hamgate on this store does.
";

impl ForgetArgs {
    /// Erases them.
    ///
    /// # Errors
    /// When nothing says which comments, nobody agrees, or the store cannot be read or written.
    pub fn run(self) -> Result<(), Failure> {
        if self.author.is_none() && self.text.is_none() && self.before.is_none() {
            return Err(Failure::from(anyhow!("nothing says which comments to erase"))
                .with_hint("say it by --author, --text or --before"));
        }
        let wish = Forget {
            site: self.site,
            author: self.author,
            text: self.text,
            before: self.before.map(Day::first_second),
        };
        let yes = self.yes;
        self.store.work(async |store| {
            let count = store.count_to_forget(wish.clone()).await;
            let count = count.map_err(|error| refused(error, "cannot look for the comments"))?;
            if count == 0 {
                return Ok(output::print("No comment is like that.\n")?);
            }
            if !yes && !agreed(count)? {
                return Ok(output::print("Nothing was erased.\n")?);
            }
            let gone = store.forget(wish).await.map_err(|error| refused(error, "cannot erase all of them"))?;
            output::print(&format!("Erased {}.\n", comments(gone)))?;
            // The last of it is cleared away when the store is closed.
            store.close().await;
            if store.health().remains { Ok(output::print(REMAINS)?) } else { Ok(()) }
        })
    }
}

/// Asks whoever sits at the terminal.
fn agreed(count: u64) -> Result<bool, Failure> {
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return Err(Failure::from(anyhow!("{} would be erased, and nobody is there to agree", comments(count)))
            .with_hint("add `--yes` to erase them without being asked"));
    }
    eprint!("Erase {} for good? [y/N] ", comments(count));
    io::stderr().flush().context("cannot ask")?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).context("cannot read the answer")?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

fn comments(count: u64) -> String {
    if count == 1 { "1 comment".to_owned() } else { format!("{count} comments") }
}
