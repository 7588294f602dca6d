//! A page of recorded runs is one file that asks for nothing, loses no word of what was recorded,
//! and says what is missing. `tests/browser/page.mjs` opens in a browser the pages that are left
//! here in `target/tmp/page`.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use turno::policy::{Fifo, Policy, Priority};
use turno::runtime::Builder;
use turno::task::{self, yield_now};
use turno::time::{sleep, work};
use turno::trace::{Page, Recorder, Recording};

mod common;
use common::guarded;

const MS: Duration = Duration::from_millis(1);

fn record<F: Future<Output = ()>>(
    policy: impl Policy + 'static,
    recorder: &Recorder,
    program: F,
) -> Recording {
    let builder = Builder::new().policy(policy).start_paused(true).observe(recorder.clone());
    builder.build().expect("a runtime can be made").block_on(program);
    recorder.recording()
}

/// Tasks that compute, give way, sleep, and are waited for.
async fn scene(rounds: u32) {
    let tasks = (0..10).map(|n| {
        let name = format!("task-{n}");
        task::Builder::new().name(name).priority(n * 20).spawn(async move {
            for _ in 0..rounds {
                work(MS).await;
                yield_now().await;
                sleep(MS * u32::from(n)).await;
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.expect("it does not panic");
    }
}

fn small(policy: impl Policy + 'static) -> Recording {
    record(policy, &Recorder::new(), scene(2))
}

fn data(page: &str) -> Value {
    let (_, rest) = page.split_once(r#"<script type="application/json" id="data">"#).expect("data");
    let (data, _) = rest.split_once("</script>").expect("the data ends");
    serde_json::from_str(data).expect("the data are JSON")
}

/// The events of a run that are of one kind.
fn events(run: &Value, kind: u64) -> Vec<&Value> {
    run["events"].as_array().expect("events").iter().filter(|event| event[0] == kind).collect()
}

#[test]
fn a_page_is_one_file_that_asks_for_nothing() {
    guarded(|| {
        let run = small(Fifo::new());
        let page = Page::new().run("fifo", &run).sources(false).to_string();
        assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
        for absent in ["http:", "https:", "src=", "@import", "url(", "fetch(", "{css}", "{js}"] {
            assert!(!page.contains(absent), "{absent}");
        }
        assert!(page.contains("default-src 'none'"), "the browser is told to allow no request");
    });
}

#[test]
fn a_page_is_small() {
    let page = Page::new().to_string();
    let words = page.find("const SPANISH").expect("the words are there");
    let code = page.find("let lang").expect("the code begins after them");
    let (scripts, all) = (page.len() - code, page.len());
    assert!(scripts <= 36 * 1024 && all <= 52 * 1024, "{scripts} of {all}, words {}", code - words);
}

#[test]
fn every_switch_is_in_it_with_its_queue_its_reason_and_its_waits() {
    guarded(|| {
        let run = small(Priority::strict());
        let data = data(&Page::new().run("priority", &run).to_string());
        let shown = &data["runs"][0];
        let (begun, ended) = (events(shown, 2), events(shown, 3));
        let switches: Vec<_> = run.switches().collect();
        assert_eq!((begun.len(), ended.len()), (switches.len(), switches.len()));
        let id =
            |index: &Value| shown["tasks"][index.as_u64().expect("an index") as usize][0].clone();
        for ((begun, ended), switch) in begun.iter().zip(&ended).zip(&switches) {
            assert_eq!(
                (&begun[1], &begun[3], &begun[4]),
                (&switch.at.into(), &switch.n.into(), &switch.waited.into())
            );
            assert_eq!(id(&begun[2]), switch.task.serial());
            let reason = begun[6].as_u64().expect("a text") as usize;
            assert_eq!(data["texts"][reason], switch.reason);
            let queue = begun.as_array().expect("an event")[7..].iter().map(id);
            assert!(queue.eq(switch.queue.iter().map(|id| Value::from(id.serial()))));
            let waits = &ended.as_array().expect("an event")[5..];
            assert_eq!(waits.len(), switch.waits.len());
            for (wait, of) in waits.iter().zip(switch.waits) {
                let site = &data["sites"][wait[1].as_u64().expect("a site") as usize];
                assert_eq!(
                    (&site[1], &site[2]),
                    (&of.site.line().into(), &of.site.column().into())
                );
            }
        }
    });
}

#[test]
fn no_text_ends_the_data() {
    guarded(|| {
        let name = "</script><script>alert(1)</script><!-- \" \\ \u{0} {js}";
        let program = async {
            task::Builder::new().name(name).spawn(async {}).await.expect("it does not panic");
        };
        let run = record(Fifo::new(), &Recorder::new(), program);
        let page = Page::new().run(name, &run).sources(false).to_string();
        assert_eq!(page.matches("</script>").count(), 2);
        let data = data(&page);
        assert_eq!(
            (&data["runs"][0]["name"], &data["runs"][0]["tasks"][1][1]),
            (&name.into(), &name.into())
        );
    });
}

#[test]
fn source_text_is_in_it_if_it_is_wanted() {
    guarded(|| {
        let run = small(Fifo::new());
        let with = data(&Page::new().run("fifo", &run).to_string());
        let files = with["files"].as_array().expect("files");
        let this = files.iter().find(|file| file[0] == file!()).expect("tasks are spawned here");
        assert!(this[1].as_str().expect("its text").contains("work(MS).await;"));
        let without = data(&Page::new().run("fifo", &run).sources(false).to_string());
        assert!(without["files"].as_array().expect("files").iter().all(|file| file[1].is_null()));
    });
}

#[test]
fn the_same_run_makes_the_same_page() {
    guarded(|| {
        let page = || Page::new().run("fifo", &small(Fifo::new())).to_string();
        assert_eq!(page(), page());
    });
}

#[test]
fn what_is_missing_is_told() {
    guarded(|| {
        let nothing = Recording::default();
        let ring = record(Fifo::new(), &Recorder::ring(30), scene(3));
        let data = data(&Page::new().run("nothing", &nothing).run("ring", &ring).to_string());
        let [nothing, shown] = [&data["runs"][0], &data["runs"][1]];
        assert_eq!(
            (&nothing["events"], &nothing["full"]),
            (&Value::Array(Vec::new()), &false.into())
        );
        assert_eq!(
            (&shown["lost"], &shown["full"], &shown["cut"]),
            (&ring.lost.into(), &false.into(), &0.into())
        );
        assert!(ring.lost > 0);
    });
}

#[test]
fn of_a_huge_run_the_last_switches_are_shown() {
    guarded(|| {
        let program = async {
            for _ in 0..20_010 {
                yield_now().await;
            }
        };
        let run = record(Fifo::new(), &Recorder::new(), program);
        let data = data(&Page::new().run("long", &run).to_string());
        let shown = events(&data["runs"][0], 2);
        assert_eq!((shown.len(), &data["runs"][0]["cut"]), (20_000, &11.into()));
        assert_eq!(shown[0][3], 12);
        assert_eq!(shown.last().map(|event| &event[3]), Some(&20_011.into()));
    });
}

/// What the test in the browser opens: a run of 2,000 switches, a crowd, and what is incomplete.
#[test]
fn pages_are_left_for_the_browser() {
    guarded(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("page");
        std::fs::create_dir_all(&folder).expect("the folder can be made");
        let leave = |name: &str, page: Page<'_>| {
            std::fs::write(folder.join(name), page.to_string()).expect("the page can be written");
        };
        let long = record(Fifo::new(), &Recorder::new(), scene(110));
        assert!(long.switches().count() >= 2_000, "{} switches", long.switches().count());
        leave("long.html", Page::new().run("fifo", &long));
        let crowd = record(Fifo::new(), &Recorder::new(), async {
            let crowd = (0..100).map(|_| turno::spawn(yield_now())).collect::<Vec<_>>();
            for task in crowd {
                task.await.expect("it does not panic");
            }
        });
        let (fifo, urgent) = (small(Fifo::new()), small(Priority::strict()));
        leave("two.html", Page::new().run("fifo", &fifo).run("priority", &urgent));
        let ring = record(Fifo::new(), &Recorder::ring(100), scene(5));
        let nothing = Recording::default();
        let some = Page::new().run("crowd", &crowd).run("ring", &ring).run("nothing", &nothing);
        leave("some.html", some.sources(false));
        leave("none.html", Page::new());
        leave("unnamed.html", Page::new().run("", &fifo));
        leave("empty.html", Page::new().run("", &Recording::default()));
    });
}
