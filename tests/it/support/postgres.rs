//! A PostgreSQL server of our own, from what Debian installs, in a folder that goes when the tests end.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tempfile::TempDir;

/// PostgreSQL refuses to run as root; then it runs as this user, `nobody`.
const NOBODY: u32 = 65534;

/// A server. It ends when this is dropped, or when the process that started it ends, however that happens.
pub struct Postgres {
    folder: TempDir,
    programs: PathBuf,
    running: Option<Child>,
}

/// A schema that nobody else uses.
#[derive(Debug, Clone)]
pub struct Schema {
    pub name: String,
    /// What `--store` takes.
    pub url: String,
}

impl Postgres {
    /// The server that all tests share, each with a schema of its own. Without PostgreSQL's programs there is none, and that
    /// is said.
    pub fn shared() -> Option<&'static Postgres> {
        static SHARED: OnceLock<Option<Postgres>> = OnceLock::new();
        SHARED.get_or_init(Self::start_if_installed).as_ref()
    }

    /// A server for one test, which may stop it.
    pub fn start_if_installed() -> Option<Self> {
        let Some(programs) = programs() else {
            // Not by `eprintln!`, which a test that succeeds keeps to itself.
            let _ =
                writeln!(std::io::stderr(), "skipped on PostgreSQL: its programs (initdb, postgres) are not installed");
            return None;
        };
        let folder = tempfile::Builder::new().prefix("hamgate-postgres-").tempdir().unwrap();
        if is_root() {
            chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let mut server = Postgres { folder, programs, running: None };
        let initdb = server
            .command(&server.programs.join("initdb"))
            .arg("--pgdata")
            .arg(server.data())
            .args(["--username=hamgate", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"])
            .output()
            .unwrap();
        assert!(initdb.status.success(), "{}", String::from_utf8_lossy(&initdb.stderr));
        server.start();
        Some(server)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A program, run by a user that PostgreSQL does not refuse.
    fn command(&self, program: &Path) -> Command {
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(self.folder.path()).env_remove("PGDATA");
        command
    }

    /// Starts it again after [`Postgres::stop`].
    pub fn start(&mut self) {
        // The shell waits for the end of its input, which comes when this process ends, ends the server, and clears away.
        const WATCH: &str = r#"
            "$0" "$@" <&- &
            server=$!
            order=$(cat)
            kill -QUIT "$server"
            wait "$server"
            [ "$order" = keep ] || rm -rf "$PWD"
            exit 0
        "#;
        let mut shell = self.command(Path::new("sh"));
        shell.args(["-c", WATCH]);
        let log = fs::File::options().create(true).append(true).open(self.folder.path().join("log")).unwrap();
        shell.arg(self.programs.join("postgres")).arg("-D").arg(self.data()).arg("-k").arg(self.folder.path());
        shell.args(["-c", "listen_addresses=", "-c", "max_connections=100", "-c", "shared_buffers=16MB"]);
        shell.current_dir(self.folder.path()).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log);
        self.running = Some(shell.spawn().unwrap());
        let begun = Instant::now();
        let ready = || {
            let asked =
                self.command(&self.programs.join("pg_isready")).arg("-q").arg("-h").arg(self.folder.path()).status();
            asked.is_ok_and(|status| status.success())
        };
        while !ready() {
            let log = || fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            assert!(begun.elapsed() < Duration::from_secs(30), "PostgreSQL does not start: {}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ends it at once, as a crash would.
    pub fn stop(&mut self) {
        if let Some(mut shell) = self.running.take() {
            shell.stdin.take().unwrap().write_all(b"keep").unwrap();
            shell.wait().unwrap();
        }
    }

    /// A connection, to the one database there is.
    pub async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.url()).await.unwrap()
    }

    fn url(&self) -> String {
        format!("postgres:///postgres?user=hamgate&host={}", self.folder.path().display())
    }

    /// A new schema.
    pub async fn schema(&self) -> Schema {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let name = format!("s{}", NEXT.fetch_add(1, Relaxed));
        let mut connection = self.connect().await;
        let sql = format!("CREATE SCHEMA {name}");
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        let url = format!("{}&options=-c%20search_path%3D{name}", self.url());
        Schema { name, url }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Schema {
    pub async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.url).await.unwrap()
    }
}

/// For tests that are not asynchronous themselves.
pub fn runtime() -> &'static tokio::runtime::Runtime {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap())
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// The folder of PostgreSQL's programs: of the newest version that Debian has installed, or else one on the path.
fn programs() -> Option<PathBuf> {
    let complete = |folder: &Path| ["initdb", "postgres", "pg_isready"].iter().all(|name| folder.join(name).is_file());
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<_> = versions.map(|version| version.path().join("bin")).filter(|bin| complete(bin)).collect();
    let number = |bin: &PathBuf| bin.parent()?.file_name()?.to_str()?.parse::<f64>().ok();
    versions.sort_by(|a, b| number(a).partial_cmp(&number(b)).unwrap());
    let path = std::env::var_os("PATH").unwrap_or_default();
    versions.pop().or_else(|| std::env::split_paths(&path).find(|folder| complete(folder)))
}
