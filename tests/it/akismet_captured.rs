use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Blog, Raw};

/// Every captured request and what its client must be answered. `thanks NN` is the thanks for correcting the decision
/// that request NN of the same client was answered with.
const EXPECTED: &str = "
akismet.py-25.10.1/01-verify-key                              valid
akismet.py-25.10.1/02-verify-key-invalid                      invalid
akismet.py-25.10.1/03-comment-check-ham                       ham
akismet.py-25.10.1/04-comment-check-spam                      spam
akismet.py-25.10.1/05-comment-check-invalid                   invalid
akismet.py-25.10.1/06-submit-spam                             thanks 04
akismet.py-25.10.1/07-submit-ham                              thanks 03
node-akismet-2.0.7/01-verify-key                              valid
node-akismet-2.0.7/02-verify-key-invalid                      invalid
node-akismet-2.0.7/03-comment-check-ham                       ham
node-akismet-2.0.7/04-comment-check-spam                      spam
node-akismet-2.0.7/05-submit-spam                             thanks 04
node-akismet-2.0.7/06-submit-ham                              thanks 03
node-akismet-api-6.0.0/01-verify-key                          valid
node-akismet-api-6.0.0/02-verify-key-invalid                  invalid
node-akismet-api-6.0.0/03-comment-check-ham                   ham
node-akismet-api-6.0.0/04-comment-check-spam                  spam
node-akismet-api-6.0.0/05-comment-check-invalid               invalid
node-akismet-api-6.0.0/06-submit-spam                         thanks 04
node-akismet-api-6.0.0/07-submit-ham                          thanks 03
node-cedx-akismet-16.2.1/01-verify-key                        valid
node-cedx-akismet-16.2.1/02-verify-key-invalid                invalid
node-cedx-akismet-16.2.1/03-comment-check-ham                 ham
node-cedx-akismet-16.2.1/04-comment-check-spam                spam
node-cedx-akismet-16.2.1/05-comment-check-invalid             invalid
node-cedx-akismet-16.2.1/06-submit-spam                       thanks 04
node-cedx-akismet-16.2.1/07-submit-ham                        thanks 03
pykismet3-0.1.1/01-comment-check-ham                          ham
pykismet3-0.1.1/02-comment-check-spam                         spam
pykismet3-0.1.1/03-comment-check-invalid                      invalid
pykismet3-0.1.1/04-submit-spam                                thanks 02
pykismet3-0.1.1/05-submit-ham                                 thanks 01
python-akismet-0.4.3/01-comment-check-ham                     ham
python-akismet-0.4.3/02-comment-check-spam                    spam
python-akismet-0.4.3/03-comment-check-invalid                 invalid
python-akismet-0.4.3/04-submit-spam                           thanks 02
python-akismet-0.4.3/05-submit-ham                            thanks 01
wordpress-6.1.9-akismet-5.0.2/01-verify-key                   valid
wordpress-6.1.9-akismet-5.0.2/02-verify-key-invalid           invalid
wordpress-6.1.9-akismet-5.0.2/03-comment-check-ham            ham
wordpress-6.1.9-akismet-5.0.2/04-comment-check-spam           spam
wordpress-6.1.9-akismet-5.0.2/05-comment-check-reply          ham
wordpress-6.1.9-akismet-5.0.2/06-comment-check-discard        spam
wordpress-6.1.9-akismet-5.0.2/07-comment-check-administrator  ham
wordpress-6.1.9-akismet-5.0.2/08-comment-check-trackback      judged
wordpress-6.1.9-akismet-5.0.2/09-submit-spam                  thanks 03
wordpress-6.1.9-akismet-5.0.2/10-submit-ham                   thanks 03
wordpress-6.1.9-akismet-5.0.2/11-submit-ham-of-caught-spam    thanks 04
wordpress-6.1.9-akismet-5.0.2/12-comment-check-recheck        ham
wordpress-6.1.9-akismet-5.0.2/13-get-subscription             subscription
wordpress-6.1.9-akismet-5.0.2/14-get-stats-6-months           stats
wordpress-6.1.9-akismet-5.0.2/15-get-stats-all                stats
wordpress-6.1.9-akismet-5.0.2/16-test                         connected
wordpress-6.8.7-akismet-5.5/01-verify-key                     valid
wordpress-6.8.7-akismet-5.5/02-verify-key-invalid             invalid
wordpress-6.8.7-akismet-5.5/03-comment-check-ham              ham
wordpress-6.8.7-akismet-5.5/04-comment-check-spam             spam
wordpress-6.8.7-akismet-5.5/05-comment-check-reply            ham
wordpress-6.8.7-akismet-5.5/06-comment-check-discard          spam
wordpress-6.8.7-akismet-5.5/07-comment-check-administrator    ham
wordpress-6.8.7-akismet-5.5/08-comment-check-trackback        judged
wordpress-6.8.7-akismet-5.5/09-submit-spam                    thanks 03
wordpress-6.8.7-akismet-5.5/10-submit-ham                     thanks 03
wordpress-6.8.7-akismet-5.5/11-submit-ham-of-caught-spam      thanks 04
wordpress-6.8.7-akismet-5.5/12-comment-check-recheck          ham
wordpress-6.8.7-akismet-5.5/13-get-subscription               subscription
wordpress-6.8.7-akismet-5.5/14-get-stats-6-months             stats
wordpress-6.8.7-akismet-5.5/15-get-stats-all                  stats
wordpress-6.8.7-akismet-5.5/16-test                           connected
wordpress-6.8.7-akismet-5.5/17-token                          token
wordpress-6.8.7-akismet-5.5/18-compatible-plugins             plugins
wordpress-6.8.7-form-sent-by-chromium/01-comment-check        ham
wordpress-6.8.7-form-sent-by-chromium/02-submit-spam          thanks 01
wordpress-6.8.7-without-php-curl/01-verify-key                valid
wordpress-6.8.7-without-php-curl/02-comment-check             ham
";

