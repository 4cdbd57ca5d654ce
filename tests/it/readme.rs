use hamgate::comment::Comment;
use hamgate::model::Classifier;

const README: &str = include_str!("../../README.md");

/// The bodies of README's curl lines, each with what the README says the answer is, if it says so.
fn examples() -> Vec<(String, Option<serde_json::Value>)> {
    let mut lines = README.lines().peekable();
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        let Some((_, body)) = line.split_once("-d '") else { continue };
        let body = body.trim_end_matches('\'').to_owned();
        let shown = lines.peek().filter(|next| next.starts_with("{\"id\""));
        // What the README leaves out (`…`) is not JSON; the fields before it are.
        let shown = shown.map(|next| {
            let whole = next.split(",\"spam_probability\"").next().unwrap();
            serde_json::from_str(&format!("{whole}}}")).unwrap()
        });
        found.push((body, shown));
    }
    found
}

#[test]
fn the_examples_of_the_readme_are_answered_as_it_says() {
    let classifier = Classifier::embedded();
    let examples = examples();
    assert!(examples.iter().any(|(_, shown)| shown.is_some()), "{examples:?}");
    for (body, shown) in examples {
        let comment = Comment::from_json(body.as_bytes()).unwrap_or_else(|error| panic!("{body}: {error}"));
        let verdict = classifier.judge(&comment);
        let Some(shown) = shown else { continue };
        assert_eq!(shown["verdict"], verdict.decision.name(), "{body}");
        assert_eq!(shown["queue"].as_str(), verdict.queue.map(hamgate::verdict::Queue::name), "{body}");
    }
}

#[test]
fn the_systemd_unit_sets_the_allocator_up_as_the_image_does() {
    let image = include_str!("../../Dockerfile");
    let unit = include_str!("../../integrations/systemd/hamgate.service");
    let tunables = |text: &'static str, before: &str| text.lines().find_map(|line| line.strip_prefix(before));
    let of_image = tunables(image, "ENV GLIBC_TUNABLES=");
    assert!(of_image.is_some());
    assert_eq!(tunables(unit, "Environment=GLIBC_TUNABLES="), of_image);
}
