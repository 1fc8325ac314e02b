//! The contract as tests, the same for every store.
//!
//! Each case takes an empty store. [`conformance_tests!`](crate::conformance_tests) makes one
//! test of each.
#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]
#![expect(clippy::missing_panics_doc, reason = "tests fail by panicking")]

mod apps;
mod audit;
mod blobs;
mod ends;
mod entities;
mod instances;
mod keys;
mod kv;
mod leases;
mod listing;
mod payloads;
mod rewind;
mod starts;
mod tasks;
mod tenants;
mod turns;
mod vault;

pub use apps::*;
pub use audit::*;
pub use blobs::*;
pub use ends::*;
pub use entities::*;
pub use instances::*;
pub use keys::*;
pub use kv::*;
pub use leases::*;
pub use listing::*;
pub use payloads::*;
pub use rewind::*;
pub use starts::*;
pub use tasks::*;
pub use tenants::*;
pub use turns::*;
pub use vault::*;

use weft_id::{AppId, ExecutionId, InstanceKey};
use weft_orchestration::{
    After, Event, EventKind, Failure, Message, NewTask, NewTimer, Outcome, Outgoing, Parent,
    Payload, Start, Timestamp, Turn,
};

use crate::{
    Consumed, Error, IdReuse, Lease, Loaded, MessageSeq, NewInstance, NodeId, PendingTask,
    PendingTimer, Shard, Store, TurnCommit,
};

/// Makes a module's tests of the whole suite. Takes an expression that makes an empty store, as
/// anything that dereferences to it; it is evaluated once per test, within a runtime.
#[macro_export]
macro_rules! conformance_tests {
    ($make:expr) => {
        $crate::conformance_tests! { $make;
            an_instance_is_created_with_its_start_in_the_inbox
            an_id_in_use_is_refused
            an_ended_instance_makes_way_with_all_that_belongs_to_it
            messages_reach_open_instances_in_order
            apps_and_tenants_are_apart
            an_ended_instance_is_purged_with_all_that_belongs_to_it
            history_is_read_in_pieces
            listings_are_filtered
            listings_are_paged_newest_first
            pages_stay_stable_while_instances_are_added
            a_token_that_no_page_gave_is_refused
            matching_ended_instances_are_purged_in_portions
            families_are_purged_where_that_is_asked_for
            a_family_that_is_its_own_ancestor_is_purged
            a_turn_is_appended_and_counted
            a_stale_turn_writes_nothing
            consumed_messages_are_gone_and_others_stay
            the_revision_is_pinned_and_the_custom_status_kept
            a_suspended_instance_is_ready_for_resume_and_terminate_only
            a_start_creates_a_child
            a_start_replaces_an_ended_child
            a_start_over_an_open_child_fails_the_call
            other_messages_to_absent_and_ended_instances_are_dropped
            messages_to_oneself_arrive
            a_continued_instance_begins_anew
            an_ended_instance_loses_inbox_and_timers_but_no_tasks
            an_instance_may_not_restart_itself
            an_end_is_told_to_those_who_wait
            an_operation_creates_its_entity
            an_entity_keeps_its_record_and_is_removed_when_nothing_is_left
            an_entity_takes_operations_only_and_an_orchestration_none
            a_lock_granted_to_nobody_is_released
            entities_are_listed_by_id_and_no_orchestrations
            a_failed_instance_is_rewound_with_its_failed_child
            an_answer_that_came_too_late_is_given_again
            a_long_line_of_failed_children_is_rewound
            only_failed_instances_are_rewound
            a_start_keeps_tags_version_and_time
            an_instance_is_found_by_tags_and_by_its_last_change
            the_statuses_that_may_be_replaced_are_replaced
            tasks_are_created_and_consumed
            tasks_are_read_in_pages
            timers_are_created_canceled_and_consumed
            timers_come_earliest_first
            a_finished_task_reaches_its_execution_once
            a_finished_task_of_an_earlier_execution_is_dropped
            finishing_a_task_needs_the_lease
            leases_are_taken_shared_and_renewed
            an_expired_lease_is_taken_over_with_a_higher_epoch
            a_released_shard_is_free_at_once
            ready_instances_are_read_in_pages
            inboxes_wake_their_workers
            revisions_are_numbered_and_guarded
            a_deleted_app_leaves_nothing
            components_are_kept_by_digest
            keys_are_kept_by_id
            keys_are_listed_by_tenant
            a_key_is_rotated_at_once
            tenants_are_listed_by_name
            terms_are_set_one_by_one
            what_a_tenant_keeps_is_counted
            a_deleted_tenant_leaves_nothing
            actions_are_kept_with_what_came_of_them
            actions_are_read_newest_first_by_tenant
            sealed_values_are_kept_by_app_and_kind
            sealed_values_go_with_their_app
            pairs_are_kept_by_app_and_bucket
            pairs_are_bounded
            numbers_are_incremented_at_once
            long_payloads_are_handed_out_as_names
            a_long_payload_stays_while_an_instance_names_it
            an_instance_that_goes_on_keeps_what_it_names
            an_entity_keeps_its_long_state_and_no_earlier_one
            what_an_instance_received_goes_when_it_begins_anew
            what_comes_too_late_or_reaches_nobody_goes
            a_task_beside_a_new_beginning_keeps_its_input
            an_entity_keeps_what_waits_for_it
            a_name_that_leads_nowhere_is_refused
            keys_of_a_bucket_are_read_in_pages
            objects_are_kept_by_app_and_container
            long_objects_are_written_in_parts_that_nobody_sees
            objects_are_bounded
            names_of_objects_are_read_in_pages
        }
    };
    ($make:expr; $($case:ident)*) => {$(
        #[tokio::test]
        async fn $case() {
            let store = $make;
            $crate::conformance::$case(&*store).await;
        }
    )*};
}

