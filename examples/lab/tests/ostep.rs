//! The homework's numbers, for any list of jobs.

use lab::Lab;
use turno::policy::Rng;

/// Response, turnaround and wait of each job, reckoned by hand: jobs take turns of a quantum, or
/// run to the end one after the other, the shortest first or as they stand in the list.
fn by_hand(policy: &str, quantum: f64, jobs: &[f64]) -> [Vec<f64>; 3] {
    let mut line: Vec<(usize, f64)> = jobs.iter().copied().enumerate().collect();
    if policy == "SJF" {
        line.sort_by(|a, b| a.1.total_cmp(&b.1));
    }
    let slice = if policy == "RR" { quantum } else { f64::INFINITY };
    let mut line = std::collections::VecDeque::from(line);
    let (mut response, mut turnaround) = (vec![None; jobs.len()], vec![0.0; jobs.len()]);
    let mut time = 0.0;
    while let Some((n, left)) = line.pop_front() {
        response[n].get_or_insert(time);
        time += left.min(slice);
        turnaround[n] = time;
        if left > slice {
            line.push_back((n, left - slice));
        }
    }
    let wait = turnaround.iter().zip(jobs).map(|(turnaround, job)| turnaround - job).collect();
    [response.into_iter().map(Option::unwrap).collect(), turnaround, wait]
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[test]
fn any_list_comes_out_as_in_the_homework() {
    let rng = Rng::new(7);
    for round in 0..60 {
        let jobs: Vec<f64> = (0..=rng.next() % 12)
            .map(|_| (rng.next() % 200) as f64 / if round % 2 == 0 { 1.0 } else { 8.0 })
            .collect();
        let quantum = (1 + rng.next() % 20) as f64 / 4.0;
        let list: Vec<String> = jobs.iter().map(f64::to_string).collect();
        for policy in ["FIFO", "SJF", "RR"] {
            let line = format!("ostep -p {policy} -q {quantum} -l {}", list.join(","));
            let report = Lab::new().run(line.split(' ')).unwrap();
            let hand = by_hand(policy, quantum, &jobs);
            for (key, should) in ["response", "turnaround", "wait"].into_iter().zip(&hand) {
                let each = report.rows[0][format!("{key}s").as_str()].as_array().unwrap();
                for (n, (is, should)) in each.iter().zip(should).enumerate() {
                    let is = is.as_f64().unwrap();
                    assert!((is - should).abs() < 1e-9, "{line}: {key} of job {n}: {is}");
                }
                let average = report.rows[0].number(key).unwrap();
                assert!((average - mean(should)).abs() < 1e-9, "{line}: average {key} {average}");
            }
        }
    }
}

#[test]
fn the_book_s_own_example() {
    let report = Lab::new().run("ostep -p RR -q 1 -l 5,5,5".split(' ')).unwrap();
    assert_eq!(report.rows[0].number("response"), Some(1.0));
    assert_eq!(report.rows[0].number("turnaround"), Some(14.0));
}
