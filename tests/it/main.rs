//! stand-in, merged with branch http's
mod cli_evaluate;
mod cli_score;
mod cli_train;
mod corpus;
mod workshop;
