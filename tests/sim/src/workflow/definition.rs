//! Random definitions that come to one end only, however long their parts take.
//!
//! What runs side by side never reads what something else writes at the same time, so that the end
//! depends on the definition and on the answers alone: variables are written where nothing else
//! runs, a limit is met by what never ends, and nothing says when it happened.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Map, Value, json};

/// Containers in containers.
const DEPTH_MAX: u32 = 3;
const ALL: [&str; 4] = ["Succeeded", "Failed", "Skipped", "TimedOut"];

/// The workflow that others may call.
pub(super) const CHILD: &str = "child";

/// An app of two workflows.
#[derive(Debug, Clone)]
pub(super) struct Definitions {
    pub(super) root: Value,
    pub(super) child: Value,
}

/// Where an action stands.
#[derive(Debug, Clone, Default)]
struct Place {
    depth: u32,
    /// Nothing else runs at the same time.
    alone: bool,
    looped: bool,
    /// The loops around it, from the outside in.
    foreach: Vec<String>,
    until: Vec<String>,
}

struct Generator<'a> {
    rng: &'a mut StdRng,
    names: u32,
    /// Items that every Foreach lacks: for a planted bug.
    lost_items: u64,
    nested: bool,
    /// Whether something runs beside the main line, so that nothing may end the whole run.
    beside: bool,
    responded: bool,
    iterations_left: u32,
}

impl Definitions {
    /// The same seed gives the same, apart from the items that loops lack.
    pub(super) fn random(seed: u64, lost_items: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let child = Generator::new(&mut rng, lost_items, false).whole();
        let root = Generator::new(&mut rng, lost_items, true).whole();
        Self { root, child }
    }

    /// One of everything, for crashes at every point.
    pub(super) fn reference() -> Self {
        let text = include_str!("reference.json");
        let mut both: Value = serde_json::from_str(text).expect("it is JSON");
        Self {
            root: both["root"].take(),
            child: both["child"].take(),
        }
    }
}

impl<'a> Generator<'a> {
    fn new(rng: &'a mut StdRng, lost_items: u64, nested: bool) -> Self {
        let beside = rng.random_bool(0.4);
        Self {
            rng,
            names: 0,
            lost_items,
            nested,
            beside,
            responded: false,
            iterations_left: 40,
        }
    }

    fn whole(mut self) -> Value {
        let variables = json!([
            { "name": "n", "type": "integer", "value": 0 },
            { "name": "list", "type": "array", "value": [] },
            { "name": "text", "type": "string", "value": "" },
        ]);
        let mut actions = Map::new();
        let first = json!({
            "type": "InitializeVariable",
            "inputs": { "variables": variables },
            "runAfter": {}
        });
        actions.insert("Variables".to_owned(), first);
        let main = Place {
            alone: true,
            ..Place::default()
        };
        let main = json!({
            "type": "Scope",
            "actions": self.line(&main),
            "runAfter": { "Variables": ["Succeeded"] }
        });
        actions.insert("Main".to_owned(), main);
        if self.beside {
            let beside = Place {
                depth: 1,
                ..Place::default()
            };
            let beside = json!({
                "type": "Scope",
                "actions": self.mesh(&beside),
                "runAfter": { "Variables": ["Succeeded"] }
            });
            actions.insert("Beside".to_owned(), beside);
        }
        let inputs =
            "@concat(string(variables('n')), variables('text'), string(variables('list')))";
        let last = json!({ "type": "Compose", "inputs": inputs, "runAfter": { "Main": ALL } });
        actions.insert("Last".to_owned(), last);
        if self.rng.random_bool(0.7) {
            let response = json!({
                "type": "Response",
                "kind": "Http",
                "inputs": {
                    "statusCode": if self.rng.random_bool(0.8) { 200 } else { 409 },
                    "body": "@outputs('Last')"
                },
                "runAfter": { "Last": ["Succeeded"] }
            });
            actions.insert("Answer".to_owned(), response);
        }
        if !self.beside && self.rng.random_bool(0.2) {
            let body = self.terminate();
            let after = json!({ "Main": ["Failed", "TimedOut"] });
            actions.insert("Give_up".to_owned(), with_order(body, after));
        }
        json!({
            "triggers": { "manual": { "type": "Request", "kind": "Http" } },
            "actions": actions,
            "outputs": { "n": { "type": "Int", "value": "@variables('n')" } }
        })
    }

    fn name(&mut self) -> String {
        self.names += 1;
        format!("A{}", self.names)
    }

