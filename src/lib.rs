#![doc = include_str!("../README.md")]
#![warn(missing_docs)]
#![forbid(unsafe_code)]

pub mod answer;
pub mod cli;
pub mod comment;
<<<<<<< HEAD
pub mod config;
pub mod http;
=======
pub mod figures;
>>>>>>> main
pub mod model;
pub mod moderator;
pub mod reasons;
pub mod telemetry;
pub mod text;
pub mod verdict;
