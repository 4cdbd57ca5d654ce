//! The model of the tests: trained once a run from a few of our own comments, so that no fixture grows stale.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use hamgate::comment::LabelledComment;
use hamgate::model::{About, Classifier, TrainOptions, train};
use hamgate::moderator::Moderator;

static MODEL: LazyLock<Arc<Moderator>> = LazyLock::new(|| Arc::new(Moderator::new(trained())));

fn trained() -> Classifier {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/comments");
    let files = ["en-ham-mixed.jsonl", "en-spam-mixed.jsonl", "de-ham-trades-life.jsonl", "de-spam-goods.jsonl"];
    let rows: Vec<LabelledComment> = files
        .iter()
        .flat_map(|name| {
            let text = std::fs::read_to_string(folder.join(name)).expect("our own comments are in the repository");
            text.lines()
                .take(40)
                .map(|row| LabelledComment::from_json(row.as_bytes()).expect("a good row"))
                .collect::<Vec<_>>()
        })
        .collect();
    train(rows.as_slice(), &TrainOptions::default(), About::default()).expect("enough rows")
}

/// A model in service.
pub fn tiny_model() -> Arc<Moderator> {
    Arc::clone(&MODEL)
}

/// The same as the bytes of a model file.
pub fn tiny_model_bytes() -> Vec<u8> {
    tiny_model().classifier().to_bytes()
}