    /// Actions one after another.
    fn line(&mut self, place: &Place) -> Value {
        let mut actions = Map::new();
        let mut before: Option<String> = None;
        for _ in 0..self.rng.random_range(1..5) {
            let name = self.name();
            let body = self.action(&name, place, before.as_deref());
            let after = match &before {
                None => json!({}),
                Some(before) => json!({ before: self.statuses() }),
            };
            actions.insert(name.clone(), with_order(body, after));
            before = Some(name);
        }
        Value::Object(actions)
    }

    /// Actions side by side, each after some of those before it.
    fn mesh(&mut self, place: &Place) -> Value {
        let place = Place {
            alone: false,
            ..place.clone()
        };
        let mut names: Vec<String> = Vec::new();
        let mut actions = Map::new();
        for _ in 0..self.rng.random_range(2..5) {
            let name = self.name();
            let mut after = Map::new();
            for before in &names {
                if self.rng.random_bool(0.3) {
                    after.insert(before.clone(), json!(self.statuses()));
                }
            }
            let before = after.keys().next().cloned();
            let body = self.action(&name, &place, before.as_deref());
            actions.insert(name.clone(), with_order(body, Value::Object(after)));
            names.push(name);
        }
        Value::Object(actions)
    }

    fn statuses(&mut self) -> Vec<&'static str> {
        match self.rng.random_range(0..5) {
            0 => vec!["Succeeded"],
            1 => vec!["Failed", "TimedOut"],
            _ => ALL.to_vec(),
        }
    }

    fn action(&mut self, name: &str, place: &Place, before: Option<&str>) -> Value {
        let leaf = place.depth >= DEPTH_MAX || self.rng.random_bool(0.6);
        if leaf {
            return self.leaf(name, place, before);
        }
        let inner = Place {
            depth: place.depth + 1,
            ..place.clone()
        };
        match self.rng.random_range(0..7) {
            0 => json!({ "type": "Scope", "actions": self.line(&inner) }),
            1 => json!({ "type": "Scope", "actions": self.mesh(&inner) }),
            2 => json!({
                "type": "If",
                "expression": { "equals": [self.number(place), self.rng.random_range(0..2)] },
                "actions": self.line(&inner),
                "else": { "actions": self.line(&inner) }
            }),
            3 => json!({
                "type": "Switch",
                "expression": self.number(place),
                "cases": {
                    "Zero": { "case": 0, "actions": self.line(&inner) },
                    "One": { "case": 1, "actions": self.line(&inner) }
                },
                "default": { "actions": self.line(&inner) }
            }),
            4 | 5 => self.foreach(name, place, inner),
            _ => self.until(name, place, inner),
        }
    }

    /// A number between 0 and 2 that is the same in every run.
    fn number(&mut self, place: &Place) -> String {
        match (place.foreach.last(), place.until.last()) {
            (Some(around), _) if self.rng.random_bool(0.5) => {
                format!("@mod(items('{around}'), 3)")
            }
            (_, Some(around)) if self.rng.random_bool(0.5) => {
                format!("@mod(iterationIndexes('{around}'), 3)")
            }
            _ if place.alone => "@mod(variables('n'), 3)".to_owned(),
            _ => format!("@mod({}, 3)", self.rng.random_range(0..3)),
        }
    }

    fn foreach(&mut self, name: &str, place: &Place, mut inner: Place) -> Value {
        let items = self.rng.random_range(0..5_u32).min(self.iterations_left);
        self.iterations_left -= items;
        let items = u64::from(items).saturating_sub(self.lost_items);
        inner.looped = true;
        inner.foreach.push(name.to_owned());
        let mut action = json!({ "type": "Foreach", "foreach": format!("@range(0, {items})") });
        if place.alone && self.rng.random_bool(0.4) {
            action["operationOptions"] = json!("Sequential");
            action["actions"] = self.line(&inner);
            return action;
        }
        inner.alone = false;
        let repetitions = self.rng.random_range(1..4);
        action["runtimeConfiguration"] = json!({ "concurrency": { "repetitions": repetitions } });
        action["actions"] = match self.rng.random_bool(0.5) {
            true => self.line(&inner),
            false => self.mesh(&inner),
        };
        action
    }

    fn until(&mut self, name: &str, place: &Place, mut inner: Place) -> Value {
        let count = self.rng.random_range(1..4_u32);
        self.iterations_left = self.iterations_left.saturating_sub(count);
        inner.looped = true;
        inner.until.push(name.to_owned());
        let expression = match place.alone {
            true => json!({ "greater": ["@variables('n')", self.rng.random_range(0..6)] }),
            false => json!({ "equals": [format!("@iterationIndexes('{name}')"), 1] }),
        };
        json!({
            "type": "Until",
            "expression": expression,
            "limit": { "count": count, "timeout": "PT12H" },
            "actions": self.line(&inner)
        })
    }

    fn leaf(&mut self, name: &str, place: &Place, before: Option<&str>) -> Value {
        match self.rng.random_range(0..16) {
            0 | 1 => json!({ "type": "Compose", "inputs": self.text(place, before) }),
            2 => json!({ "type": "Compose", "inputs": "@int('no number')" }),
            3 => self.wait(),
            4..=8 => self.http(name, place),
            9 => self.endless(),
            10 if self.nested => json!({
                "type": "Workflow",
                "inputs": {
                    "host": { "workflow": { "id": CHILD } },
                    "body": self.text(place, before)
                }
            }),
            11 if place.alone && !place.looped && !self.beside => match self.rng.random_bool(0.2) {
                true => self.terminate(),
                false => self.respond(),
            },
            12 if place.alone => {
                let value = self.text(place, before);
                let inputs = json!({ "name": "list", "value": value });
                json!({ "type": "AppendToArrayVariable", "inputs": inputs })
            }
            13 if place.alone => {
                let inputs = json!({ "name": "text", "value": self.text(place, before) });
                json!({ "type": "SetVariable", "inputs": inputs })
            }
            _ if place.alone => {
                let inputs = json!({ "name": "n", "value": self.rng.random_range(1..3) });
                json!({ "type": "IncrementVariable", "inputs": inputs })
            }
            _ => json!({ "type": "Compose", "inputs": self.text(place, before) }),
        }
    }

    fn text(&mut self, place: &Place, before: Option<&str>) -> String {
        let last = (place.foreach.last(), place.until.last());
        match (self.rng.random_range(0..6), before, last) {
            (0, Some(before), _) => format!("@{{actions('{before}')?['status']}}"),
            (1, Some(before), _) => format!("before: @{{outputs('{before}')}}"),
            (2, _, (Some(around), _)) => format!("item @{{items('{around}')}}"),
            (2, _, (_, Some(around))) => format!("round @{{iterationIndexes('{around}')}}"),
            (3 | 4, _, _) if place.alone => "@{variables('n')}-@{variables('text')}".to_owned(),
            (5, _, _) if place.alone && self.nested && !self.beside => {
                "drawn @{rand(1, 1000)}".to_owned()
            }
            _ => format!("text {}", self.rng.random_range(0..100)),
        }
    }

    fn wait(&mut self) -> Value {
        let count = self.rng.random_range(1..6);
        let inputs = json!({ "interval": { "count": count, "unit": "Second" } });
        json!({ "type": "Wait", "inputs": inputs })
    }

    fn http(&mut self, name: &str, place: &Place) -> Value {
        let behaviours = [
            "ok", "ok", "busy-1", "busy-3", "closed-1", "closed-3", "gone", "later",
        ];
        let behaviour = behaviours[self.rng.random_range(0..behaviours.len())];
        let policy = match self.rng.random_bool(0.2) {
            true => json!({ "type": "none" }),
            false => json!({ "type": "fixed", "count": 2, "interval": "PT2S" }),
        };
        json!({
            "type": "Http",
            "inputs": {
                "method": "POST",
                "uri": format!("http://outside/{behaviour}/{name}"),
                "body": self.text(place, None),
                "retryPolicy": policy
            }
        })
    }

    /// What never ends by itself, and its limit.
    fn endless(&mut self) -> Value {
        let mut action = match self.rng.random_bool(0.5) {
            true => {
                let interval = json!({ "interval": { "count": 30, "unit": "Day" } });
                json!({ "type": "Wait", "inputs": interval })
            }
            false => json!({
                "type": "HttpWebhook",
                "inputs": { "subscribe": {
                    "method": "POST",
                    "uri": "http://outside/subscribe",
                    "body": "never called",
                    "retryPolicy": { "type": "none" }
                } }
            }),
        };
        action["limit"] = json!({ "timeout": format!("PT{}S", self.rng.random_range(1..8)) });
        action
    }

    fn respond(&mut self) -> Value {
        let status = if self.responded { 201 } else { 200 };
        self.responded = true;
        let inputs = json!({ "statusCode": status, "body": "@variables('n')" });
        json!({ "type": "Response", "kind": "Http", "inputs": inputs })
    }

    fn terminate(&mut self) -> Value {
        let inputs = match self.rng.random_range(0..3) {
            0 => json!({ "runStatus": "Succeeded" }),
            1 => json!({ "runStatus": "Cancelled" }),
            _ => {
                let error = json!({ "code": "GaveUp", "message": "@{variables('n')}" });
                json!({ "runStatus": "Failed", "runError": error })
            }
        };
        json!({ "type": "Terminate", "inputs": inputs })
    }
}

fn with_order(mut action: Value, after: Value) -> Value {
    action["runAfter"] = after;
    action
}
