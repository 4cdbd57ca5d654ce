//! Long comments take turns.
//!
//! A verdict is computed on its request's own task, and nothing interrupts it. For comments as people write them that is nothing. Of the
//! longest ones, some hundred at once would keep everybody waiting for a second, new connections included, in a line that nobody sees and
//! that has no end. So whoever sends a long one stands in a line of ours: as many are judged at a time as there are threads, in the order in
//! which they came; before each, everything else that is ready runs; and whoever has waited for too long is told to come back.

use std::num::NonZeroUsize;
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::http::problem::{Kind, Problem};

/// A body of so many bytes is judged as soon as it is here: as many of them as connections are let in by default take a core a quarter of a
/// second together.
const SHORT_BYTES: usize = 8 * 1024;

/// The line of long comments.
#[derive(Debug)]
pub struct Turns {
    free: Semaphore,
    patience: Duration,
}

impl Turns {
    /// A line before so many threads, in which nobody waits for longer than `patience`.
    pub fn new(threads: NonZeroUsize, patience: Duration) -> Self {
        Turns { free: Semaphore::new(threads.get().min(Semaphore::MAX_PERMITS)), patience }
    }

    /// Waits until a comment may be judged that came in so many bytes. Its turn ends when what is returned is dropped; a short one needs none.
    ///
    /// # Errors
    /// When others take too long.
    pub async fn wait(&self, bytes: usize) -> Result<Option<SemaphorePermit<'_>>, Problem> {
        if bytes <= SHORT_BYTES {
            return Ok(None);
        }
        let Ok(Ok(turn)) = timeout(self.patience, self.free.acquire()).await else {
            let patience = self.patience.as_millis();
            let detail = format!("there were more long comments than could be judged within {patience} ms; try again");
            return Err(Problem::new(Kind::Busy, detail));
        };
        // While it has its turn and has not begun, everybody else may read, be taken in, or give up.
        yield_now().await;
        Ok(Some(turn))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    const LONG: usize = SHORT_BYTES + 1;
    const PATIENCE: Duration = Duration::from_millis(250);

    fn turns() -> Arc<Turns> {
        Arc::new(Turns::new(NonZeroUsize::MIN, PATIENCE))
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_too_long_is_told_to_come_back_and_short_ones_wait_for_nobody() {
        let turns = turns();
        let first = turns.wait(LONG).await.unwrap();
        assert!(turns.wait(SHORT_BYTES).await.unwrap().is_none());
        let begun = tokio::time::Instant::now();
        assert_eq!(turns.wait(LONG).await.unwrap_err().kind(), Kind::Busy);
        assert_eq!(begun.elapsed().as_millis(), PATIENCE.as_millis());
        drop(first);
        assert!(turns.wait(LONG).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn turns_are_taken_in_the_order_of_coming() {
        let turns = turns();
        let order = Arc::new(Mutex::new(Vec::new()));
        let waiting = (0..5).map(|n| {
            let (turns, order) = (Arc::clone(&turns), Arc::clone(&order));
            tokio::spawn(async move {
                let _turn = turns.wait(LONG).await.unwrap();
                order.lock().unwrap().push(n);
            })
        });
        for task in waiting.collect::<Vec<_>>() {
            task.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4]);
    }

    #[tokio::test]
    async fn before_each_turn_everybody_else_gets_one() {
        let turns = turns();
        let others = Arc::new(Mutex::new(0));
        for n in 1..=3 {
            let others = Arc::clone(&others);
            let counted = Arc::clone(&others);
            tokio::spawn(async move { *counted.lock().unwrap() += 1 });
            let _turn = turns.wait(LONG).await.unwrap();
            assert_eq!(*others.lock().unwrap(), n);
        }
    }
}
