//! How the store is doing: what everybody may ask without waiting for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering::Relaxed};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use crate::comment::Label;
use crate::store::corrections::Change;
use crate::store::error::{ErrorKind, StoreError};
use crate::store::keys::Keyring;

/// Whether the last write worked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreState {
    /// It did.
    Ready,
    /// It did not.
    Failing(ErrorKind),
}

/// How the store is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreHealth {
    /// Whether the last write worked.
    pub state: StoreState,
    /// Decisions that wait to be written.
    pub queued: usize,
    /// Decisions written since the start.
    pub remembered: u64,
    /// Decisions that will never be written, since the start: the queue was full, or the database does not take them.
    pub lost: u64,
    /// Bytes the tables take.
    pub bytes: u64,
    /// Whether erased text may still stand in the log beside the file, because a reader is in the way.
    pub remains: bool,
    /// Corrections since the start, by [`Label::index`] and by `Change as usize`.
    pub corrections: [[u64; Change::ALL.len()]; Label::ALL.len()],
    /// Corrections taken back since the start.
    pub undone: u64,
    /// Failed writes, failed reads and refused corrections since the start, in the order of [`ErrorKind::ALL`].
    pub errors: [u64; ErrorKind::ALL.len()],
}

/// What the handle and the writer share.
#[derive(Debug)]
pub(super) struct Shared {
    limits: Limits,
    /// Ticks when labels or models may have changed.
    changed: watch::Sender<u64>,
    pub keyring: ArcSwap<Keyring>,
    /// 0: ready; else the position of the [`ErrorKind`] and 1.
    state: AtomicU8,
    pub queued: AtomicUsize,
    queued_bytes: AtomicUsize,
    pub remembered: AtomicU64,
    pub lost: AtomicU64,
    pub bytes: AtomicU64,
    pub remains: AtomicBool,
    corrections: [[AtomicU64; Change::ALL.len()]; Label::ALL.len()],
    pub undone: AtomicU64,
    errors: [AtomicU64; ErrorKind::ALL.len()],
}

/// What may wait to be written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub decisions: usize,
    pub bytes: usize,
}

impl Shared {
    pub fn new(limits: Limits) -> Self {
        Shared {
            limits,
            changed: watch::Sender::new(0),
            keyring: ArcSwap::default(),
            state: AtomicU8::default(),
            queued: AtomicUsize::default(),
            queued_bytes: AtomicUsize::default(),
            remembered: AtomicU64::default(),
            lost: AtomicU64::default(),
            bytes: AtomicU64::default(),
            remains: AtomicBool::default(),
            corrections: Default::default(),
            undone: AtomicU64::default(),
            errors: Default::default(),
        }
    }

    /// Says that labels or models may have changed.
    pub fn changed(&self) {
        self.changed.send_modify(|ticks| *ticks += 1);
    }

    pub fn watch(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    pub fn state(&self) -> StoreState {
        match self.state.load(Relaxed) {
            0 => StoreState::Ready,
            position => StoreState::Failing(ErrorKind::ALL[usize::from(position) - 1]),
        }
    }

    /// Notes how the last write went; says so in the log when that is news.
    pub fn wrote(&self, outcome: Result<(), &StoreError>) {
        let kind = outcome.err().and_then(StoreError::kind);
        if let Some(kind) = kind {
            self.errors[kind as usize].fetch_add(1, Relaxed);
        }
        let before = self.state.swap(kind.map_or(0, |kind| kind as u8 + 1), Relaxed);
        match kind {
            Some(kind) if before == 0 => tracing::error!(
                kind = kind.name(),
                "The store cannot be written; verdicts go on, corrections are refused, decisions wait in memory"
            ),
            None if before != 0 => tracing::info!("The store can be written again"),
            _ => {}
        }
    }

    /// Counts an error that says nothing about the next write.
    pub fn refused(&self, error: &StoreError) {
        if let Some(kind) = error.kind() {
            self.errors[kind as usize].fetch_add(1, Relaxed);
        }
    }

    pub fn corrected(&self, label: Label, change: Change) {
        self.corrections[label.index()][change as usize].fetch_add(1, Relaxed);
    }

    /// Makes room in the queue for a decision, or counts it as lost when there is none.
    pub fn enter_queue(&self, bytes: usize) -> bool {
        let full = self.queued_bytes.fetch_add(bytes, Relaxed) + bytes > self.limits.bytes;
        if self.queued.fetch_add(1, Relaxed) >= self.limits.decisions || full {
            self.left_queue(bytes);
            self.lost.fetch_add(1, Relaxed);
            return false;
        }
        true
    }

    pub fn left_queue(&self, bytes: usize) {
        self.queued_bytes.fetch_sub(bytes, Relaxed);
        self.queued.fetch_sub(1, Relaxed);
    }

    pub fn keys(&self) -> Arc<Keyring> {
        self.keyring.load_full()
    }

    pub fn health(&self) -> StoreHealth {
        StoreHealth {
            state: self.state(),
            queued: self.queued.load(Relaxed),
            remembered: self.remembered.load(Relaxed),
            lost: self.lost.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            remains: self.remains.load(Relaxed),
            corrections: self.corrections.each_ref().map(|by| by.each_ref().map(|count| count.load(Relaxed))),
            undone: self.undone.load(Relaxed),
            errors: self.errors.each_ref().map(|count| count.load(Relaxed)),
        }
    }
}
