//! The models in service, swappable while requests run: a verdict and its explanation come from one model.
//!
//! There is one model for all, and for each site that has taught Hamgate anything one of its own.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::answer::Answer;
use crate::comment::Comment;
use crate::model::Classifier;
use crate::reasons::Language;
use crate::site::Site;

/// Holds the models in service and answers for them. Cheap to share: every method takes `&self`, and none waits.
#[derive(Debug)]
pub struct Moderator {
    models: ArcSwap<Models>,
}

/// The models in service at one moment.
#[derive(Debug, Clone)]
struct Models {
    generic: Arc<Classifier>,
    of_sites: HashMap<Site, Arc<Classifier>>,
}

impl Moderator {
    /// Puts a model in service for all.
    pub fn new(generic: Classifier) -> Self {
        Moderator { models: ArcSwap::from_pointee(Models { generic: Arc::new(generic), of_sites: HashMap::new() }) }
    }

    /// The verdict on a comment that was written on a site.
    pub fn check(&self, site: Option<&Site>, comment: &Comment) -> Answer {
        Answer::verdict(self.models.load().of(site), comment)
    }

    /// The verdict on a comment that was written on a site, with its reasons.
    pub fn explain(&self, site: Option<&Site>, comment: &Comment, language: Language) -> Answer {
        Answer::explained(self.models.load().of(site), comment, language)
    }

    /// The model that judges what is written on a site.
    pub fn classifier(&self, site: Option<&Site>) -> Arc<Classifier> {
        Arc::clone(self.models.load().of(site))
    }

    /// The model for all sites that have none of their own.
    pub fn generic(&self) -> Arc<Classifier> {
        Arc::clone(&self.models.load().generic)
    }

    /// Swaps everything at once: requests see all of the old models or all of the new ones.
    pub fn put(&self, generic: Arc<Classifier>, of_sites: HashMap<Site, Arc<Classifier>>) {
        self.models.store(Arc::new(Models { generic, of_sites }));
    }
}

impl Models {
    fn of(&self, site: Option<&Site>) -> &Arc<Classifier> {
        site.and_then(|site| self.of_sites.get(site)).unwrap_or(&self.generic)
    }
}