const NODE: NodeId = NodeId(1);

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + millis)
}

fn execution(number: u128) -> ExecutionId {
    ExecutionId::from_u128(number)
}

fn app(name: &str) -> AppId {
    AppId::new("tenant".parse().unwrap(), name.parse().unwrap())
}

fn key(id: &str) -> InstanceKey {
    InstanceKey::new(app("app"), id.parse().unwrap())
}

fn text(text: &str) -> Payload {
    Payload::from(format!("{text:?}"))
}

fn start(number: u128) -> Start {
    Start {
        trace_parent: Some("00-0123-45-01".to_owned()),
        ..Start::new(execution(number), "flow", text("input"))
    }
}

fn child_start(number: u128, parent: &InstanceKey, task: u32) -> Start {
    Start {
        parent: Some(Parent {
            instance: parent.id.clone(),
            execution: execution(1),
            task,
            name: Some("flow".to_owned()),
        }),
        ..start(number)
    }
}

fn event(name: &str) -> Message {
    Message::Event {
        name: name.to_owned(),
        payload: text(name),
    }
}

fn recorded(name: &str) -> Event {
    Event {
        at: at(0),
        kind: EventKind::EventRaised {
            name: name.to_owned(),
            payload: text(name),
        },
    }
}

fn task(number: u128, id: u32) -> NewTask {
    NewTask {
        execution: execution(number),
        id,
        name: "activity".to_owned(),
        input: text("task"),
        attempt: 2,
        call: id,
        labels: weft_orchestration::Labels {
            version: Some("1.2".to_owned()),
            ..Default::default()
        }
        .kept(),
    }
}

fn timer(number: u128, id: u32, fire_at: Timestamp) -> NewTimer {
    NewTimer {
        execution: execution(number),
        id,
        fire_at,
    }
}

fn to(id: &str, message: Message) -> Outgoing {
    Outgoing {
        to: id.parse().unwrap(),
        message,
    }
}

fn completed() -> After {
    After::Ended(Outcome::Completed(text("output")))
}

fn new_instance(key: &InstanceKey, number: u128, now: Timestamp) -> NewInstance {
    NewInstance {
        key: key.clone(),
        start: start(number),
        reuse: IdReuse::never(),
        now,
    }
}

