//! Theory is claimed where it holds, and nowhere else.

use lab::report::Row;
use lab::{Lab, Report};

fn run(line: &str) -> Report {
    Lab::new().run(line.split(' ')).unwrap()
}

fn near(row: &Row, is: &str, theory: &str, off: f64) {
    let [is, theory] = [is, theory].map(|key| row.number(key).unwrap_or(f64::NAN));
    assert!((is / theory - 1.0).abs() < off, "{}: {is} for {theory}", row.text("policy"));
}

#[test]
fn a_class_that_shares_is_held_to_sharing_and_one_without_memory_to_any_order() {
    let line = "queue --classes 2 --policy priority --quantum 0.02 --jobs 10000";
    let fixed = run(&format!("{line} --service fixed"));
    near(&fixed.rows[0], "mean_0", "theory_0", 0.03);
    assert!(fixed.rows[0]["theory_1"].is_null(), "no theory of a class that is interrupted");
    let exp = run(line);
    near(&exp.rows[0], "mean_0", "theory_0", 0.06);
    assert!(exp.rows[0].number("theory_1").is_some());
}

#[test]
fn who_shares_by_group_is_not_held_to_sharing_by_job() {
    let line = "queue --policy round-robin,drr --quantum 0.1 --jobs 10000";
    for row in run(&format!("{line} --classes 2 --service fixed")).rows {
        assert!(row["theory_mean"].is_null(), "{}", row.text("policy"));
    }
    for line in [format!("{line} --classes 2"), format!("{line} --service fixed --load 0.6")] {
        for row in run(&line).rows {
            near(&row, "mean", "theory_mean", 0.15);
        }
    }
}

#[test]
fn an_order_that_looks_at_no_size_and_interrupts_nobody_has_the_mean_of_fifo() {
    let line = "queue --policy fifo,edf,drr,mlfq --quantum 0 --service fixed --jobs 20000";
    for row in run(line).rows {
        assert_eq!(row["theory"].as_str(), Some("exact"), "{}", row.text("policy"));
        assert!((row.number("theory_mean").unwrap() - 3.0).abs() < 1e-9);
        near(&row, "mean", "theory_mean", 0.06);
    }
}