fn expected() -> BTreeMap<&'static str, &'static str> {
    EXPECTED.lines().filter_map(|line| line.split_once(' ')).map(|(name, said)| (name, said.trim())).collect()
}

/// Requests that are not in the table would prove nothing by passing.
fn captured(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for client in fs::read_dir(folder).unwrap().filter_map(Result::ok).filter(|entry| entry.path().is_dir()) {
        for file in fs::read_dir(client.path()).unwrap().filter_map(Result::ok) {
            let path = file.path();
            if path.extension().is_some_and(|ending| ending == "http") {
                let client = client.file_name().into_string().unwrap();
                names.push(format!("{client}/{}", path.file_stem().unwrap().to_str().unwrap()));
            }
        }
    }
    names.sort();
    names
}

#[tokio::test]
async fn every_captured_request_gets_an_answer_that_its_client_accepts() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/clients/captured");
    if !folder.is_dir() {
        println!("skipped: the captured requests are not beside the repository, in ../shared/clients/captured");
        return;
    }
    let expected = expected();
    assert_eq!(captured(&folder), expected.keys().map(ToString::to_string).collect::<Vec<_>>());
    let mut client: Option<(&str, Blog)> = None;
    let mut guids = HashSet::new();
    let mut of_client = BTreeMap::new();
    for (name, expected) in expected {
        let (of, file) = name.split_once('/').unwrap();
        if client.as_ref().is_none_or(|(current, _)| *current != of) {
            client = Some((of, Blog::start().await));
            of_client.clear();
        }
        let (_, blog) = client.as_ref().unwrap();
        let bytes = fs::read(folder.join(format!("{name}.http"))).unwrap();
        let mut raw = Raw::connect(blog.server.address()).await;
        raw.send(bytes).await;
        let answer = raw.answer().await;
        assert_eq!(answer.status, 200, "{name}: {answer:?}");
        assert_eq!(answer.header("content-length"), answer.body.len().to_string(), "{name}");
        for never in ["transfer-encoding", "x-akismet-pro-tip", "x-akismet-alert-code"] {
            assert_eq!(answer.header(never), "", "{name}");
        }
        assert_eq!(!answer.header("x-akismet-debug-help").is_empty(), expected == "invalid", "{name}: {answer:?}");
        if file.contains("comment-check") {
            let guid = answer.header("x-akismet-guid").to_owned();
            assert!(guid.len() == 32 && guids.insert(guid.clone()), "{name}: {answer:?}");
            of_client.insert(file[..2].to_owned(), guid);
        }
        let (word, position) = expected.split_once(' ').unwrap_or((expected, ""));
        let json = || serde_json::from_str::<Value>(&answer.body).unwrap_or_else(|_| panic!("{name}: {answer:?}"));
        match word {
            "ham" => assert_eq!((answer.body.as_str(), answer.header("x-akismet-error")), ("false", ""), "{name}"),
            "spam" => assert_eq!((answer.body.as_str(), answer.header("x-akismet-error")), ("true", ""), "{name}"),
            // What the model makes of it is its own business.
            "judged" => assert!(
                matches!(
                    (answer.body.as_str(), answer.header("x-akismet-error")),
                    ("false", "" | "hold") | ("true", "")
                ),
                "{name}: {answer:?}"
            ),
            "thanks" => {
                assert_eq!(answer.body, "Thanks for making the web a better place.", "{name}");
                assert_eq!(
                    Some(answer.header("x-hamgate-decision")),
                    of_client.get(position).map(String::as_str),
                    "{name}"
                );
            }
            "subscription" => assert_eq!(json()["status"], "active"),
            "stats" => assert!(json()["spam"].is_u64() && json()["accuracy"].is_string(), "{name}: {answer:?}"),
            "token" => assert!(!answer.body.is_empty()),
            "plugins" => assert!(json().is_array()),
            word => assert_eq!(answer.body, word, "{name}"),
        }
    }
}
