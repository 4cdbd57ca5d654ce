//! What tests of commands need: a folder of their own, a small corpus, and a model trained on it by the program itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use assert_cmd::Command;

/// The program, without the environment of whoever runs the tests.
pub fn hamgate() -> Command {
    let mut command = Command::cargo_bin("hamgate").unwrap();
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("HAMGATE_")) {
        command.env_remove(name);
    }
    command
}

/// A temporary folder.
pub struct Workshop {
    folder: tempfile::TempDir,
}

impl Workshop {
    pub fn new() -> Self {
        Workshop { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// The small corpus in two files, ham in one and spam in the other.
    pub fn corpus(&self) -> PathBuf {
        self.write("corpus/ham.jsonl", lines(&ham()));
        self.write("corpus/spam.jsonl", lines(&spam()));
        self.path("corpus")
    }
}

/// A model trained on the small corpus, once for all tests.
pub fn model() -> &'static Path {
    static MODEL: OnceLock<(Workshop, PathBuf)> = OnceLock::new();
    let (_, model) = MODEL.get_or_init(|| {
        let workshop = Workshop::new();
        let model = workshop.path("small.hamgate");
        hamgate().arg("train").arg("--corpus").arg(workshop.corpus()).arg("--out").arg(&model).assert().success();
        (workshop, model)
    });
    model
}

pub fn lines(rows: &[serde_json::Value]) -> String {
    rows.iter().map(|row| row.to_string() + "\n").collect()
}

/// Honest rows of a blog on bread.
pub fn ham() -> Vec<serde_json::Value> {
    const PARTS: [&str; 20] = [
        "My starter smells of vinegar since last week",
        "I used half rye and it stayed flat",
        "Danke, das Roggenbrot ist endlich gelungen",
        "does the dough need longer when the kitchen is cold?",
        "Welche Mehlsorte nimmst du für die Brötchen?",
        "we ate the whole loaf before it had cooled",
        "my grandmother never weighed anything",
        "In step four you write 200 g, in the list 250",
        "Bei mir klebt der Teig immer an der Form",
        "the photo of the crust made me hungry",
        "I have baked this one every Sunday since March",
        "Could you say what size your tin has?",
        "Mit Dinkel wird es leider etwas trocken",
        "a spoon of honey helps the colour, I think",
        "the oven in my flat only reaches 220 degrees",
        "Unsere Kinder mögen lieber die helle Kruste",
        "I disagree, whole grain needs more water",
        "thanks for answering so quickly last time",
        "Ich habe es mit Buttermilch probiert",
        "the second rise took nearly three hours here",
    ];
    compose(&PARTS, "ham", "bread-blog")
}

/// Spam rows of several trades.
pub fn spam() -> Vec<serde_json::Value> {
    const PARTS: [&str; 20] = [
        "Buy followers now, delivery in one hour",
        "Earn 4000 dollars a week from home without experience",
        "visit http://pills-shop.example/cheap for discount tablets",
        "Jetzt Kredit ohne Schufa beantragen",
        "our casino bonus doubles every first deposit",
        "I can place your backlinks on high authority sites",
        "Günstige Rolex Uhren direkt vom Lager",
        "click here http://win-big.example and claim the prize",
        "Whatsapp me to recover your lost bitcoin",
        "guest post offer, dofollow, permanent, cheap",
        "Sofort Geld verdienen mit diesem System",
        "best payday loans approved in minutes",
        "my uncle became rich with this trading robot",
        "free iphone giveaway, only today",
        "replica handbags at http://bags.example/outlet",
        "Online Casino mit 100 Euro Startguthaben",
        "increase your traffic by thousand visitors daily",
        "hot singles in your town are waiting",
        "Abnehmen ohne Diät, 10 Kilo in 2 Wochen",
        "SEO package for the first page of Google guaranteed",
    ];
    compose(&PARTS, "spam", "spam-pool")
}

/// Sixty rows of three parts each, no two with half of their words in common.
fn compose(parts: &[&str; 20], label: &str, source: &str) -> Vec<serde_json::Value> {
    let row = |n: usize| {
        let content =
            [parts[n % 20], parts[(n * 3 + n / 20 * 7 + 1) % 20], parts[(n * 7 + n / 20 * 3 + 2) % 20]].join(". ");
        let lang = if content.contains('ä') || content.contains('ü') || content.contains('ö') { "de" } else { "en" };
        serde_json::json!({"id": format!("{label}-{n}"), "content": content, "label": label, "source": source, "lang": lang})
    };
    (0..60).map(row).collect()
}
