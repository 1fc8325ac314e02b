//! Whatever a worker answers, a turn comes of it: arbitrary actions, and arbitrary bytes.

use proptest::prelude::*;
use prost::Message as _;
use weft_id::ExecutionId;
use weft_orchestration::{After, External, Limits, Message, Next, Payload, Start, Timestamp};

use super::*;
use crate::proto::OrchestratorAction;
use crate::proto::orchestrator_action::OrchestratorActionType as Type;

fn text() -> impl Strategy<Value = Option<String>> {
    prop_oneof![
        Just(None),
        Just(Some("null".to_owned())),
        Just(Some("{\"a\":1}".to_owned())),
        ".{0,40}".prop_map(Some),
    ]
}

fn id() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        Just("child".to_owned()),
        Just("@counter@a".to_owned()),
        Just("@Counter@".to_owned()),
        ".{0,20}",
    ]
}

fn time() -> impl Strategy<Value = Option<prost_types::Timestamp>> {
    proptest::option::of(
        (any::<i64>(), any::<i32>())
            .prop_map(|(seconds, nanos)| prost_types::Timestamp { seconds, nanos }),
    )
}

fn message() -> impl Strategy<Value = EntityMessageType> {
    let signal = (id(), id(), text(), time()).prop_map(|(target, operation, input, at)| {
        EntityMessageType::EntityOperationSignaled(proto::EntityOperationSignaledEvent {
            target_instance_id: Some(target),
            operation,
            input,
            scheduled_time: at,
            ..Default::default()
        })
    });
    let call = (id(), id(), text()).prop_map(|(target, operation, input)| {
        EntityMessageType::EntityOperationCalled(proto::EntityOperationCalledEvent {
            target_instance_id: Some(target),
            operation,
            input,
            ..Default::default()
        })
    });
    let lock = proptest::collection::vec(id(), 0..4).prop_map(|lock_set| {
        EntityMessageType::EntityLockRequested(proto::EntityLockRequestedEvent {
            lock_set,
            critical_section_id: "section".to_owned(),
            ..Default::default()
        })
    });
    let unlock = (id(), id()).prop_map(|(target, section)| {
        EntityMessageType::EntityUnlockSent(proto::EntityUnlockSentEvent {
            target_instance_id: Some(target),
            critical_section_id: section,
            parent_instance_id: None,
        })
    });
    prop_oneof![signal, call, lock, unlock]
}

fn kind() -> impl Strategy<Value = Option<Type>> {
    let task = (id(), text()).prop_map(|(name, input)| {
        Type::ScheduleTask(proto::ScheduleTaskAction {
            name,
            input,
            ..Default::default()
        })
    });
    let child = (id(), id(), text()).prop_map(|(instance_id, name, input)| {
        Type::CreateSubOrchestration(proto::CreateSubOrchestrationAction {
            instance_id,
            name,
            input,
            ..Default::default()
        })
    });
    let timer = time().prop_map(|fire_at| Type::CreateTimer(proto::CreateTimerAction { fire_at }));
    let end = (-1..9_i32, text()).prop_map(|(status, result)| {
        Type::CompleteOrchestration(proto::CompleteOrchestrationAction {
            orchestration_status: status,
            result,
            ..Default::default()
        })
    });
    let terminate = (id(), text()).prop_map(|(instance_id, reason)| {
        Type::TerminateOrchestration(proto::TerminateOrchestrationAction {
            instance_id,
            reason,
            recurse: true,
        })
    });
    let entity = proptest::option::of(message()).prop_map(|entity_message_type| {
        Type::SendEntityMessage(proto::SendEntityMessageAction {
            entity_message_type,
        })
    });
    prop_oneof![
        Just(None),
        task.prop_map(Some),
        child.prop_map(Some),
        timer.prop_map(Some),
        end.prop_map(Some),
        terminate.prop_map(Some),
        entity.prop_map(Some),
    ]
}

fn actions() -> impl Strategy<Value = Vec<OrchestratorAction>> {
    let action =
        (-2..6_i32, kind()).prop_map(|(id, orchestrator_action_type)| OrchestratorAction {
            id,
            orchestrator_action_type,
        });
    proptest::collection::vec(action, 0..8)
}

/// Two turns with these answers; what a store and the next turn rely on holds.
fn apply(answers: [Vec<OrchestratorAction>; 2]) {
    let instance: weft_id::InstanceId = "i".parse().unwrap();
    let execution = ExecutionId::from_u128(1);
    let start = Start::new(execution, "flow", Payload::null());
    let mut external = External::new(instance.clone(), Vec::new(), Limits::default());
    let mut message = Message::Start(start);
    for actions in answers {
        let next = external.deliver(vec![message.clone()], Timestamp::from_millis(5));
        assert_eq!(next, Next::Run);
        let taken = to_decisions(actions)
            .map_err(|malformed| weft_orchestration::Failure::permanent("x", malformed.0))
            .and_then(|decisions| external.decide(decisions));
        if let Err(failure) = taken {
            external.fail(failure);
        }
        let turn = external.take_turn();
        for task in &turn.tasks {
            assert!(!task.name.is_empty() && task.execution == execution);
        }
        for outgoing in &turn.messages {
            // What else goes to an entity is dropped by the store.
            assert!(outgoing.to.is_entity() || !outgoing.message.is_for_entity());
        }
        match turn.after {
            After::Waiting => {}
            After::Suspended | After::Entity(_) => panic!("nobody asked for that"),
            After::Ended(_) | After::ContinuedAsNew { .. } => return,
        }
        // The history that was left is one that a turn can follow.
        let history = external.past().to_vec();
        external = External::new(instance.clone(), history, Limits::default());
        message = Message::Event {
            name: "more".to_owned(),
            payload: Payload::null(),
        };
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn arbitrary_actions_make_a_turn(first in actions(), second in actions()) {
        apply([first, second]);
    }

    #[test]
    fn arbitrary_bytes_make_a_turn_or_nothing(
        answer in actions(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let response = proto::OrchestratorResponse {
            instance_id: "i".to_owned(),
            actions: answer,
            ..Default::default()
        };
        let mut bytes = response.encode_to_vec();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(response) = proto::OrchestratorResponse::decode(bytes.as_slice()) {
            apply([response.actions, Vec::new()]);
        }
    }
}
