//! Reading beside the writer, without waiting for it.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::store::connection::Connection;
use crate::store::error::StoreError;
use crate::store::schema::Opening;

/// A connection for questions, made when the first is asked. One question is answered after the other.
#[derive(Debug)]
pub(super) struct Readers {
    opening: Opening,
    patience: Duration,
    place: Mutex<Place>,
}

#[derive(Debug)]
enum Place {
    /// Where a connection stands, unless it was lost or none was needed yet.
    Open(Option<Connection>),
    Closed,
}

impl Readers {
    pub fn new(opening: Opening, patience: Duration) -> Self {
        Readers { opening, patience, place: Mutex::new(Place::Open(None)) }
    }

    /// Asks something, and waits only so long for the answer.
    pub async fn ask<T>(
        &self,
        question: impl AsyncFnOnce(&mut Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let answered = timeout(self.patience, self.ask_for_long(question)).await;
        answered.unwrap_or_else(|_| Err(StoreError::busy(self.patience)))
    }

    async fn ask_for_long<T>(
        &self,
        question: impl AsyncFnOnce(&mut Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut place = self.place.lock().await;
        let Place::Open(standing) = &mut *place else { return Err(StoreError::Closed) };
        // It is put back only when the answer was read to its end.
        let mut connection = match standing.take() {
            Some(connection) => connection,
            None => self.opening.connect().await?,
        };
        if !connection.is_alive().await {
            connection = self.opening.connect().await?;
        }
        let answer = question(&mut connection).await;
        *standing = Some(connection);
        answer
    }

    /// Ends it. Whoever asks later is told so.
    pub async fn close(&self) {
        if let Place::Open(Some(connection)) = std::mem::replace(&mut *self.place.lock().await, Place::Closed) {
            // Nothing was written by it.
            let _ = connection.close().await;
        }
    }
}
