//! The tale of learning: what people say has an effect at once, survives a restart, is learned by every instance, and a model can be
//! replaced while requests run.

use std::sync::Arc;
use std::time::Duration;

use hamgate::comment::{Comment, Label, LabelledComment};
use hamgate::http::{AdminToken, Parts, Server};
use hamgate::learner::{Learner, ModelSource};
use hamgate::model::{About, Classifier, OwnOptions, TrainOptions, Update, train, train_own};
use hamgate::moderator::Moderator;
use hamgate::site::Site;
use hamgate::store::{Correction, NewModel, Origin, Store, StoreLocation, StoreOptions, Target};
use serde_json::{Value, json};

use super::support::{TestServer, config};

const TOKEN: &str = "a token of enough characters";

/// A service as `hamgate serve` puts it together.
struct Instance {
    server: TestServer,
    store: Store,
    moderator: Arc<Moderator>,
}

impl Instance {
    async fn start(location: &StoreLocation, source: ModelSource) -> Self {
        let store = Store::open(location, StoreOptions::default()).await.unwrap();
        let moderator = Arc::new(Moderator::new(source.read().unwrap()));
        let (mut learner, handle) = Learner::new(source, Arc::clone(&moderator), Some(store.clone()));
        learner.catch_up().await.unwrap();
        tokio::spawn(learner.run());
        let token = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(token.path(), TOKEN).unwrap();
        let parts = Parts {
            moderator: Arc::clone(&moderator),
            store: Some(store.clone()),
            learner: Some(handle),
            admin: Some(AdminToken::read_file(token.path()).unwrap()),
        };
        let server = TestServer::of(Server::bind(&config(), parts).await.unwrap());
        Instance { server, store, moderator }
    }

    async fn check(&self, site: &str, content: &str) -> Value {
        let body = json!({"content": content}).to_string();
        self.server.post(&format!("/v1/check?site={site}&explain=true"), body).await.json().await.unwrap()
    }

    async fn probability(&self, site: &str, content: &str) -> f64 {
        self.check(site, content).await["spam_probability"].as_f64().unwrap()
    }

    async fn say(&self, site: &str, content: &str, label: &str) -> Value {
        let body = json!({"comment": {"content": content}, "label": label}).to_string();
        let response = self.server.post(&format!("/v1/feedback?site={site}"), body).await;
        assert_eq!(response.status(), 200);
        response.json().await.unwrap()
    }

    async fn reload(&self) -> reqwest::Response {
        let ask = self.server.request("POST", "/v1/admin/reload").header("authorization", format!("Bearer {TOKEN}"));
        ask.send().await.unwrap()
    }
}

fn file() -> (tempfile::TempDir, StoreLocation) {
    let folder = tempfile::tempdir().unwrap();
    let location = folder.path().join("store.sqlite").into();
    (folder, location)
}

/// Tries again until something holds, for as long as a slow machine may need.
async fn soon(mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..600 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it never came true");
}

const OFFER: &str = "Wir verlegen Parkett in Kamenz, Angebote kostenlos und unverbindlich";

#[tokio::test]
async fn a_correction_has_an_effect_at_once_for_its_site_alone_and_survives_a_restart() {
    let (_folder, location) = file();
    let first = Instance::start(&location, ModelSource::Embedded).await;
    let before = first.probability("blog.example", OFFER).await;
    let said = first.say("blog.example", OFFER, "spam").await;
    assert_eq!((&said["change"], &said["own"]), (&json!("new"), &json!({"ham": 0, "spam": 1})));
    soon(async || first.probability("blog.example", OFFER).await > before).await;
    let after = first.probability("blog.example", OFFER).await;
    assert_eq!(first.probability("other.example", OFFER).await, before);

    let (ours, others) = (first.check("blog.example", OFFER).await, first.check("other.example", OFFER).await);
    let generic = others["model"].as_str().unwrap();
    assert_eq!(ours["model"], format!("{generic}+1"));

    first.store.close().await;
    let second = Instance::start(&location, ModelSource::Embedded).await;
    assert_eq!(second.probability("blog.example", OFFER).await, after);
    assert_eq!(second.check("blog.example", OFFER).await["model"], format!("{generic}+1"));
}

