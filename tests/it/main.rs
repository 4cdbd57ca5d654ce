//! stand-in, merged with branch http's
mod corpus;