/// A turn that does nothing but wait.
fn turn(key: &InstanceKey, number: u128, turn_number: u64) -> TurnCommit {
    TurnCommit {
        key: key.clone(),
        execution: execution(number),
        turn_number,
        consumed: Consumed::default(),
        turn: Turn {
            events: vec![recorded("turn")],
            tasks: Vec::new(),
            timers: Vec::new(),
            canceled_timers: Vec::new(),
            messages: Vec::new(),
            custom_status: None,
            after: After::Waiting,
        },
        revision: None,
        now: at(5),
    }
}

/// A node that holds every shard.
struct Worker<'a, S: ?Sized> {
    store: &'a S,
    leases: Vec<Lease>,
}

impl<'a, S: Store + ?Sized> Worker<'a, S> {
    async fn new(store: &'a S) -> Self {
        let leases = store.lease_shards(NODE, u16::MAX, at(0), at(1_000)).await;
        Self {
            store,
            leases: leases.unwrap(),
        }
    }

    fn lease(&self, key: &InstanceKey) -> Lease {
        self.leases[usize::from(Shard::of(key).index())]
    }

    async fn commit(&self, commit: TurnCommit) -> Result<(), Error> {
        self.store
            .commit_turn(self.lease(&commit.key), commit)
            .await
    }

    /// Creates an instance of the given execution.
    async fn create(&self, key: &InstanceKey, number: u128) {
        let new = new_instance(key, number, at(0));
        self.store.create(new).await.unwrap();
    }

    /// Commits the first turn, which consumes everything that has arrived.
    async fn begin(&self, key: &InstanceKey, number: u128, change: impl FnOnce(&mut Turn)) {
        let mut commit = turn(key, number, 0);
        commit.consumed.messages = seqs(&self.load(key).await.inbox);
        change(&mut commit.turn);
        self.commit(commit).await.unwrap();
    }

    async fn created_and_begun(
        &self,
        key: &InstanceKey,
        number: u128,
        change: impl FnOnce(&mut Turn),
    ) {
        self.create(key, number).await;
        self.begin(key, number, change).await;
    }

    async fn load(&self, key: &InstanceKey) -> Loaded {
        self.store.load(key).await.unwrap().expect("it is open")
    }

    async fn inbox(&self, key: &InstanceKey) -> Vec<Message> {
        let inbox = self.store.inbox(key).await.unwrap();
        inbox.into_iter().map(|(_, message)| message).collect()
    }

    async fn tasks(&self, key: &InstanceKey) -> Vec<PendingTask> {
        let tasks = self.store.pending_tasks(Shard::of(key), None, 100).await;
        tasks
            .unwrap()
            .into_iter()
            .filter(|t| t.key == *key)
            .collect()
    }

    async fn timers(&self, key: &InstanceKey) -> Vec<PendingTimer> {
        let timers = self.store.pending_timers(Shard::of(key), 100).await;
        let of_key = timers.unwrap().into_iter().filter(|t| t.key == *key);
        of_key.collect()
    }

    async fn is_ready(&self, key: &InstanceKey) -> bool {
        let ready = self.store.ready(Shard::of(key), None, 100).await.unwrap();
        ready.contains(key)
    }

    /// Everything about an instance, to compare before and after.
    async fn everything(&self, key: &InstanceKey) -> String {
        let instance = self.store.instance(key).await.unwrap();
        let history = self.store.history(key, 0, 100).await.unwrap();
        let inbox = self.store.inbox(key).await.unwrap();
        let (tasks, timers) = (self.tasks(key).await, self.timers(key).await);
        format!("{instance:?} {history:?} {inbox:?} {tasks:?} {timers:?}")
    }
}

fn seqs(inbox: &[(MessageSeq, Message)]) -> Vec<MessageSeq> {
    inbox.iter().map(|(seq, _)| *seq).collect()
}

fn failed(kind: &str) -> Failure {
    Failure::permanent(kind, "why")
}
