//! What workers answer.

use weft_id::AppId;

use super::Service;
use crate::proto;
use crate::workers::{Answer, activity_key};

/// Answers in pieces that are never finished are dropped beyond so many.
const PARTIAL_MAX: usize = 1000;

impl Service {
    pub(super) fn complete_activity(&self, app: &AppId, answer: proto::ActivityResponse) {
        let token = answer.completion_token.clone();
        let fallback = activity_key(&answer.instance_id, answer.task_id);
        self.workers
            .answer(app, &token, &fallback, Answer::Activity(answer));
    }

    pub(super) fn complete_orchestration(
        &self,
        app: &AppId,
        mut answer: proto::OrchestratorResponse,
    ) {
        let token = answer.completion_token.clone();
        let piece = match token.as_str() {
            "" => answer.instance_id.clone(),
            token => token.to_owned(),
        };
        let piece = format!("{app}/{piece}");
        if answer.is_partial {
            let mut partial = self.partial();
            if answer.chunk_index == Some(0) {
                partial.remove(&piece);
            }
            if partial.len() < PARTIAL_MAX || partial.contains_key(&piece) {
                partial.entry(piece).or_default().extend(answer.actions);
            }
            return;
        }
        if answer.chunk_index.is_some_and(|index| index > 0)
            && let Some(mut actions) = self.partial().remove(&piece)
        {
            actions.append(&mut answer.actions);
            answer.actions = actions;
        }
        let fallback = answer.instance_id.clone();
        self.workers
            .answer(app, &token, &fallback, Answer::Orchestration(answer));
    }

    pub(super) fn complete_entity(&self, app: &AppId, answer: proto::EntityBatchResult) {
        let token = answer.completion_token.clone();
        self.workers.answer(app, &token, "", Answer::Entity(answer));
    }
}
