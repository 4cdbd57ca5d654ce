//! What the tests share: the model, a server, and a client that can misbehave.

mod blog;
pub mod isso;
mod log;
mod model;
mod postgres;
mod program;
mod raw;
mod server;

pub use blog::{ADMIN_TOKEN, Blog, KEY, REQUIRED, Said, WORDPRESS};
pub use log::Log;
pub use model::{shipped_model, shipped_model_bytes};
pub use postgres::{Postgres, Schema, runtime};
pub use program::Program;
pub use raw::{Answer as RawAnswer, Raw, chunk, post, post_chunked};
pub use server::{TestServer, config, span};

use std::time::Duration;

/// Far longer than anything takes; a test that waits for it has failed.
pub const FOREVER: Duration = Duration::from_secs(60);

/// A comment nobody would hold.
pub const HAM: &str =
    r#"{"content":"Thank you for this article, the part about backups helped me a lot. Greetings from Kiel"}"#;

/// A comment nobody would publish.
pub const SPAM: &str = r#"{"content":"BUY CHEAP VIAGRA casino bonus http://pills.example http://casino.example Click here now!!!","author":"Best Casino Bonus"}"#;

/// A body of `length` bytes in all that is a comment.
pub fn comment_of(length: usize) -> String {
    let frame = r#"{"content":""}"#.len();
    format!(r#"{{"content":"{}"}}"#, "x".repeat(length - frame))
}
