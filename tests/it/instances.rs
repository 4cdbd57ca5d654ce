use std::time::Instant;

use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::support::{FOREVER, Postgres, Program, Schema};
use crate::workshop::{Workshop, hamgate};

const OFFER: &str = "Wir verlegen Parkett in Kamenz, Angebote kostenlos und unverbindlich";

/// One of the programs behind the balancer.
struct Instance {
    program: Program,
    client: reqwest::Client,
}

impl Instance {
    /// Starts so many at the same moment.
    async fn start<const N: usize>(store: &str) -> [Self; N] {
        let starting = [(); N].map(|()| {
            let store = store.to_owned();
            spawn_blocking(move || Program::start(&store))
        });
        let programs = futures_util::future::join_all(starting).await.into_iter();
        let instances = programs.map(|program| Instance { program: program.unwrap(), client: reqwest::Client::new() });
        instances.collect::<Vec<_>>().try_into().unwrap_or_else(|_| unreachable!("as many as were started"))
    }

    async fn get(&self, path: &str) -> reqwest::Response {
        self.client.get(format!("{}{path}", self.program.origin())).send().await.unwrap()
    }

    async fn post(&self, path: &str, body: Value) -> reqwest::Response {
        let request = self.client.post(format!("{}{path}", self.program.origin())).body(body.to_string());
        request.header("content-type", "application/json").send().await.unwrap()
    }

    /// The whole verdict, with its reasons; it is not remembered.
    async fn verdict(&self, content: &str) -> Value {
        let path = "/v1/check?site=blog.example&explain=true&remember=false";
        let response = self.post(path, json!({"content": content})).await;
        assert_eq!(response.status(), StatusCode::OK);
        response.json().await.unwrap()
    }

    /// The name of a decision that is remembered.
    async fn decide(&self, content: &str) -> String {
        let response = self.post("/v1/check?site=blog.example", json!({"content": content})).await;
        assert_eq!(response.status(), StatusCode::OK);
        response.json::<Value>().await.unwrap()["decision"].as_str().unwrap().to_owned()
    }

    async fn say(&self, content: &str, label: &str) -> StatusCode {
        let body = json!({"comment": {"content": content}, "label": label});
        self.post("/v1/feedback?site=blog.example", body).await.status()
    }

    async fn correct(&self, decision: &str, label: &str) -> StatusCode {
        self.post("/v1/feedback", json!({"decision": decision, "label": label})).await.status()
    }
}

/// Waits until something holds, and says how long that took.
async fn soon(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    timeout(FOREVER, waiting).await.unwrap_or_else(|_| panic!("{what} in time"));
    println!("{what} after {:?}", begun.elapsed());
}

/// Waits until all judge as the first one does, to the last digit of every reason.
async fn agree(what: &str, instances: &[Instance], content: &str) -> Value {
    let expected = instances[0].verdict(content).await;
    for other in &instances[1..] {
        soon(what, async || other.verdict(content).await == expected).await;
    }
    expected
}

/// What is in service before a `+`: the model that was trained.
fn trained(verdict: &Value) -> String {
    verdict["model"].as_str().unwrap().split('+').next().unwrap().to_owned()
}

/// The command line on the same store.
async fn run(args: &[&str], store: &str) -> String {
    let mut command = hamgate();
    command.args(args).args(["--store", store]);
    let output = spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{told}");
    told
}

