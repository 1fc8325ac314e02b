//! Request triggers that are told of.

use super::*;

impl World {
    pub(super) fn tell_all(&mut self, told: &Told) {
        self.inbox.push_back(Message::Event {
            name: FIRE_EVENT.to_owned(),
            payload: Payload::from(serde_json::to_string(told).unwrap()),
        });
    }
}

#[test]
fn a_request_is_recorded_by_its_name_and_its_first_run_has_it() {
    let trigger =
        json!({"type": "Request", "splitOn": "@triggerBody()", "inputs": {"method": "POST"}});
    let mut world = World::new(trigger);
    let told = Told {
        name: Some("first".to_owned()),
        awaited: true,
        ..Told::of(Value::from(json!({"body": [1, 2]})))
    };
    world.tell_all(&told);
    world.tell_all(&Told {
        name: Some("second".to_owned()),
        verdict: Some(Verdict {
            failed: false,
            code: "TriggerConditionNotMet".to_owned(),
            message: "no".to_owned(),
        }),
        ..Told::default()
    });
    world.until(1_000, || Crash::None);
    assert_eq!(world.runs.len(), 2);
    assert_eq!(world.runs[0].1.as_str(), "first");
    assert_eq!(
        world.runs[0].2.pointer("/inputs/method"),
        Some(&Value::from("POST"))
    );
    let watch = world.live.as_ref().unwrap();
    let entries = &watch.state().entries;
    let shown = |at: usize| (entries[at].name.as_str(), entries[at].status.as_str());
    assert_eq!(shown(0), ("first", "Succeeded"));
    assert_eq!(shown(1), ("second", "Skipped"));
    assert_eq!(entries[1].run, None);
}
