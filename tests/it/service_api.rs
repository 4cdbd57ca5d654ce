use hamgate::config::ServeConfig;
use hamgate::store::StoreOptions;
use serde_json::{Value, json};

use crate::support::{ADMIN_TOKEN, Blog, HAM, KEY, SPAM, TestServer, config, shipped_model};

#[tokio::test]
async fn the_probes_say_that_it_lives_and_that_it_can_judge() {
    let server = TestServer::start().await;
    let health: Value = server.get("/healthz").await.json().await.unwrap();
    assert_eq!(health, json!({"status": "ok"}));
    let ready: Value = server.get("/readyz").await.json().await.unwrap();
    assert_eq!(ready, json!({"status": "ready", "model": shipped_model().generic().id().as_str()}));
}

#[tokio::test]
async fn the_card_of_the_model_is_there_to_read() {
    let server = TestServer::start().await;
    let model: Value = server.get("/v1/model").await.json().await.unwrap();
    assert_eq!(model["model"], server.check(HAM).await["model"]);
    let card = serde_json::to_string(shipped_model().generic().card()).unwrap();
    assert_eq!(model["card"], serde_json::from_str::<Value>(&card).unwrap());
}

#[tokio::test]
async fn head_gets_the_head_of_what_get_gets() {
    let server = TestServer::start().await;
    for path in ["/healthz", "/readyz", "/v1/model", "/openapi.json"] {
        let get = server.get(path).await;
        let head = server.request("HEAD", path).send().await.unwrap();
        assert_eq!(head.status(), 200);
        assert_eq!(head.headers()["content-length"], get.headers()["content-length"], "{path}");
        assert!(head.bytes().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn metrics_count_verdicts_responses_and_time() {
    let server = TestServer::start().await;
    server.check(HAM).await;
    server.check(SPAM).await;
    server.batch(&format!("{HAM}\n{HAM}\n")).await;
    server.post("/v1/check", "{}").await;
    assert_eq!(server.metric("hamgate_verdicts_total{decision=\"approve\",queue=\"\"}").await, 3.0);
    assert_eq!(server.metric("hamgate_responses_total{status=\"422\"}").await, 1.0);
    assert_eq!(server.metric("hamgate_request_duration_seconds_count{route=\"/v1/check\"}").await, 3.0);
    assert!(server.metric("hamgate_request_duration_seconds_sum{route=\"/v1/check\"}").await > 0.0);
    assert!(server.metric("hamgate_connections_open").await >= 1.0);
    assert_eq!(server.metric("hamgate_panics_total").await, 0.0);
    let id = shipped_model().generic().id().to_string();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(server.metric(&format!("hamgate_service_info{{version=\"{version}\",model=\"{id}\"}}")).await, 1.0);
    let response = server.get("/metrics").await;
    assert!(response.headers()["content-type"].to_str().unwrap().starts_with("application/openmetrics-text"));
    assert!(response.text().await.unwrap().ends_with("# EOF\n"));
}

#[tokio::test]
async fn the_openapi_document_is_true_of_every_path_and_example() {
    // With a store, which the submits need, and without keys.
    let blog = Blog::open().await;
    let server = &blog.server;
    let document: Value = server.get("/openapi.json").await.json().await.unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let schemas = &document["components"]["schemas"];
    let decision = correctable(server).await;
    let mut called = 0;
    let mut names = std::collections::HashSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            assert!(names.insert(operation["operationId"].to_string()), "{method} {path} has the name of another");
            let responses = &operation["responses"];
            for query in ["", "?explain=true"] {
                for (media_type, example) in examples(operation) {
                    let mut request = server.request(&method.to_uppercase(), &format!("{path}{query}"));
                    if let Some(media_type) = &media_type {
                        let body = example.replace("0123456789abcdef0123456789abcdef", &decision);
                        request = request.header("content-type", media_type).body(body);
                    }
                    if operation["security"][0].get("admin").is_some() {
                        request = request.header("authorization", format!("Bearer {ADMIN_TOKEN}"));
                    }
                    let response = request.send().await.unwrap();
                    let described = &responses[response.status().as_str()]["content"];
                    assert_eq!(response.status(), 200, "{method} {path}");
                    let media_type = response.headers()["content-type"].to_str().unwrap().to_owned();
                    let schema = &described[&media_type]["schema"];
                    assert!(schema.is_object(), "{path} answers {media_type}, which is not described: {described}");
                    let body = response.text().await.unwrap();
                    if media_type == "application/json" {
                        conforms(&serde_json::from_str(&body).unwrap(), schema, schemas).unwrap();
                    } else if media_type == "application/x-ndjson" {
                        for line in body.lines() {
                            conforms(&serde_json::from_str(line).unwrap(), &schemas["BatchLine"], schemas).unwrap();
                        }
                    }
                    called += 1;
                }
            }
            for (status, response) in responses.as_object().unwrap() {
                for (media_type, content) in response["content"].as_object().unwrap() {
                    if let Some(example) = content.get("example").filter(|example| example.is_object()) {
                        conforms(example, &content["schema"], schemas)
                            .unwrap_or_else(|why| panic!("{path} {status}: {why}"));
                    }
                    let of_akismet = media_type == "text/plain; charset=utf-8" && path.starts_with("/1.");
                    assert!(status.as_str() < "400" || media_type == "application/problem+json" || of_akismet);
                }
            }
        }
    }
    assert!(called >= 40, "{called}");
}

#[tokio::test]
async fn refusals_have_the_documented_shape_and_status() {
    let server = TestServer::start().await;
    let document: Value = server.get("/openapi.json").await.json().await.unwrap();
    let schemas = &document["components"]["schemas"];
    for (body, media_type) in [("{}", "application/json"), ("x", "application/json"), ("{}", "text/csv")] {
        let response = server.post_as("/v1/check", media_type, body).await;
        let described = &document["paths"]["/v1/check"]["post"]["responses"][response.status().as_str()];
        assert!(described.is_object(), "{} is not described", response.status());
        conforms(&response.json().await.unwrap(), &schemas["Problem"], schemas).unwrap();
    }
}

#[tokio::test]
async fn every_path_that_may_be_asked_too_often_says_so_in_the_document() {
    let limit = ServeConfig { max_requests_per_key: "1/h".parse().unwrap(), ..config() };
    let blog = Blog::with(limit, StoreOptions::default()).await;
    let server = &blog.server;
    let document: Value = server.get("/openapi.json").await.json().await.unwrap();
    let mut refused = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let (media_type, example) = examples(operation).remove(0);
            let mut answered = 200;
            for _ in 0..2 {
                let query = if path.starts_with("/1.") { format!("?api_key={KEY}") } else { String::new() };
                let mut request = server.request(&method.to_uppercase(), &format!("{path}{query}")).bearer_auth(KEY);
                if let Some(media_type) = &media_type {
                    request = request.header("content-type", media_type).body(example.clone());
                }
                let response = request.send().await.unwrap();
                answered = response.status().as_u16();
                if answered == 429 {
                    let described = &operation["responses"]["429"];
                    let media_type = response.headers()["content-type"].to_str().unwrap();
                    assert!(described["content"][media_type].is_object(), "{method} {path} does not say so");
                    assert!(described["headers"]["Retry-After"].is_object(), "{method} {path}");
                }
            }
            let described = operation["responses"].get("429").is_some();
            assert_eq!(answered == 429, described, "{method} {path}: {answered}");
            refused += usize::from(described);
        }
    }
    assert!(refused >= 15, "{refused}");
}

