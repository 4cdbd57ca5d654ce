//! The model of the tests: the one we ship. What they ask of it, any good model would do.

use std::sync::{Arc, LazyLock};

use hamgate::model::Classifier;
use hamgate::moderator::Moderator;

static SHIPPED: LazyLock<Arc<Moderator>> = LazyLock::new(|| Arc::new(Moderator::new(Classifier::embedded())));

<<<<<<< HEAD
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
=======
/// The shipped model in service, read once a run.
pub fn shipped_model() -> Arc<Moderator> {
    Arc::clone(&SHIPPED)
>>>>>>> http
}

/// The bytes of its file.
pub fn shipped_model_bytes() -> Vec<u8> {
    shipped_model().classifier().to_bytes()
}
