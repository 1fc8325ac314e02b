//! Messages in, turns out.

use weft_id::{EntityId, ExecutionId, InstanceId};

use super::{BatchDone, Caller, Effect, Entity, EntityRecord, LockOwner, LockRequest, Operation};
use crate::{After, Limits, Message, Outgoing, Payload, Timestamp, Turn};

fn id(key: &str) -> EntityId {
    EntityId::new("counter", key).unwrap()
}

fn caller(name: &str) -> Caller {
    Caller {
        instance: name.parse::<InstanceId>().unwrap(),
        execution: ExecutionId::from_u128(7),
    }
}

fn operation(name: &str, from: Option<&str>, reply: Option<u32>) -> Operation {
    Operation {
        name: name.to_owned(),
        input: Payload::from("1"),
        caller: from.map(caller),
        reply,
        at: None,
        trace_parent: None,
    }
}

fn signal(name: &str) -> Message {
    Message::Operation(operation(name, None, None))
}

fn call(name: &str, from: &str) -> Message {
    Message::Operation(operation(name, Some(from), Some(4)))
}

fn owner(name: &str) -> LockOwner {
    let Caller {
        instance,
        execution,
    } = caller(name);
    LockOwner {
        instance,
        execution,
        task: 3,
    }
}

fn lock(name: &str, keys: &[&str], position: u32) -> Message {
    Message::Lock(LockRequest {
        owner: owner(name),
        set: keys.iter().map(|key| id(key)).collect(),
        position,
    })
}

/// The entity `a`, which counts operations and notes their order.
#[derive(Default)]
struct Run {
    record: EntityRecord,
    order: Vec<String>,
}

impl Run {
    fn turn(&mut self, messages: Vec<Message>, now: u64) -> Turn {
        self.turn_of(messages, now, usize::MAX)
    }

    /// Runs at most `most` operations.
    fn turn_of(&mut self, messages: Vec<Message>, now: u64, most: usize) -> Turn {
        let record = std::mem::take(&mut self.record);
        let mut entity = Entity::new(id("a"), record, 0, Limits::default());
        entity.deliver(messages, Timestamp::from_millis(now));
        let mut left = most;
        while left > 0
            && let Some(batch) = entity.next_batch(left, usize::MAX)
        {
            let mut count: u64 = batch
                .state
                .map_or(0, |s| s.text().unwrap().parse().unwrap());
            let mut results = Vec::new();
            for operation in &batch.operations {
                count += 1;
                left -= 1;
                self.order.push(operation.name.clone());
                results.push(Ok(Payload::from(count.to_string())));
            }
            let state = Some(Payload::from(count.to_string()));
            entity.complete(BatchDone {
                results,
                state,
                effects: Vec::new(),
            });
        }
        let turn = entity.take_turn();
        let After::Entity(record) = turn.after.clone() else {
            panic!("an entity's turn leaves an entity");
        };
        self.record = record;
        turn
    }
}

fn targets(turn: &Turn) -> Vec<&str> {
    turn.messages.iter().map(|m| m.to.as_str()).collect()
}

#[test]
fn operations_run_in_order_and_calls_are_answered() {
    let mut run = Run::default();
    let turn = run.turn(vec![signal("x"), call("y", "o"), signal("z")], 0);
    assert_eq!(run.order, ["x", "y", "z"]);
    let expected = Outgoing {
        to: "o".parse().unwrap(),
        message: Message::OperationDone {
            execution: ExecutionId::from_u128(7),
            task: 4,
            result: Ok(Payload::from("2")),
        },
    };
    assert_eq!(turn.messages, [expected]);
    assert_eq!(run.record.state, Some(Payload::from("3")));
    assert!(run.record.queue.is_empty());
}

#[test]
fn an_operation_with_a_time_waits_for_its_timer() {
    let mut run = Run::default();
    let later = Operation {
        at: Some(Timestamp::from_millis(50)),
        ..operation("later", None, None)
    };
    let turn = run.turn(vec![Message::Operation(later), signal("now")], 0);
    assert_eq!(run.order, ["now"]);
    let timer = &turn.timers[0];
    assert_eq!(timer.fire_at, Timestamp::from_millis(50));
    let fired = Message::TimerFired {
        execution: Entity::EXECUTION,
        timer: timer.id,
    };
    run.turn(vec![fired.clone(), fired], 50);
    assert_eq!(run.order, ["now", "later"]);
    assert!(run.record.delayed.is_empty());
}

#[test]
fn a_lock_lets_only_its_holder_pass_until_it_is_released() {
    let mut run = Run::default();
    let turn = run.turn(vec![signal("1"), lock("o", &["a", "b"], 0), signal("2")], 0);
    assert_eq!(run.order, ["1"]);
    assert_eq!(targets(&turn), ["@counter@b"]);
    run.turn(vec![call("other", "p"), call("mine", "o")], 1);
    assert_eq!(run.order, ["1", "mine"]);
    run.turn(vec![Message::Unlock(owner("p"))], 2);
    assert_eq!(run.order, ["1", "mine"]);
    run.turn(vec![Message::Unlock(owner("o"))], 3);
    assert_eq!(run.order, ["1", "mine", "2", "other"]);
}

