//! stub, being written
use serde::Serialize;

use crate::model::Explanation;
use crate::verdict::Verdict;
/// A language reasons are given in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// German.
    German,
}
/// One reason.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reason {
    /// In words.
    pub text: String,
}
/// Reasons, strongest first.
pub fn from_explanation(_explanation: &Explanation, _language: Language) -> Vec<Reason> {
    todo!()
}
/// One sentence.
pub fn summary(_verdict: &Verdict, _reasons: &[Reason], _language: Language) -> String {
    todo!()
}
