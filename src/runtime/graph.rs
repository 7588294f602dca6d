//! The wait-for graph as bare numbers: who cannot go on, and the cycles (floor 1).

use std::ops::Range;

use crate::wait::reason::Known;

/// One task waits for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arrow {
    pub(super) from: usize,
    /// Which of its waits it is.
    pub(super) wait: usize,
    pub(super) to: usize,
    /// How well it is known that only `to` can end this wait.
    pub(super) known: Known,
    /// The task awaits it now, and does not merely keep the future.
    pub(super) awaited: bool,
}

/// Arrows from each of `n` tasks, by that task.
pub(super) struct Graph {
    n: usize,
    arrows: Vec<Arrow>,
}

impl Graph {
    pub(super) fn new(n: usize, mut arrows: Vec<Arrow>) -> Self {
        arrows.sort_by_key(|arrow| (arrow.from, arrow.wait, arrow.to));
        Self { n, arrows }
    }

    /// The arrows that lead away from a task.
    pub(super) fn from(&self, task: usize) -> &[Arrow] {
        &self.arrows[self.out(task)]
    }

    fn out(&self, task: usize) -> Range<usize> {
        let before = |most: usize| self.arrows.partition_point(|arrow| arrow.from < most);
        before(task)..before(task + 1)
    }

    /// Who cannot go on. A task can if it may be woken otherwise, as `free` says, or if one of
    /// those for whom it waits can: it may wait for several things of which one is enough, and
    /// nobody knows whether it wants one or all.
    pub(super) fn stuck(&self, free: Vec<bool>) -> Vec<bool> {
        let mut back: Vec<(usize, usize)> = self.arrows.iter().map(|a| (a.to, a.from)).collect();
        back.sort_unstable();
        let mut goes_on = free;
        let mut news: Vec<usize> = (0..self.n).filter(|task| goes_on[*task]).collect();
        while let Some(task) = news.pop() {
            let first = back.partition_point(|(to, _)| *to < task);
            for &(_, from) in back[first..].iter().take_while(|(to, _)| *to == task) {
                if !std::mem::replace(&mut goes_on[from], true) {
                    news.push(from);
                }
            }
        }
        goes_on.iter().map(|goes_on| !goes_on).collect()
    }

    /// The cycles along those arrows that `along` takes; no two have a task in common, and whoever
    /// is in `taken` is in none. Wherever there is a cycle, one is found that is there or shares a
    /// task with it. Each begins with its lowest task.
    pub(super) fn cycles(
        &self,
        along: impl Fn(&Arrow) -> bool,
        taken: &mut [bool],
    ) -> Vec<Vec<Arrow>> {
        let mut found = Vec::new();
        let mut seen = vec![false; self.n];
        let mut depth = vec![None; self.n];
        for first in 0..self.n {
            // The way from `first`: each task on it with the arrows it has yet to follow.
            let mut way = Vec::new();
            let mut next = (!seen[first]).then_some(first);
            loop {
                if let Some(task) = next.take() {
                    (seen[task], depth[task]) = (true, Some(way.len()));
                    way.push((task, self.out(task)));
                }
                let Some((task, arrows)) = way.last_mut() else { break };
                let Some(at) = arrows.next() else {
                    depth[*task] = None;
                    way.pop();
                    continue;
                };
                let arrow = self.arrows[at];
                if !along(&arrow) {
                    continue;
                }
                if let Some(depth) = depth[arrow.to] {
                    // The arrow that each has followed last is the one before the rest.
                    let ring = way[depth..].iter().map(|(_, rest)| self.arrows[rest.start - 1]);
                    let ring: Vec<Arrow> = ring.collect();
                    if ring.iter().all(|arrow| !taken[arrow.from]) {
                        ring.iter().for_each(|arrow| taken[arrow.from] = true);
                        found.push(from_lowest(ring));
                    }
                } else if !seen[arrow.to] {
                    next = Some(arrow.to);
                }
            }
        }
        found
    }
}

fn from_lowest(mut ring: Vec<Arrow>) -> Vec<Arrow> {
    let lowest = (0..ring.len()).min_by_key(|at| ring[*at].from);
    ring.rotate_left(lowest.unwrap_or(0));
    ring
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(n: usize, arrows: &[(usize, usize)]) -> Graph {
        let arrow = |&(from, to): &(usize, usize)| Arrow {
            from,
            wait: 0,
            to,
            known: Known::Certain,
            awaited: true,
        };
        Graph::new(n, arrows.iter().map(arrow).collect())
    }

    fn cycles(graph: &Graph) -> Vec<Vec<usize>> {
        let found = graph.cycles(|_| true, &mut vec![false; graph.n]);
        found.iter().map(|ring| ring.iter().map(|arrow| arrow.from).collect()).collect()
    }

    #[test]
    fn a_cycle_begins_with_its_lowest_task_and_who_leads_to_it_is_not_in_it() {
        let graph = graph(6, &[(0, 4), (4, 2), (2, 3), (3, 4), (5, 5)]);
        assert_eq!(cycles(&graph), [vec![2, 3, 4], vec![5]]);
    }

    /// Against plain reachability: a task is in a cycle if it is reachable from itself.
    #[test]
    fn who_is_stuck_and_where_cycles_are_is_what_reachability_says() {
        arbtest::arbtest(|u| {
            let n = u.int_in_range(1..=7)?;
            let mut arrows = Vec::new();
            for _ in 0..u.int_in_range(0..=12)? {
                arrows.push((u.choose_index(n)?, u.choose_index(n)?));
            }
            let graph = graph(n, &arrows);
            let mut reach = vec![vec![false; n]; n];
            arrows.iter().for_each(|&(from, to)| reach[from][to] = true);
            for via in 0..n {
                for (from, to) in (0..n).flat_map(|from| (0..n).map(move |to| (from, to))) {
                    reach[from][to] |= reach[from][via] && reach[via][to];
                }
            }
            let free: Vec<bool> = (0..n).map(|_| u.arbitrary()).collect::<Result<_, _>>()?;
            let goes_on = |task: usize| free[task] || (0..n).any(|to| reach[task][to] && free[to]);
            let expected: Vec<bool> = (0..n).map(|task| !goes_on(task)).collect();
            assert_eq!(graph.stuck(free.clone()), expected);

            let found = cycles(&graph);
            let mut members: Vec<usize> = found.concat();
            members.sort_unstable();
            assert!(members.windows(2).all(|two| two[0] != two[1]), "{found:?}");
            for ring in &found {
                let next = |at: usize| ring[(at + 1) % ring.len()];
                assert!((0..ring.len()).all(|at| arrows.contains(&(ring[at], next(at)))));
                assert_eq!(ring.iter().min(), ring.first());
            }
            // Each knot has one: whoever is in a cycle can reach a member, and back.
            for task in (0..n).filter(|task| reach[*task][*task]) {
                let tied = |&other: &usize| reach[task][other] && reach[other][task];
                assert!(members.iter().any(tied), "{task} of {arrows:?}: {found:?}");
            }
            Ok(())
        });
    }
}
