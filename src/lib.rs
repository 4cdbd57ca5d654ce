#![doc = include_str!("../README.md")]

pub mod answer;
pub mod cli;
pub mod comment;
pub mod config;
pub mod corpus;
pub mod evaluate;
pub mod figures;
pub mod http;
pub mod model;
pub mod moderator;
pub mod reasons;
pub mod site;
pub mod store;
pub mod telemetry;
pub mod text;
pub mod verdict;