/// What all stores that can be shared have to live up to.
async fn tale_of_two(store: &str) {
    let instances: [Instance; 2] = Instance::start(store).await;
    let [one, other] = &instances;
    let unlearned = one.verdict(OFFER).await;
    assert_eq!(other.verdict(OFFER).await, unlearned);
    let generic = trained(&unlearned);

    assert_eq!(one.say(OFFER, "spam").await, StatusCode::OK);
    let learned = agree("the other one learns what the first was told", &instances, OFFER).await;
    assert_eq!(learned["model"], format!("{generic}+1"));
    assert!(learned["spam_probability"].as_f64() > unlearned["spam_probability"].as_f64());

    // A decision of one is corrected at the other, and from the terminal.
    let decision = other.decide("Parkett und Dielen, auch am Wochenende").await;
    soon("a decision is known to both", async || one.correct(&decision, "spam").await == StatusCode::OK).await;
    run(&["label", &decision, "ham"], store).await;
    for instance in &instances {
        soon("a word from the terminal is learned", async || {
            instance.verdict(OFFER).await["model"] == format!("{generic}+3")
        })
        .await;
    }
    agree("both agree", &instances, OFFER).await;

    for (n, word) in ["Leim", "Eiche", "Staub", "Kante", "Fuge", "Wachs", "Diele", "Hobel"].iter().enumerate() {
        let honest = format!("Danke, mit {word} hat es bei uns in Raum {word} gut gehalten");
        assert_eq!(instances[n % 2].say(&honest, "ham").await, StatusCode::OK);
    }
    run(&["train"], store).await;
    for instance in &instances {
        soon("a model trained elsewhere is in service", async || trained(&instance.verdict(OFFER).await) != generic)
            .await;
    }
    let own = agree("both judge by the model", &instances, OFFER).await;
    let [late]: [Instance; 1] = Instance::start(store).await;
    assert_eq!(late.verdict(OFFER).await, own, "who starts now judges by it as they do");
    drop(late);

    run(&["rollback", "blog.example"], store).await;
    for instance in &instances {
        soon("the model before is in service again", async || trained(&instance.verdict(OFFER).await) == generic).await;
    }
    let back = agree("both judge by the one before", &instances, OFFER).await;
    assert_ne!(back["model"], own["model"]);
    assert_eq!(back["spam_probability"], unlearned["spam_probability"]);

    // They go on learning, and one of them alone is the service as well.
    assert_eq!(other.say("Parkett schleifen ohne Staub, jetzt buchen", "spam").await, StatusCode::OK);
    let [one, other] = instances;
    let instances = [other, one];
    agree("the first one learns what the other was told", &instances, OFFER).await;
    let [other, one] = instances;
    let last = other.verdict(OFFER).await;
    drop(one);
    assert_eq!(other.say("Laminat günstig vom Fachmann", "spam").await, StatusCode::OK);
    let [late]: [Instance; 1] = Instance::start(store).await;
    assert_eq!(late.verdict(OFFER).await, other.verdict(OFFER).await, "who comes later knows what the others know");
    assert_ne!(late.verdict(OFFER).await["model"], last["model"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_programs_on_one_postgresql_judge_by_what_either_was_told_and_by_what_was_trained_anywhere() {
    let Some(postgres) = Postgres::shared() else { return };
    tale_of_two(&postgres.schema().await.url).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_programs_on_one_sqlite_file_do_the_same() {
    let workshop = Workshop::new();
    tale_of_two(workshop.path("store.sqlite").to_str().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn they_do_the_same_where_no_notification_arrives() {
    // A server of its own: on a shared one, the notifications of other tests arrive.
    let Some(postgres) = Postgres::start_if_installed() else { return };
    let schema = postgres.schema().await;
    let mut connection = schema.connect().await;
    // Found before the one of PostgreSQL, it keeps to itself what it is told.
    let mute = "CREATE TABLE unheard (channel TEXT); CREATE FUNCTION pg_notify(TEXT, TEXT) RETURNS VOID \
                AS 'INSERT INTO unheard VALUES ($1)' LANGUAGE sql";
    sqlx::raw_sql(AssertSqlSafe(mute)).execute(&mut connection).await.unwrap();
    let Schema { name, url } = &schema;
    let before = format!("search_path%3D{name}");
    tale_of_two(&url.replace(&before, &format!("{before}%2Cpg_catalog"))).await;
    let unheard: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM unheard").fetch_one(&mut connection).await.unwrap();
    assert!(unheard >= 10, "{unheard} notifications were kept back");
    connection.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_database_all_judge_and_nobody_learns_until_it_is_back() {
    let Some(mut postgres) = Postgres::start_if_installed() else { return };
    let store = postgres.schema().await.url;
    let instances: [Instance; 2] = Instance::start(&store).await;
    assert_eq!(instances[0].say(OFFER, "spam").await, StatusCode::OK);
    let learned = agree("both have learned", &instances, OFFER).await;

    postgres.stop();
    let mut decisions = Vec::new();
    for (n, instance) in instances.iter().enumerate() {
        assert_eq!(instance.verdict(OFFER).await, learned);
        decisions.push(instance.decide(&format!("Wer hat Erfahrung mit Kork? Frage {n}")).await);
        let refused = instance.post("/v1/feedback", json!({"comment": {"content": OFFER}, "label": "ham"})).await;
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(refused.headers().contains_key("retry-after"));
        let problem: Value = refused.json().await.unwrap();
        assert!(problem["detail"].as_str().unwrap().contains("unreachable"), "{problem}");
        let ready = instance.get("/readyz").await;
        assert_eq!(ready.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(ready.text().await.unwrap().contains("verdicts are given"));
        assert_eq!(instance.get("/healthz").await.status(), StatusCode::OK);
        assert_eq!(instance.verdict(OFFER).await, learned);
    }

    postgres.start();
    for instance in &instances {
        soon("it is ready again", async || instance.get("/readyz").await.status() == StatusCode::OK).await;
    }
    // What was decided meanwhile was kept, and each can be corrected at the other.
    for (decision, instance) in decisions.iter().zip(instances.iter().rev()) {
        soon("what was decided meanwhile is known", async || instance.correct(decision, "ham").await == StatusCode::OK)
            .await;
    }
    for (teller, content) in instances.iter().zip(["Kork günstig vom Fachmann", "Vinyl günstig vom Fachmann"]) {
        let before = teller.verdict(OFFER).await;
        assert_eq!(teller.say(content, "spam").await, StatusCode::OK);
        assert_ne!(teller.verdict(OFFER).await["model"], before["model"]);
    }
    let model = format!("{}+5", trained(&learned));
    for instance in &instances {
        soon("all of it is learned", async || instance.verdict(OFFER).await["model"] == model).await;
    }
    agree("both agree again", &instances, OFFER).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_that_start_together_on_an_empty_database_make_its_tables_once() {
    let Some(postgres) = Postgres::shared() else { return };
    let schema = postgres.schema().await;
    let instances: [Instance; 3] = Instance::start(&schema.url).await;
    let mut connection = schema.connect().await;
    let made = sqlx::query_scalar("SELECT COUNT(*) FROM _sqlx_migrations").fetch_one(&mut connection);
    let made: i64 = made.await.unwrap();
    assert_eq!(usize::try_from(made).unwrap(), std::fs::read_dir("migrations").unwrap().count());
    connection.close().await.unwrap();
    for (n, instance) in instances.iter().enumerate() {
        assert_eq!(instance.get("/readyz").await.status(), StatusCode::OK);
        assert_eq!(instance.say(&format!("{OFFER}, {n}"), "spam").await, StatusCode::OK);
    }
    for instance in &instances {
        soon("all three have learned from each", async || {
            instance.verdict(OFFER).await["model"].as_str().unwrap().ends_with("+3")
        })
        .await;
    }
    agree("all three agree", &instances, OFFER).await;
}