#[tokio::test]
async fn a_burst_of_corrections_for_one_site_moves_no_verdict_of_others() {
    let (_folder, location) = file();
    let blog = Instance::start(&location, ModelSource::Embedded).await;
    let honest = "Danke für den Beitrag, die Reichweite unserer Kampagne ist seitdem wirklich gestiegen";
    let sites = ["other.example", "third.example"];
    blog.say("third.example", OFFER, "spam").await;
    let verdicts = async || {
        let mut found = Vec::new();
        for site in sites {
            for content in [honest, OFFER] {
                let answer = blog.check(site, content).await;
                found.push((answer["verdict"].clone(), answer["spam_probability"].clone(), answer["model"].clone()));
            }
        }
        found
    };
    let before = verdicts().await;
    let at_first = blog.probability("poisoned.example", honest).await;

    let burst = (0..60).map(|n| {
        let blog = &blog;
        async move { blog.say("poisoned.example", &format!("{honest}, Nummer {n}"), "spam").await }
    });
    futures_util::future::join_all(burst).await;

    soon(async || blog.probability("poisoned.example", honest).await > at_first).await;
    assert_eq!(verdicts().await, before);
}

#[tokio::test]
async fn what_was_taken_back_leaves_no_trace_and_a_change_of_mind_counts_once() {
    let (_folder, location) = file();
    let blog = Instance::start(&location, ModelSource::Embedded).await;
    let checked = blog.check("blog.example", OFFER).await;
    let before = checked["spam_probability"].as_f64().unwrap();
    let decision = checked["decision"].as_str().unwrap();
    let correct = async |label: &str| {
        let body = json!({"decision": decision, "label": label}).to_string();
        blog.server.post("/v1/feedback", body).await.json::<Value>().await.unwrap()
    };
    correct("spam").await;
    let spam = blog.probability("blog.example", OFFER).await;
    assert_eq!(correct("ham").await["change"], "relabelled");
    let ham = blog.probability("blog.example", OFFER).await;
    assert!(ham < before && before < spam, "{ham} {before} {spam}");
    let undo = async || blog.server.post("/v1/feedback/undo", json!({"decision": decision}).to_string()).await.status();
    assert_eq!(undo().await, 200);
    assert_eq!(blog.probability("blog.example", OFFER).await, spam);
    assert_eq!(undo().await, 200);
    assert_eq!(blog.probability("blog.example", OFFER).await, before);
}

#[tokio::test]
async fn feedback_given_to_one_instance_is_learned_by_all_on_one_sqlite_file() {
    let (_folder, location) = file();
    let one = Instance::start(&location, ModelSource::Embedded).await;
    let other = Instance::start(&location, ModelSource::Embedded).await;
    one.say("blog.example", OFFER, "spam").await;
    let learned = one.probability("blog.example", OFFER).await;
    soon(async || other.probability("blog.example", OFFER).await == learned).await;
}

fn own_rows(n: usize) -> Vec<LabelledComment> {
    (0..n)
        .map(|n| LabelledComment {
            comment: Comment::from_text(format!(
                "Bei uns hat das Parkett in Raum {n} gehalten, danke {}",
                "x".repeat(n % 9)
            ))
            .unwrap(),
            label: Label::Ham,
            source: "own".into(),
            family: None,
            split: None,
            topic: None,
        })
        .collect()
}

fn model_for_a_blog() -> Classifier {
    let options = OwnOptions { ham_held_at_most: 0.001, weight: None };
    train_own(&Classifier::embedded(), &own_rows(60)[..], &options, About::default()).unwrap().classifier
}

