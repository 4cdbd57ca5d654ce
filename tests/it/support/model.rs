//! The model of the tests: the one we ship. What they ask of it, any good model would do.

use std::sync::{Arc, LazyLock};

use hamgate::model::Classifier;
use hamgate::moderator::Moderator;

static SHIPPED: LazyLock<Arc<Moderator>> = LazyLock::new(|| Arc::new(Moderator::new(Classifier::embedded())));

/// The shipped model in service, read once a run.
pub fn shipped_model() -> Arc<Moderator> {
    Arc::clone(&SHIPPED)
}

/// The bytes of its file.
pub fn shipped_model_bytes() -> Vec<u8> {
    shipped_model().generic().to_bytes()
}
