//! The yardstick of `benches/http/run`: a server that does everything `POST /v1/check` does except judging.
//!
//! The same accept loop, limits and time-outs, the same parser, and the plainest filters warp offers: the body is
//! collected by `warp::body::bytes`, read as a [`Comment`], and answered with bytes that were ready at the start. It
//! counts nothing, logs nothing and looks at no header, so the distance to it is the price of *everything* that makes
//! the route a service, not of the arithmetic alone.
//!
//! `http-constant ADDRESS` serves until it is killed. It is an example and no hidden route, so that the product holds
//! nothing but the product.

use std::error::Error;
use std::net::SocketAddr;

use hamgate::comment::Comment;
use hamgate::config::ServeConfig;
use hamgate::http::{App, Parts, Server};
use hamgate::model::Classifier;
use hamgate::moderator::Moderator;
use warp::Filter as _;
use warp::filters::BoxedFilter;
use warp::http::StatusCode;
use warp::http::header::{CONTENT_TYPE, HeaderValue};
use warp::hyper::body::Bytes;
use warp::reply::Response;

/// As long as a real answer, and of its form.
const ANSWER: &[u8] =
    br#"{"id":null,"verdict":"approve","queue":null,"spam_probability":0.0312345678901234,"model":"0123456789ab"}"#;

fn main() -> Result<(), Box<dyn Error>> {
    let address: SocketAddr = std::env::args().nth(1).ok_or("usage: http-constant ADDRESS")?.parse()?;
    let config = ServeConfig { listen: address, ..ServeConfig::default() };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(config.threads.get()).enable_all().build()?;
    runtime.block_on(async {
        // The loop takes its limits and counters from an `App`, and an `App` has a model; nobody asks it here.
        let app = App::new(&config, Parts::new(Moderator::new(Classifier::embedded())));
        Server::bind_routes(app, routes()).await?.run_until(std::future::pending()).await;
        Ok(())
    })
}

fn routes() -> BoxedFilter<(Response,)> {
    let check = warp::path!("v1" / "check")
        .and(warp::post())
        .and(warp::body::content_length_limit(64 * 1024))
        .and(warp::body::bytes())
        .map(|body: Bytes| match Comment::from_json(&body) {
            Ok(comment) => {
                // What was parsed must not be optimised away.
                std::hint::black_box(comment);
                answer(StatusCode::OK, ANSWER)
            }
            Err(_) => answer(StatusCode::UNPROCESSABLE_ENTITY, b"{}"),
        });
    let ready = warp::path!("readyz").map(|| answer(StatusCode::OK, b"{}"));
    check.or(ready).unify().boxed()
}

fn answer(status: StatusCode, body: &'static [u8]) -> Response {
    let mut response = Response::new(Bytes::from_static(body).into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
