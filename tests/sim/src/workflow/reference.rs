//! The reference: the same workflows in a world where nothing goes wrong and nothing is stored.

use std::collections::BTreeMap;
use std::sync::Arc;

use weft_id::InstanceId;
use weft_orchestration::{After, Event, Limits, Message, Replay, Start, Timestamp};
use weft_workflow::run::Run;

use super::end::{Workflows, shown};
use super::outside::{Exchange, Exchanges, answer};

/// More turns than any definition takes.
const TURNS_MAX: usize = 20_000;
/// How long every answer takes.
const ANSWER_MS: u64 = 5;

/// What the workflows come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Expected {
    /// The end of the first instance.
    pub(super) root: String,
    /// Those of the others, in order: their ids depend on what starts first.
    pub(super) children: Vec<String>,
    pub(super) exchanges: Exchanges,
}

struct Instance {
    run: Run,
    history: Vec<Event>,
    ended: bool,
    canceled: Vec<u32>,
}

/// Runs a workflow and all that it starts to the end.
///
/// # Errors
/// It does not end.
pub(super) fn run(
    workflows: &Workflows,
    id: &InstanceId,
    start: Start,
) -> Result<Expected, String> {
    let mut instances: BTreeMap<InstanceId, Instance> = BTreeMap::new();
    let mut due = BTreeMap::from([((0_u64, 0_u64), (id.clone(), Message::Start(start)))]);
    let mut expected = Expected::default();
    let mut number = 0;
    for _ in 0..TURNS_MAX {
        let Some(((at, _), (to, message))) = due.pop_first() else {
            for (of, instance) in &instances {
                let end = shown(workflows, of, &instance.history);
                match of == id {
                    true => expected.root = end,
                    false => expected.children.push(end),
                }
                if !instance.ended {
                    return Err(format!("the reference of {of} waits for ever"));
                }
            }
            expected.children.sort();
            return Ok(expected);
        };
        let instance = match (&message, instances.get_mut(&to)) {
            (_, Some(instance)) => instance,
            (Message::Start(start), None) => {
                let (program, settings) = &workflows[start.name.as_str()];
                let replay = Replay::new(to.clone(), Vec::new(), Limits::default());
                let made = Instance {
                    run: Run::new(Arc::clone(program), Arc::clone(settings), replay),
                    history: Vec::new(),
                    ended: false,
                    canceled: Vec::new(),
                };
                instances.entry(to.clone()).or_insert(made)
            }
            (_, None) => continue,
        };
        let gone = matches!(&message, Message::TimerFired { timer, .. }
            if instance.canceled.contains(timer));
        if instance.ended || gone {
            continue;
        }
        let turn = instance.run.turn(vec![message], Timestamp::from_millis(at));
        instance.history.extend(turn.events);
        instance.canceled.extend(turn.canceled_timers);
        instance.ended = matches!(turn.after, After::Ended(_));
        let mut later = |at: u64, to: InstanceId, message: Message| {
            number += 1;
            due.insert((at, number), (to, message));
        };
        for timer in turn.timers {
            let (execution, timer, fire_at) = (timer.execution, timer.id, timer.fire_at);
            let message = Message::TimerFired { execution, timer };
            later(fire_at.as_millis(), to.clone(), message);
        }
        for task in turn.tasks {
            if let Some(exchange) = Exchange::of(&task.name, &task.input) {
                *expected.exchanges.entry(exchange).or_default() += 1;
            }
            let message = Message::TaskDone {
                execution: task.execution,
                task: task.id,
                result: answer(&task.name, &task.input),
            };
            later(at + ANSWER_MS, to.clone(), message);
        }
        for outgoing in turn.messages {
            later(at, outgoing.to, outgoing.message);
        }
    }
    Err("the reference does not end".to_owned())
}
