//! Orchestrators that attack the node that they run on; the name chooses the attack.

wit_bindgen::generate!({
    path: "../../../wit",
    inline: r"
        package test:guest;
        world guest {
            import weft:functions/durable@0.1.0;
            export weft:functions/orchestrator@0.1.0;
            export weft:functions/describe@0.1.0;
        }
    ",
    world: "test:guest/guest",
    generate_all,
});

use exports::weft::functions::describe;
use exports::weft::functions::orchestrator::{Failure, Guest};
use weft::functions::durable;

const NAMES: [&str; 14] = [
    "quick",
    "panic",
    "loop",
    "activities",
    "children",
    "timers",
    "events",
    "fork",
    "forever",
    "status",
    "payload",
    "payloads",
    "name",
    "stranger",
];

struct Flow;
export!(Flow);

impl Guest for Flow {
    fn run(name: String, input: String) -> Result<String, Failure> {
        let number: u32 = input.parse().unwrap_or(0);
        match name.as_str() {
            "quick" => {}
            "panic" => panic!("poisoned"),
            "loop" => loop {
                std::hint::black_box(());
            },
            "activities" => {
                let task = |_| durable::call_activity("nobody", "null", None);
                let tasks: Vec<u32> = (0..number).map(task).collect();
                durable::wait_any(&tasks);
            }
            "children" => {
                let task = |_| durable::call_sub_orchestrator("quick", "null", None, None);
                let tasks: Vec<u32> = (0..number).map(task).collect();
                durable::wait_any(&tasks);
            }
            "timers" => {
                let tasks: Vec<u32> = (0..number)
                    .map(|_| durable::create_timer(3_600_000.0))
                    .collect();
                durable::wait_any(&tasks);
            }
            "events" => {
                for number in 0..number {
                    durable::send_event("nobody", &format!("e{number}"), "null");
                }
            }
            // Each begins two of itself, one level further down.
            "fork" if number > 0 => {
                let below = (number - 1).to_string();
                let task = |_| durable::call_sub_orchestrator("fork", &below, None, None);
                let tasks: Vec<u32> = (0..2).map(task).collect();
                for task in tasks {
                    durable::wait(task)?;
                }
            }
            "fork" => {}
            "forever" => durable::continue_as_new("null", false),
            "status" => {
                let status = format!("\"{}\"", "s".repeat(number as usize));
                durable::set_custom_status(&status);
            }
            "payload" => {
                let input = format!("\"{}\"", "p".repeat(number as usize));
                durable::call_activity("nobody", &input, None);
            }
            // The same eight MiB again and again.
            "payloads" => {
                let input = format!("\"{}\"", "p".repeat(8 << 20));
                for _ in 0..number {
                    durable::call_activity("nobody", &input, None);
                }
            }
            "name" => {
                durable::call_activity(&"n".repeat(number as usize), "null", None);
            }
            // Speaks to an instance that belongs to somebody else.
            "stranger" => durable::send_event(input.trim_matches('"'), "go", "null"),
            other => {
                return Err(Failure {
                    kind: "unknown".to_owned(),
                    message: format!("there is no {other}"),
                    retryable: false,
                    details: None,
                });
            }
        }
        Ok("null".to_owned())
    }
}

impl describe::Guest for Flow {
    fn describe() -> Vec<describe::Function> {
        let function = |name: &str| describe::Function {
            name: name.to_owned(),
            kind: describe::Kind::Orchestrator,
            description: None,
            input_schema: None,
            output_schema: None,
            route: None,
            methods: Vec::new(),
        };
        NAMES.map(function).to_vec()
    }
}
