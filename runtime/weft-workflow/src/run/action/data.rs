//! Operations on data: ParseJson, Query, Select, Join and the date operations.

use crate::expression::{Budget, EvalError, Template, apply};
use crate::program::{ActionId, Condition, Schema};
use crate::value::{Array, Value};

use super::super::Run;
use super::super::scope::Place;
use super::super::state::{End, FrameId, member, object};

impl Run {
    /// The array that an operation goes over.
    pub(super) fn array(
        &mut self,
        frame: FrameId,
        id: ActionId,
        from: &Template,
    ) -> Result<Array, End> {
        let name = self.program.action(id).kind_name.clone();
        match self.evaluate(from, frame, Some(id)).map_err(End::from)? {
            Value::Array(items) => Ok(items),
            other => Err(End::failed(
                "BadRequest",
                format!(
                    "The 'from' property value in the '{name}' action inputs is of type '{}'. The \
                     value must be an array.",
                    other.kind()
                ),
            )),
        }
    }

    pub(super) fn select(
        &mut self,
        frame: FrameId,
        id: ActionId,
        from: &Template,
        select: &Template,
    ) -> End {
        let items = match self.array(frame, id, from) {
            Ok(items) => items,
            Err(end) => return end,
        };
        self.record_from(frame, id, &items);
        let selected = self.each(frame, id, &items, |place, budget| {
            select.evaluate(place, budget).map(Some)
        });
        match selected {
            Ok(values) => End::body(Value::from(values)),
            Err(fault) => fault.into(),
        }
    }

    pub(super) fn query(
        &mut self,
        frame: FrameId,
        id: ActionId,
        from: &Template,
        condition: &Condition,
    ) -> End {
        let items = match self.array(frame, id, from) {
            Ok(items) => items,
            Err(end) => return end,
        };
        self.record_from(frame, id, &items);
        let kept = self.each(frame, id, &items, |place, budget| {
            let holds = condition.holds(place, budget)?;
            Ok(holds.then(|| place.item.cloned().unwrap_or_default()))
        });
        match kept {
            Ok(values) => End::body(Value::from(values)),
            Err(fault) => fault.into(),
        }
    }

    pub(super) fn record_from(&mut self, frame: FrameId, id: ActionId, items: &Array) {
        let inputs = object([("from", Some(Value::Array(items.clone())))]);
        self.slot_mut(frame, id).record.inputs = Some(inputs);
    }

    /// What `make` gives for each item, under one budget.
    pub(super) fn each(
        &mut self,
        frame: FrameId,
        id: ActionId,
        items: &Array,
        make: impl Fn(&Place<'_>, &mut Budget) -> Result<Option<Value>, EvalError>,
    ) -> Result<Vec<Value>, EvalError> {
        let mut budget = Budget::default();
        let place = Place::new(self, frame, Some(id));
        let made = items
            .iter()
            .filter_map(|item| make(&place.with_item(item), &mut budget).transpose())
            .collect();
        self.expression_steps += budget.spent().0;
        made
    }

    pub(super) fn join(&mut self, _: FrameId, _: ActionId, inputs: &Value) -> End {
        let Some(items) = inputs.get("from").and_then(Value::as_array) else {
            let message = "The 'from' property value in the 'join' action inputs must be an array.";
            return End::failed("BadRequest", message);
        };
        let with = inputs
            .get("joinWith")
            .map(Value::to_text)
            .unwrap_or_default();
        let texts: Vec<String> = items.iter().map(Value::to_text).collect();
        End::body(Value::from(texts.join(&with)))
    }

    pub(super) fn parse_json(
        &mut self,
        frame: FrameId,
        id: ActionId,
        content: &Template,
        schema: Option<&Schema>,
    ) -> End {
        let content = match self.evaluate(content, frame, Some(id)) {
            Ok(content) => content,
            Err(fault) => return fault.into(),
        };
        let inputs = object([("content", Some(content.clone()))]);
        self.slot_mut(frame, id).record.inputs = Some(inputs);
        let parsed = match &content {
            Value::Null => {
                let message = "The 'content' property of actions of type 'ParseJson' must be valid \
                               JSON. The provided value cannot be null.";
                return End::failed("InvalidTemplate", message);
            }
            Value::String(_) => self.json_of(frame, id, &content),
            Value::Object(object) if object.get_exact("$content").is_some() => {
                self.json_of(frame, id, &content)
            }
            _ => Ok(content),
        };
        let parsed = match parsed {
            Ok(parsed) => parsed,
            Err(fault) => {
                let message = format!(
                    "The 'content' property of actions of type 'ParseJson' must be valid JSON. {}",
                    fault.message
                );
                return End::failed("InvalidTemplate", message);
            }
        };
        if let Some(schema) = schema {
            let faults = schema.faults(&parsed);
            if !faults.is_empty() {
                let message = format!("Schema validation failed: {}.", faults.join("; "));
                return End::failed("ValidationFailed", message);
            }
        }
        End {
            code: Some("OK".into()),
            ..End::body(parsed)
        }
    }

    fn json_of(&self, frame: FrameId, id: ActionId, text: &Value) -> Result<Value, EvalError> {
        let place = Place::new(self, frame, Some(id));
        apply(
            "json",
            std::slice::from_ref(text),
            &place,
            &mut Budget::default(),
        )
    }

    /// The operations of the designer's group "Date Time".
    pub(super) fn date_operation(
        &mut self,
        frame: FrameId,
        id: ActionId,
        kind: &str,
        inputs: &Value,
    ) -> End {
        let argument = |name: &str| member(inputs, name).cloned().unwrap_or_default();
        let interval = ["interval", "timeUnit"].map(argument).to_vec();
        let (function, arguments) = match kind.to_ascii_lowercase().as_str() {
            "currenttime" => ("utcNow", Vec::new()),
            "addtotime" => ("addToTime", [vec![argument("baseTime")], interval].concat()),
            "subtractfromtime" => {
                let arguments = [vec![argument("baseTime")], interval].concat();
                ("subtractFromTime", arguments)
            }
            "getfuturetime" => ("getFutureTime", interval),
            "getpasttime" => ("getPastTime", interval),
            "converttimezone" => {
                let names = ["baseTime", "sourceTimeZone", "destinationTimeZone"];
                let mut arguments = names.map(argument).to_vec();
                arguments.extend(member(inputs, "formatString").cloned());
                ("convertTimeZone", arguments)
            }
            other => {
                let message = format!("'{other}' is no kind of an Expression action.");
                return End::failed("InvalidTemplate", message);
            }
        };
        let place = Place::new(self, frame, Some(id));
        match apply(function, &arguments, &place, &mut Budget::default()) {
            Ok(value) => End::body(value),
            Err(fault) => fault.into(),
        }
    }
}