#[tokio::test]
async fn a_published_model_serves_its_site_until_it_is_rolled_back() {
    let (_folder, location) = file();
    let blog = Instance::start(&location, ModelSource::Embedded).await;
    let site: Site = "blog.example".parse().unwrap();
    blog.say("blog.example", OFFER, "spam").await;
    let learned = blog.check("blog.example", OFFER).await;
    let model = model_for_a_blog();
    let through = blog.store.last_change().await.unwrap();
    let new = NewModel { site: site.clone(), model: model.id().clone(), bytes: model.to_bytes(), through, at: 0 };
    // Another process would publish it by a store of its own.
    let trainer = Store::open(&location, StoreOptions::default()).await.unwrap();
    trainer.publish(new).await.unwrap();
    soon(async || blog.check("blog.example", OFFER).await["model"] == model.id().as_str()).await;
    assert_eq!(blog.check("other.example", OFFER).await["model"], Classifier::embedded().id().as_str());

    // It goes on learning on top of it.
    blog.say("blog.example", "Parkett schleifen ohne Staub, jetzt buchen", "spam").await;
    assert_eq!(blog.check("blog.example", OFFER).await["model"], format!("{}+2", model.id()));

    trainer.rollback(&site).await.unwrap();
    soon(async || blog.check("blog.example", OFFER).await["model"] == Classifier::embedded().id().as_str()).await;
    assert_ne!(learned["model"], Classifier::embedded().id().as_str());
}

#[tokio::test]
async fn what_a_model_knows_already_is_learned_a_second_time_neither_while_it_is_served_nor_after_a_restart() {
    let (_folder, location) = file();
    let store = Store::open(&location, StoreOptions::default()).await.unwrap();
    let site: Site = "blog.example".parse().unwrap();
    let (generic, own) = (Classifier::embedded(), model_for_a_blog());
    let say = async |content: &str| {
        let comment = Comment::from_text(content).unwrap();
        let target = Target::Comment { site: site.clone(), comment };
        store.correct(Correction { target, label: Label::Spam, origin: Origin::Api, at: 0 }).await.unwrap();
    };
    let learner = || {
        let moderator = Arc::new(Moderator::new(Classifier::embedded()));
        let (learner, _) = Learner::new(ModelSource::Embedded, Arc::clone(&moderator), Some(store.clone()));
        (learner, moderator)
    };
    let (mut running, judge) = learner();
    let judged_by = async |model: &Classifier, running: &mut Learner| {
        running.catch_up().await.unwrap();
        let (mut restarted, fresh) = learner();
        restarted.catch_up().await.unwrap();
        let comment = Comment::from_text(OFFER).unwrap();
        for moderator in [&judge, &fresh] {
            let judge = moderator.classifier(Some(&site));
            assert_eq!((judge.id(), judge.judge(&comment).evidence), (model.id(), model.judge(&comment).evidence));
        }
    };
    let taught = |model: &Classifier, contents: &[&str], last: i64| {
        let comments: Vec<_> = contents.iter().map(|content| Comment::from_text(*content).unwrap()).collect();
        let updates = comments.iter().map(|comment| Update { comment, before: None, after: Some(Label::Spam) });
        model.updated(model.id().with_corrections(last), updates)
    };

    // A correction, and a model that knows it, are heard of at the same time.
    judged_by(&generic, &mut running).await;
    say(OFFER).await;
    let new = NewModel { site: site.clone(), model: own.id().clone(), bytes: own.to_bytes(), through: 1, at: 0 };
    store.publish(new).await.unwrap();
    judged_by(&own, &mut running).await;

    say("Noch ein Angebot für Parkett").await;
    judged_by(&taught(&own, &["Noch ein Angebot für Parkett"], 2), &mut running).await;

    // So are a correction and a step back, and a correction after it.
    say("Angebote für Kork in Kamenz").await;
    store.rollback(&site).await.unwrap();
    say("Angebote für Laminat in Kamenz").await;
    judged_by(&taught(&generic, &["Angebote für Laminat in Kamenz"], 4), &mut running).await;
}

