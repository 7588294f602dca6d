//! Runs: the same seed makes the same run, and what each experiment is known to show, it shows.

use lab::{Lab, Report};

fn run(line: &str) -> Report {
    Lab::new().run(line.split(' ')).unwrap()
}

fn json(line: &str) -> String {
    run(line).rows.iter().map(|row| row.json() + "\n").collect()
}

#[test]
fn the_same_seed_is_the_same_run_byte_for_byte() {
    for line in [
        "compare queue --jobs 3000 --classes 3 --seed 5 --runs 2",
        "queue --jobs 1000 --load 0.5,0.8 --quantum 0.1,1 --size-error 1 --seed 5",
        "deadline --sets 3 --for 200 --seed 5",
        "fairness --turns 2000 --seed 5",
        "budget --requests 500 --seed 5",
        "overload --jobs 500 --closed --seed 5",
        "mixed --clock virtual --seed 5",
        "accept --clock virtual --reuseport --seed 5",
        "compare ostep",
    ] {
        let (once, again) = (json(line), json(line));
        assert_eq!(once, again, "{line}");
        let other = json(&line.replace("--seed 5", "--seed 6"));
        assert!(line.contains("ostep") || line.contains("mixed") || once != other, "{line}");
    }
}

#[test]
fn every_row_has_what_machines_rely_on() {
    for line in [
        "queue --jobs 100",
        "fairness --turns 100",
        "ostep",
        "deadline --sets 1 --for 100",
        "accept --clock virtual",
    ] {
        for row in run(line).rows {
            let keys: Vec<_> = row.fields().map(|(key, _)| key).collect();
            let always = [
                "experiment",
                "policy",
                "seed",
                "jobs",
                "mean",
                "p50",
                "p99",
                "max",
                "theory_mean",
            ];
            assert!(keys.starts_with(&always), "{line}: {keys:?}");
        }
    }
}

#[test]
fn a_set_that_jeffay_calls_safe_misses_nothing_under_edf() {
    let report = run("deadline --policy edf --poll 0.5,2,5,0 --sets 30 --for 600 --seed 11");
    assert!(report.rows.iter().all(|row| row.number("jeffay_safe_late") == Some(0.0)));
    let others = run("deadline --policy priority,edf --poll 0.5 --sets 3 --for 60");
    for row in &others.rows {
        let is_edf = row.text("policy") == "edf";
        assert_eq!(
            [&row["jeffay_safe"], &row["jeffay_safe_late"]].map(|n| n.is_null()),
            [!is_edf; 2]
        );
    }
    assert_eq!(others.tables[2].lines.len(), 1, "the test's table is of edf alone");
    let safe: f64 = report.rows.iter().filter_map(|row| row.number("jeffay_safe")).sum();
    let sets: f64 = report.rows.iter().filter_map(|row| row.number("sets")).sum();
    assert!(safe > 0.3 * sets && safe < 0.9 * sets, "{safe} of {sets}: the test tells them apart");
}

#[test]
fn rates_as_priorities_hold_up_to_their_bound_and_deadlines_to_the_whole() {
    let report = run("deadline --poll 0.05 --tasks 3 --utilisation 0.74,0.99 --sets 40 --seed 3");
    let late = |policy, u| {
        let found = report
            .rows
            .iter()
            .find(|row| row.text("policy") == policy && row.number("utilisation") == Some(u));
        found.unwrap().number("sets_late").unwrap()
    };
    assert_eq!([late("edf", 0.74), late("edf", 0.99), late("priority", 0.74)], [0.0; 3]);
    assert!(late("priority", 0.99) > 10.0);
    // The book's pair: above the bound, so two releases of the longer task are late in 70 units.
    let pair = run("deadline --set 2/5,4/7 --poll 1 --for 70");
    let missed: Vec<_> = pair.rows.iter().map(|row| row.number("missed").unwrap()).collect();
    assert_eq!((pair.rows[0].number("jobs"), &missed[..2]), (Some(24.0), &[0.0, 2.0][..]));
}

#[test]
fn below_a_load_of_one_any_order_that_looks_at_no_size_has_the_mean_of_theory() {
    let report = run("overload --policy fifo,edf,sjf --load 0.7,1.2 --jobs 30000");
    for row in &report.rows {
        let known = row.text("policy") != "sjf"
            && row.text("clients") == "open"
            && row.number("load") == Some(0.7);
        match row.number("theory_mean") {
            Some(theory) => {
                let mean = row.number("mean").unwrap();
                assert!(known && (theory * 0.3 - 1.0).abs() < 1e-3, "{theory}");
                assert!((mean / theory - 1.0).abs() < 0.1, "{mean} for {theory}");
            }
            None => assert!(!known, "{}", row.text("policy")),
        }
    }
}

