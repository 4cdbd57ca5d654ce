//! Work on a stream with all processors, answers in the order of the stream, memory bounded.
//!
//! One thread fills batches (it does the reading), several work on them, and the calling thread takes the answers in
//! order. Batches are a fixed number of buffers that go round: a slow taker stops the reader, and a stream of any
//! length needs no more memory than those buffers.

use std::any::Any;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// As many threads as the system says it can run at once.
pub fn available_threads() -> NonZeroUsize {
    thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// Buffers in use at once, for each working thread: one at work, one ready, one waiting for its turn.
const BATCHES_PER_THREAD: usize = 3;

type Outcome<O> = Result<O, Box<dyn Any + Send>>;

/// Runs `fill` until it answers `false`, `work` on every batch it filled, and `take` on every answer, in order.
///
/// `fill` must replace what the batch held before. `take` may end the run early; its reason is the result.
///
/// # Panics
/// When `fill`, `work` or `take` panics; nobody is left waiting.
pub fn in_order<B, O, E>(
    threads: NonZeroUsize,
    fill: impl FnMut(&mut B) -> bool + Send,
    work: impl Fn(&B) -> O + Sync,
    take: impl FnMut(&B, O) -> ControlFlow<E>,
) -> ControlFlow<E>
where
    B: Default + Send,
    O: Send,
{
    let (give_back, empty) = channel();
    for _ in 0..threads.get() * BATCHES_PER_THREAD {
        give_back.send(B::default()).expect("the receiver is still here");
    }
    let (hand_on, ready) = channel();
    let (answer, done) = channel();
    let ready = Mutex::new(ready);
    thread::scope(|scope| {
        scope.spawn(|| read(fill, empty, hand_on));
        for _ in 0..threads.get() {
            let answer = answer.clone();
            scope.spawn(|| work_off(&work, &ready, answer));
        }
        drop(answer);
        // Returning (or unwinding) drops both ends held here, which ends the other threads.
        take_in_order(take, done, give_back)
    })
}

#[expect(clippy::needless_pass_by_value, reason = "dropping the ends tells the other threads to stop")]
fn read<B>(mut fill: impl FnMut(&mut B) -> bool, empty: Receiver<B>, hand_on: Sender<(u64, B)>) {
    let mut number = 0;
    while let Ok(mut batch) = empty.recv() {
        if !fill(&mut batch) || hand_on.send((number, batch)).is_err() {
            return;
        }
        number += 1;
    }
}

#[expect(clippy::needless_pass_by_value, reason = "dropping the end tells the taker that no more answers come")]
fn work_off<B, O>(work: &impl Fn(&B) -> O, ready: &Mutex<Receiver<(u64, B)>>, answer: Sender<(u64, B, Outcome<O>)>) {
    loop {
        let next = ready.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((number, batch)) = next else { return };
        // Without this, a panic would lose a batch and everyone would wait for it for ever.
        let outcome = catch_unwind(AssertUnwindSafe(|| work(&batch)));
        if answer.send((number, batch, outcome)).is_err() {
            return;
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "dropping the end tells the reader to stop")]
fn take_in_order<B, O, E>(
    mut take: impl FnMut(&B, O) -> ControlFlow<E>,
    done: Receiver<(u64, B, Outcome<O>)>,
    give_back: Sender<B>,
) -> ControlFlow<E> {
    let mut early = BTreeMap::new();
    let mut next = 0;
    for (number, batch, outcome) in done {
        early.insert(number, (batch, outcome));
        while let Some((batch, outcome)) = early.remove(&next) {
            take(&batch, outcome.unwrap_or_else(|panic| resume_unwind(panic)))?;
            // After the last batch nobody waits for empty ones.
            let _ = give_back.send(batch);
            next += 1;
        }
    }
    ControlFlow::Continue(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn threads(n: usize) -> NonZeroUsize {
        NonZeroUsize::new(n).unwrap()
    }

    /// Fills batches with 0, 1, 2, … below `end`.
    fn numbers(end: u64) -> impl FnMut(&mut u64) -> bool + Send {
        let mut stream = 0..end;
        move |batch| stream.next().map(|n| *batch = n).is_some()
    }

    #[test]
    fn answers_come_in_the_order_of_the_stream_however_long_each_takes() {
        for n in [1, 2, 7] {
            let mut seen = Vec::new();
            let uneven =
                |batch: &u64| (0..(batch * 7919) % 5000).fold(*batch, |sum, n| std::hint::black_box(sum + n - n));
            let end: ControlFlow<()> = in_order(threads(n), numbers(500), uneven, |_, answer| {
                seen.push(answer);
                ControlFlow::Continue(())
            });
            assert!(end.is_continue());
            assert_eq!(seen, (0..500).collect::<Vec<_>>());
        }
    }

    #[test]
    fn an_endless_stream_ends_when_the_taker_has_enough() {
        let end = in_order(
            threads(3),
            numbers(u64::MAX),
            |&n| n,
            |_, n| if n < 40 { ControlFlow::Continue(()) } else { ControlFlow::Break(n) },
        );
        assert_eq!(end, ControlFlow::Break(40));
    }

    #[test]
    fn an_empty_stream_is_no_work() {
        let end: ControlFlow<()> =
            in_order(threads(2), numbers(0), |_| unreachable!(), |_, ()| ControlFlow::Continue(()));
        assert!(end.is_continue());
    }

    #[test]
    #[should_panic(expected = "on purpose")]
    fn a_panic_at_work_is_passed_on_and_blocks_nobody() {
        let work = |&n: &u64| assert!(n != 20, "on purpose");
        let _: ControlFlow<()> = in_order(threads(2), numbers(1000), work, |_, ()| ControlFlow::Continue(()));
    }
}
