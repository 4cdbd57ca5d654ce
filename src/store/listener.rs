//! Hearing at once what other instances on the same PostgreSQL did.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::store::health::Shared;
use crate::store::schema::Opening;

/// The channel they speak on; see [`super::transaction`].
const CHANNEL: &str = "hamgate";

/// The pause before a lost connection is tried again. Meanwhile, the writer looks every second.
const RETRY: Duration = Duration::from_secs(1);

/// Somebody who listens, until this is dropped.
#[derive(Debug)]
pub(super) struct Listener(JoinHandle<()>);

impl Listener {
    /// Listens, where there is somebody to listen to.
    pub fn start(opening: &Opening, shared: &Arc<Shared>) -> Option<Self> {
        let Opening::Postgres(options, _) = opening else { return None };
        Some(Listener(tokio::spawn(listen((**options).clone(), Arc::clone(shared)))))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn listen(options: PgConnectOptions, shared: Arc<Shared>) {
    let pool = PgPoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
    let pool = pool.connect_lazy_with(options);
    loop {
        if let Ok(mut listener) = PgListener::connect_with(&pool).await {
            listener.eager_reconnect(false);
            if listener.listen(CHANNEL).await.is_ok() {
                // Whatever was said before, nobody here has heard it.
                shared.changed();
                while let Ok(Some(_)) = listener.try_recv().await {
                    shared.changed();
                }
            }
        }
        sleep(RETRY).await;
    }
}
