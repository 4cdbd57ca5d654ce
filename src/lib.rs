#![doc = include_str!("../README.md")]

pub mod answer;
pub mod comment;
pub mod figures;
pub mod model;
pub mod moderator;
pub mod reasons;
pub mod text;
pub mod verdict;