/// The name of a decision that was corrected more often than anybody will take back.
async fn correctable(server: &TestServer) -> String {
    let decision = server.check(HAM).await["decision"].as_str().unwrap().to_owned();
    for label in ["ham", "spam", "ham", "spam"] {
        let correction = json!({"decision": decision, "label": label});
        assert_eq!(server.post("/v1/feedback", correction.to_string()).await.status(), 200);
    }
    decision
}

/// The bodies an operation shows, with their media type; an operation without a body is called once.
fn examples(operation: &Value) -> Vec<(Option<String>, String)> {
    let Some(contents) = operation["requestBody"]["content"].as_object() else {
        return vec![(None, String::new())];
    };
    let mut examples = Vec::new();
    for (media_type, content) in contents {
        for example in content["examples"].as_object().expect("every body has examples").values() {
            let value = &example["value"];
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            examples.push((Some(media_type.clone()), text));
        }
    }
    examples
}

/// Whether a value has the shape of a schema: types, required and unknown properties, words of an enum, bounds.
fn conforms(value: &Value, schema: &Value, schemas: &Value) -> Result<(), String> {
    if let Some(name) = schema["$ref"].as_str() {
        return conforms(value, &schemas[name.rsplit('/').next().unwrap()], schemas);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let fitting = choices.iter().filter(|choice| conforms(value, choice, schemas).is_ok()).count();
        return if fitting == 1 { Ok(()) } else { Err(format!("{fitting} of {schema} fit {value}")) };
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(many) => many.iter().map(|one| one.as_str().unwrap()).collect(),
        _ => return Err(format!("no type in {schema}")),
    };
    let is = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(n) if n.is_f64() || types.contains(&"number") => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    if !types.contains(&is) {
        return Err(format!("{value} is not of {types:?}"));
    }
    if schema["enum"].as_array().is_some_and(|words| !words.contains(value)) {
        return Err(format!("{value} is none of {}", schema["enum"]));
    }
    let outside = |number: f64| {
        schema["minimum"].as_f64().is_some_and(|least| number < least)
            || schema["maximum"].as_f64().is_some_and(|most| number > most)
    };
    if value.as_f64().is_some_and(outside) {
        return Err(format!("{value} is out of the bounds of {schema}"));
    }
    for item in value.as_array().into_iter().flatten() {
        conforms(item, &schema["items"], schemas)?;
    }
    if let (Some(object), Some(properties)) = (value.as_object(), schema["properties"].as_object()) {
        for name in schema["required"].as_array().into_iter().flatten() {
            if !object.contains_key(name.as_str().unwrap()) {
                return Err(format!("{name} is missing in {value}"));
            }
        }
        for (name, value) in object {
            let property = properties.get(name).ok_or_else(|| format!("{name} is not described"))?;
            conforms(value, property, schemas)?;
        }
    }
    Ok(())
}