#[tokio::test]
async fn what_is_taken_back_after_a_rollback_is_not_taken_from_a_model_that_never_knew_it() {
    let (_folder, location) = file();
    let blog = Instance::start(&location, ModelSource::Embedded).await;
    let site: Site = "blog.example".parse().unwrap();
    let before = blog.probability("blog.example", OFFER).await;
    let other = "Estrich legen lassen, Festpreis, jetzt anrufen";
    let checked = blog.check("blog.example", OFFER).await;
    let correct = async |label: &str| {
        let body = json!({"decision": checked["decision"], "label": label}).to_string();
        assert_eq!(blog.server.post("/v1/feedback", body).await.status(), 200);
    };
    correct("spam").await;
    blog.say("blog.example", other, "spam").await;
    let model = model_for_a_blog();
    let through = blog.store.last_change().await.unwrap();
    let new = NewModel { site: site.clone(), model: model.id().clone(), bytes: model.to_bytes(), through, at: 0 };
    blog.store.publish(new).await.unwrap();
    soon(async || blog.check("blog.example", OFFER).await["model"] == model.id().as_str()).await;
    blog.store.rollback(&site).await.unwrap();
    soon(async || blog.probability("blog.example", OFFER).await == before).await;
    // The generic model never counted it as spam: taken back, it is as it was; called ham, it counts as ham once.
    let undo = json!({"decision": checked["decision"]}).to_string();
    assert_eq!(blog.server.post("/v1/feedback/undo", undo).await.status(), 200);
    assert_eq!(blog.probability("blog.example", OFFER).await, before);
    correct("ham").await;
    soon(async || blog.probability("blog.example", OFFER).await < before).await;
    let ham = blog.probability("blog.example", OFFER).await;
    let (_elsewhere, fresh) = file();
    let fresh = Instance::start(&fresh, ModelSource::Embedded).await;
    fresh.say("blog.example", OFFER, "ham").await;
    soon(async || fresh.probability("blog.example", OFFER).await == ham).await;
}

#[tokio::test]
async fn a_restart_after_a_training_or_a_rollback_changes_no_verdict() {
    let (_folder, location) = file();
    let blog = Instance::start(&location, ModelSource::Embedded).await;
    let site: Site = "blog.example".parse().unwrap();
    blog.say("blog.example", OFFER, "spam").await;
    blog.say("blog.example", "Estrich legen lassen, Festpreis", "spam").await;
    let model = model_for_a_blog();
    let through = blog.store.last_change().await.unwrap();
    let new = NewModel { site: site.clone(), model: model.id().clone(), bytes: model.to_bytes(), through, at: 0 };
    blog.store.publish(new).await.unwrap();
    soon(async || blog.check("blog.example", OFFER).await["model"] == model.id().as_str()).await;
    blog.say("blog.example", "Noch ein Angebot für Laminat", "spam").await;
    soon(async || blog.check("blog.example", OFFER).await["model"] == format!("{}+3", model.id())).await;
    let verdict = async |instance: &Instance| {
        let answer = instance.check("blog.example", OFFER).await;
        (answer["model"].clone(), answer["spam_probability"].clone())
    };
    let again = Instance::start(&location, ModelSource::Embedded).await;
    assert_eq!(verdict(&again).await, verdict(&blog).await);
    blog.store.rollback(&site).await.unwrap();
    soon(async || blog.check("blog.example", OFFER).await["model"] == Classifier::embedded().id().as_str()).await;
    let again = Instance::start(&location, ModelSource::Embedded).await;
    assert_eq!(verdict(&again).await, verdict(&blog).await);
}

