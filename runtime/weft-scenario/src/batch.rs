//! A Batch trigger in a scenario: the orchestration that watches it in production, fed with the messages
//! of the scenario.

use std::collections::HashSet;
use std::sync::Arc;

use weft_id::{ExecutionId, InstanceId};
use weft_orchestration::{
    After, Failure, Limits, Message, NewTimer, Outgoing, Payload, Replay, Start, Timestamp, Turn,
    failure_kind,
};
use weft_workflow::program::Program;
use weft_workflow::run::Settings;
use weft_workflow::trigger::{
    Entry, FIRE_EVENT, OPEN_RUNS, Told, WATCH, Watch, WatchState, watch_id,
};
use weft_workflow::value::Value;

use crate::case::BASE;
use crate::world::World;

/// The trigger of a scenario, watched.
pub(crate) struct Watched {
    id: InstanceId,
    program: Arc<Program>,
    settings: Arc<Settings>,
    execution: ExecutionId,
    watch: Watch,
    canceled: HashSet<u32>,
    ended: bool,
    /// Runs that it has started.
    pub(crate) started: Vec<InstanceId>,
}

impl Watched {
    fn new(id: InstanceId, program: Arc<Program>, settings: Arc<Settings>) -> Self {
        let watch = opened(&id, &program, &settings);
        Self {
            id,
            program,
            settings,
            execution: ExecutionId::from_u128(0),
            watch,
            canceled: HashSet::new(),
            ended: false,
            started: Vec::new(),
        }
    }

    pub(crate) fn is(&self, id: &InstanceId) -> bool {
        self.id == *id
    }

    /// What became of its firings, the oldest first.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.watch.state().entries.iter()
    }

    /// Whether a timer is still to be heard of.
    pub(crate) fn waits_for(&self, timer: &NewTimer) -> bool {
        !self.ended && timer.execution == self.execution && !self.canceled.contains(&timer.id)
    }

    /// Whether something comes of it that time passes.
    pub(crate) fn awaits_time(&self) -> bool {
        self.watch.awaits_time()
    }

    fn turn(&mut self, message: Message, now: Timestamp) -> Turn {
        if let Message::Start(start) = &message {
            self.execution = start.execution;
            self.canceled.clear();
        }
        let turn = self.watch.turn(vec![message], now);
        self.canceled.extend(turn.canceled_timers.iter().copied());
        match turn.after {
            After::Ended(_) => self.ended = true,
            After::ContinuedAsNew { .. } => {
                self.watch = opened(&self.id, &self.program, &self.settings);
            }
            After::Waiting | After::Suspended | After::Entity(_) => {}
        }
        turn
    }
}

fn opened(id: &InstanceId, program: &Arc<Program>, settings: &Arc<Settings>) -> Watch {
    let replay = Replay::new(id.clone(), Vec::new(), Limits::default());
    Watch::new(Arc::clone(program), Arc::clone(settings), replay)
}

impl World {
    /// Begins to watch a trigger of a workflow.
    pub(crate) fn watch(&mut self, workflow: &str, trigger: &str) {
        let deployed = &self.deployed[workflow];
        let (program, settings) = (&deployed.program, &deployed.settings);
        let id = watch_id(workflow, trigger).parse();
        let id: InstanceId = id.expect("it is made of what an id may hold");
        let watched = Watched::new(id.clone(), Arc::clone(program), Arc::clone(settings));
        self.watched = Some(watched);
        let state = WatchState::new(workflow, trigger, 1, BASE);
        let execution = ExecutionId::from_u128(u128::from(self.number()));
        let input = Payload::from(state.to_text());
        self.send(id, Message::Start(Start::new(execution, WATCH, input)));
    }

    /// Sends the trigger that is watched a message, after a while.
    pub(crate) fn tell(&mut self, after_ms: u64, body: Value) {
        let Some(watched) = &self.watched else { return };
        let told = Told {
            outputs: [("body", body)].into_iter().collect(),
            ..Told::default()
        };
        let text = serde_json::to_string(&told).expect("it has no keys but strings");
        let message = Message::Event {
            name: FIRE_EVENT.to_owned(),
            payload: Payload::from(text),
        };
        self.send_later(after_ms, watched.id.clone(), message);
    }

    /// Lets the trigger that is watched take a message in.
    pub(crate) fn deliver_to_watched(&mut self, message: Message, now: Timestamp) {
        let Some(watched) = &mut self.watched else {
            return;
        };
        if watched.ended {
            return;
        }
        let (id, turn) = (watched.id.clone(), watched.turn(message, now));
        for Outgoing { to, message } in &turn.messages {
            if let Message::Start(_) = message {
                watched.started.push(to.clone());
            }
        }
        for timer in turn.timers {
            self.set_timer(&id, timer, now);
        }
        for Outgoing { to, message } in turn.messages {
            self.send(to, message);
        }
        for task in turn.tasks {
            let input = task.input.text().unwrap_or_default();
            let result = match task.name.as_str() {
                OPEN_RUNS => Ok(self.ended_runs(input)),
                name => Err(Failure::permanent(
                    failure_kind::NOT_FOUND,
                    format!("nothing here answers {name}"),
                )),
            };
            let message = Message::TaskDone {
                execution: task.execution,
                task: task.id,
                result,
            };
            self.send(id.clone(), message);
        }
        if let After::ContinuedAsNew { start, carried } = turn.after {
            self.send(id.clone(), Message::Start(start));
            for message in carried {
                self.send(id.clone(), message);
            }
        }
    }

    /// Which of the runs in a question have ended.
    fn ended_runs(&self, question: &str) -> Payload {
        let question: Value = serde_json::from_str(question).unwrap_or_default();
        let runs = question.get("runs").and_then(Value::as_array);
        let has_ended = |run: &Value| {
            let id = run.to_text().parse();
            let running = id.ok().and_then(|id| self.running(&id));
            running.is_none_or(|running| running.ended.is_some())
        };
        let runs = runs.into_iter().flat_map(|runs| runs.iter());
        let ended: Value = runs.filter(|run| has_ended(run)).cloned().collect();
        let answer: Value = [("ended", ended)].into_iter().collect();
        Payload::from(answer.to_string())
    }
}