#[test]
fn under_overload_the_newest_first_saves_what_can_be_saved() {
    let report = run("overload --policy fifo,lifo --load 1.2,1.5 --jobs 30000");
    let share = |n: usize| report.rows[n].number("in_time_share").unwrap();
    for (n, known) in [(0, 0.0), (1, 0.0), (2, 0.651), (3, 0.439), (4, 0.734), (5, 0.629)] {
        assert!((share(n) - known).abs() < 0.03, "{n}: {} for {known}", share(n));
    }
}

#[test]
fn clients_that_wait_obey_their_identity_and_mean_value_analysis() {
    let report = run("overload --policy fifo --load 0.9,1.3 --jobs 40000 --closed");
    for row in report.rows.iter().filter(|row| row.text("clients") == "closed") {
        let [mean, identity, theory] =
            ["mean", "identity_mean", "theory_mean"].map(|key| row.number(key).unwrap());
        assert!((mean / identity - 1.0).abs() < 1e-9, "R = N/X - Z: {mean} {identity}");
        assert!((mean / theory - 1.0).abs() < 0.08, "{mean} for {theory}");
    }
}

#[test]
fn shares_are_kept_by_stride_to_a_turn_and_by_lot_to_a_square_root() {
    let report = run("fairness --policy lottery,stride,drr --turns 10000 --runs 20 --seed 9");
    let [lottery, stride, drr] = &report.rows[..] else { panic!("three policies") };
    let by_lot = (0.25 * 7_500.0_f64).sqrt();
    let error = lottery.number("error").unwrap();
    assert!((error / by_lot - 1.0).abs() < 0.6, "{error} for {by_lot}");
    assert!(stride.number("lag").unwrap() <= 1.0 + 1e-9);
    assert!((drr.number("sleeper_share").unwrap() - 0.5).abs() < 0.02);
    assert!((drr.number("alone_share").unwrap() - 0.5).abs() < 0.01);
}

#[test]
fn a_budget_buys_throughput_with_latency_as_theory_says() {
    for row in run("budget --requests 20000 --budget 1,10,100").rows {
        for (is, should, off) in
            [("mean", "theory_mean", 0.05), ("throughput", "theory_throughput", 0.01)]
        {
            let (is, should) = (row.number(is).unwrap(), row.number(should).unwrap());
            assert!((is / should - 1.0).abs() < off, "{is} for {should}");
        }
    }
}