#[tokio::test]
async fn what_was_imported_waits_for_a_training_and_can_still_be_corrected() {
    let (_folder, location) = file();
    let blog = Instance::start(&location, ModelSource::Embedded).await;
    let before = blog.probability("blog.example", OFFER).await;
    let target = Target::Comment { site: "blog.example".parse().unwrap(), comment: Comment::from_text(OFFER).unwrap() };
    let import = Correction { target, label: Label::Spam, origin: Origin::Import, at: 0 };
    blog.store.correct_all(vec![import]).await.unwrap();
    // Said after it, and learned: so whatever was to be learned of the import would be, too.
    blog.say("other.example", OFFER, "spam").await;
    soon(async || blog.probability("other.example", OFFER).await > before).await;
    assert_eq!(blog.probability("blog.example", OFFER).await, before);
    blog.say("blog.example", OFFER, "ham").await;
    soon(async || blog.probability("blog.example", OFFER).await < before).await;
}

#[tokio::test]
async fn a_model_in_the_store_that_cannot_be_used_is_left_and_what_served_serves_on() {
    let (_folder, location) = file();
    let blog = Instance::start(&location, ModelSource::Embedded).await;
    blog.say("blog.example", OFFER, "spam").await;
    let before = blog.check("blog.example", OFFER).await;
    let mut bytes = model_for_a_blog().to_bytes();
    *bytes.last_mut().unwrap() ^= 1;
    let site: Site = "blog.example".parse().unwrap();
    let new = NewModel { site, model: Classifier::embedded().id().clone(), bytes, through: 1, at: 0 };
    blog.store.publish(new).await.unwrap();
    blog.say("blog.example", "Noch ein Angebot für Laminat", "spam").await;
    let after = blog.check("blog.example", OFFER).await;
    let trained = |answer: &Value| answer["model"].as_str().unwrap().split('+').next().unwrap().to_owned();
    assert_eq!(trained(&before), trained(&after));
    assert!(after["spam_probability"].as_f64().unwrap() >= before["spam_probability"].as_f64().unwrap());
    // A service that starts now has nothing that served before: the shipped model, and all that people said.
    let fresh = Instance::start(&location, ModelSource::Embedded).await;
    assert_eq!(fresh.check("blog.example", OFFER).await["spam_probability"], after["spam_probability"]);
}

