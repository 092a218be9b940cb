//! What will happen, in the order of virtual time; what is due at once happens in the order in
//! which it was planned.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Planned events of type `E`.
#[derive(Debug)]
pub(crate) struct Queue<E> {
    heap: BinaryHeap<Planned<E>>,
    number: u64,
}

#[derive(Debug)]
struct Planned<E> {
    at_us: u64,
    number: u64,
    event: E,
}

impl<E> Default for Queue<E> {
    fn default() -> Self {
        Self {
            heap: BinaryHeap::new(),
            number: 0,
        }
    }
}

impl<E> Queue<E> {
    /// Plans an event.
    pub(crate) fn plan(&mut self, at_us: u64, event: E) {
        self.number += 1;
        self.heap.push(Planned {
            at_us,
            number: self.number,
            event,
        });
    }

    /// The next event and its time, if it is due by then.
    pub(crate) fn next_by(&mut self, until_us: u64) -> Option<(u64, E)> {
        if self.heap.peek()?.at_us > until_us {
            return None;
        }
        self.heap
            .pop()
            .map(|planned| (planned.at_us, planned.event))
    }
}

impl<E> PartialEq for Planned<E> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<E> Eq for Planned<E> {}

impl<E> PartialOrd for Planned<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Planned<E> {
    /// The earliest is the greatest: the heap gives out the greatest first.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at_us, other.number).cmp(&(self.at_us, self.number))
    }
}

#[cfg(test)]
mod tests {
    use super::Queue;

    #[test]
    fn events_come_by_time_and_then_as_they_were_planned() {
        let mut queue = Queue::default();
        for (at_us, event) in [(5, "c"), (1, "a"), (5, "d"), (2, "b")] {
            queue.plan(at_us, event);
        }
        let due: Vec<_> = std::iter::from_fn(|| queue.next_by(5)).collect();
        assert_eq!(due, [(1, "a"), (2, "b"), (5, "c"), (5, "d")]);
        queue.plan(9, "later");
        assert_eq!(queue.next_by(8), None);
    }
}
