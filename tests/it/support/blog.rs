//! A blog's view of the service: a server with a store and a key, and what it answers to forms.

use std::path::PathBuf;

use hamgate::config::ServeConfig;
use hamgate::http::{AdminToken, Parts, Server};
use hamgate::learner::{Learner, ModelSource};
use hamgate::store::{Store, StoreOptions};
use sha2::{Digest as _, Sha256};
use sqlx::{Connection as _, SqliteConnection};
use tempfile::TempDir;

use super::{TestServer, config, shipped_model};

/// The key of the captured requests.
pub const KEY: &str = "0123456789ab";

/// The token of whoever administers the service.
pub const ADMIN_TOKEN: &str = "a token that nobody would guess";

/// What the WordPress plug-in calls itself.
pub const WORDPRESS: &str = "WordPress/6.8.7 | Akismet/5.5";

/// The fields without which no comment is checked.
pub const REQUIRED: &str = "api_key=0123456789ab&blog=https%3A%2F%2Fblog.example&user_ip=192.0.2.7";

/// A server, its store, and the folder that is in.
pub struct Blog {
    pub server: TestServer,
    pub store: Store,
    folder: TempDir,
}

/// An answer as a client of Akismet sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    pub status: u16,
    pub body: String,
    pub guid: String,
    pub error: String,
    pub help: String,
    pub decision: String,
}

impl Blog {
    /// With [`KEY`] as its only key.
    pub async fn start() -> Self {
        Self::with(config(), StoreOptions::default()).await
    }

    pub async fn with(config: ServeConfig, options: StoreOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite");
        Store::open(&path.clone().into(), options).await.unwrap().close().await;
        let mut file = connection(&path).await;
        let insert = sqlx::query("INSERT INTO keys (hash, site, created) VALUES ($1, 'blog.example', 0)");
        insert.bind(Sha256::digest(KEY).to_vec()).execute(&mut file).await.unwrap();
        file.close().await.unwrap();
        Self::on(folder, config, options).await
    }

    /// Without any key.
    pub async fn open() -> Self {
        Self::on(tempfile::tempdir().unwrap(), config(), StoreOptions::default()).await
    }

    async fn on(folder: TempDir, config: ServeConfig, options: StoreOptions) -> Self {
        let store = Store::open(&folder.path().join("store.sqlite").into(), options).await.unwrap();
        let moderator = shipped_model();
        // It learns nothing from the store: what is looked at here is what is stored and answered, and the model is one for all tests.
        let (learner, handle) = Learner::new(ModelSource::Embedded, moderator.clone(), None);
        tokio::spawn(learner.run());
        let token = folder.path().join("admin-token");
        std::fs::write(&token, ADMIN_TOKEN).unwrap();
        let admin = Some(AdminToken::read_file(&token).unwrap());
        let parts = Parts { store: Some(store.clone()), learner: Some(handle), admin, ..Parts::new(moderator) };
        let server = Server::bind(&config, parts).await.unwrap();
        Blog { server: TestServer::of(server), store, folder }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("store.sqlite")
    }

    /// The file by another connection, as another process would have it.
    pub async fn file(&self) -> SqliteConnection {
        connection(&self.path()).await
    }

    /// A number out of the store, when everything is written.
    pub async fn count(&self, sql: &'static str) -> i64 {
        self.store.flush().await.unwrap();
        sqlx::query_scalar(sql).fetch_one(&mut self.file().await).await.unwrap()
    }

    /// What the WordPress plug-in is answered.
    pub async fn wordpress(&self, call: &str, form: &str) -> Said {
        self.ask(call, WORDPRESS, "application/x-www-form-urlencoded; charset=UTF-8", form.as_bytes()).await
    }

    /// What any other client is answered.
    pub async fn other(&self, call: &str, form: &str) -> Said {
        self.ask(call, "Test/1.0", "application/x-www-form-urlencoded", form.as_bytes()).await
    }

    pub async fn ask(&self, call: &str, user_agent: &str, content_type: &str, body: &[u8]) -> Said {
        let request = self.server.request("POST", call).header("content-type", content_type);
        Said::read(request.header("user-agent", user_agent).body(body.to_vec()).send().await.unwrap()).await
    }
}

impl Said {
    pub async fn read(response: reqwest::Response) -> Self {
        let header = |name: &str| {
            response.headers().get(name).map_or("", |value| value.to_str().expect("headers are ASCII")).to_owned()
        };
        for never in ["x-akismet-pro-tip", "x-akismet-alert-code", "x-akismet-alert-msg", "transfer-encoding"] {
            assert_eq!(header(never), "", "{never}");
        }
        let [guid, error, help, decision] =
            ["x-akismet-guid", "x-akismet-error", "x-akismet-debug-help", "x-hamgate-decision"].map(header);
        let length = header("content-length");
        let status = response.status().as_u16();
        let body = response.text().await.unwrap();
        assert_eq!(length, body.len().to_string());
        Said { status, body, guid, error, help, decision }
    }

    /// Body and error header of a verdict, after a look at the rest of it.
    pub fn verdict(&self) -> (&str, &str) {
        assert_eq!((self.status, self.help.as_str()), (200, ""), "{self:?}");
        self.assert_guid();
        (&self.body, &self.error)
    }

    pub fn assert_guid(&self) {
        let digits = self.guid.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        assert!(self.guid.len() == 32 && digits, "{self:?}");
    }
}

async fn connection(path: &std::path::Path) -> SqliteConnection {
    SqliteConnection::connect(&format!("sqlite:{}", path.display())).await.unwrap()
}
