//! A queue from which no tenant takes the places of all others.
//!
//! Every tenant has a line of its own. A place that is free goes to the tenant that holds the
//! fewest places, among equals to the one that has used the least processor time, then to the one that
//! was served longest ago: slow work counts for as long as it holds its place, and many short pieces
//! count for what they take. No tenant holds more than [`SHARE`] times as many places as are free, so
//! that whoever comes next finds one at once: a tenant alone gets seven eighths of all places, two
//! get seven fifteenths each. In the same way no line is longer than what is left of the bound on
//! all lines together.
//!
//! A push, a pop and an end cost one look-up among the tenants that have something here, however
//! much that is.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use weft_id::Tenant;

/// Places that a tenant may hold for each one that is free.
const SHARE: usize = 7;

#[derive(Debug)]
pub(crate) struct Fair<T> {
    lines: BTreeMap<Tenant, Line<T>>,
    /// The tenants that wait, the next one first.
    next: BTreeSet<Rank>,
    places: usize,
    places_taken: usize,
    waiting_max: usize,
    waiting: usize,
    /// Counts what was served.
    turn: u64,
}

/// Places held, processor time used, when served last, and by whom.
type Rank = (usize, Duration, u64, Tenant);

#[derive(Debug)]
struct Line<T> {
    waiting: VecDeque<T>,
    places_taken: usize,
    /// As of the last time that it was told.
    used: Duration,
    served: u64,
}

impl<T> Line<T> {
    fn rank(&self, tenant: &Tenant) -> Rank {
        (self.places_taken, self.used, self.served, tenant.clone())
    }
}

impl<T> Fair<T> {
    /// `waiting_max` is what [`Self::has_room`] and [`Self::is_low`] speak of; a push is never
    /// refused.
    pub(crate) fn new(places: usize, waiting_max: usize) -> Self {
        Self {
            lines: BTreeMap::new(),
            next: BTreeSet::new(),
            places,
            places_taken: 0,
            waiting_max,
            waiting: 0,
            turn: 0,
        }
    }

    /// Puts something at the end of a tenant's line. `used` is where the tenant stands among those who
    /// compete for the processor.
    pub(crate) fn push(&mut self, tenant: &Tenant, item: T, used: Duration) {
        if let Some(line) = self.lines.get_mut(tenant) {
            if line.waiting.is_empty() {
                line.used = used;
                self.next.insert(line.rank(tenant));
            }
            line.waiting.push_back(item);
        } else {
            let line = Line {
                waiting: VecDeque::from([item]),
                places_taken: 0,
                used,
                served: self.turn,
            };
            self.next.insert(line.rank(tenant));
            self.lines.insert(tenant.clone(), line);
        }
        self.waiting += 1;
    }