#[test]
fn the_last_entity_of_the_set_grants_the_lock() {
    let mut run = Run::default();
    let turn = run.turn(vec![lock("o", &["0", "a"], 1)], 0);
    let Message::LockGranted { task, set, .. } = &turn.messages[0].message else {
        panic!("granted: {:?}", turn.messages);
    };
    assert_eq!((*task, set.len(), targets(&turn)), (3, 2, vec!["o"]));
}

#[test]
fn who_gives_up_waiting_for_a_lock_does_not_get_it() {
    let mut run = Run::default();
    run.turn(
        vec![
            lock("o", &["a"], 0),
            lock("p", &["a"], 0),
            lock("q", &["a"], 0),
        ],
        0,
    );
    run.turn(vec![Message::Unlock(owner("p"))], 1);
    let turn = run.turn(vec![Message::Unlock(owner("o"))], 2);
    assert_eq!(targets(&turn), ["q"]);
}

#[test]
fn what_is_left_of_a_long_queue_is_resumed_at_once() {
    let mut run = Run::default();
    let turn = run.turn_of(vec![signal("1"), signal("2"), signal("3")], 5, 2);
    assert_eq!(run.order, ["1", "2"]);
    let timer = &turn.timers[0];
    assert_eq!(timer.fire_at, Timestamp::from_millis(5));
    assert!(!run.record.is_empty());
    let fired = Message::TimerFired {
        execution: Entity::EXECUTION,
        timer: timer.id,
    };
    let turn = run.turn(vec![fired], 6);
    assert_eq!(run.order, ["1", "2", "3"]);
    assert_eq!((turn.timers.len(), turn.canceled_timers.len()), (0, 0));
}

#[test]
fn operations_that_were_not_run_stay_in_front() {
    let record = EntityRecord::default();
    let mut entity = Entity::new(id("a"), record, 0, Limits::default());
    entity.deliver(vec![signal("1"), signal("2")], Timestamp::default());
    let batch = entity.next_batch(10, usize::MAX).unwrap();
    assert_eq!(batch.operations.len(), 2);
    entity.complete(BatchDone {
        results: vec![Ok(Payload::null())],
        state: None,
        effects: Vec::new(),
    });
    let batch = entity.next_batch(10, usize::MAX).unwrap();
    assert_eq!(batch.operations[0].name, "2");
}

#[test]
fn a_batch_ends_before_its_payloads_are_too_long_together() {
    let of = |name: &str, bytes: usize| {
        let Message::Operation(mut operation) = signal(name) else {
            unreachable!("a signal is an operation");
        };
        operation.input = Payload::from("1".repeat(bytes));
        Message::Operation(operation)
    };
    let record = EntityRecord {
        state: Some(Payload::from("1".repeat(10))),
        ..EntityRecord::default()
    };
    let mut entity = Entity::new(id("a"), record, 0, Limits::default());
    let operations = [of("1", 45), of("2", 45), of("3", 45), of("4", 200)];
    entity.deliver(operations.into(), Timestamp::default());
    let mut batches = Vec::new();
    while let Some(batch) = entity.next_batch(10, 100) {
        let names = batch.operations.iter().map(|of| of.name.clone());
        batches.push(names.collect::<String>());
        entity.complete(BatchDone {
            results: batch
                .operations
                .iter()
                .map(|_| Ok(Payload::null()))
                .collect(),
            state: batch.state,
            effects: Vec::new(),
        });
    }
    assert_eq!(batches, ["12", "3", "4"]);
}

#[test]
fn an_entity_without_anything_left_is_empty() {
    assert!(EntityRecord::default().is_empty());
    let mut run = Run::default();
    run.turn(vec![lock("o", &["a"], 0)], 0);
    assert!(!run.record.is_empty());
    run.turn(vec![Message::Unlock(owner("o"))], 0);
    assert!(run.record.is_empty());
}

#[test]
fn an_entity_starts_nothing_that_is_the_nodes_own() {
    let start = |name: &str, input: &str| Effect::Start {
        name: name.to_owned(),
        input: Payload::from(input.to_owned()),
        instance: "trigger:flow:when".parse().unwrap(),
        scheduled_at: None,
    };
    let mut entity = Entity::new(id("a"), EntityRecord::default(), 0, Limits::default());
    entity.deliver(vec![signal("x")], Timestamp::from_millis(0));
    entity.next_batch(1, usize::MAX).unwrap();
    entity.complete(BatchDone {
        results: vec![Ok(Payload::null())],
        state: None,
        effects: vec![
            start(
                "workflow/trigger",
                r#"{"baseUrl": "https://x/@victim/shop"}"#,
            ),
            start("flow", r#"{"$weft-run": 1}"#),
            start("flow", "1"),
        ],
    });
    let turn = entity.take_turn();
    let [
        Outgoing {
            message: Message::Start(start),
            ..
        },
    ] = &turn.messages[..]
    else {
        panic!("{:?}", turn.messages);
    };
    assert_eq!(
        (start.name.as_str(), start.input.text()),
        ("flow", Some("1"))
    );
}
