//! Which work waits, and who has what.

use std::collections::{BTreeMap, HashMap, VecDeque};

use tokio::sync::oneshot;
use weft_id::AppId;

use super::Kind;
use super::stream::Sender;
use crate::proto::{self, work_item::Request};

pub(super) type JobId = u64;

/// More are not remembered.
const ABANDONED_MAX: usize = 32;

/// A piece of work as a worker gets it.
#[derive(Debug)]
pub(crate) struct Handed {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) version: Option<String>,
    /// Finds it where the answer has no token.
    pub(crate) fallback: String,
    pub(crate) request: Request,
}

/// What a worker answers.
#[derive(Debug)]
pub(crate) enum Answer {
    Orchestration(proto::OrchestratorResponse),
    Activity(proto::ActivityResponse),
    Entity(proto::EntityBatchResult),
}

impl Answer {
    fn kind(&self) -> Kind {
        match self {
            Self::Orchestration(_) => Kind::Orchestration,
            Self::Activity(_) => Kind::Activity,
            Self::Entity(_) => Kind::Entity,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Queues {
    apps: HashMap<AppId, Queue>,
    last_job: JobId,
    last_stream: u64,
    closed: bool,
}

#[derive(Debug, Default)]
struct Queue {
    /// In the order in which the streams came.
    streams: BTreeMap<u64, Sender>,
    jobs: HashMap<JobId, Job>,
    /// Those that nobody has.
    waiting: VecDeque<JobId>,
    /// By token, those that somebody has.
    tokens: HashMap<String, JobId>,
}

#[derive(Debug)]
struct Job {
    work: Handed,
    answer: oneshot::Sender<Answer>,
    held: Option<Held>,
    /// The streams that gave it up, once for each time: others are asked first.
    abandoned: Vec<u64>,
}

#[derive(Debug)]
struct Held {
    stream: u64,
    token: String,
}

impl Queues {
    pub(super) fn is_served(
        &self,
        app: &AppId,
        kind: Kind,
        name: &str,
        version: Option<&str>,
    ) -> bool {
        let streams = self.apps.get(app).map(|queue| &queue.streams);
        let mut streams = streams.into_iter().flat_map(BTreeMap::values);
        streams.any(|stream| stream.takes(kind, name, version))
    }

    /// What of an instance waits though no connected worker takes it: activities, by their names.
    pub(super) fn unserved(&self, app: &AppId, instance: &str) -> Vec<String> {
        let Some(queue) = self.apps.get(app) else {
            return Vec::new();
        };
        let of_instance = |job: &&Job| {
            let work = &job.work;
            job.held.is_none()
                && work.kind == Kind::Activity
                && work
                    .fallback
                    .rsplit_once('/')
                    .is_some_and(|(id, _)| id == instance)
                && !self.is_served(app, work.kind, &work.name, None)
        };
        let mut names: Vec<_> = queue
            .jobs
            .values()
            .filter(of_instance)
            .map(|job| job.work.name.clone())
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    pub(super) fn push(
        &mut self,
        app: &AppId,
        work: Handed,
        answer: oneshot::Sender<Answer>,
    ) -> JobId {
        self.last_job += 1;
        let id = self.last_job;
        let queue = self.apps.entry(app.clone()).or_default();
        let job = Job {
            work,
            answer,
            held: None,
            abandoned: Vec::new(),
        };
        queue.jobs.insert(id, job);
        queue.waiting.push_back(id);
        queue.hand_out();
        id
    }

    /// Ends every stream; those that come later end at once.
    pub(super) fn close(&mut self) {
        self.closed = true;
        for queue in self.apps.values_mut() {
            queue.streams.clear();
        }
    }

    pub(super) fn connect(&mut self, app: &AppId, sender: Sender) -> u64 {
        self.last_stream += 1;
        if self.closed {
            return self.last_stream;
        }
        let queue = self.apps.entry(app.clone()).or_default();
        queue.streams.insert(self.last_stream, sender);
        queue.take_up_abandoned();
        queue.hand_out();
        self.last_stream
    }

    /// What the stream held waits again, before everything else and in its order.
    pub(super) fn disconnect(&mut self, app: &AppId, stream: u64) {
        let Some(queue) = self.apps.get_mut(app) else {
            return;
        };
        queue.streams.remove(&stream);
        let mut lost: Vec<JobId> = Vec::new();
        for (id, job) in &mut queue.jobs {
            if let Some(held) = job.held.take_if(|held| held.stream == stream) {
                queue.tokens.remove(&held.token);
                lost.push(*id);
            }
        }
        lost.sort_unstable();
        for id in lost.into_iter().rev() {
            queue.waiting.push_front(id);
        }
        queue.hand_out();
        self.forget_if_empty(app);
    }

    pub(super) fn answer(&mut self, app: &AppId, token: &str, fallback: &str, answer: Answer) {
        let Some(queue) = self.apps.get_mut(app) else {
            return;
        };
        let kind = answer.kind();
        let found = match token {
            "" => queue.by_fallback(kind, fallback),
            token => queue.tokens.get(token).copied(),
        };
        let matches = |id: &JobId| queue.jobs.get(id).is_some_and(|j| j.work.kind == kind);
        let Some(id) = found.filter(matches) else {
            return;
        };
        if let Some(job) = queue.take(id) {
            // Nobody waits for it any more where this fails.
            let _ = job.answer.send(answer);
        }
        queue.hand_out();
    }

    /// Takes work from whoever has it, without handing it out. Returns how often that has happened
    /// to it as well.
    pub(super) fn abandon(&mut self, app: &AppId, token: &str) -> Option<(JobId, usize)> {
        let queue = self.apps.get_mut(app)?;
        let id = queue.tokens.get(token).copied()?;
        let job = queue.jobs.get_mut(&id)?;
        job.abandoned
            .extend(job.held.as_ref().map(|held| held.stream));
        job.abandoned
            .drain(..job.abandoned.len().saturating_sub(ABANDONED_MAX));
        let times = job.abandoned.len();
        queue.let_go(id);
        queue.hand_out();
        Some((id, times))
    }

    /// Hands out again what was abandoned, unless it was taken out.
    pub(super) fn resume(&mut self, app: &AppId, id: JobId) {
        let Some(queue) = self.apps.get_mut(app) else {
            return;
        };
        let waits = queue.jobs.get(&id).is_some_and(|job| job.held.is_none());
        if waits && !queue.waiting.contains(&id) {
            queue.waiting.push_back(id);
            queue.hand_out();
        }
    }

    pub(super) fn remove(&mut self, app: &AppId, id: JobId) {
        let Some(queue) = self.apps.get_mut(app) else {
            return;
        };
        if queue.take(id).is_some() {
            queue.waiting.retain(|waiting| *waiting != id);
            queue.hand_out();
        }
        self.forget_if_empty(app);
    }

    fn forget_if_empty(&mut self, app: &AppId) {
        let empty = |queue: &Queue| queue.streams.is_empty() && queue.jobs.is_empty();
        if self.apps.get(app).is_some_and(empty) {
            self.apps.remove(app);
        }
    }
}

impl Queue {
    fn by_fallback(&self, kind: Kind, fallback: &str) -> Option<JobId> {
        let held = |job: &Job| {
            job.held.is_some() && job.work.kind == kind && job.work.fallback == fallback
        };
        let mut jobs = self.jobs.iter();
        jobs.find(|(_, job)| held(job)).map(|(id, _)| *id)
    }

    /// Without its holder, who has room again.
    fn let_go(&mut self, id: JobId) {
        let Some(job) = self.jobs.get_mut(&id) else {
            return;
        };
        if let Some(held) = job.held.take() {
            self.tokens.remove(&held.token);
            if let Some(stream) = self.streams.get_mut(&held.stream) {
                stream.done(job.work.kind);
            }
        }
    }

    fn take(&mut self, id: JobId) -> Option<Job> {
        self.let_go(id);
        self.jobs.remove(&id)
    }

    /// A new stream may take what others gave up.
    fn take_up_abandoned(&mut self) {
        let given_up = |id: &&JobId| self.jobs[*id].held.is_none() && !self.waiting.contains(id);
        let mut found: Vec<_> = self.jobs.keys().filter(given_up).copied().collect();
        found.sort_unstable();
        self.waiting.extend(found);
    }

    /// Gives what waits to streams that take it and have room: the one with the least to do first.
    fn hand_out(&mut self) {
        let mut left = VecDeque::new();
        while let Some(id) = self.waiting.pop_front() {
            let Some(job) = self.jobs.get_mut(&id) else {
                continue;
            };
            let work = &job.work;
            let free = self
                .streams
                .iter_mut()
                .filter(|(_, stream)| stream.has_room(work.kind))
                .filter(|(_, stream)| stream.takes(work.kind, &work.name, work.version.as_deref()))
                .min_by_key(|(id, stream)| (job.abandoned.contains(id), stream.busy(work.kind)));
            let Some((stream, sender)) = free else {
                left.push_back(id);
                if !self.streams.values().any(Sender::has_any_room) {
                    break;
                }
                continue;
            };
            let token = hex::encode(rand::random::<[u8; 16]>());
            sender.send(work.kind, work.request.clone(), token.clone());
            job.held = Some(Held {
                stream: *stream,
                token: token.clone(),
            });
            self.tokens.insert(token, id);
        }
        left.append(&mut self.waiting);
        self.waiting = left;
    }
}

#[cfg(test)]
mod tests {
    use super::super::stream::{self, Items};
    use super::*;

    fn app() -> AppId {
        AppId::default()
    }

    fn connected(queues: &mut Queues, most: i32) -> (u64, Items) {
        let asked = proto::GetWorkItemsRequest {
            max_concurrent_activity_work_items: most,
            ..Default::default()
        };
        let (sender, items) = stream::channel(&asked);
        (queues.connect(&app(), sender), items)
    }

    fn work(name: &str) -> Handed {
        Handed {
            kind: Kind::Activity,
            name: name.to_owned(),
            version: None,
            fallback: name.to_owned(),
            request: Request::ActivityRequest(proto::ActivityRequest {
                name: name.to_owned(),
                ..Default::default()
            }),
        }
    }

    fn push(queues: &mut Queues, name: &str) -> oneshot::Receiver<Answer> {
        let (answer, answered) = oneshot::channel();
        queues.push(&app(), work(name), answer);
        answered
    }

    fn answer() -> Answer {
        Answer::Activity(proto::ActivityResponse::default())
    }

    /// The names of what was handed out, with the tokens.
    fn handed(items: &mut Items) -> Vec<(String, String)> {
        let mut found = Vec::new();
        while let Some(item) = items.try_next() {
            match item.request {
                Some(Request::ActivityRequest(activity)) => {
                    found.push((activity.name, item.completion_token));
                }
                other => panic!("{other:?}"),
            }
        }
        found
    }

    #[test]
    fn work_waits_for_room_and_is_answered_once() {
        let mut queues = Queues::default();
        let mut a = push(&mut queues, "a");
        let mut b = push(&mut queues, "b");
        let (_, mut items) = connected(&mut queues, 1);
        let first = handed(&mut items);
        assert_eq!(first.len(), 1);
        assert_eq!(first[0].0, "a");
        queues.answer(&app(), "another token", "", answer());
        assert!(a.try_recv().is_err());
        queues.answer(&app(), &first[0].1, "", answer());
        assert!(a.try_recv().is_ok());
        queues.answer(&app(), &first[0].1, "", answer());
        assert!(b.try_recv().is_err());
        assert_eq!(handed(&mut items)[0].0, "b");
        // This SDK sends no token.
        queues.answer(&app(), "", "b", answer());
        assert!(b.try_recv().is_ok());
    }

    #[test]
    fn what_a_closed_stream_held_goes_to_another() {
        let mut queues = Queues::default();
        let (gone, mut items) = connected(&mut queues, 9);
        let mut a = push(&mut queues, "a");
        let stale = handed(&mut items).remove(0).1;
        push(&mut queues, "b");
        queues.disconnect(&app(), gone);
        let (_, mut items) = connected(&mut queues, 9);
        let again = handed(&mut items);
        assert_eq!(
            again.iter().map(|(name, _)| name).collect::<Vec<_>>(),
            ["a", "b"]
        );
        queues.answer(&app(), &stale, "", answer());
        assert!(a.try_recv().is_err(), "a stale token is ignored");
        queues.answer(&app(), &again[0].1, "", answer());
        assert!(a.try_recv().is_ok());
    }

    #[test]
    fn abandoned_work_waits_until_it_is_resumed() {
        let mut queues = Queues::default();
        let (_, mut items) = connected(&mut queues, 1);
        let mut a = push(&mut queues, "a");
        push(&mut queues, "b");
        let token = handed(&mut items).remove(0).1;
        let (job, times) = queues.abandon(&app(), &token).unwrap();
        assert_eq!(times, 1);
        let b = handed(&mut items).remove(0);
        assert_eq!(b.0, "b");
        queues.resume(&app(), job);
        queues.answer(&app(), &b.1, "", answer());
        let again = handed(&mut items).remove(0).1;
        queues.answer(&app(), &again, "", answer());
        assert!(a.try_recv().is_ok());
    }

    #[test]
    fn what_one_gives_up_goes_to_another() {
        let mut queues = Queues::default();
        let (_, mut gives_up) = connected(&mut queues, 9);
        push(&mut queues, "a");
        let token = handed(&mut gives_up).remove(0).1;
        let (job, _) = queues.abandon(&app(), &token).unwrap();
        let (_, mut other) = connected(&mut queues, 9);
        assert_eq!(
            handed(&mut other)[0].0,
            "a",
            "a new stream takes it at once"
        );
        queues.resume(&app(), job);
        assert!(handed(&mut gives_up).is_empty());
        push(&mut queues, "b");
        let token = handed(&mut gives_up).remove(0).1;
        let (job, _) = queues.abandon(&app(), &token).unwrap();
        queues.resume(&app(), job);
        assert_eq!(handed(&mut other)[0].0, "b", "though it has more to do");
    }

    #[test]
    fn nothing_is_left_of_an_app_without_workers_and_work() {
        let mut queues = Queues::default();
        let (stream, _items) = connected(&mut queues, 1);
        let (answer, _answered) = oneshot::channel();
        let job = queues.push(&app(), work("a"), answer);
        queues.disconnect(&app(), stream);
        queues.remove(&app(), job);
        assert!(queues.apps.is_empty());
    }
}