    /// What runs next, if there is a place for it: it holds that until [`Self::done`] is called.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let free = self.places.saturating_sub(self.places_taken);
        // Whoever holds the fewest places passes the bound if anybody does.
        if self.next.first()?.0 >= SHARE * free {
            return None;
        }
        let (.., tenant) = self.next.pop_first()?;
        let line = self.lines.get_mut(&tenant).expect("who waits has a line");
        let item = line.waiting.pop_front().expect("who waits has something");
        self.turn += 1;
        line.served = self.turn;
        line.places_taken += 1;
        if !line.waiting.is_empty() {
            self.next.insert(line.rank(&tenant));
        }
        self.places_taken += 1;
        self.waiting -= 1;
        Some(item)
    }

    /// Gives back a place that [`Self::pop`] gave to the tenant, which has used so much by now.
    pub(crate) fn done(&mut self, tenant: &Tenant, used: Duration) {
        let line = self.lines.get_mut(tenant).expect("who runs has a line");
        let waits = self.next.remove(&line.rank(tenant));
        line.places_taken -= 1;
        line.used = used;
        if waits {
            self.next.insert(line.rank(tenant));
        } else if line.places_taken == 0 {
            self.lines.remove(tenant);
        }
        self.places_taken -= 1;
    }

    /// Drops what waits and is not wanted.
    pub(crate) fn retain(&mut self, mut wanted: impl FnMut(&T) -> bool) {
        self.next.clear();
        self.waiting = 0;
        self.lines.retain(|tenant, line| {
            line.waiting.retain(&mut wanted);
            self.waiting += line.waiting.len();
            if !line.waiting.is_empty() {
                self.next.insert(line.rank(tenant));
            }
            !line.waiting.is_empty() || line.places_taken > 0
        });
    }

    /// Whether another thing of the tenant may wait here.
    pub(crate) fn has_room(&self, tenant: &Tenant) -> bool {
        self.waiting_of(tenant) < self.waiting_max.saturating_sub(self.waiting)
    }

    /// Whether there is room for about as much again as waits of the tenant.
    pub(crate) fn is_low(&self, tenant: &Tenant) -> bool {
        2 * self.waiting_of(tenant) < self.waiting_max.saturating_sub(self.waiting)
    }

    fn waiting_of(&self, tenant: &Tenant) -> usize {
        self.lines.get(tenant).map_or(0, |line| line.waiting.len())
    }

    /// How much waits.
    pub(crate) fn len(&self) -> usize {
        self.waiting
    }

    pub(crate) fn places_taken(&self) -> usize {
        self.places_taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(name: &str) -> Tenant {
        name.parse().unwrap()
    }

    fn push(fair: &mut Fair<String>, name: &str, count: usize) {
        for _ in 0..count {
            fair.push(&tenant(name), name.to_owned(), Duration::ZERO);
        }
    }

    fn popped(fair: &mut Fair<String>) -> Vec<String> {
        std::iter::from_fn(|| fair.pop()).collect()
    }

    #[test]
    fn a_newcomer_finds_a_place_beside_any_amount_of_slow_work() {
        let mut fair = Fair::new(256, 20_000);
        push(&mut fair, "heavy", 10_000);
        assert_eq!(popped(&mut fair).len(), 224);
        for name in ["a", "b", "c", "d"] {
            push(&mut fair, name, 1);
            assert_eq!(popped(&mut fair), [name]);
        }
    }

    #[test]
    fn places_that_get_free_go_to_whoever_holds_the_fewest() {
        let mut fair = Fair::new(64, 1_000);
        push(&mut fair, "heavy", 500);
        popped(&mut fair);
        push(&mut fair, "other", 500);
        popped(&mut fair);
        for _ in 0..40 {
            fair.done(&tenant("heavy"), Duration::ZERO);
            popped(&mut fair);
        }
        let taken = |name| fair.lines[&tenant(name)].places_taken;
        assert_eq!((taken("heavy"), taken("other")), (30, 30));
        assert_eq!(fair.places_taken(), 60);
    }

    #[test]
    fn equals_take_turns_and_all_get_through() {
        let mut fair = Fair::new(1, 100);
        push(&mut fair, "a", 3);
        push(&mut fair, "b", 2);
        let mut order = Vec::new();
        while let Some(name) = fair.pop() {
            assert_eq!(fair.pop(), None, "there is one place");
            fair.done(&tenant(&name), Duration::ZERO);
            order.push(name);
        }
        assert_eq!(order, ["a", "b", "a", "b", "a"]);
        assert!(fair.lines.is_empty() && fair.next.is_empty() && fair.len() == 0);
    }

    #[test]
    fn among_equals_the_one_goes_first_that_has_used_the_least() {
        let mut fair = Fair::new(1, 100);
        push(&mut fair, "costly", 4);
        push(&mut fair, "cheap", 4);
        let mut used = BTreeMap::from([("costly", 0), ("cheap", 0)]);
        let mut order = Vec::new();
        while let Some(name) = fair.pop() {
            let (name, each) = match name.as_str() {
                "costly" => ("costly", 3),
                _ => ("cheap", 1),
            };
            let of = used.get_mut(name).unwrap();
            *of += each;
            fair.done(&tenant(name), Duration::from_millis(*of));
            order.push(name);
        }
        let first = ["cheap", "costly", "cheap", "cheap", "costly", "cheap"];
        assert_eq!(order[..6], first);
    }

    #[test]
    fn a_long_line_leaves_room_for_others() {
        let mut fair = Fair::new(1, 100);
        while fair.has_room(&tenant("heavy")) {
            push(&mut fair, "heavy", 1);
        }
        assert_eq!(fair.len(), 50);
        assert!(!fair.is_low(&tenant("heavy")));
        assert!(fair.is_low(&tenant("other")));
        fair.retain(|_| false);
        assert!(fair.lines.is_empty() && fair.next.is_empty() && fair.len() == 0);
    }
}