#[test]
fn jobs_of_one_s_own_run_and_every_job_is_told() {
    let dir = std::env::temp_dir().join(format!("lab-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let (jobs, samples) = (dir.join("jobs"), dir.join("samples"));
    std::fs::write(&jobs, "# arrival size\n0 4\n1 2 # the second\n\n1.5, 1\n").unwrap();
    let line = |policy| {
        format!(
            "queue --policy {policy} --jobs-from {} --samples {}",
            jobs.display(),
            samples.display()
        )
    };
    run(&line("sjf"));
    let told = std::fs::read_to_string(&samples).unwrap();
    let told: Vec<_> = told.lines().skip(1).collect();
    assert_eq!(told, ["sjf 1 0 4 0 0 4", "sjf 1 1.5 1 0 4 5", "sjf 1 1 2 0 5 7"]);
    std::fs::write(&jobs, "0 4\n1 -2\n").unwrap();
    let wrong = || Lab::new().run(line("fifo").split(' ')).unwrap_err().to_string();
    assert!(wrong().contains("line 2 is not an arrival and a size"), "{}", wrong());
    std::fs::write(&jobs, "1e30 1\n").unwrap();
    assert!(wrong().contains("line 1 is not an arrival") && wrong().contains("at most 1000000000"));
    std::fs::write(&jobs, "0 1e9\n".repeat(1001)).unwrap();
    assert!(wrong().contains("at most 1e12 may be"), "{}", wrong());
    std::fs::remove_dir_all(&dir).unwrap();
}

/// The program itself, to which the library's `run` gives only reports.
#[cfg(unix)]
#[test]
fn what_is_written_goes_where_links_lead_and_an_error_is_told() {
    use std::os::unix::fs::symlink;

    let dir = std::env::temp_dir().join(format!("lab-links-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let link = |name: &str, to: &str| {
        let link = dir.join(name);
        let _ = std::fs::remove_file(&link);
        symlink(to, &link).unwrap();
        link
    };
    let names = ["plot.svg", "page.html", "trace.html", "samples"];
    let lab = || {
        let mut lab = std::process::Command::new(env!("CARGO_BIN_EXE_lab"));
        lab.args(["queue", "--jobs", "20", "--policy", "fifo"]);
        for name in names {
            let option = name.split('.').next().unwrap();
            lab.arg(format!("--{option}")).arg(dir.join(name));
        }
        lab.output().unwrap()
    };
    let links: Vec<_> = names.iter().map(|name| link(name, &format!("{name}.target"))).collect();
    assert!(lab().status.success());
    for link in links {
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert!(std::fs::metadata(&link).unwrap().len() > 0);
    }
    for name in names {
        link(name, "/dev/full");
        let output = lab();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains("No space left"), "{name}: {said}");
        link(name, &format!("{name}.target"));
    }
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn what_cannot_be_had_is_told_in_one_line_with_what_is_allowed() {
    for (line, part) in [
        ("queue --load 1.2", "--jobs, or a load below 1"),
        ("queue --load=-0.5", "a number above 0"),
        ("queue --switch-cost=-1", "a number from 0"),
        ("queue --service pareto:1,5,2", "0 < LOW < HIGH"),
        ("queue --arrivals sometimes", "poisson, periodic and batch:N"),
        ("queue --policy fofi", "choose from fifo, lifo"),
        ("queue --policy fifo:x=1", "it takes none"),
        ("queue --seed soon", "or `clock`"),
        ("queue --plot no/where.svg", "no is not"),
        ("queue --page page.txt", "ends in .html"),
        ("queue --jobs-from no/where", "no/where"),
        ("queue --samples no/where", "no/where"),
        ("queue --jobs 0", "a whole number from 1 to 1000000000"),
        ("queue --load 0.5,1.1", "--jobs, or a load below 1"),
        ("queue --load 0.5,0.6 --samples x", "one load and one quantum"),
        ("queue --size-error=-1", "a number from 0"),
        ("deadline --set 3/2", "at most the period"),
        ("deadline --poll=-1", "a number from 0"),
        ("fairness --weights 0", "a whole number from 1"),
        ("budget --budget 0", "a whole number from 1"),
        ("budget --load 2", "less than 1 is allowed"),
        ("ostep -p LOTTERY", "FIFO, SJF, RR"),
        ("ostep -l 5,-1", "a number from 0"),
        ("accept --accept 0", "a number from 1, or `all`"),
        ("accept --service soon", "like 100ms"),
        ("accept --service=-1ms", "like 100ms"),
        ("accept --processes 0", "a whole number from 1 to 1000"),
        ("accept --clock virtual --policy fifo", "no policy to choose"),
        ("accept", "only the program itself can start processes"),
        ("queue --trace run.txt", "ending in .html or .pftrace, or `-`"),
        ("queue --trace no/where.html", "no is not"),
        ("nonsense", "unrecognized subcommand 'nonsense'; `cargo lab --help` lists them"),
        ("queue --nonsense", "found; `cargo lab queue --help` lists them"),
        ("compare queue --nonsense", "; `cargo lab compare queue --help` lists them"),
        ("queue --jobs 1e6", "a whole number from 1"),
        ("queue --policy ", "choose from fifo, lifo"),
        ("queue --policy fifo,", "choose from fifo, lifo"),
        ("queue --policy round-robin:quantum=0ms", "a duration above 0"),
        ("queue --load -0.5", "a number above 0"),
        ("queue --quantum -1", "a number from 0"),
        ("queue --jobs -5", "a whole number from 1"),
        ("queue --load 0.5 --seed -1", "a whole number from 0"),
        ("accept --service -1ms", "like 100ms"),
        ("ostep -q -1", "a number above 0"),
        ("ostep -l -1", "a number from 0"),
        ("ostep -l 1e30", "at most 1000000000"),
        ("queue --load 1e-30 --jobs 100 --policy fifo", "from 0.000001"),
        ("queue --load 1e-6 --jobs 1000000000 --policy fifo", "at most 1e12 are allowed"),
        ("queue --service pareto:1,1,1e30", "at most 1000000000"),
        ("deadline --set 1/1e30", "from 0.000001 to 1000000000"),
        ("queue --load 0.8 --switch-cost 1", "with its switches fifo needs 1.60 of the time"),
        (
            "queue --policy lifo,round-robin --load 0.7 --switch-cost 0.05 --quantum 0.1",
            "robin needs 1.05",
        ),
        ("accept --clock virtual --first processes", "only `clients` is allowed"),
    ] {
        let wrong = Lab::new().run(line.split(' ')).map(drop).unwrap_err().to_string();
        assert!(wrong.contains(part) && !wrong.contains('\n'), "{line}: {wrong}");
    }
}

#[test]
fn a_parameter_that_a_known_policy_has_not_is_no_reason_to_name_one_s_own() {
    let lab = Lab::new().with_policy("mine", "fifo", || turno::policy::Fifo::new().into());
    let wrong = |policy| {
        let line = ["queue", "--policy", policy].map(String::from);
        lab.run(line).map(drop).unwrap_err().to_string()
    };
    assert_eq!(wrong("fifo:x=1"), "--policy: fifo has no parameter `x`: it takes none");
    assert!(wrong("fofi").ends_with("; or from slopes, mine"));
}

#[test]
fn a_caption_names_a_load_only_where_there_is_one() {
    let caption = |flags| run(&format!("queue --policy fifo --jobs 100 {flags}")).caption;
    let both = caption("--load 0.5,0.7 --quantum 1,2");
    assert!(both.contains("loads as told") && both.contains("quanta as told"), "{both}");
    let one = caption("--load 0.5 --quantum 1,2");
    assert!(one.contains("load 0.5") && one.contains("quanta as told"), "{one}");
}

#[test]
fn plots_and_pages_stand_alone() {
    let report = run("compare queue --jobs 2000 --classes 2");
    assert_eq!((report.tables.len(), report.plots.len()), (1, 1));
    let page = lab::page::html(&report, "cargo lab <queue>");
    assert!(page.contains("cargo lab &lt;queue&gt;") && page.contains("<svg"));
    assert!(!page.replace("http://www.w3.org/2000/svg", "").contains("http"));
    let svg = lab::plot::svg(&run("queue --jobs 2000").plots, "asked");
    let (theory, data) =
        (svg.find("stroke-opacity").or(svg.find("opacity=\"0.75\"")), svg.rfind("opacity=\"1\""));
    assert!(theory.unwrap() < data.unwrap() && svg.contains("seed 1"));
}

#[test]
fn a_policy_of_one_s_own_goes_into_every_comparison() {
    let lab = Lab::new().with_policy("mine", "fifo again", || turno::policy::Fifo::new().into());
    let report = lab.run("compare queue --jobs 500".split(' ')).unwrap();
    let mean = |name| {
        let found = report.rows.iter().find(|row| row.text("policy") == name);
        found.unwrap().number("mean").unwrap()
    };
    assert_eq!(mean("mine"), mean("fifo"));
}

#[test]
fn loads_and_quanta_are_swept_and_the_switch_that_costs_has_its_best_quantum() {
    let line = "queue --policy fifo,srpt --load 0.5,0.7 --jobs 40000 --seed 2";
    let swept = run(line);
    let single = run("queue --policy fifo,srpt --load 0.7 --jobs 40000 --seed 2");
    let mean = |report: &Report, n: usize| report.rows[n]["mean"].clone();
    assert_eq!([mean(&swept, 2), mean(&swept, 3)], [mean(&single, 0), mean(&single, 1)]);
    let line = "queue --policy round-robin --load 0.7 --service bimodal:0.995,0.5,500 \
                --switch-cost 0.05 --quantum 0.15,0.5,500 --jobs 40000";
    let p99: Vec<_> = run(line).rows.iter().map(|row| row.number("p99").unwrap()).collect();
    assert!(p99[1] < p99[0] && p99[1] < p99[2], "too short and too long are dear: {p99:?}");
    let svg = lab::plot::svg(&run(line).plots, "");
    assert!(svg.contains("too short to keep up"));
}

#[test]
fn sizes_told_wrong_cost_what_they_bring() {
    let line = "queue --policy fifo,srpt --load 0.7 --service pareto:1.5,1,1000 --jobs 60000";
    let mean = |error: &str| run(&format!("{line} --size-error {error}")).rows;
    let (right, wrong, worse) = (mean("0"), mean("1"), mean("4"));
    assert_eq!(right[0]["mean"], worse[0]["mean"], "fifo does not look");
    let [right, wrong, worse] = [right, wrong, worse].map(|rows| rows[1].number("mean").unwrap());
    assert!(right < wrong && wrong < worse, "{right} {wrong} {worse}");
}

#[test]
fn the_first_run_is_recorded_and_no_other() {
    let path = std::env::temp_dir().join(format!("lab-trace-{}.html", std::process::id()));
    run(&format!("compare ostep --trace {}", path.display()));
    let page = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(page.ends_with("</html>\n") && page.contains("Fifo") && !page.contains("Lifo"));
}
