//! Whether the answers of steps, of which some ran at the same time, agree with the model: there must be an order of them
//! that explains every answer (linearizability; the algorithm of Wing and Gong).

use super::model::State;
use super::rules::follow;
use super::step::Step;

/// The states that are possible after `steps`; none where no order explains the answers. `first` is the number of the
/// first step.
pub fn explain(before: &[State], steps: &[Step], first: usize) -> Vec<State> {
    let mut after = Vec::new();
    for state in before {
        order(
            state,
            steps,
            &mut vec![false; steps.len()],
            first,
            &mut after,
        );
    }
    after
}

fn order(state: &State, steps: &[Step], taken: &mut [bool], first: usize, after: &mut Vec<State>) {
    if taken.iter().all(|taken| *taken) {
        if !after.contains(state) {
            after.push(state.clone());
        }
        return;
    }
    for at in 0..steps.len() {
        // What ended before another step began comes before it.
        let is_next = !taken[at]
            && (0..steps.len()).all(|other| taken[other] || steps[other].ended >= steps[at].began);
        if !is_next {
            continue;
        }
        for next in follow(state, &steps[at], first + at) {
            taken[at] = true;
            order(&next, steps, taken, first, after);
            taken[at] = false;
        }
    }
}