/// Two models that judge differently, and are small to train.
fn two_models() -> [Classifier; 2] {
    let row = |n: usize, label: Label, text: &str| LabelledComment {
        comment: Comment::from_text(format!(
            "{text} {}",
            ["alpha", "beta", "gamma", "delta", "omega"][n % 5].repeat(1 + n / 5)
        ))
        .unwrap(),
        label,
        source: "tiny".into(),
        family: None,
        split: None,
        topic: None,
    };
    let rows = |spam: &str, ham: &str| -> Vec<LabelledComment> {
        (0..20).flat_map(|n| [row(n, Label::Spam, spam), row(n, Label::Ham, ham)]).collect()
    };
    [("casino bonus", "thanks friend"), ("thanks friend", "casino bonus")]
        .map(|(spam, ham)| train(&rows(spam, ham)[..], &TrainOptions::default(), About::default()).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_model_is_swapped_fifty_times_no_answer_fails_or_is_mixed() {
    let (_folder, location) = file();
    let models = two_models();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.hamgate");
    models[0].save(&path).unwrap();
    let service = Instance::start(&location, ModelSource::File(path.clone())).await;
    let comment = Comment::from_text("thanks friend, casino bonus").unwrap();
    let expected: Vec<(String, f64, f64)> = models
        .iter()
        .map(|model| {
            let (verdict, explanation) = model.explain(&comment);
            let strongest = explanation.clues[0].log_odds.0;
            (model.id().to_string(), verdict.spam_probability.value(), strongest)
        })
        .collect();
    assert_ne!(expected[0].1, expected[1].1);
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let url = service.server.url("/v1/check?explain=true&remember=false");
    let asking: Vec<_> = (0..4)
        .map(|_| {
            let (stop, url, expected) = (Arc::clone(&stop), url.clone(), expected.clone());
            tokio::spawn(async move {
                let client = reqwest::Client::new();
                let mut answers = [0_u32; 2];
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    let body = json!({"content": "thanks friend, casino bonus"}).to_string();
                    let ask = client.post(&url).header("content-type", "application/json").body(body);
                    let answer: Value = ask.send().await.unwrap().json().await.unwrap();
                    let which = expected.iter().position(|(id, ..)| answer["model"] == **id).unwrap();
                    assert_eq!(answer["spam_probability"].as_f64().unwrap(), expected[which].1);
                    // The strongest reason is the strongest clue, or several of one kind together.
                    let strongest = answer["reasons"][0]["log_odds"].as_f64().unwrap();
                    assert_eq!(strongest > 0.0, expected[which].2 > 0.0, "{answer}");
                    answers[which] += 1;
                }
                answers
            })
        })
        .collect();
    for swap in 1..=50 {
        models[swap % 2].save(&path).unwrap();
        let answer = service.reload().await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.json::<Value>().await.unwrap()["model"], models[swap % 2].id().as_str());
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    let mut total = [0; 2];
    for task in asking {
        let answers = task.await.unwrap();
        total = [total[0] + answers[0], total[1] + answers[1]];
    }
    assert!(total.iter().all(|n| *n > 0), "{total:?}");
}

#[tokio::test]
async fn a_bad_file_never_replaces_a_working_model_and_the_answer_says_why() {
    let (_folder, location) = file();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.hamgate");
    let [good, other] = two_models();
    good.save(&path).unwrap();
    let service = Instance::start(&location, ModelSource::File(path.clone())).await;
    std::fs::write(&path, &other.to_bytes()[..5000]).unwrap();
    let answer = service.reload().await;
    assert_eq!(answer.status(), 409);
    let problem: Value = answer.json().await.unwrap();
    assert!(problem["detail"].as_str().unwrap().contains("ends too early"), "{problem}");
    assert_eq!(service.moderator.generic().id(), good.id());
    // The right file is taken by its name alone, without anybody asking.
    other.save(&path).unwrap();
    soon(async || service.moderator.generic().id() == other.id()).await;
}

#[tokio::test]
async fn only_the_admin_token_reloads() {
    let (_folder, location) = file();
    let service = Instance::start(&location, ModelSource::Embedded).await;
    let key = service.store.add_key(&"blog.example".parse().unwrap()).await.unwrap().reveal();
    for header in
        [None, Some("Bearer wrong wrong wrong wrong".to_owned()), Some(format!("Bearer {key}")), Some(TOKEN.to_owned())]
    {
        let ask = service.server.request("POST", "/v1/admin/reload");
        let ask = match &header {
            Some(header) => ask.header("authorization", header),
            None => ask,
        };
        assert_eq!(ask.send().await.unwrap().status(), 401, "{header:?}");
    }
    assert_eq!(service.reload().await.status(), 200);
}

#[tokio::test]
async fn what_was_learned_is_learned_again_on_a_new_generic_model() {
    let (_folder, location) = file();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.hamgate");
    let [first, second] = two_models();
    first.save(&path).unwrap();
    let service = Instance::start(&location, ModelSource::File(path.clone())).await;
    service.say("blog.example", "thanks friend", "spam").await;
    let site: Site = "blog.example".parse().unwrap();
    second.save(&path).unwrap();
    assert_eq!(service.reload().await.status(), 200);
    let learned = service.moderator.classifier(Some(&site));
    assert_eq!(learned.id().as_str(), format!("{}+1", second.id()));
    let comment = Comment::from_text("thanks friend").unwrap();
    let updates = [Update { comment: &comment, before: None, after: Some(Label::Spam) }];
    assert_eq!(learned.judge(&comment).evidence, second.updated(second.id().clone(), updates).judge(&comment).evidence);
}
